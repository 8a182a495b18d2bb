package delivery

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/lib/pq"

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
	return s.move(ctx, campaign, StatePaused, reason, StateRunning)
}

// Resume lets a paused send go on where it stopped. Its errors are those of Pause.
func (s *Store) Resume(ctx context.Context, campaign int64) error {
	return s.move(ctx, campaign, StateRunning, "", StatePaused)
}

// Cancel ends a send for good. Within one message per connection nothing more goes out; whoever was not sent to counts as
// cancelled. Its errors are those of Pause.
func (s *Store) Cancel(ctx context.Context, campaign int64, reason string) error {
	return s.move(ctx, campaign, StateCancelled, reason, StateRunning, StatePaused)
}

// move changes the state of a send, and nothing else: what follows for its deliveries is derived.
func (s *Store) move(ctx context.Context, campaign int64, to, reason string, from ...string) error {
	const update = `
		WITH was AS (SELECT campaign_id, state FROM sends WHERE campaign_id = $1 FOR NO KEY UPDATE),
		moved AS (
			UPDATE sends s SET state = $2, reason = $3, finished_at = CASE WHEN $2 = 'cancelled' THEN clock_timestamp() END
			FROM was WHERE s.campaign_id = was.campaign_id AND was.state = ANY($4))
		SELECT state FROM was`
	var state string
	err := s.db.GetContext(ctx, &state, update, campaign, to, reason, pq.Array(from))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	case err != nil:
		return db.Err(err, "change the send")
	case state == to || slices.Contains(from, state):
		return nil
	}
	return errs.New(errs.Conflict, "the send of campaign %d is %s; it cannot become %s", campaign, state, to)
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
