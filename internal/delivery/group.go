package delivery

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// verdict is the answer to who asks for a permit.
type verdict string

const (
	verdictGo      verdict = "go"
	verdictLost    verdict = "lost"    // the claim is somebody else's, or its lease ran out
	verdictStopped verdict = "stopped" // the send is paused or has ended
	verdictLeft    verdict = "left"    // the reader may no longer be mailed
	verdictAway    verdict = "away"    // the database did not answer, or too late: nothing is known, so nothing may go
)

// group is what one statement does for all connections of a process.
type group struct {
	serial  int64      // number of this group's row in permits
	before  int64      // number of the row that this one takes the place of; 0: none
	outs    []*outcome // plain ones
	atRisk  []*item    // those whose final dot may have been written and whose outcome is not known to be committed
	wanting []*item    // those that ask for their permit now
}

// groupSQL commits outcomes, notes what is at risk, rechecks the claims and answers who may go, in one statement: all of it
// is committed, or none.
//
// Why a re-claimer never misses a note: a "go" needs the chunk's row (or the retry's) to be held, which locks it FOR
// SHARE until the commit and, having waited for a re-claim, reads the row's newest version, where the token no longer fits.
// So either the re-claim waits for this commit and then reads the note, or there is no "go". The order of the parts within
// the statement does not matter: they become visible together.
//
// An outcome is only written here when its chunk is held; closing a chunk locks the row against that and then counts, so
// none is left out of a tally. The others are told to the caller, who records them with the tally in a transaction; so he does
// with all outcomes of a group of which he does not know whether it was committed. So none is there already.
//
// The send, the leaves and mailable are read as of the beginning of the statement: that is the moment of the permit. What is
// committed before it is heeded. Nobody becomes unmailable without a row in recent_leaves, which is small.
//
// It is written so that its cost goes with the number of messages and nothing else. Every table is reached by its key
// whatever Postgres believes of its size: one scalar subquery for each chunk, retry row and send, whose answers stand in
// arrays; outcomes and deliveries name them by their place there. LIMIT where EXISTS could be turned into a hash of the whole
// list. The arrays of chunks and retries are sorted, which is the order of locks.
//
// permits gets a new row and loses the one before, by its whole key. A row that is overwritten would be slower with each
// group for as long as any transaction elsewhere is open, since all its versions stay and must be passed.
const groupSQL = `
	WITH held AS MATERIALIZED (
		SELECT ARRAY(SELECT coalesce((
			SELECT CASE WHEN c.closed_at IS NOT NULL THEN 0 WHEN c.lease_until > clock_timestamp() THEN 2 ELSE 1 END FROM chunks c
			WHERE c.id = k.id AND c.token = k.token AND c.owner = $1 FOR SHARE), 0)
			FROM unnest($3::bigint[], $4::bigint[]) WITH ORDINALITY k(id, token, n) ORDER BY n) AS state
	), again AS MATERIALIZED (
		SELECT ARRAY(SELECT coalesce((
			SELECT CASE WHEN r.lease_until > clock_timestamp() THEN 2 ELSE 1 END FROM retries r
			WHERE r.campaign_id = k.campaign_id AND r.seq = k.seq AND r.token = k.token AND r.owner = $1 FOR SHARE), 0)
			FROM unnest($5::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY k(campaign_id, seq, token, n) ORDER BY n) AS state
	), running AS MATERIALIZED (
		SELECT ARRAY(SELECT (SELECT s.state = 'running' AND s.expires_at > clock_timestamp() FROM sends s WHERE s.campaign_id = k.id)
			FROM unnest($8::bigint[]) WITH ORDINALITY k(id, n) ORDER BY n) AS yes
	), leaving AS MATERIALIZED (
		SELECT l.subscriber_id, l.list_id FROM recent_leaves l WHERE l.subscriber_id = ANY($25::bigint[])
	), recorded AS (
		INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, code, enhanced, reply, queue_id, took_ms, relay)
		SELECT o.campaign_id, o.seq, o.attempt, o.kind, o.class, o.code, o.enhanced, o.reply, o.queue_id, o.took, o.relay
		FROM unnest($9::bigint[], $10::bigint[], $11::int[], $12::int[], $13::text[], $14::text[], $15::int[],
		            $16::text[], $17::text[], $18::text[], $19::int[], $20::text[])
		     o(campaign_id, seq, attempt, chunk, kind, class, code, enhanced, reply, queue_id, took, relay)
		WHERE (SELECT state FROM held)[o.chunk] > 0
	), judged AS MATERIALIZED (
		SELECT w.n, w.campaign_id, w.seq, w.attempt,
		       CASE WHEN CASE WHEN w.again THEN (SELECT state FROM again)[w.claim] ELSE (SELECT state FROM held)[w.claim] END IS DISTINCT FROM 2
		            THEN 'lost'
		            WHEN (SELECT yes FROM running)[w.send] IS NOT TRUE THEN 'stopped'
		            WHEN (SELECT true FROM leaving l WHERE l.subscriber_id = w.subscriber_id
		                  AND (l.list_id IS NULL OR l.list_id = w.list_id) LIMIT 1)
		                 AND (SELECT true FROM mailable m WHERE m.list_id = w.list_id AND m.subscriber_id = w.subscriber_id LIMIT 1) IS NULL
		            THEN 'left'
		            ELSE 'go' END AS verdict
		FROM unnest($21::bigint[], $22::bigint[], $23::int[], $24::int[], $25::bigint[], $26::bigint[], $27::int[], $28::bool[])
		     WITH ORDINALITY w(campaign_id, seq, attempt, claim, subscriber_id, list_id, send, again, n)
	), noted AS (
		INSERT INTO permits (process, serial, campaign_ids, seqs, attempts)
		SELECT $1, $2, $29::bigint[] || array_agg(campaign_id), $30::bigint[] || array_agg(seq), $31::int[] || array_agg(attempt)
		FROM judged WHERE verdict = 'go'
	), forgotten AS (
		DELETE FROM permits WHERE process = $1 AND serial = $32
	)
	SELECT (SELECT state FROM held), ARRAY(SELECT verdict FROM judged ORDER BY n)`

