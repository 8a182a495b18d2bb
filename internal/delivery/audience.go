package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/failpoint"
)

const (
	firstBatch = 1_000   // readers in the first step of a send, few, so that sending starts at once
	nextBatch  = 10_000  // readers in each later step that is counted out, and in the least that takes a range
	rangeBatch = 250_000 // readers in a step that takes a range, about, at most
	growth     = 4       // a step takes at most so many times the readers of all before: these keep senders busy while it is written
	chunkSize  = 300     // deliveries in a chunk, at most
	firstChunk = 100     // deliveries in a chunk of the first step: more of them, for all connections to begin with
)

// lastShuffle is the greatest random number that a subscription can have.
const lastShuffle = math.MaxInt32

// audience is what a step needs to know of a send. All of it but the cursor was frozen at the launch.
type audience struct {
	Campaign  int64
	List      int64     `db:"list_id"`
	AsOf      time.Time `db:"audience_as_of"`
	Groups    int64     `db:"groups"`
	Supporter int64     `db:"supporter_groups"`
	narrowing

	Wave       int     `db:"wave"`
	Audience   int64   `db:"audience"`
	Shuffle    int64   `db:"cursor_shuffle"`
	Subscriber int64   `db:"cursor_subscriber"`
	Percent    float64 `db:"slice_percent"`
	SliceOut   bool    `db:"slice_out"`
	SliceSize  int64   `db:"slice_size"`
	Wanting    bool    `db:"wanting"`
}

// extendAudience writes the next readers of one send whose audience is not complete, with their chunks, and returns its
// campaign, or 0 when there was none. Cursor, readers and chunks are one transaction, so a step that dies has not
// happened, and the next one, on whatever node, goes on from there. Any number of processes may call it: a send that one of
// them is at is passed over by the others. A send whose rule cannot be obeyed is paused.
//
// Readers are walked by the random number of their subscription. Within a step they are numbered by provider, so that a
// chunk is a range of one provider; over the whole send every slice of steps stays a fair sample. Where a first slice is asked
// for, the steps end with it until it is decided.
func (s *Store) extendAudience(ctx context.Context) (campaign int64, err error) {
	var rule *ruleError
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		campaign, rule = 0, nil
		send, err := takeAudience(ctx, tx)
		if campaign = send.Campaign; err != nil || !send.Wanting {
			return err
		}
		err = s.extend(ctx, tx, send)
		errors.As(err, &rule)
		return err
	})
	if rule != nil {
		_, err = s.PauseSelf(ctx, campaign, rule.reason())
	}
	if err != nil {
		return 0, err
	}
	return campaign, nil
}

// takeAudience takes a send whose audience wants a step; none has no campaign.
func takeAudience(ctx context.Context, tx *sqlx.Tx) (send audience, err error) {
	// An advisory lock and not one on the row: a pause must not wait for the end of a step. Sends are looked at one by
	// one, so that none is locked but the one that is taken.
	const take = `
		SELECT campaign_id FROM (SELECT campaign_id FROM sends x
		                         WHERE state = 'running' AND NOT audience_complete AND expires_at > now()
		                           AND (undo_until IS NULL OR undo_until <= clock_timestamp())
		                           AND (slice_state <> 'out' OR slice_size IS NULL OR audience < slice_size)
		                           AND NOT ` + behindEarlier + `
		                         ORDER BY priority DESC, not_before, campaign_id OFFSET 0) s
		WHERE pg_try_advisory_xact_lock(hashtextextended('audience of ' || campaign_id, 0)) LIMIT 1`
	if err := tx.GetContext(ctx, &send.Campaign, take); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return send, nil
		}
		return send, db.Err(err, "look for an audience to write")
	}
	// Only now, under the lock, it is certain how far the others have come.
	send, err = readAudience(ctx, tx, send.Campaign)
	if errors.Is(err, sql.ErrNoRows) { // its launch was taken back
		return audience{}, nil
	}
	return send, err
}

// readAudience reads what a step needs to know of a send.
func readAudience(ctx context.Context, q db.Q, campaign int64) (audience, error) {
	send := audience{Campaign: campaign}
	const read = `
		SELECT list_id, wave, audience, audience_as_of, cursor_shuffle, cursor_subscriber, slice_percent, slice_state = 'out' AS slice_out,
		       coalesce(slice_size, 0) AS slice_size, groups, supporter_groups, ` + narrowingColumns + `,
		       NOT audience_complete AND (slice_state <> 'out' OR slice_size IS NULL OR audience < slice_size) AS wanting
		FROM sends WHERE campaign_id = $1`
	err := q.GetContext(ctx, &send, read, campaign)
	if err == nil {
		err = send.readRepeats(ctx, q, campaign)
	}
	return send, db.Err(err, "read the send")
}

