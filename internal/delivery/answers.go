package delivery

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Answers is what the attempts of sends were answered, minute by minute. Of a closed chunk it is summed up once and kept with the
// chunk, so that a report of a million readers reads some thousand rows. It is no part of what a send waits for: a chore does it.
type Answers struct{ db *sqlx.DB }

// NewAnswers returns the answers in d.
func NewAnswers(d *sqlx.DB) *Answers { return &Answers{d} }

// Minute is what came in within one minute.
type Minute struct {
	At       time.Time `json:"at"`
	Accepted int64     `json:"accepted"`
	Deferred int64     `json:"deferred"` // those in doubt that were to be sent to again among them
	Failed   int64     `json:"failed"`
}

// Refused is how many deliveries of one provider were refused for good for one reason.
type Refused struct {
	Class    string
	Provider string
	Readers  int64
	Seq      int64 // of one of them
	Reply    string
}

// Answered is what a campaign was answered so far.
type Answered struct {
	First, Last *time.Time // nil: nothing yet
	Minutes     []Minute   // those with anything in them, the earliest first
	Refused     []Refused  // most first
}

// answersSQL is what the chunk c was answered. Refused are those whose delivery is decided as failed: where another attempt was accepted
// the reader has the mail.
const answersSQL = `
	SELECT jsonb_build_object('first', min(x.first), 'last', max(x.last),
		'minutes', coalesce(jsonb_agg(jsonb_build_array(x.minute, x.accepted, x.deferred, x.failed)), '[]'),
		'refused', (SELECT coalesce(jsonb_agg(jsonb_build_array(r.class, r.n, r.seq)), '[]')
			FROM (SELECT d.class, count(*) AS n, min(d.seq) AS seq FROM decided(c.campaign_id, c.from_seq, c.to_seq) d WHERE d.kind = 'failed' GROUP BY d.class) r)) AS answers
	FROM (SELECT floor(extract(epoch FROM o.at) / 60)::bigint AS minute, min(o.at) AS first, max(o.at) AS last,
			count(*) FILTER (WHERE o.kind = 'accepted') AS accepted, count(*) FILTER (WHERE o.kind IN ('deferred', 'doubt')) AS deferred,
			count(*) FILTER (WHERE o.kind = 'failed') AS failed
		FROM outcomes o WHERE o.campaign_id = c.campaign_id AND o.seq BETWEEN c.from_seq AND c.to_seq GROUP BY 1) x`

// Fold sums up the closed chunks that nobody has summed up yet, at most some thousand; more at the next time.
func (a *Answers) Fold(ctx context.Context) error {
	const batch, most = 50, 200
	for range most {
		n, err := a.foldSome(ctx, batch)
		if err != nil || n < batch {
			return err
		}
	}
	return nil
}

func (a *Answers) foldSome(ctx context.Context, batch int) (n int, err error) {
	err = db.InTx(ctx, a.db, func(tx *sqlx.Tx) error {
		// Locked first and read later: who writes an outcome of a closed chunk holds this lock, and takes the sum away again.
		var ids pq.Int64Array
		if err := tx.SelectContext(ctx, &ids, `SELECT id FROM chunks WHERE closed_at IS NOT NULL AND answers IS NULL
			ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`, batch); err != nil {
			return db.Err(err, "look for closed chunks")
		}
		if n = len(ids); n == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, `UPDATE chunks k SET answers = t.answers
			FROM (SELECT c.id, a.answers FROM chunks c CROSS JOIN LATERAL (`+answersSQL+`) a WHERE c.id = ANY($1)) t WHERE k.id = t.id`, ids)
		return db.Err(err, "sum up closed chunks")
	})
	return n, err
}

// Of returns what a campaign was answered up to now: of chunks that are summed up from there, of others from their rows.
func (a *Answers) Of(ctx context.Context, campaign int64) (Answered, error) {
	var rows []struct {
		Provider string `db:"provider"`
		Answers  []byte `db:"answers"`
	}
	err := a.db.SelectContext(ctx, &rows, `
		SELECT c.provider, c.answers FROM chunks c WHERE c.campaign_id = $1 AND c.answers IS NOT NULL AND c.closed_at IS NOT NULL
		UNION ALL
		SELECT c.provider, a.answers FROM chunks c CROSS JOIN LATERAL (`+answersSQL+`) a
		WHERE c.campaign_id = $1 AND (c.answers IS NULL OR c.closed_at IS NULL) AND c.token > 0`, campaign)
	if err != nil {
		return Answered{}, db.Err(err, "read what a campaign was answered")
	}
	var s summing
	for _, r := range rows {
		if err := s.add(r.Provider, r.Answers); err != nil {
			return Answered{}, errs.Wrap(err, errs.Internal, "read what a campaign was answered")
		}
	}
	sum := s.answered()
	return sum, a.quote(ctx, campaign, sum.Refused)
}

// quote fills in what one of those refused was told.
func (a *Answers) quote(ctx context.Context, campaign int64, refused []Refused) error {
	var seqs pq.Int64Array
	for _, r := range refused {
		seqs = append(seqs, r.Seq)
	}
	var told []struct {
		Seq   int64  `db:"seq"`
		Reply string `db:"reply"`
	}
	err := a.db.SelectContext(ctx, &told, `SELECT k.seq, d.reply FROM unnest($2::bigint[]) k(seq) CROSS JOIN LATERAL decided($1, k.seq, k.seq) d`, campaign, seqs)
	if err != nil {
		return db.Err(err, "read what relays said")
	}
	replies := make(map[int64]string, len(told))
	for _, t := range told {
		replies[t.Seq] = t.Reply
	}
	for i, r := range refused {
		refused[i].Reply = replies[r.Seq]
	}
	return nil
}

// chunkAnswers is the JSON of answersSQL.
type chunkAnswers struct {
	First   *time.Time   `json:"first"`
	Last    *time.Time   `json:"last"`
	Minutes [][4]int64   `json:"minutes"`
	Refused []refusedRow `json:"refused"`
}

type refusedRow struct {
	class  string
	n, seq int64
}

// UnmarshalJSON reads [class, how many, seq].
func (r *refusedRow) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&r.class, &r.n, &r.seq})
}
