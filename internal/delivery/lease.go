package delivery

import (
	"context"

	"mailer/internal/db"
)

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
	// A group that records what came of retries locks them as they come, so waiting here could be a deadlock. What is locked is being
	// worked on; the next beat finds it.
	const q = `
		UPDATE retries r SET lease_until = clock_timestamp() + $5 * interval '1 millisecond'
		FROM (SELECT r.campaign_id, r.seq FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) k(campaign_id, seq, token)
		      JOIN retries r ON r.campaign_id = k.campaign_id AND r.seq = k.seq
		      WHERE r.token = k.token AND r.owner = $4 ORDER BY r.campaign_id, r.seq FOR NO KEY UPDATE OF r SKIP LOCKED) x
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
			keys = append(keys, retryKey{Campaign: it.Campaign, Seq: it.Seq, Token: it.Token})
		}
	}
	return keys
}
