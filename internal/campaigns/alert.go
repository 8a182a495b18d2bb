package campaigns

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/articles"
	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// alertPriority is above that of urgent campaigns: a breaking alert overtakes whatever is being sent, at the next chunk.
const alertPriority = 200

// Alerts are breaking alerts: mails of one story that go out at once. So that they stay rare, a list says how many go on a day and how
// long one waits for the next; the launch itself looks at that, whoever starts it and however often.
type Alerts struct{ svc *Service }

// NewAlerts returns the alerts of a service's campaigns.
func NewAlerts(s *Service) *Alerts { return &Alerts{svc: s} }

// AlertSettings are how a list sends breaking alerts.
type AlertSettings struct {
	Topic    string `db:"topic" json:"topic,omitempty"`          // of the list, that readers can switch off; empty: everybody gets alerts
	Template string `db:"template" json:"template"`              // render.TemplateStory: the whole text; render.TemplateDigest: headline, dek and a link
	DailyCap int    `db:"daily_cap" json:"daily_cap"`            // on one day in the list's time zone; 0: none at all
	CoolDown int    `db:"cool_down" json:"cool_down_in_minutes"` // between two of them
}

// usualAlerts is how a list sends alerts that says nothing else.
var usualAlerts = AlertSettings{Template: render.TemplateDigest, DailyCap: 3, CoolDown: 30}

// Settings returns how a list sends alerts.
func (a *Alerts) Settings(ctx context.Context, list int64) (AlertSettings, error) {
	return alertSettings(ctx, a.svc.DB, list)
}

func alertSettings(ctx context.Context, q db.Q, list int64) (set AlertSettings, err error) {
	err = q.GetContext(ctx, &set, `SELECT topic, template, daily_cap, cool_down FROM alert_settings WHERE list_id = $1`, list)
	if errors.Is(err, sql.ErrNoRows) {
		return usualAlerts, nil
	}
	return set, db.Err(err, "read the settings of alerts")
}

