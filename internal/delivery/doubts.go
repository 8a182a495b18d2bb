package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// What a person may decide about a reader in doubt.
const (
	DecideAccept = "accept" // leave it: the reader counts as unknown for good
	DecideResend = "resend" // send once more, the same octets under the same Message-ID
)

// lateResend is how long a doubt may be resent in a send whose time is over: a person has decided that it is worth it.
const lateResend = 24 * time.Hour

// Doubt is a reader of whom it is not known whether the mail arrived, and what a person decided about that.
type Doubt struct {
	Reader
	Decision  string     `db:"decision" json:"decision,omitempty"` // DecideAccept, or empty: nobody has
	DecidedBy string     `db:"decided_by" json:"decided_by,omitempty"`
	DecidedAt *time.Time `db:"decided_at" json:"decided_at,omitempty"`
}

// doubtsSQL are the readers of a campaign that are unknown, with the attempt that they are unknown by.
const doubtsSQL = `
	SELECT o.seq, o.attempt AS attempts, 'unknown' AS state, o.class, o.code, o.enhanced, o.reply, o.at, d.subscriber_id, d.recipient, c.provider,
	       coalesce(w.decision, '') AS decision, coalesce(w.who, '') AS decided_by, w.at AS decided_at
	FROM outcomes o
	CROSS JOIN LATERAL decided(o.campaign_id, o.seq, o.seq) t
	JOIN deliveries d ON d.campaign_id = o.campaign_id AND d.seq = o.seq
	CROSS JOIN LATERAL (SELECT provider FROM chunks WHERE campaign_id = o.campaign_id AND from_seq <= o.seq ORDER BY from_seq DESC LIMIT 1) c
	LEFT JOIN doubt_decisions w ON w.campaign_id = o.campaign_id AND w.seq = o.seq AND w.attempt = o.attempt AND w.decision = 'accept'
	WHERE o.campaign_id = $1 AND o.kind = 'unknown' AND t.kind = 'unknown' AND t.attempt = o.attempt`

// Doubts lists the readers in doubt of a campaign by seq, at most limit (100 when it is 0, 1,000 at most) after the given one;
// with undecided only those that wait for a person. Addresses are in full: mask them before they are shown.
func (s *Store) Doubts(ctx context.Context, campaign int64, undecided bool, after int64, limit int) ([]Doubt, error) {
	if limit <= 0 {
		limit = 100
	}
	const q = doubtsSQL + ` AND o.seq > $2 AND (NOT $3 OR w.decision IS NULL) ORDER BY o.seq LIMIT $4`
	var doubts []Doubt
	err := s.db.SelectContext(ctx, &doubts, q, campaign, after, undecided, min(limit, 1000))
	return doubts, db.Err(err, "list the readers in doubt")
}

// RetriedDoubts lists the first readers in doubt who are about to be sent to once more.
func (s *Store) RetriedDoubts(ctx context.Context, campaign int64, limit int) ([]Reader, error) {
	const q = `
		SELECT r.seq, d.subscriber_id, d.recipient, r.provider, 'deferred' AS state, o.attempt AS attempts, o.class, o.code, o.enhanced, o.reply, o.at, r.due
		FROM retries r JOIN sends s ON s.campaign_id = r.campaign_id AND s.state IN ('running', 'paused')
		JOIN outcomes o ON o.campaign_id = r.campaign_id AND o.seq = r.seq AND o.attempt = r.attempt - 1 AND o.kind = 'doubt'
		JOIN deliveries d ON d.campaign_id = r.campaign_id AND d.seq = r.seq
		WHERE r.campaign_id = $1 ORDER BY r.seq LIMIT $2`
	var readers []Reader
	err := s.db.SelectContext(ctx, &readers, q, campaign, limit)
	return readers, db.Err(err, "list the readers in doubt")
}

// UndecidedDoubts counts the readers in doubt about whom nobody has decided.
func (s *Store) UndecidedDoubts(ctx context.Context, campaign int64) (n int64, err error) {
	err = s.db.GetContext(ctx, &n, `SELECT count(*) FROM (`+doubtsSQL+` AND w.decision IS NULL) d`, campaign)
	return n, db.Err(err, "count the readers in doubt")
}

