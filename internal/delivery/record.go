package delivery

import (
	"context"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/subscribers"
)

// Kinds of outcome. deferred and doubt are not terminal.
const (
	kindAccepted   = "accepted"
	kindDeferred   = "deferred"
	kindDoubt      = "doubt"
	kindFailed     = "failed"
	kindSuppressed = "suppressed"
	kindExpired    = "expired"
	kindUnknown    = "unknown"
)

// outcome is what came of one attempt, on its way into the database.
type outcome struct {
	*item
	kind     string
	class    string
	code     int
	enhanced string
	reply    string
	queueID  string
	took     time.Duration
	wait     time.Duration // deferred, doubt: until the next attempt
	suppress string        // not empty: the mailbox is dead, and why; the reader is suppressed in the same transaction

	offered uint64    // order in which the committer got it
	at      time.Time // when it got it
	late    bool      // its chunk was found to be no longer ours, or closed; or it may be on record already
}

// plain reports whether the outcome is one row and nothing else, as long as its chunk is open and ours: then it needs no
// transaction of its own. Whatever makes or ends a retry row or suppresses a reader is not.
func (o *outcome) plain() bool {
	return !o.Again && !o.late && o.suppress == "" && (o.kind == kindAccepted || o.kind == kindFailed || o.kind == kindSuppressed)
}

func (o *outcome) key() outcomeKey { return outcomeKey{o.Campaign, o.Seq, o.Attempt} }

type outcomeKey struct {
	campaign, seq int64
	attempt       int
}

