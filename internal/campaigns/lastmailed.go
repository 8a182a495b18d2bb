package campaigns

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Mailed is the last mail that carried a story.
type Mailed struct {
	Campaign int64
	ListID   int64
	Name     string // of the campaign
	At       time.Time
}

// LastMailed returns for each of the stories the last campaign to one of the lists that carried it; stories that none of them carried
// are not in it. Campaigns that were ended before anything was sent do not count, nor does except, where it is not 0.
func (l *Listing) LastMailed(ctx context.Context, articles, lists []int64, except int64) (map[int64]Mailed, error) {
	var rows []struct {
		Article  int64     `db:"article_id"`
		Campaign int64     `db:"id"`
		ListID   int64     `db:"list_id"`
		Name     string    `db:"name"`
		At       time.Time `db:"launched_at"`
	}
	err := l.svc.DB.SelectContext(ctx, &rows, `SELECT s.article_id, c.id, c.list_id, c.name, c.launched_at
		FROM campaign_stories s JOIN campaigns c ON c.id = s.campaign_id
		WHERE s.article_id = ANY ($1) AND c.state = 'launched' AND c.list_id = ANY ($2) AND c.id <> $3
		ORDER BY c.launched_at DESC, c.id DESC`, pq.Array(articles), pq.Array(lists), except)
	if err != nil {
		return nil, db.Err(err, "look for the mails that carried stories")
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.Campaign
	}
	nothing, err := l.svc.Delivery.NothingSent(ctx, l.svc.DB, ids)
	if err != nil {
		return nil, err
	}
	last := map[int64]Mailed{}
	for _, r := range rows {
		if _, later := last[r.Article]; !later && !nothing[r.Campaign] {
			last[r.Article] = Mailed{r.Campaign, r.ListID, r.Name, r.At.UTC()}
		}
	}
	return last, nil
}
