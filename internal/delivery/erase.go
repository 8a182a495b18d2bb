package delivery

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
)

// Traces is what the queue knows of single readers: it gives it to them, and forgets it.
type Traces struct{ s *Store }

// Traces returns the part of the store that knows single readers.
func (s *Store) Traces() Traces { return Traces{s} }

// Received is one message to one reader. The names in the JSON are those that readers get to see, so they are kept.
type Received struct {
	Campaign  int64          `db:"campaign_id" json:"mail"`
	Seq       int64          `db:"seq" json:"number"`
	Recipient string         `db:"recipient" json:"address"`
	Slots     pq.StringArray `db:"slots" json:"personal_words"`
	Groups    int64          `db:"groups" json:"parts_shown"`
	Provider  string         `db:"provider" json:"mail_provider"`
	State     string         `db:"state" json:"state"`
	Tries     []Try          `db:"-" json:"tries"`
}

// Try is one attempt to hand a message to a relay, or what came of it without one.
type Try struct {
	At      time.Time `db:"at" json:"at"`
	Kind    string    `db:"kind" json:"state"`
	Class   string    `db:"class" json:"class"`
	Code    int       `db:"code" json:"code"`
	Reply   string    `db:"reply" json:"reply"`
	Relay   string    `db:"relay" json:"relay"`
	QueueID string    `db:"queue_id" json:"queue_id"`
}

// keysSQL finds the deliveries of the reader $1: one look into the index of each campaign, whatever the planner believes of the size
// of a partition; LIMIT keeps it from reading them whole.
const keysSQL = `
	SELECT s.campaign_id, d.seq FROM sends s
	CROSS JOIN LATERAL (SELECT d.seq FROM deliveries d WHERE d.campaign_id = s.campaign_id AND d.subscriber_id = $1 LIMIT 1) d
	ORDER BY s.campaign_id`

// receivedSQL reads deliveries by their keys; triesSQL what came of them.
const (
	receivedSQL = `
		SELECT k.campaign_id, k.seq, d.recipient, d.slots, d.groups, v.provider, v.state
		FROM unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq)
		CROSS JOIN LATERAL (SELECT d.* FROM deliveries d WHERE d.campaign_id = k.campaign_id AND d.seq = k.seq LIMIT 1) d
		CROSS JOIN LATERAL (SELECT v.provider, v.state FROM delivery_state v WHERE v.campaign_id = k.campaign_id AND v.seq = k.seq LIMIT 1) v
		ORDER BY k.campaign_id`
	triesSQL = `
		SELECT k.campaign_id, o.at, o.kind, o.class, o.code, o.reply, o.relay, o.queue_id
		FROM unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq)
		CROSS JOIN LATERAL (SELECT o.* FROM outcomes o WHERE o.campaign_id = k.campaign_id AND o.seq = k.seq ORDER BY o.attempt OFFSET 0) o`
)

// byKeySQL makes the transaction reach rows by their keys, whatever Postgres believes of the size of a partition.
const byKeySQL = `SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off`

const (
	blankSQL = `
		UPDATE deliveries d SET subscriber_id = k.nobody, recipient = '', slots = '{}'
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) k(campaign_id, seq, nobody) WHERE d.campaign_id = k.campaign_id AND d.seq = k.seq`
	blankRepliesSQL = `
		UPDATE outcomes o SET reply = '', queue_id = '' FROM unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq)
		WHERE o.campaign_id = k.campaign_id AND o.seq = k.seq AND (o.reply <> '' OR o.queue_id <> '')`
)

// Of returns the messages to a reader that are still known, by campaign, with addresses in full.
func (t Traces) Of(ctx context.Context, subscriber int64) ([]Received, error) {
	campaigns, seqs, err := keysOf(ctx, t.s.db, subscriber)
	if err != nil || len(seqs) == 0 {
		return nil, err
	}
	var all []Received
	if err := t.s.db.SelectContext(ctx, &all, receivedSQL, campaigns, seqs); err != nil {
		return nil, db.Err(err, "read the mails to a reader")
	}
	var tries []struct {
		Campaign int64 `db:"campaign_id"`
		Try
	}
	if err := t.s.db.SelectContext(ctx, &tries, triesSQL, campaigns, seqs); err != nil {
		return nil, db.Err(err, "read the mails to a reader")
	}
	of := make(map[int64]int, len(all))
	for i := range all {
		of[all[i].Campaign] = i
	}
	for _, x := range tries {
		if i, ok := of[x.Campaign]; ok {
			all[i].Tries = append(all[i].Tries, x.Try)
		}
	}
	return all, nil
}

func keysOf(ctx context.Context, q db.Q, subscriber int64) (campaigns, seqs numbers, err error) {
	var keys []retryKey
	if err := q.SelectContext(ctx, &keys, keysSQL, subscriber); err != nil {
		return nil, nil, db.Err(err, "look for the mails to a reader")
	}
	campaigns, seqs, _ = splitKeys(keys)
	return campaigns, seqs, nil
}

// Erase blanks the deliveries of a reader, in the transaction of its caller, and returns which they were: no address, no name, and in
// place of the subscriber a random number, another one for each, so that they cannot be put together again. Counts stay as they
// were; what was not sent yet ends as suppressed, see markGone. The reader must have become unmailable before this
// transaction began, so that no audience takes them in again.
//
// An answer of a relay that is under way may still be recorded with the address in it: EraseLate takes it away.
func (t Traces) Erase(ctx context.Context, tx *sqlx.Tx, subscriber int64) (campaigns, seqs []int64, err error) {
	// A step of an audience that began before may just be writing this reader: its lock is waited for, and what it has written is seen
	// by the next statement. Later steps pass these sends over for the moment.
	const wait = `
		SELECT pg_advisory_xact_lock(hashtextextended('audience of ' || campaign_id, 0))
		FROM (SELECT campaign_id FROM sends WHERE state IN ('running', 'paused') AND NOT audience_complete ORDER BY campaign_id) s`
	if _, err := tx.ExecContext(ctx, wait); err != nil {
		return nil, nil, db.Err(err, "wait for the audiences that are being written")
	}
	c, s, err := keysOf(ctx, tx, subscriber)
	if err != nil || len(s) == 0 {
		return nil, nil, err
	}
	nobody := make(numbers, len(s))
	for i := range nobody {
		nobody[i] = randomNobody()
	}
	if _, err := tx.ExecContext(ctx, byKeySQL); err != nil {
		return nil, nil, db.Err(err, "blank the mails to a reader")
	}
	if _, err := tx.ExecContext(ctx, blankSQL, c, s, nobody); err != nil {
		return nil, nil, db.Err(err, "blank the mails to a reader")
	}
	return c, s, blankReplies(ctx, tx, c, s)
}

// EraseLate takes away what came in since Erase blanked these deliveries.
func (t Traces) EraseLate(ctx context.Context, tx *sqlx.Tx, campaigns, seqs []int64) error {
	if _, err := tx.ExecContext(ctx, byKeySQL); err != nil {
		return db.Err(err, "blank what relays said of a reader")
	}
	return blankReplies(ctx, tx, campaigns, seqs)
}

// blankReplies takes away what relays said, since they like to repeat the address, and the names by which their logs know the message.
func blankReplies(ctx context.Context, tx *sqlx.Tx, campaigns, seqs numbers) error {
	_, err := tx.ExecContext(ctx, blankRepliesSQL, campaigns, seqs)
	return db.Err(err, "blank what relays said of a reader")
}

// randomNobody returns a number that no subscriber has or ever gets: these are positive.
func randomNobody() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return -int64(binary.BigEndian.Uint64(b[:])>>1) - 1
}