// SetSettings says how a list sends alerts. Errors: NotFound for the list; Invalid with the field at fault: topic, template, daily_cap
// or cool_down.
func (a *Alerts) SetSettings(ctx context.Context, list int64, set AlertSettings, who string) error {
	if err := checkWho(who); err != nil {
		return err
	}
	l, err := a.svc.Lists.List(ctx, list)
	if err != nil {
		return err
	}
	switch {
	case set.Template != render.TemplateStory && set.Template != render.TemplateDigest:
		return errs.Field("template", "must be %s or %s", render.TemplateDigest, render.TemplateStory)
	case set.DailyCap < 0 || set.DailyCap > 24:
		return errs.Field("daily_cap", "must be between 0 and 24 alerts a day")
	case set.CoolDown < 0 || set.CoolDown > 1440:
		return errs.Field("cool_down", "must be between 0 and 1,440 minutes")
	}
	if err := a.svc.checkTopic(ctx, l, "topic", set.Topic, false); err != nil {
		return err
	}
	return db.InTx(ctx, a.svc.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO alert_settings (list_id, topic, template, daily_cap, cool_down, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (list_id) DO UPDATE SET topic = EXCLUDED.topic, template = EXCLUDED.template,
				daily_cap = EXCLUDED.daily_cap, cool_down = EXCLUDED.cool_down, updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by`,
			list, set.Topic, set.Template, set.DailyCap, set.CoolDown, a.svc.Now(), who); err != nil {
			return db.Err(err, "change the settings of alerts")
		}
		return audit.Log(ctx, tx, who, "list.alerts", "list "+l.Slug, map[string]any{"topic": set.Topic, "template": set.Template,
			"daily_cap": set.DailyCap, "cool_down": set.CoolDown})
	})
}

// NewAlert is what a person says to make a breaking alert.
type NewAlert struct {
	List      int64
	URL       string // of the story
	ArticleID int64  // instead of the URL, of a story that is known
}

// Make makes a breaking alert of the story at an address, ready to be looked at. The same story asked for again by the same person, by a
// double click, is the alert that is there. Errors: NotFound for the list; Invalid with the field url; those of
// articles.Editing.FromURL.
func (a *Alerts) Make(ctx context.Context, n NewAlert, who string) (Campaign, error) {
	if err := checkWho(who); err != nil {
		return Campaign{}, err
	}
	l, err := a.svc.Lists.List(ctx, n.List)
	if err != nil {
		return Campaign{}, err
	}
	set, err := a.Settings(ctx, l.ID)
	if err != nil {
		return Campaign{}, err
	}
	if err := a.svc.checkTopic(ctx, l, "topic", set.Topic, true); err != nil {
		return Campaign{}, err
	}
	var article articles.Article
	if n.ArticleID != 0 {
		article, err = a.svc.Articles.Article(ctx, n.ArticleID)
	} else {
		article, _, err = articles.NewEditing(a.svc.Articles).FromURL(ctx, n.URL, who)
	}
	if err != nil {
		return Campaign{}, err
	}
	id, err := a.keep(ctx, l, set, freeze(article, set.Template), who)
	if err != nil {
		return Campaign{}, err
	}
	return a.svc.Campaign(ctx, id)
}

// keep makes the campaign of an alert, unless the person has just made it.
func (a *Alerts) keep(ctx context.Context, l subscribers.List, set AlertSettings, story render.Story, who string) (id int64, err error) {
	s, now := a.svc, a.svc.Now()
	ct := content{Blocks: []render.Block{{Kind: render.KindStory, Lead: true, Topic: set.Topic, Stories: []render.Story{story}}}}
	ct.Subject, ct.Preheader = headings(Recipe{Subject: "{lead}", Preheader: "{dek}"}, l, now, []render.Story{story})
	hash, err := hashOf(set.Template, ct, l)
	if err != nil {
		return 0, err
	}
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('campaigns.alert'), $1::int)`, l.ID); err != nil {
			return db.Err(err, "make an alert")
		}
		err := tx.GetContext(ctx, &id, `SELECT c.id FROM alerts t JOIN campaigns c ON c.id = t.campaign_id
			JOIN campaign_stories s ON s.campaign_id = c.id AND s.article_id = $3
			WHERE t.list_id = $1 AND c.created_by = $2 AND c.state IN ('draft', 'in_review', 'approved', 'held') AND c.created_at > $4::timestamptz - interval '10 minutes'
			ORDER BY c.id DESC LIMIT 1`, l.ID, who, story.ArticleID, now)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return db.Err(err, "look for the alert")
		}
		err = tx.GetContext(ctx, &id, `INSERT INTO campaigns (list_id, edition, name, template, subject, preheader, content_hash, composed_at, created_by, created_at, updated_at,
				priority, slice_percent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $8, $10, 0) RETURNING id`,
			l.ID, manualEdition(), "Alert: "+clip(story.Title, 90), set.Template, ct.Subject, ct.Preheader, hash, now, who, alertPriority)
		if err != nil {
			return db.Err(err, "make an alert")
		}
		if err := keep(ctx, tx, id, ct.Blocks, map[int64]render.Story{story.ArticleID: story}); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO alerts (campaign_id, list_id) VALUES ($1, $2)`, id, l.ID); err != nil {
			return db.Err(err, "make an alert")
		}
		return audit.Log(ctx, tx, who, "campaign.alert", auditName(id), map[string]any{"article": story.ArticleID, "url": story.URL})
	})
	return id, err
}

// Room is whether a list may send an alert now.
type Room struct {
	Sent  int        // today
	Cap   int        // on one day
	Until *time.Time // the end of the cool-down, or of the day when the cap is reached; nil: one may go now
	Why   string     // the same for people; empty: one may go now
}

// Room returns whether a list may send an alert now. Only the launch decides.
func (a *Alerts) Room(ctx context.Context, list int64) (Room, error) {
	l, err := a.svc.Lists.List(ctx, list)
	if err != nil {
		return Room{}, err
	}
	return a.svc.alertRoom(ctx, a.svc.DB, l, 0)
}

// alertRoom is Room as it is for a campaign that has not been sent.
func (s *Service) alertRoom(ctx context.Context, q db.Q, l subscribers.List, campaign int64) (r Room, err error) {
	set, err := alertSettings(ctx, q, l.ID)
	if err != nil {
		return r, err
	}
	now, zone := s.Now(), zoneOf(l)
	var sent struct {
		Today int          `db:"today"`
		Last  sql.NullTime `db:"last"`
	}
	if err := q.GetContext(ctx, &sent, `SELECT count(*) FILTER (WHERE sent_at >= $3) AS today, max(sent_at) AS last FROM alerts
		WHERE list_id = $1 AND campaign_id <> $2 AND sent_at IS NOT NULL`, l.ID, campaign, dayOf(now, zone)); err != nil {
		return r, db.Err(err, "count the alerts of the day")
	}
	r.Sent, r.Cap = sent.Today, set.DailyCap
	end := sent.Last.Time.Add(time.Duration(set.CoolDown) * time.Minute)
	switch {
	case set.DailyCap == 0:
		r.Why = fmt.Sprintf("The list %s sends no alerts: its settings allow 0 a day.", l.Name)
	case sent.Today >= set.DailyCap:
		tomorrow := dayOf(now, zone).AddDate(0, 0, 1)
		r.Until, r.Why = &tomorrow, fmt.Sprintf("%s has had %d of %d alerts today; the next may go tomorrow.", l.Name, sent.Today, set.DailyCap)
	case sent.Last.Valid && end.After(now):
		r.Until, r.Why = &end, fmt.Sprintf("The last alert to %s went at %s; after one the list waits %d minutes, until %s.", l.Name,
			sent.Last.Time.In(zone).Format("15:04"), set.CoolDown, end.In(zone).Format("15:04"))
	}
	return r, nil
}

func zoneOf(l subscribers.List) *time.Location {
	if zone, err := loadZone(l.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// dayOf is the beginning of the day of a moment.
func dayOf(at time.Time, zone *time.Location) time.Time {
	y, m, d := at.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// errAlertLater says that the list may not send another alert yet.
var errAlertLater = errors.New("an alert has to wait")

// takeAlert gives an alert that is being launched its place under the daily cap and after the cool-down. One statement decides, and the
// caller holds the lock under which the launches of the list follow one another, so two clicks, or two editors, cannot both have it.
// Campaigns that are no alerts it lets pass.
func (s *Service) takeAlert(ctx context.Context, tx *sqlx.Tx, c Campaign, l subscribers.List) error {
	set, err := alertSettings(ctx, tx, c.ListID)
	if err != nil {
		return err
	}
	now := s.Now()
	const take = `
		UPDATE alerts a SET sent_at = $2 WHERE a.campaign_id = $1
		  AND NOT EXISTS (SELECT FROM alerts b WHERE b.list_id = a.list_id AND b.campaign_id <> a.campaign_id
		                  AND b.sent_at > $2::timestamptz - $3::int * interval '1 minute')
		  AND (SELECT count(*) FROM alerts b WHERE b.list_id = a.list_id AND b.campaign_id <> a.campaign_id AND b.sent_at >= $4) < $5`
	res, err := tx.ExecContext(ctx, take, c.ID, now, set.CoolDown, dayOf(now, zoneOf(l)), set.DailyCap)
	if err != nil {
		return db.Err(err, "launch the alert")
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return db.Err(err, "launch the alert")
	}
	var is bool
	if err := tx.GetContext(ctx, &is, `SELECT EXISTS (SELECT FROM alerts WHERE campaign_id = $1)`, c.ID); err != nil || !is {
		return db.Err(err, "look whether it is an alert")
	}
	r, err := s.alertRoom(ctx, tx, l, c.ID)
	if err != nil {
		return err
	}
	return errs.Wrap(errAlertLater, errs.Conflict, "%s", r.Why)
}

// giveAlertBack takes an alert whose launch was taken back out of cap and cool-down: nobody has had it.
func giveAlertBack(ctx context.Context, tx *sqlx.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE alerts SET sent_at = NULL WHERE campaign_id = $1`, id)
	return db.Err(err, "take the alert back")
}
