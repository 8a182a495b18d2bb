package campaigns

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
)

// launch hands an approved campaign over to the delivery room: compiled once, frozen from here on (SND-33). It is held
// instead when what would go out is not what was approved, or cannot be sent.
func (s *Service) launch(ctx context.Context, c Campaign, r *TickReport) (err error) {
	p, err := s.prepare(ctx, c)
	if err != nil {
		return err
	}
	if why := p.strayed(c); why != "" {
		if c.ApprovedBy != bySchedule {
			return counted(&r.Held, s.finish(ctx, c, Held, why))
		}
		// Nobody approved this content in particular: it goes with the list as it is now.
		if err := s.approve(ctx, c, Assent{Who: bySchedule, Force: c.Forced}); err != nil {
			return s.cannot(ctx, c, err, r)
		}
		if c, err = load(ctx, s.DB, c.ID); err != nil {
			return err
		}
	}
	if err := s.Reviews.checkUsual(ctx, c, &p, nil); err != nil {
		return err
	}
	if err := p.refusal(c.assent()); err != nil {
		return s.cannot(ctx, c, err, r)
	}
	now := s.Now()
	expires := now.Add(usualLife)
	if c.ExpiresAt != nil {
		expires = *c.ExpiresAt
	}
	notBefore := now
	if c.SendAt != nil {
		notBefore = *c.SendAt
	}
	care := s.careOf(c)
	rule, err := p.aimed.marshal(c)
	if err != nil {
		return err
	}
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if err := s.nothingTwice(ctx, tx, c, p.content); err != nil {
			return err
		}
		if err := s.takeAlert(ctx, tx, c, p.list); err != nil {
			return err
		}
		g, err := s.groupsAtLaunch(ctx, tx, c, p)
		if err != nil {
			return err
		}
		frequency, err := frequencyOf(ctx, tx, c)
		if err != nil {
			return err
		}
		// No row: someone else launched it, or changed it since it was read.
		res, err := tx.ExecContext(ctx, `UPDATE campaigns SET state = 'launched', reason = '', launched_at = $3, version = version + 1, updated_at = $3,
				segments = $5, exclude = $6, frequency = $7
			WHERE id = $1 AND version = $2 AND state = 'approved' AND approved_hash = content_hash AND content_hash = $4`, c.ID, c.Version, now, p.hash, c.Segments, c.Exclude, frequency)
		if err := oneRow(res, err); err != nil {
			return err
		}
		if err := g.keepGroups(ctx, tx, c.ID); err != nil {
			return err
		}
		err = s.Delivery.LaunchTx(ctx, tx, delivery.Launch{Campaign: c.ID, List: c.ListID, Groups: everyoneGroups | g.switched(), SupporterGroups: supporterGroups | g.switched(),
			Frequency: frequency, TopicGroups: g.topics(), Stories: g.stories, Headings: g.heads, Repeats: g.repeats,
			Messages:    []delivery.Message{{Compiled: p.printed.compiled, WebHTML: p.printed.out.Web}},
			DoubtPolicy: c.DoubtPolicy, NotBefore: notBefore, ExpiresAt: expires, Priority: c.Priority, EnvelopeDomain: p.list.EnvelopeDomain, Rule: rule,
			UndoWindow: care.UndoWindow, SlicePercent: care.FirstSlice, SliceWait: care.SliceWait})
		if err != nil {
			return err
		}
		return audit.Log(ctx, tx, c.ApprovedBy, "campaign.launch", auditName(c.ID), map[string]any{"hash": p.hash, "late": now.Sub(notBefore).Truncate(time.Second).String()})
	})
	if errors.Is(err, delivery.ErrRestored) || errors.Is(err, errAlertLater) {
		return counted(&r.Held, s.finish(ctx, c, Held, errs.Public(err)))
	}
	if errors.Is(err, errTwice) {
		// Checked again at once, it is left out of this one.
		_, err = s.DB.ExecContext(ctx, `UPDATE campaigns SET checked_at = NULL, check_until = NULL WHERE id = $1 AND version = $2`, c.ID, c.Version)
		return db.Err(err, "look at the campaign again")
	}
	return counted(&r.Launched, err)
}

// errTwice says that another campaign has just taken one of the stories.
var errTwice = errors.New("a story has gone out with another campaign")

// nothingTwice sees to it that of two campaigns with the same story, due at the same moment, only one carries it: launches to
// a list follow one another.
func (s *Service) nothingTwice(ctx context.Context, tx *sqlx.Tx, c Campaign, ct content) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('campaigns.launch'), $1::int)`, c.ListID); err != nil {
		return db.Err(err, "wait for other launches")
	}
	var ids []int64
	for _, st := range storiesOf(ct.Blocks) {
		ids = append(ids, st.ArticleID)
	}
	mailed, err := s.mailedMeanwhile(ctx, tx, c, ids)
	if err == nil && len(mailed) > 0 {
		err = errTwice
	}
	return err
}

// groupsAtLaunch returns the groups of a campaign as they are at this moment. Launches of which one must know what the other carries
// follow one another, whatever their lists. When a story has gone out with another list since the message was made, it is made again.
func (s *Service) groupsAtLaunch(ctx context.Context, tx *sqlx.Tx, c Campaign, p prepared) (grouping, error) {
	lock := `SELECT pg_advisory_xact_lock_shared(hashtext('campaigns.launch'), 0)`
	if p.groups.perReader {
		lock = `SELECT pg_advisory_xact_lock(hashtext('campaigns.launch'), 0)`
	}
	if _, err := tx.ExecContext(ctx, lock); err != nil {
		return grouping{}, db.Err(err, "wait for other launches")
	}
	g, err := s.group(ctx, tx, c, p.content)
	if err == nil && !g.sameMarks(p.groups) {
		err = errTwice
	}
	return g, err
}

// cannot holds a campaign for a reason that a person can do something about; other errors it passes on, to be tried again.
func (s *Service) cannot(ctx context.Context, c Campaign, err error, r *TickReport) error {
	if errs.KindOf(err) == errs.Invalid {
		return counted(&r.Held, s.finish(ctx, c, Held, "it cannot go out as it is: "+errs.Public(err)))
	}
	return err
}
