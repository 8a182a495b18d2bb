package campaigns

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// lateArrival is how long after its publication a story may reach us and still be news: feeds are polled every quarter of
// an hour or so, and some carry a story a day late. One that was here in time for the last edition is not taken again.
const lateArrival = 48 * time.Hour

// recompose is how old a draft may be while stories still come in.
const recompose = time.Minute

// draftOf composes what an edition of d would be of the stories published before until.
func (s *Service) draftOf(ctx context.Context, d Digest, c Campaign, until time.Time) (arrangement, map[int64]render.Story, error) {
	l, err := s.Lists.List(ctx, d.ListID)
	if err != nil {
		return arrangement{}, nil, err
	}
	zone, err := loadZone(d.TimeZone)
	if err != nil {
		return arrangement{}, nil, err
	}
	since, err := s.since(ctx, d, c.ID, until)
	if err != nil {
		return arrangement{}, nil, err
	}
	mailed, err := s.mailed(ctx, d, c.ID, until)
	if err != nil {
		return arrangement{}, nil, err
	}
	r := d.Recipe
	found := make([][]render.Story, len(r.Sections))
	picked := map[int64]render.Story{}
	for i, sec := range r.Sections {
		list, err := s.Articles.Select(ctx, articles.Selection{Feeds: sec.Feeds, Sections: sec.Sections, Tags: sec.Tags, Order: sec.Order,
			Since: later(since.Add(-lateArrival), until.Add(-r.Stories.Window.std())), Until: until, ExcludeIDs: mailed, Limit: 200})
		if err != nil {
			return arrangement{}, nil, err
		}
		for _, a := range list {
			if a.Published.Before(since) && !a.CreatedAt.After(since) {
				continue // the last edition had its chance
			}
			story := freeze(a, r.Template)
			found[i], picked[a.ID] = append(found[i], story), story
		}
	}
	appeal, err := s.recipeAppeal(ctx, r)
	if err != nil {
		return arrangement{}, nil, err
	}
	had, err := s.hadElsewhere(ctx, d, c.ID, picked)
	if err != nil {
		return arrangement{}, nil, err
	}
	date := until
	if c.SendAt != nil {
		date = *c.SendAt
	}
	a := arrange(r, l, date.In(zone), found, appeal, had)
	a.Blocks, err = s.withCorrections(ctx, d, c.ID, l, a.Blocks)
	return a, picked, err
}

// hadElsewhere returns which of the stories some readers have had with another list, where the recipe minds that.
func (s *Service) hadElsewhere(ctx context.Context, d Digest, self int64, picked map[int64]render.Story) (map[int64]bool, error) {
	if d.Recipe.Stories.Repeat != repeatReader {
		return nil, nil
	}
	rows, err := s.elsewhere(ctx, s.DB, d, self, slices.Collect(maps.Keys(picked)))
	had := map[int64]bool{}
	for _, r := range rows {
		had[r.Article] = true
	}
	return had, err
}

// recipeAppeal returns the appeal that a recipe names in its present wording, or nil when it names none or a retired one.
func (s *Service) recipeAppeal(ctx context.Context, r Recipe) (*render.Appeal, error) {
	if r.Appeal.Place == "none" {
		return nil, nil
	}
	a, err := s.Appeals.Get(ctx, r.Appeal.Slug)
	if err != nil || a.RetiredAt != nil {
		return nil, err
	}
	return blockAppeal(a), nil
}

// blockAppeal is an appeal as a campaign keeps it.
func blockAppeal(a appeals.Appeal) *render.Appeal {
	return &render.Appeal{VariantID: a.VariantID, Heading: a.Heading, Body: a.Body, Button: a.Button, URL: a.URL}
}

