package campaigns

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// usualLife is how long a campaign made by hand stays worth sending: stale news is worse than none.
const usualLife = 24 * time.Hour

// Review hands a draft over for approval: it is not composed anew any more. Errors: NotFound, Conflict.
func (s *Service) Review(ctx context.Context, id int64, who string) (Campaign, error) {
	return s.act(ctx, id, who, "campaign.review", func(tx *sqlx.Tx, c Campaign) error {
		if c.State != Draft {
			return conflict(c, "only a draft can be handed over for approval")
		}
		return change(ctx, tx, c, s.Now(), `state = 'in_review'`)
	}, nil)
}

// Approve lets a campaign go out at its time, as it is now: the approval is bound to the content. force passes over
// warnings that a person has seen (see Preflight). Errors: NotFound; Invalid with all that stands in the way; Conflict when
// it is past approving.
func (s *Service) Approve(ctx context.Context, id int64, who string, force bool) (Campaign, error) {
	return s.Reviews.Approve(ctx, id, Assent{Who: who, Force: force})
}

// approvable says why a campaign cannot be approved, or nothing. An approval that lapsed, since its list or a segment was changed,
// can be given anew.
func (s *Service) approvable(c Campaign, lapsed bool) error {
	now := s.Now()
	switch {
	case c.State == Approved && c.ApprovedBy != bySchedule && !lapsed:
		return conflict(c, "it was approved by "+c.ApprovedBy+" already")
	case !c.open() && c.State != Held:
		return conflict(c, "it can no longer be approved")
	case c.ExpiresAt != nil && !now.Before(*c.ExpiresAt):
		return conflict(c, "it has expired; run the digest by hand instead")
	case c.SendAt != nil && now.Sub(*c.SendAt) > time.Duration(c.LateSeconds)*time.Second && c.Late != "send":
		return conflict(c, "its time has passed; start sends it now, schedule gives it another time")
	}
	return nil
}

// approve checks a campaign and approves what it found.
func (s *Service) approve(ctx context.Context, c Campaign, a Assent) error {
	p, err := s.prepare(ctx, c)
	if err != nil {
		return err
	}
	if err := a.fits(&p); err != nil {
		return err
	}
	if a.Who == bySchedule {
		err = s.Reviews.checkUsual(ctx, c, &p, nil)
	} else {
		err = s.Reviews.judge(ctx, c, &p)
	}
	if err != nil {
		return err
	}
	if err := p.refusal(a); err != nil {
		return err
	}
	return s.Reviews.agree(ctx, c, &p, a.Who, func(tx *sqlx.Tx) error {
		err := change(ctx, tx, c, s.Now(), `state = 'approved', reason = '', approved_by = $4, approved_at = $3, approved_hash = $5, content_hash = $5,
			forced = $6, checked_at = NULL, approved_audience = $7, approved_readers = $8`, a.Who, p.hash, a.Force, p.aimed.hash, p.confirmed())
		if err != nil {
			return err
		}
		return audit.Log(ctx, tx, a.Who, "campaign.approve", auditName(c.ID), map[string]any{"hash": p.hash, "forced": a.Force, "version": c.Version + 1, "readers": p.confirmed()})
	})
}

// Schedule sets the time of the send. The edition's clock moves with it; an approval stands, since the content is the same. A
// campaign that was held waits again. Errors: NotFound, Invalid (field at), Conflict.
func (s *Service) Schedule(ctx context.Context, id int64, at time.Time, who string) (Campaign, error) {
	now := s.Now()
	if at.Before(now) || at.After(now.AddDate(1, 0, 0)) {
		return Campaign{}, errs.Field("at", "%s must lie within the next year; to send at once, start it", at.Format(time.RFC3339))
	}
	return s.act(ctx, id, who, "campaign.schedule", func(tx *sqlx.Tx, c Campaign) error {
		if !c.open() && c.State != Held {
			return conflict(c, "it can no longer be scheduled")
		}
		state := c.State
		switch {
		case c.State == Held && len(c.Approval) > 0 && bytes.Equal(c.Approval, c.ContentHash):
			state = Approved
		case c.State == Held:
			state = InReview
		}
		opens, cutoff, due := c.OpensAt, c.CutoffAt, &at
		if c.SendAt != nil {
			delta := at.Sub(*c.SendAt)
			opens, cutoff = shift(c.OpensAt, delta), shift(c.CutoffAt, delta)
			if c.ApprovalDue != nil {
				due = shift(c.ApprovalDue, delta)
			}
		}
		return change(ctx, tx, c, now, `state = $4, reason = '', send_at = $5, expires_at = $6, opens_at = $7, cutoff_at = $8, approval_due_at = $9,
			checked_at = NULL`, state, at, at.Add(c.life()), opens, cutoff, due)
	}, map[string]any{"at": at})
}

