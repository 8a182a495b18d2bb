package accounts

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
)

// Session is one place where a person is logged in.
type Session struct {
	ID        int64     `db:"id"`
	Network   string    `db:"network"` // /24 or /56 it was last used from
	Browser   string    `db:"browser"` // as it calls itself
	CreatedAt time.Time `db:"created_at"`
	SeenAt    time.Time `db:"seen_at"` // to the minute
}

// List returns where a person is logged in, the last used first.
func (s *Sessions) List(ctx context.Context, account int64) ([]Session, error) {
	var all []Session
	err := s.d.DB.SelectContext(ctx, &all, `SELECT id, network, browser, created_at, seen_at FROM sessions
		WHERE account_id = $1 AND expires_at > now() AND seen_at > now() - $2 * interval '1 second' ORDER BY seen_at DESC, id DESC`, account, idleLimit.Seconds())
	return all, db.Err(err, "list sessions")
}

// End ends one session of a person. Errors: NotFound when it is not theirs.
func (s *Sessions) End(ctx context.Context, a Account, id int64) error {
	return s.end(ctx, a, a.Email, `DELETE FROM sessions WHERE account_id = $1 AND id = $2`, id)
}

// EndOthers ends all sessions of a person but the one at hand; 0: all of them. who is whoever asks for it.
func (s *Sessions) EndOthers(ctx context.Context, a Account, keep int64, who string) error {
	err := s.end(ctx, a, who, `DELETE FROM sessions WHERE account_id = $1 AND id <> $2`, keep)
	if err == errNoSession {
		return nil
	}
	return err
}

func (s *Sessions) end(ctx context.Context, a Account, who, stmt string, id int64) error {
	return db.InTx(ctx, s.d.DB, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, stmt, a.ID, id)
		if err != nil {
			return db.Err(err, "end sessions")
		}
		n, err := res.RowsAffected()
		if err != nil {
			return db.Err(err, "end sessions")
		}
		if n == 0 {
			return errNoSession
		}
		return audit.Log(ctx, tx, who, "account.sessions_end", subject(a.ID), map[string]any{"ended": n})
	})
}

// Prune deletes what is over: sessions, links, counts of tries.
func (s *Sessions) Prune(ctx context.Context) error {
	for _, stmt := range []string{
		`DELETE FROM sessions WHERE expires_at < now() OR seen_at < now() - interval '25 hours'`,
		`DELETE FROM entry_links WHERE coalesce(used_at, expires_at) < now() - interval '30 days'`,
		`DELETE FROM login_tries WHERE until < now()`,
	} {
		if _, err := s.d.DB.ExecContext(ctx, stmt); err != nil {
			return db.Err(err, "tidy sessions")
		}
	}
	return nil
}
