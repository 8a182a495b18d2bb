package accounts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Purpose says what a link lets one do, once.
type Purpose string

// The purposes.
const (
	ForOwner  Purpose = "owner"  // the first visit: makes the account of the owner
	ForInvite Purpose = "invite" // chooses the first password of an account
	ForReset  Purpose = "reset"  // chooses another one
	ForDemo   Purpose = "demo"   // logs in as an account of the demo
)

// lives is how long a link is good.
var lives = map[Purpose]time.Duration{ForOwner: 24 * time.Hour, ForInvite: 7 * 24 * time.Hour, ForReset: 30 * time.Minute, ForDemo: 12 * time.Hour}

// Links are links that let somebody in, each once. The database holds a hash of what stands in them.
type Links struct {
	d       Deps
	people  *Store
	mailing sync.WaitGroup
}

// Link is a link that can still be used.
type Link struct {
	Purpose Purpose
	Account Account // zero: of the owner to be
	Expires time.Time
}

// errSpent is the one answer to links that are unknown, used or too old.
var errSpent = errs.New(errs.NotFound, "this link was used already, or is too old; ask for another one")

// make saves a new link and returns its address.
func (l *Links) make(ctx context.Context, q db.Q, p Purpose, account int64) (url string, err error) {
	raw := make([]byte, 32)
	rand.Read(raw)
	token := base64.RawURLEncoding.EncodeToString(raw)
	_, err = q.ExecContext(ctx, `INSERT INTO entry_links (token_hash, purpose, account_id, expires_at)
		VALUES ($1, $2, nullif($3, 0), now() + $4 * interval '1 second')`, tokenHash(token), p, account, lives[p].Seconds())
	return l.d.BaseURL + "/admin/enter/" + token, db.Err(err, "make a link")
}

// Owner returns a link for the first visit, and "" where there is an owner already.
func (l *Links) Owner(ctx context.Context) (url string, err error) {
	n, err := l.people.owners(ctx, l.d.DB)
	if err != nil || n > 0 {
		return "", err
	}
	return l.make(ctx, l.d.DB, ForOwner, 0)
}

// Demo returns a link that logs in as an account.
func (l *Links) Demo(ctx context.Context, a Account) (url string, err error) {
	return l.make(ctx, l.d.DB, ForDemo, a.ID)
}

// For returns a link for a person: to choose their first password, or another one. Links that they had are void. Whoever sees it can
// log in as that person; Send mails it instead.
func (l *Links) For(ctx context.Context, a Account, who string) (url string, err error) {
	err = db.InTx(ctx, l.d.DB, func(tx *sqlx.Tx) error {
		url, err = l.makeFor(ctx, tx, a, who)
		return err
	})
	return url, err
}

func (l *Links) makeFor(ctx context.Context, tx *sqlx.Tx, a Account, who string) (string, error) {
	if a.Disabled != nil {
		return "", errs.New(errs.Conflict, "this account is disabled; enable it first")
	}
	p := ForReset
	if !a.Joined {
		p = ForInvite
	}
	if _, err := tx.ExecContext(ctx, `UPDATE entry_links SET used_at = now() WHERE account_id = $1 AND used_at IS NULL`, a.ID); err != nil {
		return "", db.Err(err, "end links")
	}
	if err := audit.Log(ctx, tx, who, "account."+string(p), subject(a.ID), map[string]any{"email": a.Email}); err != nil {
		return "", err
	}
	return l.make(ctx, tx, p, a.ID)
}

// Look returns what a link is for, without using it. Errors: NotFound.
func (l *Links) Look(ctx context.Context, token string) (Link, error) {
	return l.look(ctx, l.d.DB, token, "")
}

func (l *Links) look(ctx context.Context, q db.Q, token, lock string) (Link, error) {
	var found struct {
		Purpose Purpose   `db:"purpose"`
		Account int64     `db:"account_id"`
		Expires time.Time `db:"expires_at"`
	}
	err := q.GetContext(ctx, &found, `SELECT purpose, coalesce(account_id, 0) AS account_id, expires_at FROM entry_links
		WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now() `+lock, tokenHash(token))
	if gone, err := missing(err); gone || err != nil {
		if err == nil {
			err = errSpent
		}
		return Link{}, db.Err(err, "find the link")
	}
	k := Link{Purpose: found.Purpose, Expires: found.Expires}
	if found.Account != 0 {
		if k.Account, _, err = l.people.get(ctx, q, `WHERE a.id = $1`, found.Account); err != nil {
			return Link{}, err
		}
		if k.Account.Disabled != nil {
			return Link{}, errSpent
		}
		return k, nil
	}
	if n, err := l.people.owners(ctx, q); err != nil || n > 0 {
		if err == nil {
			err = errSpent
		}
		return Link{}, err
	}
	return k, nil
}

// Use uses a link for the first visit of the owner (email, name and password), an invitation (name and password), a new password, or
// the demo (nothing). It returns the account and whether its person may be logged in now: after a new password they log in with it, and with
// their second factor where they have one. Errors: NotFound, Invalid with the field.
func (l *Links) Use(ctx context.Context, token, email, name, password string) (a Account, enter bool, err error) {
	k, err := l.Look(ctx, token)
	if err != nil {
		return a, false, err
	}
	n := Person{Email: k.Account.Email, Name: k.Account.Name, Password: password}
	if k.Purpose == ForOwner {
		n.Email, n.Grants = email, Grants{{Role: Owner}}
	}
	if k.Purpose == ForOwner || k.Purpose == ForInvite {
		n.Name = name
	}
	hash := ""
	if k.Purpose != ForDemo {
		if password == "" {
			return a, false, checkPassword("", "")
		}
		if err := n.check(); err != nil {
			return a, false, err
		}
		hash = hashPassword(password)
	}
	err = db.InTx(ctx, l.d.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, lockRoles); err != nil {
			return db.Err(err, "use a link")
		}
		k, err := l.look(ctx, tx, token, `FOR UPDATE`)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE entry_links SET used_at = now() WHERE token_hash = $1`, tokenHash(token)); err != nil {
			return db.Err(err, "use a link")
		}
		a, err = l.apply(ctx, tx, k, n, hash)
		return err
	})
	return a, err == nil && k.Purpose != ForReset, err
}

// apply does what a link is for.
func (l *Links) apply(ctx context.Context, tx *sqlx.Tx, k Link, n Person, hash string) (Account, error) {
	switch k.Purpose {
	case ForOwner:
		return l.people.create(ctx, tx, n, hash, n.Email)
	case ForDemo:
		return k.Account, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE accounts SET name = $2 WHERE id = $1`, k.Account.ID, n.Name); err != nil {
		return Account{}, db.Err(err, "save the name")
	}
	if err := l.people.putPassword(ctx, tx, k.Account.ID, hash, 0); err != nil {
		return Account{}, err
	}
	if k.Purpose == ForReset {
		if err := revokeAll(ctx, tx, k.Account); err != nil {
			return Account{}, err
		}
	}
	act := map[Purpose]string{ForInvite: "account.join", ForReset: "account.password"}[k.Purpose]
	if err := audit.Log(ctx, tx, k.Account.Email, act, subject(k.Account.ID), map[string]any{"by": "link"}); err != nil {
		return Account{}, err
	}
	a, _, err := l.people.get(ctx, tx, `WHERE a.id = $1`, k.Account.ID)
	return a, err
}
