package campaigns

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// checkTime bounds the re-reading of stories; a source that does not answer changes nothing.
const checkTime = 45 * time.Second

// checkLease is how long others keep away from a campaign that is being checked.
const checkLease = checkTime + 15*time.Second

// finding is what has become of the stories of a campaign since they were picked.
type finding struct {
	gone   map[int64]bool         // withdrawn, or mailed by another campaign meanwhile
	why    []string               // about each of them, for people
	now    map[int64]render.Story // those with news
	titles []string               // of those
}

// check re-reads the stories of an approved campaign just before its send:
//
//   - Nothing changed: it goes out.
//   - Nobody approved this content in particular (the recipe sends without approval) and nobody edited it: it is composed
//     anew of what there is now; with too few stories it is skipped as the recipe says.
//   - A story was withdrawn: it is left out, also of an approved campaign, whose approval stands for the rest. But if it was
//     the first story, which the subject usually names, or too few are left, the campaign is held.
//   - A story was changed: an edited campaign without a person's approval follows the publisher where the editor did not
//     rewrite. One that a person approved is brought up to date and held: the approval was for something else.
func (s *Service) check(ctx context.Context, c Campaign, r *TickReport) error {
	now := s.Now()
	res, err := s.DB.ExecContext(ctx, `UPDATE campaigns SET check_until = $3 WHERE id = $1 AND version = $2 AND state = 'approved'
		AND (check_until IS NULL OR check_until <= $4)`, c.ID, c.Version, now.Add(checkLease), now)
	if err := oneRow(res, err); err != nil {
		return err // another process is at it
	}
	return s.lookAgain(ctx, c, r)
}

// lookAgain is check for who has the lease.
func (s *Service) lookAgain(ctx context.Context, c Campaign, r *TickReport) error {
	picked, err := loadPicked(ctx, s.DB, c.ID)
	if err != nil {
		return err
	}
	f, err := s.reread(ctx, c, picked)
	if err != nil {
		return err
	}
	if len(f.gone) == 0 && len(f.now) == 0 {
		// What is due is launched next: until then nobody starts it once more.
		res, err := s.DB.ExecContext(ctx, `UPDATE campaigns SET checked_at = $3, check_until = CASE WHEN send_at <= $3 THEN check_until END
			WHERE id = $1 AND version = $2`, c.ID, c.Version, s.Now())
		return oneRow(res, err)
	}
	if c.ApprovedBy == bySchedule && c.EditedAt == nil && c.DigestID != nil && c.ComposedTo != nil {
		return s.composeAgain(ctx, c, r)
	}
	return s.bringUpToDate(ctx, c, picked, f, r)
}

// reread asks for the stories at their sources and compares.
func (s *Service) reread(ctx context.Context, c Campaign, picked map[int64]render.Story) (finding, error) {
	f := finding{gone: map[int64]bool{}, now: map[int64]render.Story{}}
	var ids []int64
	for id := range picked {
		ids = append(ids, id)
	}
	bounded, cancel := context.WithTimeout(ctx, checkTime)
	if _, err := s.Articles.Refresh(bounded, ids); err != nil {
		s.Log.Warn("re-read stories before a send; they go out as they are known", "campaign", c.ID, "err", err)
	}
	cancel()
	mailed, err := s.mailedMeanwhile(ctx, s.DB, c, ids)
	if err != nil {
		return f, err
	}
	for id, was := range picked {
		a, err := s.Articles.Article(ctx, id)
		switch {
		case errs.KindOf(err) == errs.NotFound, err == nil && a.GoneAt != nil:
			f.gone[id] = true
			f.why = append(f.why, fmt.Sprintf("“%s” was withdrawn by its publisher", clip(was.Title, 80)))
		case err != nil:
			return f, err
		case mailed[id] != 0:
			f.gone[id] = true
			f.why = append(f.why, fmt.Sprintf("“%s” has gone out with campaign %d meanwhile", clip(was.Title, 80), mailed[id]))
		default:
			if story := freeze(a, c.Template); isNews(was, story) {
				f.now[id] = story
				f.titles = append(f.titles, "“"+clip(was.Title, 80)+"”")
			}
		}
	}
	return f, nil
}

// mailedMeanwhile returns which of the stories another campaign has launched since this one was composed or edited, where
// its recipe does not want stories again. An editor's choice of an older one is left alone.
func (s *Service) mailedMeanwhile(ctx context.Context, q db.Q, c Campaign, ids []int64) (map[int64]int64, error) {
	mailed := map[int64]int64{}
	from := c.ComposedAt
	if c.EditedAt != nil {
		from = c.EditedAt
	}
	if c.DigestID == nil || from == nil {
		return mailed, nil
	}
	d, err := digestWhere(ctx, q, `id = $1`, *c.DigestID)
	if err != nil || d.Recipe.Stories.Repeat == "allow" {
		return mailed, err
	}
	var rows []carried
	err = q.SelectContext(ctx, &rows, `SELECT s.article_id, c.id AS campaign_id FROM campaigns c JOIN campaign_stories s ON s.campaign_id = c.id
		WHERE s.article_id = ANY ($1) AND c.id <> $2 AND c.state = 'launched' AND c.launched_at >= $3
			AND c.list_id = $4 AND ($5 <> 'digest' OR c.digest_id = $6) AND `+fmt.Sprintf(sameReaders, "$7"),
		pq.Array(ids), c.ID, *from, c.ListID, d.Recipe.Stories.Repeat, d.ID, c.Frequency)
	if err != nil {
		return mailed, db.Err(err, "look for stories mailed meanwhile")
	}
	rows, err = s.reallyMailed(ctx, q, rows)
	for _, r := range rows {
		mailed[r.Article] = r.Campaign
	}
	return mailed, err
}