// life is how long after its send time a campaign is worth sending.
func (c *Campaign) life() time.Duration {
	if c.SendAt != nil && c.ExpiresAt != nil {
		return c.ExpiresAt.Sub(*c.SendAt)
	}
	return usualLife
}

func shift(t *time.Time, by time.Duration) *time.Time {
	if t == nil {
		return nil
	}
	moved := t.Add(by)
	return &moved
}

// Start sends a campaign now: who starts it approves it, its stories are re-read, and it is launched. Started twice, it is
// launched once, and the second is a Conflict; but where it had been approved and is launched with that approval by whoever is
// quicker, mostly the clock, it was started. Errors: NotFound;
// Invalid with all that stands in the way; Conflict when it is past starting, or when a story has changed and a person should look again.
func (s *Service) Start(ctx context.Context, id int64, who string, force bool) (Campaign, error) {
	return s.start(ctx, id, Assent{Who: who, Force: force})
}

func (s *Service) start(ctx context.Context, id int64, a Assent) (Campaign, error) {
	if err := checkWho(a.Who); err != nil {
		return Campaign{}, err
	}
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return c, err
	}
	if err := c.Startable(); err != nil {
		return c, err
	}
	now := s.Now()
	if c.State == Approved && c.CheckUntil != nil && now.Before(*c.CheckUntil) {
		return c, conflict(c, "it is about to be launched this minute")
	}
	p, err := s.prepare(ctx, c)
	if err != nil {
		return c, err
	}
	if err := a.fits(&p); err != nil {
		return c, err
	}
	if err := s.Reviews.judge(ctx, c, &p); err != nil {
		return c, err
	}
	if err := p.refusal(a); err != nil {
		return c, err
	}
	approver, approvedAt := a.Who, now
	if p.stands(c) {
		approver, approvedAt = c.ApprovedBy, *c.ApprovedAt
	}
	err = s.Reviews.agree(ctx, c, &p, a.Who, func(tx *sqlx.Tx) error {
		// Whoever starts it holds the lease of the check: nobody else starts it, and the clock stays away. Should this
		// process die here, the clock goes on when the lease is over, since the campaign is due.
		err := change(ctx, tx, c, now, `state = 'approved', reason = '', approved_by = $4, approved_at = $11, approved_hash = $5, content_hash = $5,
			forced = $6, checked_at = NULL, send_at = $3, expires_at = $7, check_until = $8, approved_audience = $9, approved_readers = $10`,
			approver, p.hash, a.Force, now.Add(c.life()), now.Add(checkLease), p.aimed.hash, p.confirmed(), approvedAt)
		if err != nil {
			return err
		}
		return audit.Log(ctx, tx, a.Who, "campaign.start", auditName(id), map[string]any{"hash": p.hash, "forced": a.Force, "readers": p.confirmed()})
	})
	if errors.Is(err, errMoved) {
		return s.launchedMeanwhile(ctx, c)
	} else if err != nil {
		return c, err
	}
	// From the check on the clock may launch it as well: then it was quicker, and what was asked for is done.
	moved := s.sendNow(ctx, id)
	if moved != nil && !errors.Is(moved, errMoved) {
		return c, moved
	}
	if c, err = s.Campaign(ctx, id); err != nil {
		return c, err
	}
	switch {
	case c.State == Launched:
		return c, nil
	case moved != nil:
		return c, moved
	}
	return c, conflict(c, "it was not launched: "+c.Reason)
}

// launchedMeanwhile returns a campaign that was approved when it was read and that the clock, or another person, has launched since
// with that approval: who starts it has what they want. Otherwise it is errMoved.
func (s *Service) launchedMeanwhile(ctx context.Context, was Campaign) (Campaign, error) {
	c, err := s.Campaign(ctx, was.ID)
	if err != nil {
		return was, err
	}
	if was.State != Approved || c.State != Launched || c.ApprovedBy != was.ApprovedBy || !bytes.Equal(c.Approval, was.Approval) {
		return was, errMoved
	}
	return c, nil
}

