package feedback

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Returned is a mail that came back on behalf of a reader, or that the reader sent. The names in the JSON are those that readers get
// to see, so they are kept.
type Returned struct {
	At          time.Time  `db:"received_at" json:"at"`
	Kind        string     `db:"kind" json:"kind"`
	Campaign    int64      `db:"campaign_id" json:"mail"`
	AutoReplied bool       `db:"auto_replied" json:"automatic"`
	Size        int64      `db:"size" json:"size"`
	Message     string     `db:"message" json:"message"`
	HandledAt   *time.Time `db:"handled_at" json:"done_at"`
}

// Of returns the mails that came back for any of some subscribers, oldest first.
func Of(ctx context.Context, q db.Q, subscribers []int64) ([]Returned, error) {
	const mails = `
		SELECT received_at, kind, campaign_id, auto_replied, size, coalesce(encode(data, 'escape'), '') AS message, handled_at
		FROM inbound WHERE subscriber_id = ANY($1) ORDER BY id`
	var all []Returned
	err := q.SelectContext(ctx, &all, mails, pq.Array(subscribers))
	return all, db.Err(err, "read mails that came back")
}

// Forget deletes the mails that came back for any of some subscribers.
func Forget(ctx context.Context, q db.Q, subscribers []int64) error {
	_, err := q.ExecContext(ctx, `DELETE FROM inbound WHERE subscriber_id = ANY($1)`, pq.Array(subscribers))
	return db.Err(err, "delete mails that came back")
}

// Prune deletes at most limit mails that came before a moment and are dealt with, and bounces of that age; it returns how many.
func Prune(ctx context.Context, q db.Q, before time.Time, limit int) (int64, error) {
	res, err := q.ExecContext(ctx, `DELETE FROM inbound WHERE id IN (SELECT id FROM inbound
			WHERE received_at < $1 AND (handled_at IS NOT NULL OR kind = 'bounce') ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before, limit)
	if err != nil {
		return 0, db.Err(err, "delete mails that came back")
	}
	n, err := res.RowsAffected()
	return n, db.Err(err, "delete mails that came back")
}
