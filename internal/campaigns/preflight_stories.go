package campaigns

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"mailer/internal/db"
)

// thisWeek is how recently a story must have gone out for a reader to remember it.
const thisWeek = 7 * 24 * time.Hour

// checkRepeats notes stories that the list has had already.
func (s *Service) checkRepeats(ctx context.Context, c Campaign, p *prepared) error {
	var rows []struct {
		carried
		At      time.Time `db:"launched_at"`
		Subject string    `db:"subject"`
	}
	err := s.DB.SelectContext(ctx, &rows, `SELECT mine.article_id, c.id AS campaign_id, c.launched_at, c.subject FROM campaign_stories mine
			JOIN campaign_stories theirs ON theirs.article_id = mine.article_id AND theirs.campaign_id <> mine.campaign_id
			JOIN campaigns c ON c.id = theirs.campaign_id
		WHERE mine.campaign_id = $1 AND c.list_id = $2 AND c.state = 'launched' AND `+fmt.Sprintf(sameReaders, "$3")+`
		ORDER BY c.id DESC`, c.ID, c.ListID, c.Frequency)
	if err != nil {
		return db.Err(err, "look for stories already mailed")
	}
	var ids []int64
	for _, r := range rows {
		ids = append(ids, r.Campaign)
	}
	nothing, err := s.Delivery.NothingSent(ctx, s.DB, ids)
	if err != nil {
		return err
	}
	zone, err := loadZone(p.list.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	for at, st := range p.placed() {
		for _, r := range rows {
			if r.Article != st.ArticleID || nothing[r.Campaign] {
				continue
			}
			when := "on " + r.At.In(zone).Format("2 January 2006")
			if s.Now().Sub(r.At) < thisWeek {
				when = "this week, on " + r.At.In(zone).Format("Monday 2 January")
			}
			p.at(at, Noted, "repeat", "“%s” has gone out to this list already, %s (campaign %d, “%s”)", clip(st.Title, 60), when, r.Campaign, clip(r.Subject, 60))
			break
		}
	}
	return nil
}

// checkNews compares the stories with what their publishers say now, as far as we know without asking again.
func (r *Reviews) checkNews(ctx context.Context, c Campaign, p *prepared) error {
	picked, err := loadPicked(ctx, r.svc.DB, c.ID)
	if err != nil {
		return err
	}
	now, err := r.svc.Articles.Some(ctx, slices.Collect(maps.Keys(picked)))
	if err != nil {
		return err
	}
	for at, st := range p.placed() {
		was, ok := picked[st.ArticleID]
		if !ok {
			continue
		}
		a, there := now[st.ArticleID]
		switch {
		case !there || a.GoneAt != nil:
			p.at(at, Warned, "gone", "“%s” was withdrawn by its publisher", clip(st.Title, 60))
		case isNews(was, freeze(a, c.Template)):
			p.at(at, Noted, "changed", "“%s” was changed by its publisher since it was picked", clip(st.Title, 60))
		}
	}
	return nil
}