// sendNow takes a campaign that was just started through check and launch. It may come by the check twice, when another
// campaign with one of its stories was launched in between.
func (s *Service) sendNow(ctx context.Context, id int64) error {
	for range maxSteps {
		c, err := load(ctx, s.DB, id)
		switch {
		case err != nil || c.State != Approved:
			return err
		case c.CheckedAt == nil:
			err = s.lookAgain(ctx, c, &TickReport{})
		default:
			err = s.launch(ctx, c, &TickReport{})
		}
		if err != nil {
			return err
		}
	}
	return errs.New(errs.Internal, "campaign %d does not come to rest", id)
}

// Hold stops a campaign that has not been launched, until a person approves, schedules or starts it. Errors: NotFound, Conflict.
func (s *Service) Hold(ctx context.Context, id int64, reason, who string) (Campaign, error) {
	if reason == "" {
		reason = "held by " + who
	}
	return s.act(ctx, id, who, "campaign.hold", func(tx *sqlx.Tx, c Campaign) error {
		if !c.open() {
			return conflict(c, "it cannot be held; a send that has begun is paused")
		}
		return change(ctx, tx, c, s.Now(), `state = 'held', reason = $4, check_until = NULL`, reason)
	}, map[string]any{"reason": reason})
}

// Cancel ends a campaign for good. One that is being sent is cancelled there: what has gone out stays out. Cancelling
// again changes nothing. Errors: NotFound, Conflict.
func (s *Service) Cancel(ctx context.Context, id int64, reason, who string) (Campaign, error) {
	if reason == "" {
		reason = "cancelled by " + who
	}
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return c, err
	}
	if c.State == Launched {
		// Within its undo window nothing has gone out: then it was never launched, and its stories are as new as before.
		undone, err := s.act(ctx, id, who, "campaign.cancel", func(tx *sqlx.Tx, c Campaign) error {
			if c.State != Launched {
				return errMoved
			}
			if err := s.Delivery.UndoTx(ctx, tx, id); err != nil {
				return err
			}
			if err := giveAlertBack(ctx, tx, id); err != nil {
				return err
			}
			return change(ctx, tx, c, s.Now(), `state = 'cancelled', launched_at = NULL, checked_at = NULL, check_until = NULL, reason = $4`, reason)
		}, map[string]any{"reason": reason})
		if err == nil || errs.KindOf(err) != errs.Conflict {
			return undone, err
		}
		if err := s.Delivery.Cancel(ctx, id, reason); err != nil {
			return c, err
		}
		if err := audit.Log(ctx, s.DB, who, "campaign.cancel", auditName(id), map[string]any{"reason": reason, "launched": true}); err != nil {
			return c, err
		}
		return s.Campaign(ctx, id)
	}
	return s.act(ctx, id, who, "campaign.cancel", func(tx *sqlx.Tx, c Campaign) error {
		switch {
		case c.State == Cancelled:
			return nil
		case c.State == Launched:
			return errMoved
		case c.State == Skipped || c.State == Expired:
			return conflict(c, "there is nothing to cancel")
		}
		return change(ctx, tx, c, s.Now(), `state = 'cancelled', reason = $4`, reason)
	}, map[string]any{"reason": reason})
}

// act lets a person do something to a campaign, locked and noted in the audit log.
func (s *Service) act(ctx context.Context, id int64, who, action string, f func(tx *sqlx.Tx, c Campaign) error, detail map[string]any) (Campaign, error) {
	if err := checkWho(who); err != nil {
		return Campaign{}, err
	}
	err := db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT FROM campaigns WHERE id = $1 FOR UPDATE`, id); err != nil {
			return db.Err(err, "lock campaign")
		}
		c, err := load(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := f(tx, c); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, action, auditName(id), detail)
	})
	if err != nil {
		return Campaign{}, err
	}
	return s.Campaign(ctx, id)
}

// checkWho wants a name, and not the scheduler's: an approval by schedule follows other rules than a person's.
func checkWho(who string) error {
	if who == "" || who == bySchedule {
		return errs.Field("who", "%q is not the name of a person", who)
	}
	return nil
}

// conflict says why something cannot be done in the state a campaign is in.
func conflict(c Campaign, why string) error {
	state := map[string]string{Draft: "a draft", InReview: "in review", Approved: "approved", Launched: "launched", Skipped: "skipped",
		Held: "held", Cancelled: "cancelled", Expired: "expired"}[c.State]
	return errs.New(errs.Conflict, "campaign %d is %s: %s", c.ID, state, why)
}
