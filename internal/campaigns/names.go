package campaigns

import (
	"context"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Named is how a campaign is told to people who only got it.
type Named struct {
	ID      int64  `db:"id"`
	Name    string `db:"name"`
	Subject string `db:"subject"`
	Edition string `db:"edition"`
	List    int64  `db:"list_id"`
}

// Names returns how some campaigns are called.
func Names(ctx context.Context, q db.Q, ids []int64) (map[int64]Named, error) {
	var rows []Named
	err := q.SelectContext(ctx, &rows, `SELECT id, name, subject, edition, list_id FROM campaigns WHERE id = ANY($1)`, pq.Array(ids))
	named := make(map[int64]Named, len(rows))
	for _, r := range rows {
		named[r.ID] = r
	}
	return named, db.Err(err, "read the names of campaigns")
}
