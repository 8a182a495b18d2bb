package delivery

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"mailer/internal/db"
	"mailer/internal/failpoint"
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

	relay     string    // the one that the present attempt goes over; empty before there is one
	budgets   []*budget // of which it has taken a token
	gone      bool      // may no longer be mailed, as of the claim
	permitted bool      // its final dot may have been written
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
	relay    string // its name; chosen with the claim
	line     *line  // the same, in this process
	lane     *lane
	place    *budget // the place taken on the lane; nil: it has no limit
	provider string  // of all its deliveries
	messages int     // most that a connection may have carried while it carries this claim; 0: no limit
	items    []*item
	queue    queue // of a chunk that is being carried
}

// A holder is the process that claims.
type holder struct {
	process   string        // its id, an UUID
	lease     time.Duration // how long its claims last without a heartbeat
	doubtWait time.Duration // until a doubt that a former holder left is tried again
	lines     attemptLog    // where the doubts are told that a former holder left
}

// retryBatch is how many retry rows are claimed at once.
const retryBatch = 50

// route says what a claim may be of: what can go over one relay now.
type route struct {
	relay  string
	only   []int64 // lists; empty: all but not
	not    []int64 // lists that other relays carry
	closed texts   // providers whose lanes are closed now
	others texts   // the other relays that could carry retries now: each keeps its own
}

// suspendedSQL is the providers that are suspended at the relay $3 at this moment, whoever found that out.
const suspendedSQL = `ARRAY(SELECT provider FROM lanes WHERE relay = $3 AND suspended AND until > clock_timestamp())`

// claimChunk takes the next chunk of a running send whose lease is free, by priority, moment and age, or returns nil when
// there is none. It must not be given a context that ends with the work: a claim that is interrupted may have been
// committed. Such a claim is nobody's, no heartbeat renews it, and it is free again when its lease ends.
func (s *Store) claimChunk(ctx context.Context, h holder, r route) (*claim, error) {
	const update = `
		UPDATE chunks c SET token = c.token + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond', relay = $3
		FROM sends s, chunks was
		WHERE s.campaign_id = c.campaign_id AND was.id = c.id AND c.id = (
			SELECT x.id FROM sends s CROSS JOIN LATERAL (
				SELECT c.id, c.priority, c.not_before FROM chunks c
				WHERE c.campaign_id = s.campaign_id AND c.closed_at IS NULL AND c.not_before <= now()
				  AND (c.lease_until IS NULL OR c.lease_until < now()) AND NOT c.provider = ANY($6::text[] || ` + suspendedSQL + `)
				ORDER BY c.priority DESC, c.not_before, c.id LIMIT 1 FOR UPDATE SKIP LOCKED) x
			WHERE s.state = 'running' AND s.expires_at > now()
			  AND (cardinality($4::bigint[]) = 0 OR s.list_id = ANY($4)) AND NOT s.list_id = ANY($5)
			ORDER BY x.priority DESC, x.not_before, x.id LIMIT 1)
		RETURNING c.id, c.campaign_id, c.provider, was.relay, c.from_seq, c.to_seq, c.token, s.list_id, c.revision,
		          coalesce(c.variant, s.variant) AS variant, s.envelope_domain`
	var c chunkRow
	if err := s.db.GetContext(ctx, &c, update, h.process, h.lease.Milliseconds(), r.relay, numbers(r.only), numbers(r.not), r.closed); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		return nil, db.Err(err, "claim a chunk")
	}
	failpoint.Hit("claimed")
	if c.Token > 1 { // it was somebody's before
		if err := s.recoverChunk(ctx, h, c); err != nil {
			return nil, err
		}
	}
	items, err := s.loadChunk(ctx, c)
	if err != nil {
		return nil, err
	}
	return &claim{chunk: c.ID, token: c.Token, campaign: c.Campaign, relay: r.relay, provider: c.Provider, items: items}, nil
}

