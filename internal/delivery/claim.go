package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// item is one delivery in the hands of a worker.
type item struct {
	Campaign   int64  `db:"campaign_id"`
	Seq        int64  `db:"seq"`
	Chunk      int64  `db:"chunk_id"`
	Token      int64  `db:"token"`   // of the chunk, or of the retry row
	Again      bool   `db:"again"`   // it comes from a retry row, not from its chunk
	Attempt    int    `db:"attempt"` // the one to come
	Subscriber int64  `db:"subscriber_id"`
	Recipient  string `db:"recipient"`
	Groups     int64  `db:"groups"`
	Name       string `db:"name"`
	sendInfo

	gone      bool // may no longer be mailed, as of the claim
	permitted bool // its final dot may have been written
}

// sendInfo is what a delivery needs to know of its send.
type sendInfo struct {
	List           int64  `db:"list_id"`
	Revision       int    `db:"revision"`
	Variant        int    `db:"variant"`
	EnvelopeDomain string `db:"envelope_domain"`
}

// claim is a chunk, or some retry rows, that a worker of this process holds.
type claim struct {
	chunk    int64 // 0 when it is retry rows
	token    int64
	campaign int64
	items    []*item
}

// A holder is the process that claims.
type holder struct {
	process   string        // its id, an UUID
	lease     time.Duration // how long its claims last without a heartbeat
	doubtWait time.Duration // until a doubt that a former holder left is tried again
}

// retryBatch is how many retry rows are claimed at once.
const retryBatch = 50

// claimChunk takes the next chunk of a running send whose lease is free, by priority, moment and age, or returns nil when
// there is none. It must not be given a context that ends with the work: a claim that is interrupted may have been
// committed. Such a claim is nobody's, no heartbeat renews it, and it is free again when its lease ends.
func (s *Store) claimChunk(ctx context.Context, h holder) (*claim, error) {
	const update = `
		UPDATE chunks c SET token = c.token + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
		FROM sends s
		WHERE s.campaign_id = c.campaign_id AND c.id = (
			SELECT x.id FROM sends s CROSS JOIN LATERAL (
				SELECT c.id, c.priority, c.not_before FROM chunks c
				WHERE c.campaign_id = s.campaign_id AND c.closed_at IS NULL AND c.not_before <= now()
				  AND (c.lease_until IS NULL OR c.lease_until < now())
				ORDER BY c.priority DESC, c.not_before, c.id LIMIT 1 FOR UPDATE SKIP LOCKED) x
			WHERE s.state = 'running' AND s.expires_at > now()
			ORDER BY x.priority DESC, x.not_before, x.id LIMIT 1)
		RETURNING c.id, c.campaign_id, c.from_seq, c.to_seq, c.token, s.list_id, c.revision,
		          coalesce(c.variant, s.variant) AS variant, s.envelope_domain`
	var c chunkRow
	if err := s.db.GetContext(ctx, &c, update, h.process, h.lease.Milliseconds()); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		return nil, db.Err(err, "claim a chunk")
	}
	if c.Token > 1 { // it was somebody's before
		if err := s.recoverChunk(ctx, h, c); err != nil {
			return nil, err
		}
	}
	items, err := s.loadChunk(ctx, c)
	if err != nil {
		return nil, err
	}
	return &claim{chunk: c.ID, token: c.Token, campaign: c.Campaign, items: items}, nil
}

// chunkRow is a claimed chunk.
type chunkRow struct {
	ID       int64 `db:"id"`
	Campaign int64 `db:"campaign_id"`
	From     int64 `db:"from_seq"`
	To       int64 `db:"to_seq"`
	Token    int64 `db:"token"`
	sendInfo
}