// chunks returns the chunks that the statement locks.
func (g *group) chunks() []int64 {
	var ids []int64
	for _, o := range g.outs {
		ids = append(ids, o.Chunk)
	}
	for _, it := range g.wanting {
		if !it.Again {
			ids = append(ids, it.Chunk)
		}
	}
	return ids
}

// run executes the statement. held are the chunks that are open and ours; verdicts stand in the order of g.wanting. An error
// means that nothing is known: the statement may have been committed or not.
func (g *group) run(ctx context.Context, stmt *sqlx.Stmt, h holder) (held map[chunkKey]bool, verdicts []verdict, err error) {
	keys, args := g.args(h)
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, nil, db.Err(err, "ask for permits")
	}
	defer func() { _ = rows.Close() }()
	var states pq.Int32Array
	var answers pq.StringArray
	for rows.Next() {
		if err := rows.Scan(&states, &answers); err != nil {
			return nil, nil, db.Err(err, "ask for permits")
		}
	}
	// The row may be here before the commit is. Only the end of the rows, without an error, says that it was committed.
	if err := rows.Err(); err != nil {
		return nil, nil, db.Err(err, "ask for permits")
	}
	if len(answers) != len(g.wanting) || len(states) != len(keys) {
		return nil, nil, errs.New(errs.Internal, "%d of %d permits were answered", len(answers), len(g.wanting))
	}
	held = make(map[chunkKey]bool, len(keys))
	for i, k := range keys {
		held[k] = states[i] > 0
	}
	verdicts = make([]verdict, len(answers))
	for i, v := range answers {
		verdicts[i] = verdict(v)
	}
	return held, verdicts, nil
}

// chunkKey names a claim of a chunk.
type chunkKey struct{ id, token int64 }

// places numbers keys from 1 on, in the order in which they are to be locked.
func places[K comparable](keys map[K]int, order func(a, b K) int) []K {
	list := slices.SortedFunc(maps.Keys(keys), order)
	for i, k := range list {
		keys[k] = i + 1
	}
	return list
}

// args returns the parameters of groupSQL, and the claims of chunks that it is about, in order.
func (g *group) args(h holder) (claims []chunkKey, args []any) {
	chunkAt, retryAt, sendAt := map[chunkKey]int{}, map[retryKey]int{}, map[int64]int{}
	for _, o := range g.outs {
		chunkAt[chunkKey{o.Chunk, o.Token}] = 0
	}
	for _, it := range g.wanting {
		sendAt[it.Campaign] = 0
		if it.Again {
			retryAt[retryKey{Campaign: it.Campaign, Seq: it.Seq, Token: it.Token}] = 0
		} else {
			chunkAt[chunkKey{it.Chunk, it.Token}] = 0
		}
	}
	claims = places(chunkAt, func(a, b chunkKey) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.token, b.token)) })
	var chunks, tokens numbers
	for _, k := range claims {
		chunks, tokens = append(chunks, k.id), append(tokens, k.token)
	}
	campaigns, seqs, retryTokens := splitKeys(places(retryAt, func(a, b retryKey) int {
		return cmp.Or(cmp.Compare(a.Campaign, b.Campaign), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Token, b.Token))
	}))
	sends := places(sendAt, cmp.Compare[int64])
	o, w, r := newOutcomeArrays(g.outs), newWantArrays(g.wanting), newKeyArrays(g.atRisk)
	held := make(numbers, len(g.outs))
	for i, out := range g.outs {
		held[i] = int64(chunkAt[chunkKey{out.Chunk, out.Token}])
	}
	for i, it := range g.wanting {
		w.send[i] = int64(sendAt[it.Campaign])
		if it.Again {
			w.claim[i] = int64(retryAt[retryKey{Campaign: it.Campaign, Seq: it.Seq, Token: it.Token}])
		} else {
			w.claim[i] = int64(chunkAt[chunkKey{it.Chunk, it.Token}])
		}
	}
	return claims, []any{h.process, g.serial,
		chunks, tokens, campaigns, seqs, retryTokens, numbers(sends),
		o.campaign, o.seq, o.attempt, held, o.kind, o.class, o.code, o.enhanced, o.reply, o.queueID, o.took, o.relay,
		w.campaign, w.seq, w.attempt, w.claim, w.subscriber, w.list, w.send, w.again,
		r.campaign, r.seq, r.attempt, g.before}
}
