package delivery

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
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
// chunk is a range of one provider; over the whole send every slice of steps stays a fair sample.
func (s *Store) extendAudience(ctx context.Context) (campaign int64, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		const lock = `
			SELECT campaign_id, audience FROM sends
			WHERE state = 'running' AND NOT audience_complete AND expires_at > now()
			ORDER BY priority DESC, not_before, campaign_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`
		var send struct {
			Campaign int64 `db:"campaign_id"`
			Audience int64 `db:"audience"`
		}
		campaign = 0
		if err := tx.GetContext(ctx, &send, lock); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return db.Err(err, "look for an audience to write")
		}
		batch, chunk := nextBatch, chunkSize
		if send.Audience == 0 {
			batch, chunk = firstBatch, firstChunk
		}
		// The batch is small beside the list: walk its index instead of hashing the whole list for every step.
		if _, err := tx.ExecContext(ctx, `SET LOCAL random_page_cost = 1.1`); err != nil {
			return db.Err(err, "write the audience")
		}
		if _, err := tx.ExecContext(ctx, extendSQL, send.Campaign, batch, chunk); err != nil {
			return db.Err(err, "write the audience")
		}
		campaign = send.Campaign
		return nil
	})
	return campaign, err
}

// extendSQL relies on its caller's lock on the send: nobody else adds deliveries to it. Whoever is in the audience already
// is left out before the numbers are given, not by a conflict after, so that the numbers have no gap and a chunk's range
// is its size.
const extendSQL = `
	WITH send AS MATERIALIZED (
		SELECT * FROM sends WHERE campaign_id = $1
	), batch AS MATERIALIZED (
		SELECT m.shuffle, m.subscriber_id, m.wire, m.provider, m.name, m.supporter
		FROM mailable m
		WHERE m.list_id = (SELECT list_id FROM send)
		  AND (m.shuffle, m.subscriber_id) > ((SELECT cursor_shuffle FROM send), (SELECT cursor_subscriber FROM send))
		  AND m.confirmed_at <= (SELECT audience_as_of FROM send)
		ORDER BY m.shuffle, m.subscriber_id
		LIMIT $2
	), numbered AS MATERIALIZED (
		SELECT b.*, (SELECT audience FROM send) + row_number() OVER (ORDER BY b.provider, b.shuffle, b.subscriber_id) AS seq,
		       (row_number() OVER (PARTITION BY b.provider ORDER BY b.shuffle, b.subscriber_id) - 1) / $3 AS nth
		FROM batch b
		WHERE NOT EXISTS (SELECT FROM deliveries d WHERE d.campaign_id = $1 AND d.subscriber_id = b.subscriber_id)
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
	    cursor_shuffle = coalesce(e.shuffle, s.cursor_shuffle),
	    cursor_subscriber = coalesce(e.subscriber_id, s.cursor_subscriber)
	FROM (SELECT 1) one LEFT JOIN (SELECT shuffle, subscriber_id FROM batch ORDER BY shuffle DESC, subscriber_id DESC LIMIT 1) e ON true
	WHERE s.campaign_id = $1`