// composeAgain makes an edition anew that no person had a hand in.
func (s *Service) composeAgain(ctx context.Context, c Campaign, r *TickReport) error {
	d, err := digestWhere(ctx, s.DB, `id = $1`, *c.DigestID)
	if err != nil {
		return err
	}
	a, picked, err := s.draftOf(ctx, d, c, *c.ComposedTo)
	if err != nil {
		return err
	}
	if a.short {
		return counted(&r.Skipped, s.finish(ctx, c, Skipped, "after some were withdrawn: "+tooFew(a.count, d.Recipe)))
	}
	l, err := s.Lists.List(ctx, c.ListID)
	if err != nil {
		return err
	}
	hash, err := hashOf(c.Template, a.content, l)
	if err != nil {
		return err
	}
	return counted(&r.Composed, db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		err := change(ctx, tx, c, s.Now(), `subject = $4, preheader = $5, content_hash = $6, approved_hash = $6, approved_at = $3, composed_at = $3,
			checked_at = $3, check_until = NULL`, a.Subject, a.Preheader, hash)
		if err != nil {
			return err
		}
		if err := keep(ctx, tx, c.ID, a.Blocks, picked); err != nil {
			return err
		}
		return audit.Log(ctx, tx, bySchedule, "campaign.recompose", auditName(c.ID), map[string]any{"hash": hash})
	}))
}

// bringUpToDate takes what was found into a campaign that people had a hand in, and holds it where they should look again.
func (s *Service) bringUpToDate(ctx context.Context, c Campaign, picked map[int64]render.Story, f finding, r *TickReport) error {
	before, err := loadBlocks(ctx, s.DB, c.ID)
	if err != nil {
		return err
	}
	l, err := s.Lists.List(ctx, c.ListID)
	if err != nil {
		return err
	}
	merged := mergeAll(before, picked, f.now)
	after := content{Subject: c.Subject, Preheader: c.Preheader, Blocks: without(merged, f.gone)}
	reason := hold(c, before, after.Blocks, f, !same(before, merged))
	if reason == "" && len(f.gone) > 0 {
		if after.Preheader, reason, err = s.preheaderWithout(ctx, c, l, after, picked, f); err != nil {
			return err
		}
	}
	for id, story := range f.now {
		picked[id] = story
	}
	for id := range f.gone {
		delete(picked, id)
	}
	hash, err := hashOf(c.Template, after, l)
	if err != nil {
		return err
	}
	state := Approved
	if reason != "" {
		state = Held
	}
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		// Held, the old approval stays on record and no longer fits the content; approved, it follows.
		err := change(ctx, tx, c, s.Now(), `state = $4, reason = $5, content_hash = $6, preheader = $7, checked_at = $3, check_until = NULL,
			approved_hash = CASE WHEN $4 = 'approved' THEN $6 ELSE approved_hash END`, state, reason, hash, after.Preheader)
		if err != nil {
			return err
		}
		if err := keep(ctx, tx, c.ID, after.Blocks, picked); err != nil {
			return err
		}
		return audit.Log(ctx, tx, bySchedule, "campaign.refresh", auditName(c.ID),
			map[string]any{"state": state, "reason": reason, "left_out": f.why, "changed": f.titles, "hash": hash})
	})
	if state == Held {
		return counted(&r.Held, err)
	}
	return err
}

// hold says why a campaign should wait for a person after its stories were re-read, or nothing.
func hold(c Campaign, before, after []render.Block, f finding, rewritten bool) string {
	first, left := storiesOf(before), storiesOf(after)
	gone := strings.Join(f.why, "; ")
	switch {
	case len(f.gone) > 0 && len(left) < max(c.MinStories, 1):
		return fmt.Sprintf("%s; stories left: %d, wanted: at least %d", gone, len(left), max(c.MinStories, 1))
	case len(f.gone) > 0 && len(first) > 0 && f.gone[first[0].ArticleID]:
		return gone + ", and it was the first story; look at the subject and approve again"
	case rewritten && c.ApprovedBy != bySchedule:
		return strings.Join(f.titles, ", ") + " was changed by its publisher after the approval and has been brought up to date; look at it and approve again"
	}
	return ""
}

// preheaderWithout returns the preheader of a campaign that stories were taken out of. The recipe's own is made anew; one
// that a person wrote, or a subject, which names such a story is a reason to hold.
func (s *Service) preheaderWithout(ctx context.Context, c Campaign, l subscribers.List, after content, picked map[int64]render.Story, f finding) (preheader, reason string, err error) {
	named := func(text string) bool {
		for id := range f.gone {
			if names(text, picked[id].Title) {
				return true
			}
		}
		return false
	}
	again := "; the subject or preheader still names it, so look at them and approve again"
	switch {
	case named(after.Subject):
		return after.Preheader, strings.Join(f.why, "; ") + again, nil
	case !named(after.Preheader):
		return after.Preheader, "", nil
	case c.EditedAt != nil || c.DigestID == nil:
		return after.Preheader, strings.Join(f.why, "; ") + again, nil
	}
	d, err := digestWhere(ctx, s.DB, `id = $1`, *c.DigestID)
	if err != nil {
		return "", "", err
	}
	zone, err := loadZone(d.TimeZone)
	if err != nil {
		return "", "", err
	}
	date := s.Now()
	if c.SendAt != nil {
		date = *c.SendAt
	}
	_, preheader = headings(d.Recipe, l, date.In(zone), forAll(after.Blocks, nil))
	return preheader, "", nil
}
