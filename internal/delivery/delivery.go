// Package delivery is the outgoing queue: who a campaign goes to, what became of each of them, and the workers that hand
// the messages to the relay. It also sends the single mails of the outbox.
//
// A launched campaign is a send. A resumable cursor writes its audience: deliveries, one per reader and never updated, and
// chunks, ranges of deliveries of one provider that a process claims with a token and a lease. A worker carries a chunk over
// one relay connection. Before each final dot it needs a permit; one statement for all connections of a process records
// the outcomes they bring, notes which deliveries are now at risk, rechecks the claims, and answers who may go. After a
// crash the noted deliveries without an outcome are the doubts. State is derived, never stored twice: from outcomes, retry
// rows and the send.
package delivery

import (
	"github.com/jmoiron/sqlx"

	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// Store is the database side of the queue. It is safe for concurrent use.
type Store struct {
	// Narrow turns the rule of a send into a condition on a row m of the view mailable, with arguments numbered from first. A rule that
	// it refuses pauses the send. Set it before the store is used; without it a send with a rule is not launched.
	Narrow func(rule []byte, first int) (sql string, args []any, err error)

	db   *sqlx.DB
	ring *links.Ring
	subs *subscribers.Store
}

// NewStore returns the queue on d. The ring signs the links of each reader's copy; subs is told of dead mailboxes.
func NewStore(d *sqlx.DB, ring *links.Ring, subs *subscribers.Store) *Store {
	return &Store{db: d, ring: ring, subs: subs}
}
