package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// dayCap is the most messages that a relay takes on one day, of all processes together. A process takes them in slices that are
// written down beforehand, so that one that dies has used too many rather than too few.
type dayCap struct {
	db    *sqlx.DB
	relay string
	most  int

	mu    sync.Mutex
	left  int       // of the slice
	day   time.Time // the end of the day that the slice is of
	until time.Time // nothing is left before this
}

// midnight is how long before the end of a day nothing is begun any more: what is under way shall arrive on the same day.
const midnight = 2 * time.Second

// take takes one message; false with the moment from which there may be more.
func (d *dayCap) take(ctx context.Context) (until time.Time, ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if now.Before(d.until) {
		return d.until, false, nil
	}
	if now.After(d.day.Add(-midnight)) {
		d.left = 0 // of a day that is over
	}
	if d.left == 0 {
		if err := d.slice(ctx, now); err != nil {
			return now.Add(time.Second), false, err
		}
	}
	if d.left == 0 {
		return d.until, false, nil
	}
	d.left--
	return time.Time{}, true, nil
}

// slice takes the next messages. The caller holds mu.
func (d *dayCap) slice(ctx context.Context, now time.Time) error {
	var got struct {
		Granted int     `db:"granted"`
		Rest    float64 `db:"rest"` // seconds until the day ends, by the clock of the database
	}
	err := db.InTx(ctx, d.db, func(tx *sqlx.Tx) error {
		const begin = `
			INSERT INTO relay_days (relay, day) VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date) ON CONFLICT DO NOTHING`
		if _, err := tx.ExecContext(ctx, begin, d.relay); err != nil {
			return db.Err(err, "count the relay's day")
		}
		const take = `
			UPDATE relay_days d SET sent = d.sent + w.granted
			FROM (SELECT relay, day, greatest(least($2, $3 - sent), 0) AS granted FROM relay_days
			      WHERE relay = $1 AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date FOR UPDATE) w
			WHERE d.relay = w.relay AND d.day = w.day
			RETURNING w.granted, extract(epoch FROM (w.day + 1)::timestamp AT TIME ZONE 'UTC' - clock_timestamp()) AS rest`
		return db.Err(tx.GetContext(ctx, &got, take, d.relay, max(1, min(100, d.most/20)), d.most), "count the relay's day")
	})
	if err != nil {
		return err
	}
	d.left, d.day = got.Granted, now.Add(time.Duration(got.Rest*float64(time.Second)))
	if now.After(d.day.Add(-midnight)) {
		d.left = 0
	}
	if d.left == 0 {
		d.until = d.day
	}
	return nil
}

// back gives one message back that the relay did not take.
func (d *dayCap) back() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Now().Before(d.day.Add(-midnight)) {
		d.left++
		d.until = time.Time{}
	}
}

// capped returns until when nothing is left, the zero time when something may be.
func (d *dayCap) capped() time.Time {
	if d == nil {
		return time.Time{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Now().Before(d.until) {
		return d.until
	}
	return time.Time{}
}

// giveBack returns what is left of the slice.
func (d *dayCap) giveBack(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 || time.Now().After(d.day) {
		return nil
	}
	const q = `UPDATE relay_days SET sent = sent - $2 WHERE relay = $1 AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date`
	if _, err := d.db.ExecContext(ctx, q, d.relay, d.left); err != nil {
		return db.Err(err, "count the relay's day")
	}
	d.left = 0
	return nil
}

// carryOver gives sends that wait for a relay's next day the time for it: what a cap holds back is sent later, not never.
// waiting names the lists whose relays have all reached theirs, next is when the first of these goes on.
func (s *Store) carryOver(ctx context.Context, waiting route, next time.Time) error {
	const q = `
		UPDATE sends s SET expires_at = clock_timestamp() + ($3::float8 + 86400) * interval '1 second'
		WHERE s.state = 'running' AND s.expires_at < clock_timestamp() + ($3::float8 + 86400) * interval '1 second'
		  AND (cardinality($1::bigint[]) = 0 OR s.list_id = ANY($1)) AND NOT s.list_id = ANY($2)
		  AND (NOT s.audience_complete OR EXISTS (SELECT FROM chunks c WHERE c.campaign_id = s.campaign_id AND c.closed_at IS NULL)
		       OR EXISTS (SELECT FROM retries r WHERE r.campaign_id = s.campaign_id))`
	_, err := s.db.ExecContext(ctx, q, numbers(waiting.only), numbers(waiting.not), time.Until(next).Seconds())
	return db.Err(err, "carry a send over to the next day")
}
