package delivery

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/failpoint"
)

// closeChunk closes a chunk that this claim holds, if each of its deliveries has a terminal outcome or a retry row, or if its
// send has ended, and writes its tally in that transaction. It reports whether it did; a chunk that is no longer ours, or
// has something left to do, stays as it is.
func (s *Store) closeChunk(ctx context.Context, h holder, id, token int64) (closed bool, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		// A process that is stopped while it holds this lock must not keep the send from its end.
		const lock = `
			SELECT set_config('idle_in_transaction_session_timeout', '30s', true)
			FROM chunks WHERE id = $1 AND token = $2 AND owner = $3 AND closed_at IS NULL FOR NO KEY UPDATE`
		var limit string
		if err := tx.GetContext(ctx, &limit, lock, id, token, h.process); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				closed = false
				return nil
			}
			return db.Err(err, "close a chunk")
		}
		failpoint.Hit("chunk-closing")
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
	if closed && err == nil {
		failpoint.Hit("chunk-closed")
	}
	return closed, err
}

// nothingLeft is that of a send s nothing is left to do: the audience is complete, no chunk is open and no retry waits.
const nothingLeft = `s.state IN ('running', 'paused') AND s.audience_complete
		  AND NOT EXISTS (SELECT FROM chunks c WHERE c.campaign_id = s.campaign_id AND c.closed_at IS NULL)
		  AND NOT EXISTS (SELECT FROM retries r WHERE r.campaign_id = s.campaign_id)`

// finish ends the sends of which nothing is left to do. With campaign 0 it looks at all of them. A paused send with nothing left is
// done too.
//
// It looks once more when it holds the row: somebody who held it before may have sent readers in doubt round again, and an UPDATE
// that has waited for a row sees the other tables as they were before.
func (s *Store) finish(ctx context.Context, campaign int64) error {
	var ready []int64
	const look = `SELECT s.campaign_id FROM sends s WHERE ($1 = 0 OR s.campaign_id = $1) AND ` + nothingLeft
	if err := s.db.SelectContext(ctx, &ready, look, campaign); err != nil || len(ready) == 0 {
		return db.Err(err, "finish sends")
	}
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		const lock = `SELECT FROM sends WHERE campaign_id = ANY($1) ORDER BY campaign_id FOR NO KEY UPDATE`
		if _, err := tx.ExecContext(ctx, lock, numbers(ready)); err != nil {
			return db.Err(err, "finish sends")
		}
		const end = `UPDATE sends s SET state = 'done', reason = '', finished_at = clock_timestamp() WHERE s.campaign_id = ANY($1) AND ` + nothingLeft
		_, err := tx.ExecContext(ctx, end, numbers(ready))
		return db.Err(err, "finish sends")
	})
}