// extend takes one step.
func (s *Store) extend(ctx context.Context, tx *sqlx.Tx, send audience) error {
	// A process that is stopped in the middle must not keep the others from the audience.
	if _, err := tx.ExecContext(ctx, `SET LOCAL work_mem = '64MB'; SET LOCAL idle_in_transaction_session_timeout = '30s'`); err != nil {
		return db.Err(err, "write the audience")
	}
	if send.SliceOut && send.SliceSize == 0 {
		var err error
		if send.SliceSize, err = s.countSlice(ctx, tx, send); err != nil {
			return err
		}
	}
	q, err := s.step(send)
	if err != nil {
		return err
	}
	// Few readers are found by walking the index of the list, instead of hashing the whole list for every step. Many must be read in the
	// order of the tables: following the index to each of their rows would read most of the table once for every few of them.
	walk := `SET LOCAL random_page_cost = 1.1`
	if q.wide && len(send.Rule) == 0 && len(send.repeats) == 0 { // what else a statement looks up is better left to Postgres
		walk += `; SET LOCAL enable_indexscan = off`
	}
	if _, err := tx.ExecContext(ctx, walk); err != nil {
		return db.Err(err, "write the audience")
	}
	_, err = tx.ExecContext(ctx, q.sql, q.args...)
	failpoint.Hit("audience-step")
	return send.fault(db.Err(err, "write the audience"))
}

// statement is SQL with its arguments.
type statement struct {
	sql  string
	args []any
	wide bool // it takes more readers than an index should be followed for
}

// arg adds an argument and returns its number as SQL writes it.
func (q *statement) arg(v any) string {
	q.args = append(q.args, v)
	return fmt.Sprintf("$%d", len(q.args))
}

// step is the statement of the next step of a send: it relies on its caller's lock, so that nobody else adds deliveries to the
// send. Whoever is in the audience already is left out before the numbers are given, not by a conflict after, so that the
// numbers have no gap and a chunk's range is its size; and it is looked up one by one, as Postgres knows nothing yet of a
// partition that is being filled.
//
// The first step, and those that must not overshoot a slice, count out their readers. All others take everybody within a range of
// random numbers, which a hash join reads in the order of the tables, where a count would make it look up each reader in random
// order. How wide the range is follows from how far the steps before have come. A wave of late joiners is counted out, as they are few.
func (s *Store) step(send audience) (statement, error) {
	var q statement
	batch, chunk := int64(nextBatch), chunkSize
	if send.Audience == 0 {
		batch, chunk = firstBatch, firstChunk
	}
	slice := send.SliceOut && send.SliceSize > 0
	if slice {
		batch = min(batch, send.SliceSize-send.Audience)
	}
	to := int64(0) // end of the range; 0: so many are counted out
	if send.Audience > 0 && send.Wave <= 1 && (!slice || send.SliceSize-send.Audience > 2*rangeBatch) {
		some := min(max(growth*send.Audience, nextBatch), rangeBatch)
		to = send.Shuffle + max(1, int64(float64(some)*float64(send.Shuffle+1)/float64(send.Audience)))
		to = min(to, lastShuffle)
		q.wide = some > nextBatch
	}
	campaign := q.arg(send.Campaign)
	from, who := q.arg(send.Shuffle), q.arg(send.Subscriber)
	// The first condition on shuffle says nothing new, but it is the one that an index can begin at.
	walk := fmt.Sprintf(`m.shuffle >= %s AND (m.shuffle, m.subscriber_id) > (%s, %s)`, from, from, who)
	end, complete, cursor := "", "", ""
	if to > 0 {
		last := q.arg(to)
		walk += ` AND m.shuffle <= ` + last
		complete = fmt.Sprintf(`%s::bigint >= %d`, last, int64(lastShuffle))
		cursor = fmt.Sprintf(`(SELECT %s::int AS shuffle, %d AS subscriber_id)`, last, int64(math.MaxInt64))
	} else {
		limit := q.arg(batch)
		end = ` ORDER BY m.shuffle, m.subscriber_id LIMIT ` + limit
		complete = `(SELECT count(*) FROM batch) < ` + limit
		cursor = `(SELECT 1) one LEFT JOIN (SELECT shuffle, subscriber_id FROM batch ORDER BY shuffle DESC, subscriber_id DESC LIMIT 1) e ON true`
	}
	if to > 0 {
		cursor += ` e`
	}
	readers, err := s.readers(&q, send, walk, end)
	if err != nil {
		return q, err
	}
	q.sql = `
	WITH send AS MATERIALIZED (
		SELECT * FROM sends WHERE campaign_id = ` + campaign + `
	), ` + readers + `, numbered AS MATERIALIZED (
		SELECT b.*, (SELECT audience FROM send) + row_number() OVER (ORDER BY b.provider, b.shuffle, b.subscriber_id) AS seq,
		       (row_number() OVER (PARTITION BY b.provider ORDER BY b.shuffle, b.subscriber_id) - 1) / ` + q.arg(chunk) + ` AS nth
		FROM shown b
		WHERE (SELECT true FROM deliveries d WHERE d.campaign_id = ` + campaign + ` AND d.subscriber_id = b.subscriber_id LIMIT 1) IS NULL
	), written AS (
		INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots)
		SELECT ` + campaign + `, n.seq, n.subscriber_id, n.wire, n.groups, ARRAY[n.name]
		FROM numbered n
	), cut AS (
		INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, variant)
		SELECT ` + campaign + `, s.wave, c.provider, c.from_seq, c.to_seq, s.priority, s.not_before, s.revision, s.variant
		FROM (SELECT provider, min(seq) AS from_seq, max(seq) AS to_seq FROM numbered GROUP BY provider, nth) c CROSS JOIN send s
		ORDER BY c.from_seq
	)
	UPDATE sends s
	SET audience = s.audience + (SELECT count(*) FROM numbered),
	    audience_complete = ` + complete + `,
	    slice_out_at = CASE WHEN s.slice_state = 'out' AND s.audience + (SELECT count(*) FROM numbered) >= s.slice_size THEN clock_timestamp()
	                        ELSE s.slice_out_at END,
	    cursor_shuffle = coalesce(e.shuffle, s.cursor_shuffle),
	    cursor_subscriber = coalesce(e.subscriber_id, s.cursor_subscriber)
	FROM ` + cursor + `
	WHERE s.campaign_id = ` + campaign
	return q, nil
}