// since returns where the window of stories begins: where that of the digest's last edition ended, or as far back as the
// recipe allows.
func (s *Service) since(ctx context.Context, d Digest, self int64, until time.Time) (time.Time, error) {
	from := until.Add(-d.Recipe.Stories.Window.std())
	var before []struct {
		ID         int64     `db:"id"`
		ComposedTo time.Time `db:"composed_to"`
	}
	err := s.DB.SelectContext(ctx, &before, `SELECT id, composed_to FROM campaigns
		WHERE digest_id = $1 AND id <> $2 AND state IN ('launched', 'approved') AND composed_to <= $3 AND composed_to > $4
		ORDER BY composed_to DESC`, d.ID, self, until, from)
	if err != nil {
		return time.Time{}, db.Err(err, "look for the last edition")
	}
	var ids []int64
	for _, b := range before {
		ids = append(ids, b.ID)
	}
	nothing, err := s.Delivery.NothingSent(ctx, s.DB, ids)
	for _, b := range before {
		if !nothing[b.ID] {
			return later(b.ComposedTo, from), err
		}
	}
	return from, err
}

// mailed returns the stories that the recipe does not want again: those that this list, or this digest, has mailed since
// the window began, or is about to mail.
func (s *Service) mailed(ctx context.Context, d Digest, self int64, until time.Time) ([]int64, error) {
	scope := map[string]string{"list": `c.list_id = $1`, "reader": `c.list_id = $1`, "digest": `c.digest_id = $2`}[d.Recipe.Stories.Repeat]
	if scope == "" {
		return nil, nil
	}
	var rows []carried
	// $1 and $2 both occur whatever the scope, so that their types are known.
	err := s.DB.SelectContext(ctx, &rows, `SELECT s.article_id, c.id AS campaign_id FROM campaigns c JOIN campaign_stories s ON s.campaign_id = c.id
		WHERE `+scope+` AND $1::bigint > 0 AND $2::bigint > 0 AND c.id <> $3 AND `+fmt.Sprintf(sameReaders, "$5")+`
			AND (c.state = 'approved' OR c.state = 'launched' AND c.launched_at >= $4)`,
		d.ListID, d.ID, self, until.Add(-d.Recipe.Stories.Window.std()-lateArrival), d.Recipe.Frequency)
	if err != nil {
		return nil, db.Err(err, "look for stories already mailed")
	}
	if rows, err = s.reallyMailed(ctx, s.DB, rows); err != nil {
		return nil, err
	}
	var ids []int64
	for _, r := range rows {
		ids = append(ids, r.Article)
	}
	return ids, nil
}

// carried is a story with a campaign that carries it.
type carried struct {
	Article  int64 `db:"article_id"`
	Campaign int64 `db:"campaign_id"`
}

// reallyMailed leaves out what no reader got, since its send was ended before anything had been sent.
func (s *Service) reallyMailed(ctx context.Context, q db.Q, rows []carried) ([]carried, error) {
	var ids []int64
	for _, r := range rows {
		ids = append(ids, r.Campaign)
	}
	nothing, err := s.Delivery.NothingSent(ctx, q, ids)
	return slices.DeleteFunc(rows, func(r carried) bool { return nothing[r.Campaign] }), err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// compose makes an untouched draft anew of the stories published before until. final says that nothing more will be
// added: with too few stories the edition is then skipped.
func (s *Service) compose(ctx context.Context, c Campaign, until time.Time, final bool) error {
	d, err := digestWhere(ctx, s.DB, `id = $1`, *c.DigestID)
	if err != nil {
		return err
	}
	a, picked, err := s.draftOf(ctx, d, c, until)
	if err != nil {
		return err
	}
	l, err := s.Lists.List(ctx, c.ListID)
	if err != nil {
		return err
	}
	hash, err := hashOf(c.Template, a.content, l)
	if err != nil {
		return err
	}
	now := s.Now()
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if c.ComposedAt != nil && slices.Equal(hash, c.ContentHash) && !(final && a.short) {
			// The same content: whoever has it open before them may go on.
			res, err := tx.ExecContext(ctx, `UPDATE campaigns SET composed_at = $3, composed_to = $4
				WHERE id = $1 AND version = $2 AND state = 'draft' AND edited_at IS NULL`, c.ID, c.Version, now, until)
			return oneRow(res, err)
		}
		state, reason := Draft, ""
		if final && a.short {
			state, reason = Skipped, tooFew(a.count, d.Recipe)
		}
		err := change(ctx, tx, c, now, `state = $4, reason = $5, subject = $6, preheader = $7, content_hash = $8, composed_at = $3, composed_to = $9, min_stories = $10,
			frequency = $11`, state, reason, a.Subject, a.Preheader, hash, until, leastStories(d.Recipe), d.Recipe.Frequency)
		if err != nil {
			return err
		}
		if err := keep(ctx, tx, c.ID, a.Blocks, picked); err != nil {
			return err
		}
		if state == Skipped {
			return audit.Log(ctx, tx, bySchedule, "campaign.skip", auditName(c.ID), map[string]any{"reason": reason})
		}
		return nil
	})
}

