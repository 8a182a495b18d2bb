package campaigns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// TickReport says what a tick did, in numbers of campaigns.
type TickReport struct {
	Planned  int `json:"planned"`
	Composed int `json:"composed"`
	Approved int `json:"approved"` // by the schedule
	Launched int `json:"launched"`
	Held     int `json:"held"`
	Skipped  int `json:"skipped"`
	Expired  int `json:"expired"`
}

// Any reports whether there is anything to tell.
func (r TickReport) Any() bool { return r != TickReport{} }

// Tick does all that is due now: plans editions, composes drafts, closes them at the cut-off, approves, holds or skips
// what nobody approved, re-reads stories and launches. Call it every few seconds; any number of processes may, at once.
// It goes on past a campaign that fails and returns what failed.
func (s *Service) Tick(ctx context.Context) (TickReport, error) {
	var r TickReport
	found, err := s.Delivery.CheckRestore(ctx)
	if err != nil {
		return r, err
	}
	found.Tell(s.Log)
	now := s.Now()
	made, err := s.plan(ctx, now)
	if r.Planned = made; err != nil {
		return r, err
	}
	var due []int64
	err = s.DB.SelectContext(ctx, &due, `SELECT id FROM campaigns WHERE state IN ('draft', 'in_review', 'approved', 'held')
			AND (send_at IS NOT NULL OR expires_at IS NOT NULL)
			AND (opens_at IS NULL OR opens_at <= $1) AND (state <> 'held' OR expires_at <= $1)
		ORDER BY send_at, id`, now)
	if err != nil {
		return r, db.Err(err, "look for campaigns that are due")
	}
	var failed []error
	for _, id := range due {
		if err := s.advance(ctx, id, &r); err != nil {
			s.Log.Error("work on a campaign", "campaign", id, "err", err)
			failed = append(failed, fmt.Errorf("campaign %d: %w", id, err))
		}
	}
	return r, errors.Join(failed...)
}

// maxSteps is more than an edition can ever take at once: final, review, approval, check, launch.
const maxSteps = 10

// advance takes a campaign as far as it can go now.
func (s *Service) advance(ctx context.Context, id int64, r *TickReport) error {
	for range maxSteps {
		c, err := load(ctx, s.DB, id)
		if err != nil {
			return err
		}
		now := s.Now()
		newer, err := s.newerDue(ctx, &c, now)
		if err != nil {
			return err
		}
		next := decide(&c, now, newer)
		if next == stepNone {
			return nil
		}
		if err := s.take(ctx, next, c, r); errors.Is(err, errMoved) {
			return nil // another process, or a person, was quicker; the next tick looks again
		} else if err != nil {
			return err
		}
	}
	return errs.New(errs.Internal, "campaign %d does not come to rest", id)
}

// newerDue reports whether a newer edition of the same digest is due as well.
func (s *Service) newerDue(ctx context.Context, c *Campaign, now time.Time) (newer bool, err error) {
	if c.DigestID == nil || c.SendAt == nil || c.SendAt.After(now) || c.byHand() {
		return false, nil
	}
	err = s.DB.GetContext(ctx, &newer, `SELECT EXISTS (SELECT FROM campaigns WHERE digest_id = $1 AND edition > $2 AND send_at <= $3
		AND state <> 'cancelled' AND edition NOT LIKE 'manual-%')`, *c.DigestID, c.Edition, now)
	return newer, db.Err(err, "look for a newer edition")
}

// take carries out one step.
func (s *Service) take(ctx context.Context, next step, c Campaign, r *TickReport) error {
	now := s.Now()
	switch next {
	case stepExpire:
		return counted(&r.Expired, s.finish(ctx, c, Expired, "nobody decided before it expired"+reasonBefore(c)))
	case stepSupersede:
		return counted(&r.Skipped, s.finish(ctx, c, Skipped, "missed: a newer edition was due before this one could go"))
	case stepCompose:
		return counted(&r.Composed, s.compose(ctx, c, now, false))
	case stepFinal:
		return counted(&r.Composed, s.compose(ctx, c, *c.CutoffAt, true))
	case stepMissed:
		why := fmt.Sprintf("missed: it was due at %s, %s ago, which is more than %s", c.local(*c.SendAt), ago(now, *c.SendAt), Duration(c.LateSeconds)*Duration(time.Second))
		if c.Late == "skip" {
			return counted(&r.Skipped, s.finish(ctx, c, Skipped, why))
		}
		return counted(&r.Held, s.finish(ctx, c, Held, why))
	case stepReview:
		return s.finish(ctx, c, InReview, c.Reason)
	case stepUnapproved:
		return s.unapproved(ctx, c, r)
	case stepCheck:
		return s.check(ctx, c, r)
	case stepLaunch:
		return s.launch(ctx, c, r)
	case stepNone:
	}
	return nil
}

func counted(n *int, err error) error {
	if err == nil {
		*n++
	}
	return err
}

// finish moves a campaign to a state by the clock, with the reason for people.
func (s *Service) finish(ctx context.Context, c Campaign, state, reason string) error {
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if err := change(ctx, tx, c, s.Now(), `state = $4, reason = $5, check_until = NULL`, state, reason); err != nil {
			return err
		}
		return audit.Log(ctx, tx, bySchedule, "campaign."+state, auditName(c.ID), map[string]any{"from": c.State, "reason": reason})
	})
}

// unapproved does with a campaign that nobody approved in time what its recipe says.
func (s *Service) unapproved(ctx context.Context, c Campaign, r *TickReport) error {
	switch c.NoApproval {
	case "skip":
		return counted(&r.Skipped, s.finish(ctx, c, Skipped, "nobody approved it by "+c.local(*c.ApprovalDue)))
	case "hold":
		return counted(&r.Held, s.finish(ctx, c, Held, "nobody approved it by "+c.local(*c.ApprovalDue)))
	}
	err := s.approve(ctx, c, Assent{Who: bySchedule})
	if err != nil {
		return s.cannot(ctx, c, err, r)
	}
	r.Approved++
	return nil
}

func reasonBefore(c Campaign) string {
	if c.Reason == "" {
		return ""
	}
	return " (" + c.Reason + ")"
}

// local says a moment as people at the digest say it, or in UTC where there is no digest.
func (c *Campaign) local(at time.Time) string {
	if zone, err := loadZone(c.TimeZone); err == nil {
		return at.In(zone).Format("2006-01-02 15:04")
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}

// ago says how long something is past, roughly.
func ago(now, then time.Time) string {
	d := now.Sub(then)
	if d < time.Hour {
		return Duration(d.Truncate(time.Minute)).String()
	}
	return Duration(d.Truncate(15 * time.Minute)).String()
}
