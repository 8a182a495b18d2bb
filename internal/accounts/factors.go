package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

const (
	period        = 30 // seconds of one code (RFC 6238 section 4.1)
	skew          = 1  // steps that a clock may be off, either way (section 5.2)
	recoveryCodes = 10
)

// Factors is the second factor: codes of an app by time (RFC 6238), and recovery codes for when the telephone is lost.
type Factors struct{ d Deps }

// Setup is a second factor that waits for its first code.
type Setup struct {
	Secret string // for typing in, in groups of four
	URL    string // otpauth://…, for the QR code
}

// Begin makes a new secret, which counts from Confirm on. Errors: Conflict when there is a second factor already.
func (f *Factors) Begin(ctx context.Context, a Account) error {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "mailer", AccountName: a.Email, Period: period, SecretSize: 20})
	if err != nil {
		return errs.Wrap(err, errs.Internal, "make a secret")
	}
	res, err := f.d.DB.ExecContext(ctx, `UPDATE accounts SET totp_new = $2 WHERE id = $1 AND totp IS NULL`, a.ID, f.d.Ring.Hide(useOf(a.ID), key.Secret()))
	if err != nil {
		return db.Err(err, "save the secret")
	}
	if n, err := res.RowsAffected(); err != nil {
		return db.Err(err, "save the secret")
	} else if n == 0 {
		return errs.New(errs.Conflict, "there is a second factor already; turn it off first")
	}
	return nil
}

// Pending returns the secret that Begin made, and false when there is none.
func (f *Factors) Pending(ctx context.Context, a Account) (Setup, bool, error) {
	var hidden []byte
	if err := f.d.DB.GetContext(ctx, &hidden, `SELECT totp_new FROM accounts WHERE id = $1 AND totp IS NULL`, a.ID); err != nil || hidden == nil {
		_, err := missing(err)
		return Setup{}, false, err
	}
	secret, err := f.d.Ring.Reveal(useOf(a.ID), hidden)
	if err != nil {
		return Setup{}, false, err
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return Setup{}, false, errs.Wrap(err, errs.Internal, "read a secret")
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "mailer", AccountName: a.Email, Period: period, Secret: raw})
	if err != nil {
		return Setup{}, false, errs.Wrap(err, errs.Internal, "read a secret")
	}
	var grouped []string
	for rest := secret; rest != ""; rest = rest[min(4, len(rest)):] {
		grouped = append(grouped, rest[:min(4, len(rest))])
	}
	return Setup{Secret: strings.Join(grouped, " "), URL: key.URL()}, true, nil
}

// Confirm turns the second factor on, once its first code is right, and returns the recovery codes, which nobody can read again. All
// sessions of the account end but the one at hand. Errors: Invalid (field code).
func (f *Factors) Confirm(ctx context.Context, a Account, code string, keep int64) (codes []string, err error) {
	if _, err := f.d.take(ctx, try{triesCode, "new of " + subject(a.ID)}); err != nil {
		return nil, err
	}
	err = db.InTx(ctx, f.d.DB, func(tx *sqlx.Tx) error {
		var r row
		err := tx.GetContext(ctx, &r, `SELECT id, email, totp_new FROM accounts WHERE id = $1 AND totp IS NULL FOR UPDATE`, a.ID)
		if none, err := missing(err); err != nil {
			return db.Err(err, "find the account")
		} else if none || r.TotpNew == nil {
			return errs.New(errs.Conflict, "set the second factor up first")
		}
		secret, err := f.d.Ring.Reveal(useOf(a.ID), r.TotpNew)
		if err != nil {
			return err
		}
		step := f.stepOf(secret, code)
		if step == 0 {
			return errs.Field("code", "this is not the code that the app shows now; check that the clock of your telephone is right")
		}
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET totp = totp_new, totp_new = NULL, totp_step = $2 WHERE id = $1`, a.ID, step); err != nil {
			return db.Err(err, "save the second factor")
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE account_id = $1 AND id <> $2`, a.ID, keep); err != nil {
			return db.Err(err, "end sessions")
		}
		if codes, err = f.newCodes(ctx, tx, a.ID); err != nil {
			return err
		}
		return audit.Log(ctx, tx, a.Email, "account.factor_on", subject(a.ID), nil)
	})
	return codes, err
}

// Renew replaces the recovery codes. Errors: Invalid (field password).
func (f *Factors) Renew(ctx context.Context, a Account, password string) (codes []string, err error) {
	if err := f.checkPassword(ctx, a, password); err != nil {
		return nil, err
	}
	err = db.InTx(ctx, f.d.DB, func(tx *sqlx.Tx) error {
		if codes, err = f.newCodes(ctx, tx, a.ID); err != nil {
			return err
		}
		return audit.Log(ctx, tx, a.Email, "account.recovery_codes", subject(a.ID), nil)
	})
	return codes, err
}