// loadChunk reads the deliveries of a chunk that have no terminal outcome and no retry row, in order.
func (s *Store) loadChunk(ctx context.Context, c chunkRow) ([]*item, error) {
	const q = `
		SELECT d.campaign_id, d.seq, d.subscriber_id, d.recipient, d.groups, coalesce(d.slots[1], '') AS name,
		       coalesce(o.last, 0) + 1 AS attempt
		FROM deliveries d
		LEFT JOIN (SELECT seq, max(attempt) AS last, bool_or(kind NOT IN ('deferred', 'doubt')) AS over
		           FROM outcomes WHERE campaign_id = $1 AND seq BETWEEN $2 AND $3 GROUP BY seq) o ON o.seq = d.seq
		WHERE d.campaign_id = $1 AND d.seq BETWEEN $2 AND $3 AND o.over IS NOT TRUE
		  AND NOT EXISTS (SELECT FROM retries r WHERE r.campaign_id = $1 AND r.seq = d.seq)
		ORDER BY d.seq`
	var items []*item
	if err := s.db.SelectContext(ctx, &items, q, c.Campaign, c.From, c.To); err != nil {
		return nil, db.Err(err, "read a chunk")
	}
	for _, it := range items {
		it.Chunk, it.Token, it.sendInfo = c.ID, c.Token, c.sendInfo
	}
	return items, s.markGone(ctx, items)
}

// claimRetries takes some due retry rows of running sends whose leases are free, or returns nil when there are none. About
// its context see claimChunk.
func (s *Store) claimRetries(ctx context.Context, h holder) (*claim, error) {
	const update = `
		UPDATE retries r SET token = r.token + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
		FROM (SELECT x.campaign_id, x.seq FROM sends s CROSS JOIN LATERAL (
				SELECT r.campaign_id, r.seq FROM retries r
				WHERE r.campaign_id = s.campaign_id AND r.due <= now() AND (r.lease_until IS NULL OR r.lease_until < now())
				ORDER BY r.due LIMIT $3 FOR UPDATE SKIP LOCKED) x
			WHERE s.state = 'running' AND s.expires_at > now()
			ORDER BY s.priority DESC, s.not_before, s.campaign_id LIMIT $3) x
		WHERE r.campaign_id = x.campaign_id AND r.seq = x.seq
		RETURNING r.campaign_id, r.seq, r.token`
	var keys []retryKey
	if err := s.db.SelectContext(ctx, &keys, update, h.process, h.lease.Milliseconds(), retryBatch); err != nil {
		return nil, db.Err(err, "claim retries")
	}
	if len(keys) == 0 {
		return nil, nil
	}
	for _, k := range keys {
		if k.Token > 1 {
			if err := s.recoverRetries(ctx, h, keys); err != nil {
				return nil, err
			}
			break
		}
	}
	items, err := s.loadRetries(ctx, h, keys)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	return &claim{items: items}, nil
}

// retryKey names a claimed retry row.
type retryKey struct {
	Campaign int64 `db:"campaign_id"`
	Seq      int64 `db:"seq"`
	Token    int64 `db:"token"`
}

// loadRetries reads the deliveries of claimed retry rows. A row that is no longer ours, because its delivery turned out to
// be in doubt again or to have been accepted, is left out.
func (s *Store) loadRetries(ctx context.Context, h holder, keys []retryKey) ([]*item, error) {
	const q = `
		SELECT r.campaign_id, r.seq, r.chunk_id, r.token, r.attempt, true AS again, d.subscriber_id, d.recipient, d.groups,
		       coalesce(d.slots[1], '') AS name, s.list_id, c.revision, coalesce(c.variant, s.variant) AS variant, s.envelope_domain
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) k(campaign_id, seq, token)
		JOIN retries r ON r.campaign_id = k.campaign_id AND r.seq = k.seq AND r.token = k.token AND r.owner = $4
		JOIN deliveries d ON d.campaign_id = k.campaign_id AND d.seq = k.seq
		JOIN chunks c ON c.id = r.chunk_id
		JOIN sends s ON s.campaign_id = r.campaign_id
		ORDER BY r.due, r.campaign_id, r.seq`
	campaigns, seqs, tokens := splitKeys(keys)
	var items []*item
	if err := s.db.SelectContext(ctx, &items, q, campaigns, seqs, tokens, h.process); err != nil {
		return nil, db.Err(err, "read retries")
	}
	return items, s.markGone(ctx, items)
}

func splitKeys(keys []retryKey) (campaigns, seqs, tokens numbers) {
	for _, k := range keys {
		campaigns, seqs, tokens = append(campaigns, k.Campaign), append(seqs, k.Seq), append(tokens, k.Token)
	}
	return campaigns, seqs, tokens
}

