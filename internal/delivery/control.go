package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// States of a send.
const (
	StateRunning   = "running"
	StatePaused    = "paused"
	StateDone      = "done"
	StateCancelled = "cancelled"
	StateExpired   = "expired"
)

// Pause holds a send: within one message per connection nothing more goes out. reason is for people. Pausing a paused send
// changes nothing; one that has ended is errs.Conflict, one that never was errs.NotFound.
func (s *Store) Pause(ctx context.Context, campaign int64, reason string) error {
	_, err := move(ctx, s.db, campaign, StatePaused, reason, StateRunning)
	return err
}

// Resume lets a paused send go on where it stopped. What was refused so far does not count for the brake any more, and a first
// slice that failed no longer holds the rest back: a person has looked. Its errors are those of Pause.
func (s *Store) Resume(ctx context.Context, campaign int64) error {
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		moved, err := move(ctx, tx, campaign, StateRunning, "", StatePaused)
		if err != nil || !moved {
			return err
		}
		return markBrake(ctx, tx, campaign)
	})
}

// PauseSelf pauses a running send for a reason that a sender found, and puts it into the audit log. It reports whether it did: a
// send that is paused already, or is over, stays as it is.
func (s *Store) PauseSelf(ctx context.Context, campaign int64, reason string) (paused bool, err error) {
	reason = MaskReply(reason)
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		paused = false
		res, err := tx.ExecContext(ctx, `UPDATE sends SET state = 'paused', reason = $2 WHERE campaign_id = $1 AND state = 'running'`, campaign, reason)
		if err != nil {
			return db.Err(err, "pause the send")
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return db.Err(err, "pause the send")
		}
		paused = true
		return audit.Log(ctx, tx, actorSender, "campaign.pause", campaignSubject(campaign), map[string]any{"reason": reason})
	})
	return paused, err
}

// Cancel ends a send for good. Within one message per connection nothing more goes out; whoever was not sent to counts as
// cancelled. Its errors are those of Pause.
func (s *Store) Cancel(ctx context.Context, campaign int64, reason string) error {
	_, err := move(ctx, s.db, campaign, StateCancelled, reason, StateRunning, StatePaused)
	return err
}

// move changes the state of a send and reports whether it was another one; what follows for its deliveries is derived.
func move(ctx context.Context, q db.Q, campaign int64, to, reason string, from ...string) (moved bool, err error) {
	const update = `
		WITH was AS (SELECT campaign_id, state FROM sends WHERE campaign_id = $1 FOR NO KEY UPDATE),
		moved AS (
			UPDATE sends s SET state = $2, reason = $3, finished_at = CASE WHEN $2 = 'cancelled' THEN clock_timestamp() END,
			       resumed_at = CASE WHEN $2 = 'running' THEN clock_timestamp() ELSE s.resumed_at END,
			       slice_state = CASE WHEN $2 = 'running' AND s.slice_state = 'failed' THEN 'released' ELSE s.slice_state END
			FROM was WHERE s.campaign_id = was.campaign_id AND was.state = ANY($4))
		SELECT state FROM was`
	var state string
	err = q.GetContext(ctx, &state, update, campaign, to, reason, pq.Array(from))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	case err != nil:
		return false, db.Err(err, "change the send")
	case state == to || slices.Contains(from, state):
		return state != to, nil
	}
	return false, errs.New(errs.Conflict, "the send of campaign %d is %s; it cannot become %s", campaign, state, to)
}

// Reasons returns why the sends of these campaigns are paused, were cancelled or ran out, of those that say so.
func (s *Store) Reasons(ctx context.Context, campaigns []int64) (map[int64]string, error) {
	var rows []struct {
		Campaign int64  `db:"campaign_id"`
		Reason   string `db:"reason"`
	}
	const q = `SELECT campaign_id, reason FROM sends WHERE campaign_id = ANY($1) AND reason <> ''`
	if err := s.db.SelectContext(ctx, &rows, q, numbers(campaigns)); err != nil {
		return nil, db.Err(err, "read the reasons of sends")
	}
	reasons := make(map[int64]string, len(rows))
	for _, r := range rows {
		reasons[r.Campaign] = r.Reason
	}
	return reasons, nil
}

// States returns the state of the send of each of these campaigns that was launched.
func (s *Store) States(ctx context.Context, campaigns []int64) (map[int64]string, error) {
	var rows []struct {
		Campaign int64  `db:"campaign_id"`
		State    string `db:"state"`
	}
	const q = `SELECT campaign_id, state FROM sends WHERE campaign_id = ANY($1)`
	if err := s.db.SelectContext(ctx, &rows, q, numbers(campaigns)); err != nil {
		return nil, db.Err(err, "read the states of sends")
	}
	states := make(map[int64]string, len(rows))
	for _, r := range rows {
		states[r.Campaign] = r.State
	}
	return states, nil
}

// OldestOpen returns when the oldest send that is running or paused was launched; the zero time when there is none.
// Leaves since then must be kept, because permits look at them.
func (s *Store) OldestOpen(ctx context.Context) (time.Time, error) {
	var at sql.NullTime
	err := s.db.GetContext(ctx, &at, `SELECT min(created_at) FROM sends WHERE state IN ('running', 'paused')`)
	return at.Time, db.Err(err, "look for open sends")
}

// Who stands in the audit log for what senders do by themselves.
const actorSender = "sender"

func campaignSubject(id int64) string { return fmt.Sprintf("campaign %d", id) }
