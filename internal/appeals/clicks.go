package appeals

import (
	"context"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Click notes that the button of a variant was followed from a campaign, and returns where it leads. Nothing about who
// followed it is kept, and programs that follow every link of a mail are counted like people. Errors: NotFound.
func (s *Store) Click(ctx context.Context, campaign, variant int64) (target string, err error) {
	v, err := s.Variant(ctx, variant)
	if err != nil {
		return "", err
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO appeal_clicks (campaign_id, variant_id, hour, clicks) VALUES ($1, $2, $3, 1)
		ON CONFLICT (campaign_id, variant_id, hour) DO UPDATE SET clicks = appeal_clicks.clicks + 1`,
		campaign, variant, s.now().UTC().Truncate(time.Hour))
	if err = db.Err(err, "count the click"); errs.KindOf(err) == errs.Unavailable {
		return v.URL, err // the reader can be sent on; only the count is lost
	}
	return v.URL, err
}

// Clicks is how often one wording's button was followed from one campaign.
type Clicks struct {
	VariantID int64     `db:"variant_id" json:"variant_id"`
	Slug      string    `db:"slug" json:"slug"`
	Heading   string    `db:"heading" json:"heading"`
	Clicks    int64     `db:"clicks" json:"clicks"`
	First     time.Time `db:"first" json:"first"` // the hour of the first click
	Last      time.Time `db:"last" json:"last"`
}

// Clicks returns the clicks of a campaign by wording.
func (s *Store) Clicks(ctx context.Context, campaign int64) ([]Clicks, error) {
	list := []Clicks{}
	err := s.db.SelectContext(ctx, &list, `SELECT c.variant_id, a.slug, v.heading, sum(c.clicks)::bigint AS clicks,
			min(c.hour) AS first, max(c.hour) AS last
		FROM appeal_clicks c JOIN appeal_variants v ON v.id = c.variant_id JOIN appeals a ON a.id = v.appeal_id
		WHERE c.campaign_id = $1 GROUP BY c.variant_id, a.slug, v.heading ORDER BY c.variant_id`, campaign)
	return list, db.Err(err, "read clicks")
}
