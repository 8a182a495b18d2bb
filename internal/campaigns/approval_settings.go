package campaigns

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// ReviewSettings are how the campaigns of one list are reviewed.
type ReviewSettings struct {
	FourEyes  bool           `db:"four_eyes"`        // who has changed a campaign cannot approve it alone
	GriefTags pq.StringArray `db:"grief_tags"`       // tags and sections of stories beside which no appeal should stand, in lower case
	Reminder  int            `db:"reminder_minutes"` // so long before its deadline those who may approve are reminded; 0: never
}

// usualReview is how a list is reviewed that says nothing else.
var usualReview = ReviewSettings{Reminder: 30, GriefTags: pq.StringArray{"obituary", "obituaries", "death", "deaths", "funeral", "mourning", "tragedy",
	"nécrologie", "nécrologies", "décès", "obsèques", "deuil", "drame"}}

const (
	maxGriefTags = 100
	maxReminder  = 24 * time.Hour
)

// Settings returns how the campaigns of a list are reviewed.
func (r *Reviews) Settings(ctx context.Context, list int64) (ReviewSettings, error) {
	return r.settings(ctx, r.svc.DB, list)
}

func (r *Reviews) settings(ctx context.Context, q db.Q, list int64) (set ReviewSettings, err error) {
	err = q.GetContext(ctx, &set, `SELECT four_eyes, grief_tags, reminder_minutes FROM review_settings WHERE list_id = $1`, list)
	if errors.Is(err, sql.ErrNoRows) {
		set = usualReview
		set.GriefTags = slices.Clone(set.GriefTags)
		return set, nil
	}
	return set, db.Err(err, "read the review settings")
}

// SetSettings changes the grief tags and the reminder of a list; FourEyes it leaves alone. Errors: Invalid with the field at fault.
func (r *Reviews) SetSettings(ctx context.Context, list int64, set ReviewSettings, who string) error {
	if set.Reminder < 0 || time.Duration(set.Reminder)*time.Minute > maxReminder {
		return errs.Field("reminder", "must be between 0 and %d minutes; 0 is no reminder", int(maxReminder.Minutes()))
	}
	tags := pq.StringArray{}
	for _, tag := range set.GriefTags {
		if tag = strings.ToLower(strings.Join(strings.Fields(tag), " ")); tag == "" || slices.Contains(tags, tag) {
			continue
		}
		if err := checkLine("grief_tags", tag, 60); err != nil {
			return err
		}
		tags = append(tags, tag)
	}
	if len(tags) > maxGriefTags {
		return errs.Field("grief_tags", "there are %d; %d is the limit", len(tags), maxGriefTags)
	}
	return r.change(ctx, list, who, "list.review", map[string]any{"grief_tags": tags, "reminder_minutes": set.Reminder}, func(s *ReviewSettings) {
		s.GriefTags, s.Reminder = tags, set.Reminder
	})
}

// SetFourEyes switches the rule on or off that whoever changed a campaign cannot approve it alone.
func (r *Reviews) SetFourEyes(ctx context.Context, list int64, on bool, who string) error {
	return r.change(ctx, list, who, "list.four_eyes", map[string]any{"on": on}, func(s *ReviewSettings) { s.FourEyes = on })
}

func (r *Reviews) change(ctx context.Context, list int64, who, action string, detail map[string]any, f func(*ReviewSettings)) error {
	if err := checkWho(who); err != nil {
		return err
	}
	l, err := r.svc.Lists.List(ctx, list)
	if err != nil {
		return err
	}
	return db.InTx(ctx, r.svc.DB, func(tx *sqlx.Tx) error {
		// The row is made first, so that two who change it follow one another.
		if _, err := tx.ExecContext(ctx, `INSERT INTO review_settings (list_id, grief_tags, reminder_minutes, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (list_id) DO UPDATE SET updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by`,
			list, usualReview.GriefTags, usualReview.Reminder, r.svc.Now(), who); err != nil {
			return db.Err(err, "change the review settings")
		}
		set, err := r.settings(ctx, tx, list)
		if err != nil {
			return err
		}
		f(&set)
		if _, err := tx.ExecContext(ctx, `UPDATE review_settings SET four_eyes = $2, grief_tags = $3, reminder_minutes = $4 WHERE list_id = $1`,
			list, set.FourEyes, set.GriefTags, set.Reminder); err != nil {
			return db.Err(err, "change the review settings")
		}
		return audit.Log(ctx, tx, who, action, "list "+l.Slug, detail)
	})
}
