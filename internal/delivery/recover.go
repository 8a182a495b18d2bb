package delivery

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/failpoint"
)

// crashReply stands as the reply of a doubt that a re-claim finds.
const crashReply = "the sender stopped between the permit and the relay's reply"

// recoverChunk records the doubts that the former holder of a re-claimed chunk left: deliveries it had noted in permits, of
// which no outcome is known. It may only be called once the claim's new token is committed, and before anything of the
// chunk is sent. Then it cannot miss one: a permit was given only by a statement that held the chunk's row FOR SHARE, with
// the old token, until its note was committed; the claim had to wait for that, and this reads after the claim. And a
// note leaves permits only in the commit that brings its outcome, and both are read here in one snapshot.
//
// The notes of every process are read, our own included: a lease can run out while a connection of ours waits for a reply.
//
// An attempt that stands in a claimed retry row is left to that row's next claim: its holder may well be alive, waiting for the relay,
// and did not lose anything by what became of the chunk.
func (s *Store) recoverChunk(ctx context.Context, h holder, c chunkRow) error {
	const q = `
		SELECT n.campaign_id, n.seq, n.attempt, $2::bigint AS chunk_id
		FROM permits p, unnest(p.campaign_ids, p.seqs, p.attempts) n(campaign_id, seq, attempt)
		WHERE n.campaign_id = $1 AND n.seq BETWEEN $3 AND $4
		  AND NOT EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = n.campaign_id AND o.seq = n.seq AND o.attempt = n.attempt)
		  AND NOT EXISTS (SELECT FROM retries r WHERE r.campaign_id = n.campaign_id AND r.seq = n.seq AND r.attempt = n.attempt AND r.token > 0)
		GROUP BY n.campaign_id, n.seq, n.attempt`
	return s.recordDoubts(ctx, h, func(*item) string { return c.Relay }, q, c.Campaign, c.ID, c.From, c.To)
}

// recoverRetries does the same for claimed retry rows; their token stands in the row itself.
func (s *Store) recoverRetries(ctx context.Context, h holder, keys []retryKey) error {
	const q = `
		SELECT n.campaign_id, n.seq, n.attempt, r.chunk_id
		FROM permits p CROSS JOIN unnest(p.campaign_ids, p.seqs, p.attempts) n(campaign_id, seq, attempt)
		JOIN unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq) ON k.campaign_id = n.campaign_id AND k.seq = n.seq
		JOIN retries r ON r.campaign_id = n.campaign_id AND r.seq = n.seq
		WHERE NOT EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = n.campaign_id AND o.seq = n.seq AND o.attempt = n.attempt)
		GROUP BY n.campaign_id, n.seq, n.attempt, r.chunk_id`
	campaigns, seqs, _ := splitKeys(keys)
	relays := make(map[retryKey]string, len(keys))
	for _, k := range keys {
		relays[retryKey{Campaign: k.Campaign, Seq: k.Seq}] = k.Relay
	}
	relayOf := func(it *item) string { return relays[retryKey{Campaign: it.Campaign, Seq: it.Seq}] }
	return s.recordDoubts(ctx, h, relayOf, q, campaigns, seqs)
}

// recordDoubts records as doubts what a query names. relay is the one that a delivery was on its way to.
func (s *Store) recordDoubts(ctx context.Context, h holder, relay func(*item) string, query string, args ...any) error {
	var items []*item
	if err := s.db.SelectContext(ctx, &items, query, args...); err != nil {
		return db.Err(err, "look for doubts")
	}
	if len(items) == 0 {
		return nil
	}
	outs := make([]*outcome, 0, len(items))
	for _, it := range items {
		it.permitted, it.relay = true, relay(it)
		outs = append(outs, &outcome{item: it, kind: kindDoubt, class: "crash", reply: crashReply, wait: h.doubtWait})
	}
	if err := db.InTx(ctx, s.db, func(tx *sqlx.Tx) error { return s.record(ctx, tx, h, outs, nil) }); err != nil {
		return err
	}
	failpoint.Hit("recovered")
	h.lines.logDoubts(ctx, s.db, outs)
	return nil
}
