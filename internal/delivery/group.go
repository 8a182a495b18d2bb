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
// Why a re-claimer never misses a note: a "go" needs the chunk's row (or the retry's) from held or again, which locks it FOR
// SHARE until the commit and, having waited for a re-claim, reads the row's newest version, where the token no longer fits.
// So either the re-claim waits for this commit and then reads the note, or there is no "go". The order of the parts within
// the statement does not matter: they become visible together.
//
// An outcome is only written here when its chunk is in held; closing a chunk locks the row against that and then counts, so
// none is left out of a tally. The others are told to the caller, who records them with the tally in a transaction.
//
// The send, the leaves and mailable are read as of the beginning of the statement: that is the moment of the permit. What is
// committed before it is heeded.
//
// It is written so that every table is reached by its key whatever Postgres believes of its size: LATERAL, with OFFSET 0 to
// keep closed_at out of it and so the index of open chunks; LIMIT where EXISTS could be turned into a hash of the whole list. The arrays of chunks and retries are sorted, which is the order of locks.
//
// permits gets a new row and loses the one before, by its whole key. A row that is overwritten would be slower with each
// group for as long as any transaction elsewhere is open, since all its versions stay and must be passed.
const groupSQL = `
	WITH held AS MATERIALIZED (
		SELECT c.id, c.token, c.live
		FROM unnest($4::bigint[], $5::bigint[]) k(id, token) CROSS JOIN LATERAL (
			SELECT id, token, closed_at, lease_until > clock_timestamp() AS live FROM chunks
			WHERE id = k.id AND token = k.token AND owner = $1 OFFSET 0 FOR SHARE) c
		WHERE c.closed_at IS NULL
	), again AS MATERIALIZED (
		SELECT r.campaign_id, r.seq, r.token, r.live
		FROM unnest($6::bigint[], $7::bigint[], $8::bigint[]) k(campaign_id, seq, token) CROSS JOIN LATERAL (
			SELECT campaign_id, seq, token, lease_until > clock_timestamp() AS live FROM retries
			WHERE campaign_id = k.campaign_id AND seq = k.seq AND token = k.token AND owner = $1 FOR SHARE) r
	), recorded AS (
		INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, code, enhanced, reply, queue_id, took_ms, relay)
		SELECT o.campaign_id, o.seq, o.attempt, o.kind, o.class, o.code, o.enhanced, o.reply, o.queue_id, o.took, $2
		FROM unnest($9::bigint[], $10::bigint[], $11::int[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::int[],
		            $17::text[], $18::text[], $19::text[], $20::int[])
		     o(campaign_id, seq, attempt, chunk_id, token, kind, class, code, enhanced, reply, queue_id, took)
		JOIN held h ON h.id = o.chunk_id AND h.token = o.token
		ON CONFLICT (campaign_id, seq, attempt) DO NOTHING
	), judged AS MATERIALIZED (
		SELECT w.n, w.campaign_id, w.seq, w.attempt,
		       CASE WHEN coalesce(h.live, a.live, false) IS NOT TRUE THEN 'lost'
		            WHEN s.state <> 'running' OR s.expires_at <= clock_timestamp() THEN 'stopped'
		            WHEN (SELECT true FROM recent_leaves l WHERE l.subscriber_id = w.subscriber_id
		                  AND (l.list_id IS NULL OR l.list_id = w.list_id) LIMIT 1)
		                 AND (SELECT true FROM mailable m WHERE m.list_id = w.list_id AND m.subscriber_id = w.subscriber_id LIMIT 1) IS NULL
		            THEN 'left'
		            ELSE 'go' END AS verdict
		FROM unnest($21::bigint[], $22::bigint[], $23::int[], $24::bigint[], $25::bigint[], $26::bool[], $27::bigint[], $28::bigint[])
		     WITH ORDINALITY w(campaign_id, seq, attempt, chunk_id, token, again, subscriber_id, list_id, n)
		JOIN sends s ON s.campaign_id = w.campaign_id
		LEFT JOIN held h ON NOT w.again AND h.id = w.chunk_id AND h.token = w.token
		LEFT JOIN again a ON w.again AND a.campaign_id = w.campaign_id AND a.seq = w.seq AND a.token = w.token
	), noted AS (
		INSERT INTO permits (process, serial, campaign_ids, seqs, attempts)
		SELECT $1, $3, $29::bigint[] || ARRAY(SELECT campaign_id FROM judged WHERE verdict = 'go' ORDER BY n),
		               $30::bigint[] || ARRAY(SELECT seq FROM judged WHERE verdict = 'go' ORDER BY n),
		               $31::int[] || ARRAY(SELECT attempt FROM judged WHERE verdict = 'go' ORDER BY n)
	), forgotten AS (
		DELETE FROM permits WHERE process = $1 AND serial = $32
	)
	SELECT ARRAY(SELECT id FROM held ORDER BY id, token), ARRAY(SELECT token FROM held ORDER BY id, token),
	       ARRAY(SELECT verdict FROM judged ORDER BY n)`

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
func (g *group) run(ctx context.Context, stmt *sqlx.Stmt, h holder, relay string) (held map[chunkKey]bool, verdicts []verdict, err error) {
	rows, err := stmt.QueryContext(ctx, g.args(h, relay)...)
	if err != nil {
		return nil, nil, db.Err(err, "ask for permits")
	}
	defer func() { _ = rows.Close() }()
	var ids, tokens pq.Int64Array
	var answers pq.StringArray
	for rows.Next() {
		if err := rows.Scan(&ids, &tokens, &answers); err != nil {
			return nil, nil, db.Err(err, "ask for permits")
		}
	}
	// The row may be here before the commit is. Only the end of the rows, without an error, says that it was committed.
	if err := rows.Err(); err != nil {
		return nil, nil, db.Err(err, "ask for permits")
	}
	if len(answers) != len(g.wanting) {
		return nil, nil, errs.New(errs.Internal, "%d of %d permits were answered", len(answers), len(g.wanting))
	}
	held = make(map[chunkKey]bool, len(ids))
	for i, id := range ids {
		held[chunkKey{id, tokens[i]}] = true
	}
	for _, v := range answers {
		verdicts = append(verdicts, verdict(v))
	}
	return held, verdicts, nil
}

