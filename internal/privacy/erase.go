package privacy

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// ByReader is who asked for an erasure when it was the reader.
const ByReader = "reader"

// settle is how long after an erasure nothing more can come in of what was under way: a relay may take ten minutes to answer a
// message, and a claim of a process that hangs half a minute more.
const settle = time.Hour

// erasure is the job of forgetting one reader. It begins with a transaction after which nothing is mailed to them; then each room
// forgets in a transaction of its own, and the subscriber goes with the last. Whoever finds it unfinished goes on with it, from the
// start: to forget twice does no harm. settle later it takes away what was written meanwhile, and forgets its own numbers.
type erasure struct {
	id int64
	subscribers.Identity
	Campaigns, Seqs []int64 // deliveries that were blanked
}

// remember notes deliveries that were blanked.
func (j *erasure) remember(ctx context.Context, tx *sqlx.Tx, campaigns, seqs []int64) error {
	const note = `UPDATE erasures SET campaign_ids = campaign_ids || $2::bigint[], seqs = seqs || $3::bigint[] WHERE id = $1`
	_, err := tx.ExecContext(ctx, note, j.id, pq.Array(campaigns), pq.Array(seqs))
	return db.Err(err, "note the erasure")
}

// erased notes that all rooms have forgotten the reader.
func (j *erasure) erased(ctx context.Context, tx *sqlx.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE erasures SET erased_at = clock_timestamp(), addresses = '{}' WHERE id = $1`, j.id)
	return db.Err(err, "note the erasure")
}

// Erase forgets a reader for good. by is ByReader, or the person who does it for them. When it returns without an error it is done but for
// what Resume takes away later; after errs.Unavailable nothing is mailed any more if begun, and Resume does the rest.
func (s *Service) Erase(ctx context.Context, id subscribers.Identity, by string) (begun bool, err error) {
	if by == "" || len(id.Hash) == 0 {
		return false, errs.New(errs.Internal, "an erasure needs a reader, and who asked for it")
	}
	var job int64
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		// A second one waits here for the first, and then finds it.
		const begin = `
			INSERT INTO erasures (asked_by, numbers, addresses, address_hash) VALUES ($1, $2, $3, $4)
			ON CONFLICT (address_hash) WHERE erased_at IS NULL DO UPDATE SET asked_by = erasures.asked_by RETURNING id, xmax = 0`
		var fresh bool
		if err := tx.QueryRowxContext(ctx, begin, by, pq.Array(orEmpty(id.Numbers())), pq.Array(id.Addresses()), id.Hash).Scan(&job, &fresh); err != nil {
			return db.Err(err, "begin the erasure")
		}
		if !fresh {
			return nil
		}
		if err := s.Subscribers.Records().Bar(ctx, tx, id); err != nil {
			return err
		}
		return audit.Log(ctx, tx, by, "reader.erase", fmt.Sprintf("erasure %d", job), nil)
	})
	if err != nil {
		return false, err
	}
	return true, s.forget(ctx, job)
}

// forget does what is left of an erasure, room by room.
func (s *Service) forget(ctx context.Context, id int64) error {
	for _, p := range s.parts() {
		if p.forget == nil {
			continue
		}
		err := db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
			job, err := lockJob(ctx, tx, id, `erased_at IS NULL`)
			if err != nil || job == nil { // another process has done it meanwhile
				return err
			}
			return p.forget(ctx, tx, job)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lockJob returns the erasure, locked, or nil when the condition does not hold any more.
func lockJob(ctx context.Context, tx *sqlx.Tx, id int64, condition string) (*erasure, error) {
	var rows []struct {
		At        time.Time      `db:"asked_at"`
		Numbers   pq.Int64Array  `db:"numbers"`
		Addresses pq.StringArray `db:"addresses"`
		Hash      []byte         `db:"address_hash"`
		Campaigns pq.Int64Array  `db:"campaign_ids"`
		Seqs      pq.Int64Array  `db:"seqs"`
	}
	err := tx.SelectContext(ctx, &rows, `SELECT asked_at, numbers, addresses, address_hash, campaign_ids, seqs FROM erasures
		WHERE id = $1 AND `+condition+` FOR UPDATE`, id)
	if err != nil || len(rows) == 0 {
		return nil, db.Err(err, "read the erasure")
	}
	r := rows[0]
	job := &erasure{id: id, Identity: subscribers.Identity{Hash: r.Hash, Before: r.At}, Campaigns: r.Campaigns, Seqs: r.Seqs}
	if len(r.Numbers) > 0 {
		job.ID, job.Merged = r.Numbers[0], r.Numbers[1:]
	}
	if len(r.Addresses) > 0 {
		job.Canonical, job.Former = r.Addresses[0], r.Addresses[1:]
	}
	return job, nil
}

// Resume goes on with erasures that were interrupted, and ends those that are old enough. Any number of processes may call it. It
// returns how many there were of each.
func (s *Service) Resume(ctx context.Context) (resumed, finished int, err error) {
	var open []struct {
		ID     int64 `db:"id"`
		Erased bool  `db:"erased"`
	}
	const find = `
		SELECT id, erased_at IS NOT NULL AS erased FROM erasures
		WHERE finished_at IS NULL AND (erased_at IS NULL OR erased_at < clock_timestamp() - $1 * interval '1 second') ORDER BY id`
	if err := s.DB.SelectContext(ctx, &open, find, int64(settle.Seconds())); err != nil {
		return 0, 0, db.Err(err, "look for erasures")
	}
	for _, j := range open {
		if j.Erased {
			finished++
			err = s.end(ctx, j.ID)
		} else {
			resumed++
			err = s.forget(ctx, j.ID)
		}
		if err != nil {
			return resumed, finished, err
		}
	}
	return resumed, finished, nil
}

// end takes away what came in late, and then what the job itself knows.
func (s *Service) end(ctx context.Context, id int64) error {
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		job, err := lockJob(ctx, tx, id, `erased_at IS NOT NULL AND finished_at IS NULL`)
		if err != nil || job == nil {
			return err
		}
		for _, p := range s.parts() {
			if p.late == nil {
				continue
			}
			if err := p.late(ctx, tx, job); err != nil {
				return err
			}
		}
		const done = `
			UPDATE erasures SET finished_at = clock_timestamp(), numbers = '{}', address_hash = NULL, campaign_ids = '{}', seqs = '{}' WHERE id = $1`
		_, err = tx.ExecContext(ctx, done, id)
		return db.Err(err, "end the erasure")
	})
}

func orEmpty(ids []int64) []int64 {
	if ids == nil {
		return []int64{}
	}
	return ids
}

// pruneErasures deletes the jobs of erasures that ended before a moment. They name nobody.
func (s *Service) pruneErasures(ctx context.Context, before time.Time, limit int) (int64, error) {
	res, err := s.DB.ExecContext(ctx, `DELETE FROM erasures WHERE id IN (SELECT id FROM erasures WHERE finished_at < $1 ORDER BY id LIMIT $2)`, before, limit)
	if err != nil {
		return 0, db.Err(err, "forget old erasures")
	}
	n, err := res.RowsAffected()
	return n, db.Err(err, "forget old erasures")
}
