package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// UndoTx takes a launch back in the caller's transaction, as if it had never been, within the window that it was launched
// with. Until the window is over nothing of the audience is written, so nothing can have been sent; and from that
// moment, by the clock of the database, it is refused. Its errors are errs.NotFound when the campaign was not launched, and
// errs.Conflict, with a sentence that says what can be done instead.
func (s *Store) UndoTx(ctx context.Context, tx *sqlx.Tx, campaign int64) error {
	// Whoever writes the audience holds this lock; a step that has begun is waited for, and is then seen.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('audience of ' || $1::bigint, 0))`, campaign); err != nil {
		return db.Err(err, "take the launch back")
	}
	const read = `
		SELECT state, undo_until, audience = 0 AND coalesce(undo_until > clock_timestamp(), false) AS open
		FROM sends WHERE campaign_id = $1 FOR UPDATE`
	var send struct {
		State string     `db:"state"`
		Until *time.Time `db:"undo_until"`
		Open  bool       `db:"open"`
	}
	switch err := tx.GetContext(ctx, &send, read, campaign); {
	case errors.Is(err, sql.ErrNoRows):
		return errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	case err != nil:
		return db.Err(err, "take the launch back")
	case send.State != StateRunning && send.State != StatePaused:
		return errs.New(errs.Conflict, "the send of campaign %d is %s; it cannot be taken back", campaign, send.State)
	case send.Until == nil:
		return errs.New(errs.Conflict, "campaign %d was launched without an undo window; what has gone out stays out, and cancel stops the rest", campaign)
	case !send.Open:
		return errs.New(errs.Conflict, "the undo window of campaign %d ended at %s; what has gone out stays out, and cancel stops the rest",
			campaign, send.Until.UTC().Format("15:04:05 UTC"))
	}
	for _, q := range []string{`DELETE FROM send_repeats WHERE campaign_id = $1`, `DELETE FROM messages WHERE campaign_id = $1`, `DELETE FROM sends WHERE campaign_id = $1`} {
		if _, err := tx.ExecContext(ctx, q, campaign); err != nil {
			return db.Err(err, "take the launch back")
		}
	}
	return nil
}
