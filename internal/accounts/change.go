package accounts

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// lockRoles is taken by whoever changes who is an owner, so that two changes at once cannot leave none.
const lockRoles = `SELECT pg_advisory_xact_lock(hashtext('accounts: owners'))`

// SetGrants replaces what a person may do. Their sessions get new tokens. Errors: Invalid; Conflict when no owner would be left.
func (s *Store) SetGrants(ctx context.Context, id int64, grants Grants, who string) error {
	grants, err := grants.check()
	if err != nil {
		return err
	}
	return s.change(ctx, id, func(tx *sqlx.Tx, before Account) error {
		if err := s.grant(ctx, tx, id, grants); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE sessions SET renew = true WHERE account_id = $1`, id); err != nil {
			return db.Err(err, "renew sessions")
		}
		return audit.Log(ctx, tx, who, "account.roles", subject(id), map[string]any{"email": before.Email, "before": before.Grants.names(), "roles": grants.names()})
	})
}

// SetProfile saves what people say of themselves: name and time zone (an IANA name, or empty). Errors: Invalid with the field.
func (s *Store) SetProfile(ctx context.Context, id int64, name, zone, who string) error {
	name, err := checkName(name)
	if err != nil {
		return err
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return errs.Field("time_zone", "%q is no time zone; write it like Europe/Brussels", zone)
	}
	return s.change(ctx, id, func(tx *sqlx.Tx, before Account) error {
		if before.Name == name && before.TimeZone == zone {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET name = $2, time_zone = $3 WHERE id = $1`, id, name, zone); err != nil {
			return db.Err(err, "save the account")
		}
		return audit.Log(ctx, tx, who, "account.profile", subject(id), map[string]any{"email": before.Email})
	})
}

// Disable shuts an account: its sessions, links and API tokens end with it. Errors: Conflict when no owner would be left.
func (s *Store) Disable(ctx context.Context, id int64, who string) error {
	return s.change(ctx, id, func(tx *sqlx.Tx, before Account) error {
		if before.Disabled != nil {
			return nil
		}
		for _, stmt := range []string{
			`UPDATE accounts SET disabled_at = now() WHERE id = $1`,
			`DELETE FROM sessions WHERE account_id = $1`,
			`UPDATE entry_links SET used_at = now() WHERE account_id = $1 AND used_at IS NULL`,
			`UPDATE api_tokens SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL`,
		} {
			if _, err := tx.ExecContext(ctx, stmt, id); err != nil {
				return db.Err(err, "disable the account")
			}
		}
		return audit.Log(ctx, tx, who, "account.disable", subject(id), map[string]any{"email": before.Email})
	})
}

// Enable opens an account again. Its API tokens stay revoked.
func (s *Store) Enable(ctx context.Context, id int64, who string) error {
	return s.change(ctx, id, func(tx *sqlx.Tx, before Account) error {
		if before.Disabled == nil {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET disabled_at = NULL WHERE id = $1`, id); err != nil {
			return db.Err(err, "enable the account")
		}
		return audit.Log(ctx, tx, who, "account.enable", subject(id), map[string]any{"email": before.Email})
	})
}

// SetPassword changes a person's own password, when they know the old one. All their sessions end but the one at hand, which gets a
// new token by Sessions.Renew. Errors: Invalid (field password or old), Denied after ten wrong ones.
func (s *Store) SetPassword(ctx context.Context, id int64, old, password string, keep int64) error {
	again := try{triesPerson, "again by " + subject(id)}
	if _, err := s.d.take(ctx, again); err != nil {
		return err
	}
	_, r, err := s.get(ctx, s.d.DB, `WHERE a.id = $1`, id)
	if err != nil {
		return err
	}
	if same, _ := samePassword(r.Password, old); !same {
		return errs.Field("old", "this is not the password you log in with")
	}
	if err := s.d.forget(ctx, s.d.DB, again); err != nil {
		return err
	}
	if err := checkPassword(password, r.Email); err != nil {
		return err
	}
	hash := hashPassword(password)
	return s.change(ctx, id, func(tx *sqlx.Tx, before Account) error {
		if err := s.putPassword(ctx, tx, id, hash, keep); err != nil {
			return err
		}
		return audit.Log(ctx, tx, before.Email, "account.password", subject(id), nil)
	})
}

// putPassword saves a password and ends what the old one had opened: sessions (but keep) and links that are not used yet.
func (s *Store) putPassword(ctx context.Context, tx *sqlx.Tx, id int64, hash string, keep int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE accounts SET password = $2 WHERE id = $1`, id, hash); err != nil {
		return db.Err(err, "save the password")
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE account_id = $1 AND id <> $2`, id, keep); err != nil {
		return db.Err(err, "end sessions")
	}
	_, err := tx.ExecContext(ctx, `UPDATE entry_links SET used_at = now() WHERE account_id = $1 AND used_at IS NULL`, id)
	return db.Err(err, "end links")
}

// change runs f on an account, alone among changes, and sees that an owner is left.
func (s *Store) change(ctx context.Context, id int64, f func(tx *sqlx.Tx, before Account) error) error {
	return db.InTx(ctx, s.d.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, lockRoles); err != nil {
			return db.Err(err, "change an account")
		}
		before, _, err := s.get(ctx, tx, `WHERE a.id = $1`, id)
		if err != nil {
			return err
		}
		if err := f(tx, before); err != nil {
			return err
		}
		if before.Everywhere() < Owner || before.Disabled != nil {
			return nil
		}
		if n, err := s.owners(ctx, tx); err != nil || n > 0 {
			return err
		}
		return errs.New(errs.Conflict, "%s is the only owner; make somebody else an owner first", before.Email)
	})
}

// owners counts the people who may do everything and can log in.
func (s *Store) owners(ctx context.Context, q db.Q) (n int, err error) {
	err = q.GetContext(ctx, &n, `SELECT count(*) FROM accounts a JOIN account_grants g ON g.account_id = a.id
		WHERE g.role = 'owner' AND a.disabled_at IS NULL AND a.password <> ''`)
	return n, db.Err(err, "count owners")
}
