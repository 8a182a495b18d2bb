package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// A first slice is the beginning of the audience, which is in random order and so a fair sample. Only the slice is written
// until it is decided that it is healthy, so nothing of the rest can be claimed, nor get a permit, before.

// States of a first slice.
const (
	sliceOut      = "out"
	slicePassed   = "passed"
	sliceReleased = "released"
	sliceFailed   = "failed"
)

const (
	leastSlice   = 10               // readers: fewer say nothing
	sliceEnough  = 0.9              // of the slice must have been answered for good before the rest goes
	slicePatient = 30 * time.Minute // after this long with too few answers a person is asked
)

// countSlice counts the readers of a send that has a first slice and has not been counted, as its first step. A list that is
// hardly larger than the slice has none. It returns the size, 0 when there is none.
func (s *Store) countSlice(ctx context.Context, tx *sqlx.Tx, send audience) (int64, error) {
	var q statement
	readers, err := s.readers(&q, send, "", "")
	if err != nil {
		return 0, err
	}
	var all int64
	if err := tx.GetContext(ctx, &all, `WITH `+readers+` SELECT count(*) FROM shown`, q.args...); err != nil {
		return 0, send.fault(db.Err(err, "count the readers"))
	}
	size := max(int64(math.Ceil(float64(all)*send.Percent/100)), leastSlice)
	if size >= all {
		_, err := tx.ExecContext(ctx, `UPDATE sends SET slice_state = '' WHERE campaign_id = $1`, send.Campaign)
		return 0, db.Err(err, "leave out the first slice")
	}
	_, err = tx.ExecContext(ctx, `UPDATE sends SET slice_size = $2, slice_of = $3 WHERE campaign_id = $1`, send.Campaign, size, all)
	return size, db.Err(err, "cut the first slice")
}

// openSlice is a first slice that is out.
type openSlice struct {
	Campaign int64      `db:"campaign_id"`
	Size     int64      `db:"slice_size"`
	Of       int64      `db:"slice_of"`
	Wait     int        `db:"slice_wait"`
	OutAt    time.Time  `db:"slice_out_at"`
	Resumed  *time.Time `db:"resumed_at"`
	Now      time.Time  `db:"now"`
}

// decidesAt is the earliest moment of the decision.
func (o openSlice) decidesAt() time.Time { return o.OutAt.Add(time.Duration(o.Wait) * time.Second) }

// givesUpAt is when a slice with too few answers asks for a person.
func (o openSlice) givesUpAt() time.Time {
	from := o.decidesAt()
	if o.Resumed != nil && o.Resumed.After(from) {
		from = *o.Resumed
	}
	return from.Add(slicePatient)
}

const openSlices = `
	SELECT campaign_id, slice_size, coalesce(slice_of, 0) AS slice_of, slice_wait, slice_out_at, resumed_at, clock_timestamp() AS now FROM sends
	WHERE state = 'running' AND slice_state = 'out' AND slice_out_at IS NOT NULL AND audience >= slice_size`

// decideSlices lets the rest go where the first slice is healthy, and pauses the send where it is not. It returns what it
// paused, with the reasons.
func (s *Store) decideSlices(ctx context.Context) (paused map[int64]string, err error) {
	var open []openSlice
	if err := s.db.SelectContext(ctx, &open, openSlices); err != nil {
		return nil, db.Err(err, "look for first slices")
	}
	paused = map[int64]string{}
	for _, o := range open {
		reason, err := s.decideSlice(ctx, o)
		if err != nil {
			return paused, err
		}
		if reason != "" {
			paused[o.Campaign] = reason
		}
	}
	return paused, nil
}

func (s *Store) decideSlice(ctx context.Context, o openSlice) (paused string, err error) {
	if paused, err = s.checkBrake(ctx, o.Campaign); paused != "" || err != nil {
		return paused, err
	}
	if o.Now.Before(o.decidesAt()) {
		return "", nil
	}
	b, err := s.Balance(ctx, o.Campaign)
	if err != nil {
		return "", err
	}
	ended := b.Audience - b.Open()
	switch {
	case float64(ended) >= sliceEnough*float64(o.Size):
		return "", s.endSlice(ctx, o, slicePassed, "")
	case o.Now.After(o.givesUpAt()):
		reason := fmt.Sprintf("The first slice: after %s only %d of its %d readers have an answer and %d wait for another try, so it does not tell whether "+
			"the rest would arrive. Look at the report, then resume to let the rest go, or cancel", slicePatient, ended, o.Size, b.Deferred)
		return reason, s.endSlice(ctx, o, sliceFailed, reason)
	}
	return "", nil
}

// endSlice decides a slice that is still as it was read; a reason pauses its send.
func (s *Store) endSlice(ctx context.Context, o openSlice, to, reason string) error {
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		const update = `
			UPDATE sends SET slice_state = $2, state = CASE WHEN $3 = '' THEN state ELSE 'paused' END, reason = CASE WHEN $3 = '' THEN reason ELSE $3 END
			WHERE campaign_id = $1 AND state = 'running' AND slice_state = 'out' AND resumed_at IS NOT DISTINCT FROM $4`
		res, err := tx.ExecContext(ctx, update, o.Campaign, to, reason, o.Resumed)
		if err != nil {
			return db.Err(err, "decide about the first slice")
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return db.Err(err, "decide about the first slice")
		}
		return audit.Log(ctx, tx, actorSender, "campaign.slice", campaignSubject(o.Campaign),
			map[string]any{"slice": to, "readers": o.Size, "of": o.Of, "reason": reason})
	})
}

// Release lets the rest of a send go without waiting for its first slice. who is noted. Its errors are errs.NotFound, and
// errs.Conflict when no slice is out; a paused send is resumed instead.
func (s *Store) Release(ctx context.Context, campaign int64, who string) error {
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		const read = `
			SELECT state, slice_state, coalesce(undo_until > clock_timestamp(), false) FROM sends WHERE campaign_id = $1 FOR NO KEY UPDATE`
		var state, slice string
		var early bool
		err := tx.QueryRowxContext(ctx, read, campaign).Scan(&state, &slice, &early)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
		case err != nil:
			return db.Err(err, "release the rest")
		case slice != sliceOut:
			return errs.New(errs.Conflict, "campaign %d has no first slice out; there is nothing to release", campaign)
		case early:
			return errs.New(errs.Conflict, "the first slice of campaign %d is not out yet: its undo window is still open; wait until it is over, or take the launch back", campaign)
		case state == StatePaused:
			return errs.New(errs.Conflict, "the send of campaign %d is paused; resume it first", campaign)
		case state != StateRunning:
			return errs.New(errs.Conflict, "the send of campaign %d is %s; there is nothing to release", campaign, state)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE sends SET slice_state = 'released' WHERE campaign_id = $1`, campaign); err != nil {
			return db.Err(err, "release the rest")
		}
		return audit.Log(ctx, tx, who, "campaign.release", campaignSubject(campaign), nil)
	})
}