// leastStories is with how many stories an edition may still go out.
func leastStories(r Recipe) int {
	if r.Stories.TooFew == "shrink" {
		return 1
	}
	return r.Stories.Min
}

func tooFew(count int, r Recipe) string {
	switch count {
	case 0:
		return "no new stories"
	case 1:
		return fmt.Sprintf("only 1 new story; the recipe wants at least %d", r.Stories.Min)
	}
	return fmt.Sprintf("only %d new stories; the recipe wants at least %d", count, r.Stories.Min)
}

// errMoved says that a campaign is not what it was when it was read.
var errMoved = errs.New(errs.Conflict, "the campaign was changed by someone else meanwhile; look at it again")

// change updates a campaign that is still as it was read, and raises its version. In set, $3 is now and the arguments
// begin at $4. It returns errMoved when the campaign has changed since.
func change(ctx context.Context, q db.Q, c Campaign, now time.Time, set string, args ...any) error {
	res, err := q.ExecContext(ctx, `UPDATE campaigns SET version = version + 1, updated_at = $3, `+set+` WHERE id = $1 AND version = $2`,
		append([]any{c.ID, c.Version, now}, args...)...)
	return oneRow(res, err)
}

func oneRow(res sql.Result, err error) error {
	if err != nil {
		return db.Err(err, "change campaign")
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errMoved
	}
	return nil
}

// Run makes a campaign of the digest's recipe now, by hand. It has no send time: a person starts or schedules it. With
// fewer stories than the recipe wants it is made all the same, and says so. Errors: NotFound, Conflict when there is no
// new story at all.
func (g *Digests) Run(ctx context.Context, slug, who string) (Campaign, error) {
	s := g.svc
	d, err := g.Get(ctx, slug)
	if err != nil {
		return Campaign{}, err
	}
	l, err := s.Lists.List(ctx, d.ListID)
	if err != nil {
		return Campaign{}, err
	}
	now := s.Now()
	a, picked, err := s.draftOf(ctx, d, Campaign{}, now)
	if err != nil {
		return Campaign{}, err
	}
	if a.count == 0 {
		return Campaign{}, errs.New(errs.Conflict, "%s: there is no new story since the last edition", slug)
	}
	hash, err := hashOf(d.Recipe.Template, a.content, l)
	if err != nil {
		return Campaign{}, err
	}
	reason := ""
	if a.short {
		reason = tooFew(a.count, d.Recipe)
	}
	zone, err := loadZone(d.TimeZone)
	if err != nil {
		return Campaign{}, err
	}
	var id int64
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &id, `INSERT INTO campaigns (list_id, digest_id, edition, name, template, reason, subject, preheader, no_approval, late_by,
				late, doubt_policy, content_hash, composed_at, composed_to, created_by, created_at, updated_at, frequency)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'hold', $9 * interval '1 second', $10, $11, $12, $13, $13, $14, $13, $13, $15) RETURNING id`,
			d.ListID, d.ID, manualEdition(), fmt.Sprintf("%s, %s by hand", d.Name, now.In(zone).Format(nominalLayout)), d.Recipe.Template, reason,
			a.Subject, a.Preheader, int64(d.Recipe.Clock.LateBy.std().Seconds()), d.Recipe.Clock.Late, d.Recipe.Clock.Doubt, hash, now, who, d.Recipe.Frequency)
		if err != nil {
			return db.Err(err, "make a campaign")
		}
		if err := keep(ctx, tx, id, a.Blocks, picked); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "campaign.run", auditName(id), map[string]any{"digest": slug})
	})
	if err != nil {
		return Campaign{}, err
	}
	return s.Campaign(ctx, id)
}
