package appeals

import (
	"context"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Wording is one variant of an appeal with what came of it.
type Wording struct {
	Variant
	Clicks    int64      `db:"clicks" json:"clicks"`       // of people, as far as can be told
	Machines  int64      `db:"machines" json:"machines"`   // of programs that open every link
	Campaigns int64      `db:"campaigns" json:"campaigns"` // in which somebody followed it
	LastClick *time.Time `db:"last_click" json:"last_click,omitempty"`
}

// Wordings returns all wordings of an appeal, the newest first. Errors: NotFound.
func (s *Store) Wordings(ctx context.Context, slug string) ([]Wording, error) {
	list := []Wording{}
	err := s.db.SelectContext(ctx, &list, `SELECT v.id, v.appeal_id, a.slug, v.heading, v.body, v.button, v.url, v.created_at,
			coalesce(sum(c.clicks), 0)::bigint AS clicks, coalesce(sum(c.machine_clicks), 0)::bigint AS machines,
			count(DISTINCT c.campaign_id) FILTER (WHERE c.clicks > 0) AS campaigns, max(c.hour) FILTER (WHERE c.clicks > 0) AS last_click
		FROM appeal_variants v JOIN appeals a ON a.id = v.appeal_id LEFT JOIN appeal_clicks c ON c.variant_id = v.id
		WHERE a.slug = $1 GROUP BY v.id, a.slug ORDER BY v.id DESC`, slug)
	if err != nil {
		return nil, db.Err(err, "read the wordings of the appeal")
	}
	if len(list) == 0 {
		return nil, errs.New(errs.NotFound, "there is no appeal %q", slug)
	}
	return list, nil
}