// chunkKey names a claim of a chunk.
type chunkKey struct{ id, token int64 }

// args returns the parameters of groupSQL.
func (g *group) args(h holder, relay string) []any {
	claims := map[chunkKey]bool{}
	var again []*item
	for _, o := range g.outs {
		claims[chunkKey{o.Chunk, o.Token}] = true
	}
	for _, it := range g.wanting {
		if it.Again {
			again = append(again, it)
		} else {
			claims[chunkKey{it.Chunk, it.Token}] = true
		}
	}
	keys := slices.SortedFunc(maps.Keys(claims), func(a, b chunkKey) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.token, b.token)) })
	var chunks, tokens numbers
	for _, k := range keys {
		chunks, tokens = append(chunks, k.id), append(tokens, k.token)
	}
	slices.SortFunc(again, func(a, b *item) int { return cmp.Or(cmp.Compare(a.Campaign, b.Campaign), cmp.Compare(a.Seq, b.Seq)) })
	o, w, r, k := newOutcomeArrays(g.outs), newWantArrays(g.wanting), newKeyArrays(g.atRisk), newKeyArrays(again)
	return []any{h.process, relay, g.serial,
		chunks, tokens, k.campaign, k.seq, k.token,
		o.campaign, o.seq, o.attempt, o.chunk, o.token, o.kind, o.class, o.code, o.enhanced, o.reply, o.queueID, o.took,
		w.campaign, w.seq, w.attempt, w.chunk, w.token, w.again, w.subscriber, w.list,
		r.campaign, r.seq, r.attempt, g.before}
}
