package campaigns

import (
	"context"
	"time"

	"mailer/internal/db"
)

// PastCorrection is a note to a story that a past campaign carries.
type PastCorrection struct {
	Article int64     `db:"article_id"`
	Title   string    `db:"title"` // as it stood in the campaign
	Note    string    `db:"note"`
	At      time.Time `db:"made_at"` // in the zone of the campaign's list
	ListID  int64     `db:"list_id"`
}

// Corrections returns what stands of corrections of the stories of a campaign, made after it went out, the earliest first.
func (a *Archive) Corrections(ctx context.Context, campaign int64) ([]PastCorrection, error) {
	var all []PastCorrection
	err := a.db.SelectContext(ctx, &all, `SELECT k.article_id, coalesce(s.picked ->> 'title', '') AS title, k.note, k.made_at, c.list_id
		FROM corrected k JOIN campaign_stories s ON s.article_id = k.article_id JOIN campaigns c ON c.id = s.campaign_id
		WHERE s.campaign_id = $1 AND (c.launched_at IS NULL OR c.launched_at <= k.made_at) ORDER BY k.id`, campaign)
	if err != nil || len(all) == 0 {
		return nil, db.Err(err, "look for corrections")
	}
	l, err := a.lists.List(ctx, all[0].ListID)
	for i := range all {
		all[i].At = all[i].At.In(zoneOf(l))
	}
	return all, err
}
