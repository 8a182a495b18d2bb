package delivery

import (
	"context"
	"database/sql"
	"time"

	"mailer/internal/db"
)

// OldestOpen returns when the oldest send that is running or paused was launched; the zero time when there is none.
// Leaves since then must be kept, because permits look at them.
func (s *Store) OldestOpen(ctx context.Context) (time.Time, error) {
	var at sql.NullTime
	err := s.db.GetContext(ctx, &at, `SELECT min(created_at) FROM sends WHERE state IN ('running', 'paused')`)
	return at.Time, db.Err(err, "look for open sends")
}
