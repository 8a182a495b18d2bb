// Package transfer brings people in from files and writes them out again: imports with mapping, dry run and resume, exports as CSV.
// It owns the record of imports; what it brings is merged by subscribers, whose tables they are.
package transfer

import (
	"github.com/jmoiron/sqlx"

	"mailer/internal/subscribers"
)

// Store imports and exports. It is safe for concurrent use.
type Store struct {
	db   *sqlx.DB
	subs *subscribers.Store
}

// NewStore returns a Store on d, for the people of subs.
func NewStore(d *sqlx.DB, subs *subscribers.Store) *Store { return &Store{d, subs} }
