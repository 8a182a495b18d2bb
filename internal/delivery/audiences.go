package delivery

import (
	"context"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Audiences returns how many readers each of the campaigns went to, so that one can say what is usual. A send whose audience is
// not complete, or was cancelled, says nothing of that and is left out.
func (s *Store) Audiences(ctx context.Context, campaigns []int64) (map[int64]int64, error) {
	sizes := map[int64]int64{}
	if len(campaigns) == 0 {
		return sizes, nil
	}
	var rows []struct {
		Campaign int64 `db:"campaign_id"`
		Audience int64 `db:"audience"`
	}
	err := s.db.SelectContext(ctx, &rows, `SELECT campaign_id, audience FROM sends
		WHERE campaign_id = ANY ($1) AND audience_complete AND audience > 0 AND state <> 'cancelled'`, pq.Array(campaigns))
	for _, r := range rows {
		sizes[r.Campaign] = r.Audience
	}
	return sizes, db.Err(err, "read the audiences of past sends")
}
