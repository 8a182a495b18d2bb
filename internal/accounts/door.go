package accounts

import (
	"context"
	"strconv"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Door tries passwords and codes of people who want to log in.
type Door struct {
	d       Deps
	people  *Store
	factors *Factors
	hashing chan struct{}
}

// errWrong is the one answer to every log-in that fails by what was typed: nobody learns who has an account.
var errWrong = errs.New(errs.Denied, "the address and the password do not belong together")

// Password tries a password, from a network (see Network; empty where it is unknown). It returns the account; where SecondFactor is
// set nobody is logged in before Code has said yes. Errors: Denied, with the same words and after the same work whether there is
// such an account or not.
func (d *Door) Password(ctx context.Context, email, password, network string) (Account, error) {
	who := canonical(email)
	person, shared := try{triesPerson, who + " " + network}, []try{{triesNetwork, network}}
	known, err := d.known(ctx, who, network)
	if err != nil {
		return Account{}, err
	}
	if !known {
		shared = append(shared, try{triesAccount, who})
	}
	full, err := d.d.take(ctx, append([]try{person}, shared...)...)
	if full {
		d.d.Log.Warn("log-ins of one person from one network are refused for a while", "network", network)
	}
	if err != nil {
		return Account{}, err
	}
	a, r, err := d.people.get(ctx, d.d.DB, `WHERE a.canonical = $1`, who)
	unknown, err := missing(err)
	if err != nil {
		return Account{}, err
	}
	kept := r.Password
	if unknown || kept == "" {
		kept = noPassword
	}
	same, current, err := d.compare(ctx, kept, password)
	if err != nil {
		return Account{}, err
	}
	if !same || unknown || !a.Joined || a.Disabled != nil {
		return Account{}, errWrong
	}
	if !current {
		if _, err := d.d.DB.ExecContext(ctx, `UPDATE accounts SET password = $2 WHERE id = $1 AND password = $3`, a.ID, hashPassword(password), r.Password); err != nil {
			return Account{}, db.Err(err, "renew the hash of a password")
		}
	}
	if err := d.d.giveBack(ctx, d.d.DB, shared...); err != nil {
		return Account{}, err
	}
	return a, d.d.forget(ctx, d.d.DB, person)
}

// known reports whether somebody was logged in from a network lately. There the tries of strangers from elsewhere do not count: else whoever
// knows an address could keep its owner out for good.
func (d *Door) known(ctx context.Context, who, network string) (known bool, err error) {
	err = d.d.DB.GetContext(ctx, &known, `SELECT EXISTS (SELECT FROM accounts a JOIN sessions s ON s.account_id = a.id
		WHERE a.canonical = $1 AND s.network = $2 AND s.network <> '')`, who, network)
	return known, db.Err(err, "look for sessions")
}

// compare does the costly part, for few at once.
func (d *Door) compare(ctx context.Context, kept, password string) (same, current bool, err error) {
	if len(password) > maxPassword {
		password = "" // no password is that long, and hashing it would be work for nothing
	}
	select {
	case d.hashing <- struct{}{}:
		defer func() { <-d.hashing }()
	case <-ctx.Done():
		return false, false, errs.Wrap(ctx.Err(), errs.Unavailable, "too many people log in at once; try again in a minute")
	}
	same, current = samePassword(kept, password)
	return same, current, nil
}

// Code tries a code of the second factor, or a recovery code, of somebody whose password was right. Errors: Denied.
func (d *Door) Code(ctx context.Context, id int64, code string) (Account, error) {
	codes := try{triesCode, strconv.FormatInt(id, 10)}
	full, err := d.d.take(ctx, codes)
	if err != nil {
		if full { // somebody has the password and guesses
			if err := audit.Log(ctx, d.d.DB, "log-in", "account.locked", subject(id), map[string]any{"why": "wrong codes"}); err != nil {
				return Account{}, err
			}
		}
		return Account{}, err
	}
	var a Account
	err = db.InTx(ctx, d.d.DB, func(tx *sqlx.Tx) error {
		var r row
		if a, r, err = d.people.get(ctx, tx, `WHERE a.id = $1`, id); err != nil {
			return err
		}
		if a.Disabled != nil || !a.SecondFactor {
			return errs.New(errs.Denied, "log in with your password first")
		}
		if err := d.factors.use(ctx, tx, r, code); err != nil {
			return err
		}
		return d.d.forget(ctx, tx, codes)
	})
	return a, err
}

// Entered notes that somebody is logged in now.
func (d *Door) Entered(ctx context.Context, a Account, network string) error {
	return db.InTx(ctx, d.d.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET last_login_at = now() WHERE id = $1`, a.ID); err != nil {
			return db.Err(err, "note the log-in")
		}
		return audit.Log(ctx, tx, a.Email, "account.login", subject(a.ID), map[string]any{"network": network})
	})
}