// chunkRow is a claimed chunk.
type chunkRow struct {
	ID       int64  `db:"id"`
	Campaign int64  `db:"campaign_id"`
	Provider string `db:"provider"`
	Relay    string `db:"relay"` // of the claim before this one
	From     int64  `db:"from_seq"`
	To       int64  `db:"to_seq"`
	Token    int64  `db:"token"`
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

// claimRetries takes some due retry rows of one running send and one provider, whose leases are free, or returns nil when there
// are none. What was last tried over another relay that can be used now is left to that one. About its context see claimChunk.
//
// The providers of the rows that wait are found one after the other by the index, so that the rows of closed lanes, which may be
// very many, are not walked over.
func (s *Store) claimRetries(ctx context.Context, h holder, r route) (*claim, error) {
	const update = `
		WITH RECURSIVE waiting AS (
			SELECT s.campaign_id, s.priority, s.not_before,
			       (SELECT r.provider FROM retries r WHERE r.campaign_id = s.campaign_id ORDER BY r.provider LIMIT 1) AS provider
			FROM sends s
			WHERE s.state = 'running' AND s.expires_at > now()
			  AND (cardinality($5::bigint[]) = 0 OR s.list_id = ANY($5)) AND NOT s.list_id = ANY($6)
			UNION ALL
			SELECT w.campaign_id, w.priority, w.not_before,
			       (SELECT r.provider FROM retries r WHERE r.campaign_id = w.campaign_id AND r.provider > w.provider ORDER BY r.provider LIMIT 1)
			FROM waiting w WHERE w.provider IS NOT NULL
		), lane AS (
			SELECT w.campaign_id, w.provider FROM waiting w CROSS JOIN LATERAL (
				SELECT r.due FROM retries r
				WHERE r.campaign_id = w.campaign_id AND r.provider = w.provider AND r.due <= now()
				  AND (r.lease_until IS NULL OR r.lease_until < now()) AND NOT r.relay = ANY($8)
				ORDER BY r.due LIMIT 1 FOR UPDATE SKIP LOCKED) x
			WHERE NOT w.provider = ANY($7::text[] || ` + suspendedSQL + `)
			ORDER BY w.priority DESC, w.not_before, w.campaign_id, x.due LIMIT 1
		)
		UPDATE retries r SET token = r.token + 1, owner = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond', relay = $3
		FROM (SELECT x.* FROM lane l CROSS JOIN LATERAL (
				SELECT r.campaign_id, r.seq, r.relay FROM retries r
				WHERE r.campaign_id = l.campaign_id AND r.provider = l.provider AND r.due <= now()
				  AND (r.lease_until IS NULL OR r.lease_until < now()) AND NOT r.relay = ANY($8)
				ORDER BY r.due LIMIT $4 FOR UPDATE SKIP LOCKED) x) x
		WHERE r.campaign_id = x.campaign_id AND r.seq = x.seq
		RETURNING r.campaign_id, r.seq, r.token, r.provider, x.relay`
	var keys []retryKey
	if err := s.db.SelectContext(ctx, &keys, update, h.process, h.lease.Milliseconds(), r.relay, retryBatch, numbers(r.only), numbers(r.not),
		r.closed, r.others); err != nil {
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
	return &claim{relay: r.relay, provider: keys[0].Provider, items: items}, nil
}

// retryKey names a claimed retry row.
type retryKey struct {
	Campaign int64  `db:"campaign_id"`
	Seq      int64  `db:"seq"`
	Token    int64  `db:"token"`
	Provider string `db:"provider"`
	Relay    string `db:"relay"` // of the attempt or the claim before this one
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

// markGone finds out who of the items may no longer be mailed. Whoever stopped being mailable since the audience was written
// stands in recent_leaves, which is small, so only those are looked up in the whole list; the permit looks once more. Whoever was
// erased has no address left.
func (s *Store) markGone(ctx context.Context, items []*item) error {
	byList := map[int64]numbers{}
	for _, it := range items {
		byList[it.List] = append(byList[it.List], it.Subscriber)
	}
	const q = `
		SELECT l.subscriber_id FROM recent_leaves l
		WHERE l.subscriber_id = ANY($2::bigint[]) AND (l.list_id IS NULL OR l.list_id = $1)
		  AND (SELECT true FROM mailable m WHERE m.list_id = $1 AND m.subscriber_id = l.subscriber_id LIMIT 1) IS NULL`
	for list, readers := range byList {
		var left []int64
		if err := s.db.SelectContext(ctx, &left, q, list, readers); err != nil {
			return db.Err(err, "read who may be mailed")
		}
		for _, it := range items {
			it.gone = it.gone || it.Recipient == "" || it.List == list && slices.Contains(left, it.Subscriber)
		}
	}
	return nil
}
