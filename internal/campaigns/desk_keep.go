package campaigns

import (
	"context"
	"fmt"
	"time"

	"mailer/internal/db"
)

// PruneDesk forgets what the desk knows of campaigns that ended before a moment (launched, cancelled, skipped or expired): their history and
// changes that were never put on top; and who was at a desk before it. At most limit rows of each go; it returns how many went. The
// campaigns stay as they are.
func PruneDesk(ctx context.Context, q db.Q, before time.Time, limit int) (all int64, err error) {
	const ended = `(SELECT t.id FROM %s t JOIN campaigns c ON c.id = t.campaign_id WHERE c.state IN ('launched', 'cancelled', 'skipped', 'expired')
		AND coalesce(c.launched_at, c.updated_at) < $1 LIMIT $2)`
	for _, prune := range []string{
		`DELETE FROM campaign_revisions WHERE id IN ` + fmt.Sprintf(ended, "campaign_revisions"),
		`DELETE FROM campaign_unsaved WHERE id IN ` + fmt.Sprintf(ended, "campaign_unsaved"),
		`DELETE FROM campaign_presence WHERE (campaign_id, account) IN (SELECT campaign_id, account FROM campaign_presence WHERE seen_at < $1 LIMIT $2)`,
	} {
		res, err := q.ExecContext(ctx, prune, before, limit)
		if err != nil {
			return all, db.Err(err, "prune the desk")
		}
		n, err := res.RowsAffected()
		if err != nil {
			return all, db.Err(err, "prune the desk")
		}
		all += n
	}
	return all, nil
}
