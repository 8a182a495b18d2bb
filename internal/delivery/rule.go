package delivery

import (
	"context"

	"mailer/internal/db"
)

// Rule returns the rule that narrows the audience of a send as it was frozen at the launch, nil where there is none; errs.NotFound
// when the campaign was never launched.
func (s *Store) Rule(ctx context.Context, campaign int64) ([]byte, error) {
	var rule []byte
	err := s.db.GetContext(ctx, &rule, `SELECT rule FROM sends WHERE campaign_id = $1`, campaign)
	return rule, db.Err(err, "read the audience's rule")
}
