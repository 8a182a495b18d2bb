// Package subscribers owns people and their consent: addresses, lists, subscriptions, suppression, and the consent
// log. Other rooms see who may be mailed through the view mailable, or call a Store.
package subscribers

import (
	"bytes"
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/links"
)

// Store reads and writes the tables of readers. It is safe for concurrent use; Policy and Now are set before the first call.
type Store struct {
	// Policy says which addresses are taken; the zero value is that of production.
	Policy Policy
	// Now is the clock of limits that are told to people, such as the day in which a leave can be undone.
	Now func() time.Time

	Choices      *Choices
	Topics       *Topics
	Publications *Publications

	db   *sqlx.DB
	ring *links.Ring

	leaves                                 gather[LeaveRequest, left]
	leavePages                             gather[LeaveRequest, leavingRow]
	leaveLists                             leaveLists
	leaveTogetherStmt, leavingTogetherStmt prepared
}

// NewStore returns a Store on d. The ring's address hash names people in the suppression list; see CheckKey.
func NewStore(d *sqlx.DB, ring *links.Ring) *Store {
	s := &Store{db: d, ring: ring, Now: time.Now}
	s.leaves.ask, s.leavePages.ask = s.leaveTogether, s.leavingTogether
	s.Choices, s.Topics, s.Publications = &Choices{s}, &Topics{s}, &Publications{s}
	return s
}

// CheckKey makes sure that the secret is the one the suppression list was made with; the first start notes it. With
// another one every suppression would be void, so that is refused with errs.Config. Call it before anything is sent.
func (s *Store) CheckKey(ctx context.Context) error {
	mine := s.ring.Fingerprint()
	const note = `INSERT INTO address_key (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING`
	if _, err := s.db.ExecContext(ctx, note, mine); err != nil {
		return db.Err(err, "note the address key")
	}
	var noted []byte
	if err := s.db.GetContext(ctx, &noted, `SELECT fingerprint FROM address_key`); err != nil {
		return db.Err(err, "read the address key")
	}
	if bytes.Equal(noted, mine) {
		return nil
	}
	return &errs.Error{Kind: errs.Config, Field: "MAILER_OLD_SECRETS", Msg: "the suppression list of this database was made with " +
		"another secret, and with this one nobody who left would be recognised; put the first secret this database was used " +
		"with at the end of MAILER_OLD_SECRETS (newest first, for example secret-of-2027,secret-of-2026)"}
}
