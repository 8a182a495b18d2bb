package delivery

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// sweep does what nobody in particular does: it ends sends that are done or past their time, closes what an ended send has left
// open, and takes away notes that say nothing any more. Every process may do it at any time.
func (s *Store) sweep(ctx context.Context, h holder) error {
	if err := s.finish(ctx, 0); err != nil {
		return err
	}
	const expire = `
		UPDATE sends SET state = 'expired', finished_at = clock_timestamp(),
		       reason = 'its time ran out at ' || to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
		WHERE state IN ('running', 'paused') AND expires_at <= clock_timestamp()`
	if _, err := s.db.ExecContext(ctx, expire); err != nil {
		return db.Err(err, "expire sends")
	}
	if err := s.closeEnded(ctx, h); err != nil {
		return err
	}
	if err := s.forgetRelays(ctx); err != nil {
		return err
	}
	return s.forgetNotes(ctx)
}

// closeEnded closes the chunks of cancelled and expired sends and removes their retry rows, so that claims need not pass
// them and doubts are on record. What a live process still holds is left until it gives it back or its lease ends.
func (s *Store) closeEnded(ctx context.Context, h holder) error {
	const unbegun = `
		UPDATE chunks c SET closed_at = clock_timestamp() FROM sends s
		WHERE s.campaign_id = c.campaign_id AND s.state IN ('cancelled', 'expired') AND c.closed_at IS NULL AND c.token = 0`
	if _, err := s.db.ExecContext(ctx, unbegun); err != nil {
		return db.Err(err, "close chunks")
	}
	for ctx.Err() == nil {
		const claim = `
			UPDATE chunks c SET token = c.token + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
			WHERE c.id = (SELECT c.id FROM chunks c JOIN sends s ON s.campaign_id = c.campaign_id
			              WHERE c.closed_at IS NULL AND s.state IN ('cancelled', 'expired') AND (c.lease_until IS NULL OR c.lease_until < now())
			              LIMIT 1 FOR UPDATE OF c SKIP LOCKED)
			RETURNING c.id, c.campaign_id, c.from_seq, c.to_seq, c.token`
		var c chunkRow
		if err := s.db.GetContext(ctx, &c, claim, h.process, h.lease.Milliseconds()); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				break
			}
			return db.Err(err, "close chunks")
		}
		if err := s.recoverChunk(ctx, h, c); err != nil {
			return err
		}
		if _, err := s.closeChunk(ctx, h, c.ID, c.Token); err != nil {
			return err
		}
	}
	return s.dropEndedRetries(ctx, h)
}

// dropEndedRetries removes the retry rows of ended sends: their deliveries derive as cancelled or expired. One that was in
// doubt stays so for good, since nobody will try it again, and is known by name as unknown.
func (s *Store) dropEndedRetries(ctx context.Context, h holder) error {
	const batch = 500
	for ctx.Err() == nil {
		const claim = `
			UPDATE retries r SET token = r.token + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
			FROM (SELECT r.campaign_id, r.seq FROM retries r JOIN sends s ON s.campaign_id = r.campaign_id
			      WHERE s.state IN ('cancelled', 'expired') AND (r.lease_until IS NULL OR r.lease_until < now())
			      LIMIT $3 FOR UPDATE OF r SKIP LOCKED) x
			WHERE r.campaign_id = x.campaign_id AND r.seq = x.seq
			RETURNING r.campaign_id, r.seq, r.token`
		var keys []retryKey
		if err := s.db.SelectContext(ctx, &keys, claim, h.process, h.lease.Milliseconds(), batch); err != nil {
			return db.Err(err, "end retries")
		}
		if len(keys) == 0 {
			return nil
		}
		if err := s.recoverRetries(ctx, h, keys); err != nil {
			return err
		}
		if err := db.InTx(ctx, s.db, func(tx *sqlx.Tx) error { return endRetries(ctx, tx, h, keys) }); err != nil {
			return err
		}
	}
	return nil
}

func endRetries(ctx context.Context, tx *sqlx.Tx, h holder, keys []retryKey) error {
	campaigns, seqs, tokens := splitKeys(keys)
	var chunks []int64
	// Chunks are locked before retry rows, as everywhere.
	const lock = `
		SELECT c.id FROM chunks c WHERE c.id IN (
			SELECT r.chunk_id FROM retries r JOIN unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq)
			ON r.campaign_id = k.campaign_id AND r.seq = k.seq)
		ORDER BY c.id FOR NO KEY UPDATE`
	if err := tx.SelectContext(ctx, &chunks, lock, campaigns, seqs); err != nil {
		return db.Err(err, "end retries")
	}
	const remove = `
		WITH gone AS (
			DELETE FROM retries r USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) k(campaign_id, seq, token)
			WHERE r.campaign_id = k.campaign_id AND r.seq = k.seq AND r.token = k.token AND r.owner = $4
			RETURNING r.campaign_id, r.seq
		), doubts AS (
			SELECT o.campaign_id, o.seq, max(o.attempt) AS attempt FROM gone g
			JOIN outcomes o ON o.campaign_id = g.campaign_id AND o.seq = g.seq AND o.kind = 'doubt'
			GROUP BY o.campaign_id, o.seq
		)
		UPDATE outcomes o SET kind = 'unknown' FROM doubts d
		WHERE o.campaign_id = d.campaign_id AND o.seq = d.seq AND o.attempt = d.attempt`
	if _, err := tx.ExecContext(ctx, remove, campaigns, seqs, tokens, h.process); err != nil {
		return db.Err(err, "end retries")
	}
	_, err := tx.ExecContext(ctx, recountSQL, numbers(chunks))
	return db.Err(err, "end retries")
}

// forgetNotes removes the notes of processes that are no more (or that have been idle) once they say nothing: each delivery
// in them has its outcome, or is gone with its partition.
func (s *Store) forgetNotes(ctx context.Context) error {
	const q = `
		DELETE FROM permits p
		WHERE p.at < clock_timestamp() - interval '10 minutes' AND NOT EXISTS (
			SELECT FROM unnest(p.campaign_ids, p.seqs, p.attempts) n(campaign_id, seq, attempt)
			JOIN deliveries d ON d.campaign_id = n.campaign_id AND d.seq = n.seq
			WHERE NOT EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = n.campaign_id AND o.seq = n.seq AND o.attempt = n.attempt))`
	_, err := s.db.ExecContext(ctx, q)
	return db.Err(err, "forget old notes")
}
