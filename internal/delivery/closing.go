package delivery

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// closeChunk closes a chunk that this claim holds, if each of its deliveries has a terminal outcome or a retry row, or if its
// send has ended, and writes its tally in that transaction. It reports whether it did; a chunk that is no longer ours, or
// has something left to do, stays as it is.
func (s *Store) closeChunk(ctx context.Context, h holder, id, token int64) (closed bool, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		const lock = `SELECT 1 FROM chunks WHERE id = $1 AND token = $2 AND owner = $3 AND closed_at IS NULL FOR NO KEY UPDATE`
		var one int
		if err := tx.GetContext(ctx, &one, lock, id, token, h.process); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				closed = false
				return nil
			}
			return db.Err(err, "close a chunk")
		}
		// A later statement than the lock: outcomes are added to an open chunk under a lock that this one waited for.
		const update = `
			UPDATE chunks c
			SET closed_at = clock_timestamp(), owner = NULL, lease_until = NULL,
			    accepted = t.accepted, failed = t.failed, suppressed = t.suppressed, expired = t.expired, unknown = t.unknown
			FROM (SELECT c.id, o.*, s.state IN ('cancelled', 'expired') AS ended,
			             (SELECT count(*) FROM retries r
			              WHERE r.campaign_id = c.campaign_id AND r.seq BETWEEN c.from_seq AND c.to_seq) AS waiting
			      FROM chunks c JOIN sends s ON s.campaign_id = c.campaign_id CROSS JOIN LATERAL (` + tallySQL + `) o
			      WHERE c.id = $1) t
			WHERE c.id = t.id AND (t.ended OR t.terminal + t.waiting = c.to_seq - c.from_seq + 1)`
		res, err := tx.ExecContext(ctx, update, id)
		if err != nil {
			return db.Err(err, "close a chunk")
		}
		n, err := res.RowsAffected()
		closed = n == 1
		return db.Err(err, "close a chunk")
	})
	return closed, err
}

// finish ends the sends of which nothing is left to do: the audience is complete, no chunk is open and no retry waits. With
// campaign 0 it looks at all of them. A paused send with nothing left is done too.
func (s *Store) finish(ctx context.Context, campaign int64) error {
	const q = `
		UPDATE sends s SET state = 'done', reason = '', finished_at = clock_timestamp()
		WHERE s.state IN ('running', 'paused') AND ($1 = 0 OR s.campaign_id = $1) AND s.audience_complete
		  AND NOT EXISTS (SELECT FROM chunks c WHERE c.campaign_id = s.campaign_id AND c.closed_at IS NULL)
		  AND NOT EXISTS (SELECT FROM retries r WHERE r.campaign_id = s.campaign_id)`
	_, err := s.db.ExecContext(ctx, q, campaign)
	return db.Err(err, "finish sends")
}
