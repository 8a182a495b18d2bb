// Package privacy gives readers what is known of them and forgets them when they ask, through all rooms that hold something, and lets
// what has had its time go. It owns the jobs of erasures; everything else is the rooms' own, which are called.
//
// A table that holds something of readers is named in parts; a test walks the schema and fails for one that is not.
package privacy

import (
	"context"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/delivery"
	"mailer/internal/subscribers"
)

// Deps is what the room stands on.
type Deps struct {
	DB          *sqlx.DB
	Subscribers *subscribers.Store
	Delivery    *delivery.Store
	Keep        Keep
	Now         func() time.Time // for retention; everything about one reader goes by the clock of the database
	Log         *slog.Logger
}

// Service is what readers, operators and the scheduler do with personal data. It is safe for concurrent use.
type Service struct{ Deps }

// New returns the room on its dependencies.
func New(d Deps) *Service { return &Service{d} }

// A part is one room's share: which tables of readers it answers for, how it tells what they hold of one reader, and how it forgets that.
type part struct {
	tables []string
	show   func(ctx context.Context, id subscribers.Identity) ([]Section, error)
	// forget works in the transaction of an erasure, and may be called again for the same reader. nil: nothing is to be done, or
	// another part's forget does it.
	forget func(ctx context.Context, tx *sqlx.Tx, job *erasure) error
	// late takes away what was written while the reader was erased, some time after it. nil: nothing can have been.
	late func(ctx context.Context, tx *sqlx.Tx, job *erasure) error
}