// DecideDoubts carries out what a person decided about readers in doubt: those with the given seqs, or all that are undecided
// when there are none. It returns how many it were. To resend is possible as long as the send was not cancelled and did not
// run out; one that is done goes on with them, under the policy it was launched with: in doubt again, they are unknown
// again. Errors: errs.NotFound when the campaign was never launched, errs.Conflict with the reason, errs.Invalid.
func (s *Store) DecideDoubts(ctx context.Context, campaign int64, seqs []int64, decision, who string) (n int, err error) {
	if decision != DecideAccept && decision != DecideResend {
		return 0, errs.Field("decision", "must be %s or %s", DecideAccept, DecideResend)
	}
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		list, err := lockForDoubts(ctx, tx, campaign, decision)
		if err != nil {
			return err
		}
		const find = `
			SELECT x.seq, x.attempts, x.subscriber_id, (SELECT id FROM chunks WHERE campaign_id = $1 AND from_seq <= x.seq ORDER BY from_seq DESC LIMIT 1) AS chunk_id
			FROM (` + doubtsSQL + ` AND w.decision IS NULL AND (cardinality($2::bigint[]) = 0 OR o.seq = ANY($2))) x ORDER BY x.seq`
		var rows []struct {
			Seq        int64 `db:"seq"`
			Attempt    int64 `db:"attempts"`
			Subscriber int64 `db:"subscriber_id"`
			Chunk      int64 `db:"chunk_id"`
		}
		if err := tx.SelectContext(ctx, &rows, find, campaign, numbers(seqs)); err != nil {
			return db.Err(err, "read the readers in doubt")
		}
		if n = len(rows); n == 0 || len(seqs) > n {
			return errs.New(errs.Conflict, "of these readers of campaign %d not all are in doubt and undecided; see: mailer campaigns doubts %d", campaign, campaign)
		}
		var campaigns, all, attempts, people, chunks, waits numbers
		for _, r := range rows {
			campaigns, all, attempts = append(campaigns, campaign), append(all, r.Seq), append(attempts, r.Attempt)
			people, chunks, waits = append(people, r.Subscriber), append(chunks, r.Chunk), append(waits, 0)
		}
		const note = `
			INSERT INTO doubt_decisions (campaign_id, seq, attempt, decision, who)
			SELECT $1, k.seq, k.attempt, $4, $5 FROM unnest($2::bigint[], $3::int[]) k(seq, attempt)
			ON CONFLICT (campaign_id, seq, attempt) DO UPDATE SET decision = EXCLUDED.decision, who = EXCLUDED.who, at = EXCLUDED.at`
		if _, err := tx.ExecContext(ctx, note, campaign, all, attempts, decision, who); err != nil {
			return db.Err(err, "note the decision")
		}
		if decision == DecideResend {
			// Permits look at the leaves of the last days alone, and this send may be months old.
			if err := s.subs.NoteGone(ctx, tx, list, people); err != nil {
				return err
			}
			if err := resend(ctx, tx, campaigns, all, attempts, chunks, waits); err != nil {
				return err
			}
		}
		return audit.Log(ctx, tx, who, "campaign.doubts", campaignSubject(campaign), map[string]any{"decision": decision, "deliveries": []int64(all)})
	})
	return n, err
}

// lockForDoubts locks the send against its end, and for a resend makes sure that it can go on. It returns the list.
func lockForDoubts(ctx context.Context, tx *sqlx.Tx, campaign int64, decision string) (list int64, err error) {
	var state string
	err = tx.QueryRowxContext(ctx, `SELECT state, list_id FROM sends WHERE campaign_id = $1 FOR NO KEY UPDATE`, campaign).Scan(&state, &list)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	case err != nil:
		return 0, db.Err(err, "read the send")
	case decision == DecideAccept:
		return list, nil
	case state == StateCancelled || state == StateExpired:
		return 0, errs.New(errs.Conflict, "the send of campaign %d is %s: nothing of it goes out any more; its readers in doubt can only be accepted as they are",
			campaign, state)
	}
	const open = `
		UPDATE sends SET state = CASE WHEN state = 'done' THEN 'running' ELSE state END, finished_at = NULL,
		       expires_at = greatest(expires_at, clock_timestamp() + $2 * interval '1 second')
		WHERE campaign_id = $1`
	_, err = tx.ExecContext(ctx, open, campaign, int64(lateResend.Seconds()))
	return list, db.Err(err, "let the send go on")
}

// resend makes unknown readers due for another attempt: what was unknown is a doubt again, which the next attempt follows.
func resend(ctx context.Context, tx *sqlx.Tx, campaigns, seqs, attempts, chunks, waits numbers) error {
	if _, err := tx.ExecContext(ctx, `SELECT id FROM chunks WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, chunks); err != nil {
		return db.Err(err, "send to readers in doubt")
	}
	const again = `
		UPDATE outcomes o SET kind = 'doubt' FROM unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq)
		WHERE o.campaign_id = k.campaign_id AND o.seq = k.seq AND o.kind = 'unknown'`
	if _, err := tx.ExecContext(ctx, again, campaigns, seqs); err != nil {
		return db.Err(err, "send to readers in doubt")
	}
	if _, err := tx.ExecContext(ctx, addRetriesSQL, campaigns, seqs, attempts, chunks, waits); err != nil {
		return db.Err(err, "send to readers in doubt")
	}
	_, err := tx.ExecContext(ctx, recountSQL, chunks)
	return db.Err(err, "send to readers in doubt")
}
