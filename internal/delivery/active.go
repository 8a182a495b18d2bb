package delivery

import (
	"context"

	"mailer/internal/db"
)

// ActiveSend is a send that is under way or paused.
type ActiveSend struct {
	Campaign int64  `db:"campaign_id"`
	State    string `db:"state"`
	Reason   string `db:"reason"`
}

// Active returns the sends that are running or paused, the newest first.
func (s *Store) Active(ctx context.Context) (list []ActiveSend, err error) {
	err = s.db.SelectContext(ctx, &list, `SELECT campaign_id, state, reason FROM sends WHERE state IN ('running', 'paused') ORDER BY campaign_id DESC`)
	return list, db.Err(err, "look for sends under way")
}