// record writes outcomes and all that follows from them: doubts and deferrals become retry rows or, at their end, unknown and
// expired; a terminal outcome ends its retry row; the tally of a closed chunk is counted anew; readers with dead mailboxes
// are suppressed. Recording the same outcome twice changes nothing.
//
// Facts are recorded whoever holds the claim now; permission is what the token guards. Two rules keep facts of two holders
// apart. A fact about an attempt replaces a doubt about it, nothing else replaces anything. And what a former holder
// learned without a permit (a refusal before DATA) is left out: nothing was at risk, and the present holder may be using
// the same attempt number for a dialogue of its own.
//
// No two of the outcomes may be about the same attempt. The chunks in locked, which the caller is about to use in the
// same transaction, are locked along, so that all locks are taken in one order.
func (s *Store) record(ctx context.Context, tx *sqlx.Tx, h holder, outs []*outcome, locked []int64) error {
	chunks := slices.Clone(locked)
	for _, o := range outs {
		chunks = append(chunks, o.Chunk)
	}
	// While these locks are held no chunk of them is claimed, closed or counted, and no permit is given on it.
	const lock = `SELECT id FROM chunks WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`
	if _, err := tx.ExecContext(ctx, lock, pq.Array(chunks)); err != nil {
		return db.Err(err, "record outcomes")
	}
	a := newOutcomeArrays(outs)
	var written []struct {
		Campaign int64 `db:"campaign_id"`
		Seq      int64 `db:"seq"`
		Attempt  int   `db:"attempt"`
	}
	if err := tx.SelectContext(ctx, &written, recordSQL, h.process, a.relay, a.campaign, a.seq, a.attempt, a.chunk, a.token, a.again,
		a.permitted, a.kind, a.class, a.code, a.enhanced, a.reply, a.queueID, a.took, a.wait); err != nil {
		return db.Err(err, "record outcomes")
	}
	if _, err := tx.ExecContext(ctx, endRetriesSQL, a.campaign, a.seq); err != nil {
		return db.Err(err, "end retries")
	}
	if _, err := tx.ExecContext(ctx, addRetriesSQL, a.campaign, a.seq, a.attempt, a.chunk, a.wait); err != nil {
		return db.Err(err, "note retries")
	}
	if _, err := tx.ExecContext(ctx, recountSQL, a.chunk); err != nil {
		return db.Err(err, "count a chunk")
	}
	for _, w := range written {
		i := slices.IndexFunc(outs, func(o *outcome) bool { return o.key() == outcomeKey{w.Campaign, w.Seq, w.Attempt} })
		if o := outs[i]; o.suppress != "" {
			if err := s.subs.Suppress(ctx, tx, o.Subscriber, subscribers.ReasonHardBounce, o.suppress, o.Campaign); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordSQL decides what an outcome comes to: a doubt is unknown when its send says hold, when this reader was in doubt
// before, or when nothing will be sent any more; a deferral is expired when the next attempt would be too late.
const recordSQL = `
	INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, code, enhanced, reply, queue_id, took_ms, relay)
	SELECT o.campaign_id, o.seq, o.attempt,
	       CASE WHEN o.kind = 'doubt' AND (s.doubt_policy = 'hold' OR s.state NOT IN ('running', 'paused')
	                 OR clock_timestamp() + o.wait * interval '1 millisecond' > s.expires_at
	                 OR EXISTS (SELECT FROM outcomes p WHERE p.campaign_id = o.campaign_id AND p.seq = o.seq
	                            AND p.kind = 'doubt' AND p.attempt <> o.attempt)) THEN 'unknown'
	            WHEN o.kind = 'deferred' AND (s.state = 'done'
	                 OR clock_timestamp() + o.wait * interval '1 millisecond' > s.expires_at) THEN 'expired'
	            ELSE o.kind END,
	       o.class, o.code, o.enhanced, o.reply, o.queue_id, o.took, o.relay
	FROM unnest($3::bigint[], $4::bigint[], $5::int[], $6::bigint[], $7::bigint[], $8::bool[], $9::bool[], $10::text[], $11::text[],
	            $12::int[], $13::text[], $14::text[], $15::text[], $16::int[], $17::bigint[], $2::text[])
	     o(campaign_id, seq, attempt, chunk_id, token, again, permitted, kind, class, code, enhanced, reply, queue_id, took, wait, relay)
	JOIN sends s ON s.campaign_id = o.campaign_id
	JOIN chunks c ON c.id = o.chunk_id
	LEFT JOIN retries r ON r.campaign_id = o.campaign_id AND r.seq = o.seq
	WHERE o.permitted OR CASE WHEN o.again THEN r.token = o.token AND r.owner = $1
	                          ELSE c.token = o.token AND c.owner = $1 AND c.closed_at IS NULL END
	ON CONFLICT (campaign_id, seq, attempt) DO UPDATE
	SET kind = EXCLUDED.kind, class = EXCLUDED.class, code = EXCLUDED.code, enhanced = EXCLUDED.enhanced, reply = EXCLUDED.reply,
	    queue_id = EXCLUDED.queue_id, took_ms = EXCLUDED.took_ms, relay = EXCLUDED.relay, at = EXCLUDED.at
	WHERE outcomes.kind IN ('doubt', 'unknown') AND EXCLUDED.kind NOT IN ('doubt', 'unknown')
	RETURNING campaign_id, seq, attempt`

const endRetriesSQL = `
	DELETE FROM retries r USING unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq)
	WHERE r.campaign_id = k.campaign_id AND r.seq = k.seq
	  AND EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = k.campaign_id AND o.seq = k.seq AND o.kind NOT IN ('deferred', 'doubt'))`

// addRetriesSQL goes by what stands in the table now, not by what was offered: of an outcome offered twice, the retry it
// once made may long be over.
const addRetriesSQL = `
	INSERT INTO retries (campaign_id, seq, chunk_id, provider, relay, attempt, due)
	SELECT k.campaign_id, k.seq, k.chunk_id, c.provider, o.relay, k.attempt + 1, clock_timestamp() + k.wait * interval '1 millisecond'
	FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::bigint[], $5::bigint[]) k(campaign_id, seq, attempt, chunk_id, wait)
	JOIN outcomes o ON o.campaign_id = k.campaign_id AND o.seq = k.seq AND o.attempt = k.attempt
	JOIN chunks c ON c.id = k.chunk_id
	JOIN sends s ON s.campaign_id = k.campaign_id
	WHERE o.kind IN ('deferred', 'doubt') AND s.state IN ('running', 'paused')
	  AND NOT EXISTS (SELECT FROM outcomes t WHERE t.campaign_id = k.campaign_id AND t.seq = k.seq
	                  AND (t.attempt > k.attempt OR t.kind NOT IN ('deferred', 'doubt')))
	ON CONFLICT (campaign_id, seq) DO UPDATE
	SET attempt = EXCLUDED.attempt, due = EXCLUDED.due, relay = EXCLUDED.relay, owner = NULL, lease_until = NULL
	WHERE retries.attempt < EXCLUDED.attempt`

// recountSQL counts closed chunks anew. It is a later statement than the lock on the chunk, so it sees all that others
// who held the lock have written.
const recountSQL = `
	UPDATE chunks c
	SET accepted = t.accepted, failed = t.failed, suppressed = t.suppressed, expired = t.expired, unknown = t.unknown,
	    answers = NULL
	FROM (SELECT c.id, o.* FROM chunks c CROSS JOIN LATERAL (` + tallySQL + `) o
	      WHERE c.id = ANY($1) AND c.closed_at IS NOT NULL) t
	WHERE c.id = t.id`