// Left counts the recovery codes that are not used.
func (f *Factors) Left(ctx context.Context, account int64) (n int, err error) {
	err = f.d.DB.GetContext(ctx, &n, `SELECT count(*) FROM recovery_codes WHERE account_id = $1 AND used_at IS NULL`, account)
	return n, db.Err(err, "count recovery codes")
}

// Off turns the second factor off, by who knows the password. Errors: Invalid (field password).
func (f *Factors) Off(ctx context.Context, a Account, password string, keep int64) error {
	if err := f.checkPassword(ctx, a, password); err != nil {
		return err
	}
	return f.off(ctx, a, a.Email, keep)
}

// Remove takes the second factor from somebody who has lost it, by an owner; all their sessions end.
func (f *Factors) Remove(ctx context.Context, a Account, who string) error {
	return f.off(ctx, a, who, 0)
}

func (f *Factors) off(ctx context.Context, a Account, who string, keep int64) error {
	return db.InTx(ctx, f.d.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET totp = NULL, totp_new = NULL, totp_step = 0 WHERE id = $1`, a.ID); err != nil {
			return db.Err(err, "turn the second factor off")
		}
		for _, stmt := range []string{`DELETE FROM recovery_codes WHERE account_id = $1 AND $2::bigint IS NOT NULL`, `DELETE FROM sessions WHERE account_id = $1 AND id <> $2`} {
			if _, err := tx.ExecContext(ctx, stmt, a.ID, keep); err != nil {
				return db.Err(err, "turn the second factor off")
			}
		}
		return audit.Log(ctx, tx, who, "account.factor_off", subject(a.ID), map[string]any{"email": a.Email})
	})
}

// use takes a code of the app, or a recovery code, once. Errors: Denied.
func (f *Factors) use(ctx context.Context, tx *sqlx.Tx, r row, code string) error {
	wrong := errs.New(errs.Denied, "this code is not right, or was used already; wait for the next one")
	secret, err := f.d.Ring.Reveal(useOf(r.ID), r.Totp)
	if err != nil {
		return err
	}
	var n int64
	if step := f.stepOf(secret, code); step > 0 {
		res, err := tx.ExecContext(ctx, `UPDATE accounts SET totp_step = $2 WHERE id = $1 AND totp_step < $2`, r.ID, step)
		if err != nil {
			return db.Err(err, "use a code")
		}
		if n, err = res.RowsAffected(); err != nil || n == 0 {
			return wrong
		}
		return nil
	}
	res, err := tx.ExecContext(ctx, `UPDATE recovery_codes SET used_at = now() WHERE account_id = $1 AND hash = $2 AND used_at IS NULL`, r.ID, codeHash(r.ID, code))
	if err != nil {
		return db.Err(err, "use a recovery code")
	}
	if n, err = res.RowsAffected(); err != nil || n == 0 {
		return wrong
	}
	return audit.Log(ctx, tx, r.Email, "account.recovery_used", subject(r.ID), nil)
}

// stepOf returns the time step that a code is of, now or one step away; 0: of none.
func (f *Factors) stepOf(secret, code string) (step int64) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	now := f.d.Now().Unix() / period
	for s := now - skew; s <= now+skew; s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step = s
		}
	}
	return step
}

// newCodes replaces the recovery codes of an account.
func (f *Factors) newCodes(ctx context.Context, tx *sqlx.Tx, account int64) ([]string, error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE account_id = $1`, account); err != nil {
		return nil, db.Err(err, "replace recovery codes")
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		raw := make([]byte, 10) // 80 bits: a plain hash will do
		rand.Read(raw)
		text := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
		if _, err := tx.ExecContext(ctx, `INSERT INTO recovery_codes (account_id, hash) VALUES ($1, $2)`, account, codeHash(account, codes[i])); err != nil {
			return nil, db.Err(err, "save recovery codes")
		}
	}
	return codes, nil
}

// checkPassword asks for the password once more, before the second factor changes.
func (f *Factors) checkPassword(ctx context.Context, a Account, password string) error {
	if _, err := f.d.take(ctx, try{triesPerson, "again by " + subject(a.ID)}); err != nil {
		return err
	}
	var kept string
	if err := f.d.DB.GetContext(ctx, &kept, `SELECT password FROM accounts WHERE id = $1`, a.ID); err != nil {
		return db.Err(err, "find the account")
	}
	if same, _ := samePassword(kept, password); !same {
		return errs.Field("password", "this is not the password you log in with")
	}
	return f.d.forget(ctx, f.d.DB, try{triesPerson, "again by " + subject(a.ID)})
}

// useOf names the place that a secret is encrypted for.
func useOf(account int64) string { return "totp of " + subject(account) }

// codeHash is what is kept of a recovery code, however it is typed.
func codeHash(account int64, code string) []byte {
	code = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '2' && r <= '7' {
			return r
		}
		return -1
	}, strings.ToLower(code))
	sum := sha256.Sum256([]byte(subject(account) + "\x00" + code))
	return sum[:]
}

// CodeAt returns the code of a secret at a moment: for tests, in place of a telephone.
func CodeAt(secret string, at time.Time) (string, error) {
	return totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), at)
}
