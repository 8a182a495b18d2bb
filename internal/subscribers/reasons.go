package subscribers

import (
	"context"
	"slices"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// LeaveReasons are the reasons for leaving that a reader can tell with one tap, in the order in which they are offered.
var LeaveReasons = []string{"often", "interest", "never", "other"}

// TellReason counts one reader more who left the list of r for a reason. Nothing of who it was is kept.
func (s *Store) TellReason(ctx context.Context, r LeaveRequest, reason string) error {
	if !slices.Contains(LeaveReasons, reason) {
		return errs.Field("reason", "%q is none of those that can be told", reason)
	}
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO leave_reasons (list_id, campaign_id, reason, readers) VALUES ($1, $2, $3, 1)
		ON CONFLICT (list_id, campaign_id, reason, day) DO UPDATE SET readers = leave_reasons.readers + 1`, r.List, r.Campaign, reason)
	return db.Err(err, "count the reason")
}
