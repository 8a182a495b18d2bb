package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/failpoint"
)

const (
	firstBatch = 1_000  // readers in the first step of a send, few, so that sending starts at once
	nextBatch  = 10_000 // readers in each later step
	chunkSize  = 300    // deliveries in a chunk, at most
	firstChunk = 100    // deliveries in a chunk of the first step: more of them, for all connections to begin with
)

// extendAudience writes the next readers of one send whose audience is not complete, with their chunks, and returns its
// campaign, or 0 when there was none. Cursor, readers and chunks are one transaction, so a step that dies has not
// happened, and the next one, on whatever node, goes on from there. Any number of processes may call it: a send that one of
// them is at is passed over by the others.
//
// Readers are walked by the random number of their subscription. Within a step they are numbered by provider, so that a
// chunk is a range of one provider; over the whole send every slice of steps stays a fair sample. Where a first slice is asked
// for, the steps end with it until it is decided.
func (s *Store) extendAudience(ctx context.Context) (campaign int64, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		// An advisory lock and not one on the row: a pause must not wait for the end of a step. Sends are looked at one by
		// one, so that none is locked but the one that is taken.
		const take = `
			SELECT campaign_id FROM (SELECT campaign_id FROM sends
			                         WHERE state = 'running' AND NOT audience_complete AND expires_at > now()
			                           AND (undo_until IS NULL OR undo_until <= clock_timestamp())
			                           AND (slice_state <> 'out' OR slice_size IS NULL OR audience < slice_size)
			                         ORDER BY priority DESC, not_before, campaign_id OFFSET 0) s
			WHERE pg_try_advisory_xact_lock(hashtextextended('audience of ' || campaign_id, 0)) LIMIT 1`
		campaign = 0
		if err := tx.GetContext(ctx, &campaign, take); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return db.Err(err, "look for an audience to write")
		}
		// Only now, under the lock, it is certain how far the others have come.
		const read = `
			SELECT list_id, audience, audience_as_of, cursor_shuffle, cursor_subscriber, slice_percent, slice_state = 'out' AS slice_out,
			       coalesce(slice_size, 0) AS slice_size,
			       NOT audience_complete AND (slice_state <> 'out' OR slice_size IS NULL OR audience < slice_size) AS wanting
			FROM sends WHERE campaign_id = $1`
		var send struct {
			List       int64     `db:"list_id"`
			Audience   int64     `db:"audience"`
			AsOf       time.Time `db:"audience_as_of"`
			Shuffle    int64     `db:"cursor_shuffle"`
			Subscriber int64     `db:"cursor_subscriber"`
			Percent    float64   `db:"slice_percent"`
			SliceOut   bool      `db:"slice_out"`
			SliceSize  int64     `db:"slice_size"`
			Wanting    bool      `db:"wanting"`
		}
		err := tx.GetContext(ctx, &send, read, campaign)
		if errors.Is(err, sql.ErrNoRows) { // its launch was taken back
			campaign = 0
			return nil
		}
		if err != nil || !send.Wanting {
			return db.Err(err, "read the send")
		}
		batch, chunk := nextBatch, chunkSize
		if send.Audience == 0 {
			batch, chunk = firstBatch, firstChunk
		}
		if send.SliceOut && send.SliceSize == 0 {
			if send.SliceSize, err = countSlice(ctx, tx, campaign, send.List, send.AsOf, send.Percent); err != nil {
				return err
			}
		}
		if send.SliceOut && send.SliceSize > 0 {
			batch = min(batch, int(send.SliceSize-send.Audience))
		}
		// The batch is small beside the list: walk its index instead of hashing the whole list for every step. And a process
		// that is stopped in the middle must not keep the others from the audience.
		if _, err := tx.ExecContext(ctx, `SET LOCAL random_page_cost = 1.1; SET LOCAL idle_in_transaction_session_timeout = '30s'`); err != nil {
			return db.Err(err, "write the audience")
		}
		_, err = tx.ExecContext(ctx, extendSQL, campaign, batch, chunk, send.List, send.AsOf, send.Shuffle, send.Subscriber)
		failpoint.Hit("audience-step")
		return db.Err(err, "write the audience")
	})
	if err != nil {
		return 0, err
	}
	return campaign, nil
}

// extendSQL relies on its caller's lock: nobody else adds deliveries to the send. Whoever is in the audience already
// is left out before the numbers are given, not by a conflict after, so that the numbers have no gap and a chunk's range
// is its size.
//
// The condition on shuffle alone says nothing new, but it is the one that an index can begin at; and who is in the audience
// already is looked up one by one, as Postgres knows nothing yet of a partition that is being filled.
const extendSQL = `
	WITH send AS MATERIALIZED (
		SELECT * FROM sends WHERE campaign_id = $1
	), batch AS MATERIALIZED (
		SELECT m.shuffle, m.subscriber_id, m.wire, m.provider, m.name, m.supporter
		FROM mailable m
		WHERE m.list_id = $4 AND m.shuffle >= $6 AND (m.shuffle, m.subscriber_id) > ($6, $7) AND m.confirmed_at <= $5
		ORDER BY m.shuffle, m.subscriber_id
		LIMIT $2
	), numbered AS MATERIALIZED (
		SELECT b.*, (SELECT audience FROM send) + row_number() OVER (ORDER BY b.provider, b.shuffle, b.subscriber_id) AS seq,
		       (row_number() OVER (PARTITION BY b.provider ORDER BY b.shuffle, b.subscriber_id) - 1) / $3 AS nth
		FROM batch b
		WHERE (SELECT true FROM deliveries d WHERE d.campaign_id = $1 AND d.subscriber_id = b.subscriber_id LIMIT 1) IS NULL
	), written AS (
		INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots)
		SELECT $1, n.seq, n.subscriber_id, n.wire, CASE WHEN n.supporter THEN s.supporter_groups ELSE s.groups END, ARRAY[n.name]
		FROM numbered n CROSS JOIN send s
	), cut AS (
		INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, variant)
		SELECT $1, s.wave, c.provider, c.from_seq, c.to_seq, s.priority, s.not_before, s.revision, s.variant
		FROM (SELECT provider, min(seq) AS from_seq, max(seq) AS to_seq FROM numbered GROUP BY provider, nth) c CROSS JOIN send s
		ORDER BY c.from_seq
	)
	UPDATE sends s
	SET audience = s.audience + (SELECT count(*) FROM numbered),
	    audience_complete = (SELECT count(*) FROM batch) < $2,
	    slice_out_at = CASE WHEN s.slice_state = 'out' AND s.audience + (SELECT count(*) FROM numbered) >= s.slice_size THEN clock_timestamp()
	                        ELSE s.slice_out_at END,
	    cursor_shuffle = coalesce(e.shuffle, s.cursor_shuffle),
	    cursor_subscriber = coalesce(e.subscriber_id, s.cursor_subscriber)
	FROM (SELECT 1) one LEFT JOIN (SELECT shuffle, subscriber_id FROM batch ORDER BY shuffle DESC, subscriber_id DESC LIMIT 1) e ON true
	WHERE s.campaign_id = $1`
