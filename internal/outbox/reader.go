package outbox

import (
	"context"
	"time"

	"mailer/internal/db"
)

// Letter is what the outbox knows of one mail to a reader. The names in the JSON are those that readers get to see, so they are kept.
type Letter struct {
	CreatedAt  time.Time  `db:"created_at" json:"at"`
	Kind       string     `db:"kind" json:"kind"`
	Recipient  string     `db:"recipient" json:"address"`
	State      string     `db:"state" json:"state"`
	FinishedAt *time.Time `db:"finished_at" json:"ended_at"`
	LastReply  string     `db:"last_reply" json:"reply"`
	Message    string     `db:"message" json:"message"` // as long as it is not sent
}

// To returns the mails to an address, given in its canonical form, oldest first.
func To(ctx context.Context, q db.Q, canonical string) ([]Letter, error) {
	const letters = `
		SELECT created_at, kind, recipient, state, finished_at, last_reply, encode(data, 'escape') AS message
		FROM outbox WHERE lower(recipient) = $1 ORDER BY id`
	var all []Letter
	err := q.SelectContext(ctx, &all, letters, canonical)
	return all, db.Err(err, "look into the outbox")
}

// Forget deletes the mails to an address, given in its canonical form, that were enqueued before a moment; those that wait are not
// sent. One that is being sent at this moment goes out.
func Forget(ctx context.Context, q db.Q, canonical string, before time.Time) error {
	_, err := q.ExecContext(ctx, `DELETE FROM outbox WHERE lower(recipient) = $1 AND created_at < $2`, canonical, before)
	return db.Err(err, "withdraw mails")
}