// markGone finds out who of the items may no longer be mailed. It asks by subscriber, list by list, so that Postgres looks up
// these readers instead of joining the whole list.
func (s *Store) markGone(ctx context.Context, items []*item) error {
	byList := map[int64][]int64{}
	for _, it := range items {
		byList[it.List] = append(byList[it.List], it.Subscriber)
	}
	const q = `SELECT subscriber_id FROM mailable WHERE list_id = $1 AND subscriber_id = ANY($2)`
	for list, readers := range byList {
		var may []int64
		if err := s.db.SelectContext(ctx, &may, q, list, pq.Array(readers)); err != nil {
			return db.Err(err, "read who may be mailed")
		}
		ok := make(map[int64]bool, len(may))
		for _, id := range may {
			ok[id] = true
		}
		for _, it := range items {
			if it.List == list && !ok[it.Subscriber] {
				it.gone = true
			}
		}
	}
	return nil
}

// renew prolongs the leases of the chunks and retry rows that this process holds. It names them one by one: a claim
// whose reply was lost belongs to no worker and must run out.
func (s *Store) renew(ctx context.Context, h holder, chunks map[int64]int64, retries []retryKey) error {
	if len(chunks) > 0 {
		var ids, tokens numbers
		for id, token := range chunks {
			ids, tokens = append(ids, id), append(tokens, token)
		}
		const q = `
			UPDATE chunks c SET lease_until = clock_timestamp() + $4 * interval '1 millisecond'
			FROM (SELECT c.id FROM unnest($1::bigint[], $2::bigint[]) k(id, token) JOIN chunks c ON c.id = k.id
			      WHERE c.token = k.token AND c.owner = $3 AND c.closed_at IS NULL ORDER BY c.id FOR NO KEY UPDATE OF c) x
			WHERE c.id = x.id`
		if _, err := s.db.ExecContext(ctx, q, ids, tokens, h.process, h.lease.Milliseconds()); err != nil {
			return db.Err(err, "renew the leases")
		}
	}
	if len(retries) == 0 {
		return nil
	}
	const q = `
		UPDATE retries r SET lease_until = clock_timestamp() + $5 * interval '1 millisecond'
		FROM (SELECT r.campaign_id, r.seq FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) k(campaign_id, seq, token)
		      JOIN retries r ON r.campaign_id = k.campaign_id AND r.seq = k.seq
		      WHERE r.token = k.token AND r.owner = $4 ORDER BY r.campaign_id, r.seq FOR NO KEY UPDATE OF r) x
		WHERE r.campaign_id = x.campaign_id AND r.seq = x.seq`
	campaigns, seqs, tokens := splitKeys(retries)
	_, err := s.db.ExecContext(ctx, q, campaigns, seqs, tokens, h.process, h.lease.Milliseconds())
	return db.Err(err, "renew the leases")
}

// release gives back what is left of a claim. None of it may be at risk, and every outcome must have been recorded.
func (s *Store) release(ctx context.Context, h holder, c *claim) error {
	if c.chunk != 0 {
		const q = `
			UPDATE chunks SET owner = NULL, lease_until = NULL
			WHERE id = $1 AND token = $2 AND owner = $3 AND closed_at IS NULL`
		_, err := s.db.ExecContext(ctx, q, c.chunk, c.token, h.process)
		return db.Err(err, "release a chunk")
	}
	const q = `
		UPDATE retries r SET owner = NULL, lease_until = NULL
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) k(campaign_id, seq, token)
		WHERE r.campaign_id = k.campaign_id AND r.seq = k.seq AND r.token = k.token AND r.owner = $4`
	campaigns, seqs, tokens := splitKeys(c.keys())
	_, err := s.db.ExecContext(ctx, q, campaigns, seqs, tokens, h.process)
	return db.Err(err, "release retries")
}

// keys returns the retry rows of a claim.
func (c *claim) keys() []retryKey {
	var keys []retryKey
	for _, it := range c.items {
		if it.Again {
			keys = append(keys, retryKey{it.Campaign, it.Seq, it.Token})
		}
	}
	return keys
}
