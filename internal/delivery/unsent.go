package delivery

import (
	"context"

	"mailer/internal/db"
)

// NothingSent returns those of the campaigns whose send was cancelled, or ran out, before a single message had been sent. What a
// relay took, or may have taken, was sent.
func (s *Store) NothingSent(ctx context.Context, q db.Q, campaigns []int64) (map[int64]bool, error) {
	const unsent = `
		SELECT s.campaign_id FROM sends s
		WHERE s.campaign_id = ANY ($1) AND s.state IN ('cancelled', 'expired')
		  AND NOT EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = s.campaign_id AND o.kind IN ('accepted', 'unknown', 'doubt'))`
	var ids []int64
	if err := q.SelectContext(ctx, &ids, unsent, numbers(campaigns)); err != nil {
		return nil, db.Err(err, "look for sends that came to nothing")
	}
	nothing := make(map[int64]bool, len(ids))
	for _, id := range ids {
		nothing[id] = true
	}
	return nothing, nil
}