// readers are the named queries of a statement that end with "shown": who is in the audience of a send, by where and end, with the
// groups of the message that they get.
func (s *Store) readers(q *statement, send audience, where, end string) (string, error) {
	batch, err := s.batch(q, send, where, end)
	if err != nil {
		return "", err
	}
	return `batch AS MATERIALIZED (` + batch + `
	)` + send.shown(q), nil
}

// batch is the query of those whom a send may go to, with the groups of the message that they would get if they had had none of its
// stories.
func (s *Store) batch(q *statement, send audience, where, end string) (string, error) {
	groups := fmt.Sprintf(`CASE WHEN m.supporter THEN %s::bigint ELSE %s::bigint END`, q.arg(send.Supporter), q.arg(send.Groups))
	if send.TopicGroups != 0 {
		groups = fmt.Sprintf(`(%s | ((~m.topics_off << 2) & %s::bigint))`, groups, q.arg(send.TopicGroups))
	}
	conditions := []string{`m.list_id = ` + q.arg(send.List), `m.confirmed_at <= ` + q.arg(send.AsOf)}
	if where != "" {
		conditions = append(conditions, where)
	}
	if send.Wave > 1 { // nearly everybody is in the audience already
		conditions = append(conditions, `NOT EXISTS (SELECT FROM deliveries l WHERE l.campaign_id = `+q.arg(send.Campaign)+` AND l.subscriber_id = m.subscriber_id)`)
	}
	if send.Frequency != FrequencyAll {
		conditions = append(conditions, `m.frequency = `+q.arg(send.Frequency))
	}
	if len(send.Rule) > 0 {
		rule, err := s.narrow(q, send.Rule)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, rule)
	}
	return `
		SELECT m.shuffle, m.subscriber_id, m.wire, m.provider, m.name, ` + groups + ` AS groups
		FROM mailable m
		WHERE ` + strings.Join(conditions, " AND ") + end, nil
}

// int64s is a list of groups as SQL takes it.
func int64s(groups []uint64) pq.Int64Array {
	list := make(pq.Int64Array, len(groups))
	for i, g := range groups {
		list[i] = int64(g)
	}
	return list
}
