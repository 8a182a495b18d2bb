package campaigns

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/delivery"
	"mailer/internal/errs"
)

// Caution says how carefully a campaign is launched.
type Caution struct {
	UndoWindow time.Duration // so long nothing goes out and Undo takes the launch back; 0: none
	FirstSlice float64       // per cent of the readers who get it first; 0: all at once
	SliceWait  time.Duration // at least so long the rest waits after the slice
}

// CautionChange says otherwise for one campaign. What is nil stays as it is.
type CautionChange struct {
	UndoWindow *time.Duration
	FirstSlice *float64
	SliceWait  *time.Duration
	Urgent     *bool // it overtakes what is being sent
}

// urgent is the priority of an urgent campaign: others have 0.
const urgent = 100

func (ch CautionChange) check() error {
	switch {
	case ch.UndoWindow != nil && (*ch.UndoWindow < 0 || *ch.UndoWindow > delivery.MaxUndoWindow):
		return errs.Field("undo window", "must be no longer than %s, for example 30s", delivery.MaxUndoWindow)
	case ch.FirstSlice != nil && (*ch.FirstSlice < 0 || *ch.FirstSlice > delivery.MaxSlice):
		return errs.Field("first slice", "must be between 0 and %d per cent, for example 1", delivery.MaxSlice)
	case ch.SliceWait != nil && (*ch.SliceWait < 0 || *ch.SliceWait > delivery.MaxSliceWait):
		return errs.Field("slice wait", "must be no longer than %s, for example 5m", delivery.MaxSliceWait)
	}
	return nil
}

// careOf is how carefully a campaign is launched: as it says itself, else as the service is set.
func (s *Service) careOf(c Campaign) Caution {
	care := s.Caution
	if c.UndoSeconds != nil {
		care.UndoWindow = time.Duration(*c.UndoSeconds) * time.Second
	}
	if c.SlicePercent != nil {
		care.FirstSlice = *c.SlicePercent
	}
	if c.SliceWait != nil {
		care.SliceWait = time.Duration(*c.SliceWait) * time.Second
	}
	return care
}

// SetCaution says for one campaign how carefully it is launched. Errors: NotFound, Invalid, Conflict when it was launched.
func (s *Service) SetCaution(ctx context.Context, id int64, ch CautionChange, who string) (Campaign, error) {
	if err := ch.check(); err != nil {
		return Campaign{}, err
	}
	detail := map[string]any{}
	seconds := func(d *time.Duration, key string) *int64 {
		if d == nil {
			return nil
		}
		n := int64(d.Seconds())
		detail[key] = d.String()
		return &n
	}
	undo, wait := seconds(ch.UndoWindow, "undo_window"), seconds(ch.SliceWait, "slice_wait")
	if ch.FirstSlice != nil {
		detail["first_slice"] = *ch.FirstSlice
	}
	var priority *int
	if ch.Urgent != nil {
		priority = new(int)
		if *ch.Urgent {
			*priority = urgent
		}
		detail["urgent"] = *ch.Urgent
	}
	return s.act(ctx, id, who, "campaign.caution", func(tx *sqlx.Tx, c Campaign) error {
		if !c.open() && c.State != Held {
			return conflict(c, "how it is launched can no longer be changed")
		}
		return change(ctx, tx, c, s.Now(), `undo_window = coalesce($4, undo_window), slice_percent = coalesce($5, slice_percent),
			slice_wait = coalesce($6, slice_wait), priority = coalesce($7, priority)`, undo, ch.FirstSlice, wait, priority)
	}, detail)
}

// Undo takes a launch back completely, within its undo window: no reader gets anything, and the campaign is held with its
// approval, to be edited, scheduled, started or cancelled. Errors: NotFound; Conflict when the window is over or there was none.
func (s *Service) Undo(ctx context.Context, id int64, who string) (Campaign, error) {
	return s.act(ctx, id, who, "campaign.undo", func(tx *sqlx.Tx, c Campaign) error {
		if c.State != Launched {
			return conflict(c, "there is no launch to take back")
		}
		if err := s.Delivery.UndoTx(ctx, tx, id); err != nil {
			return err
		}
		if err := giveAlertBack(ctx, tx, id); err != nil {
			return err
		}
		return change(ctx, tx, c, s.Now(), `state = 'held', launched_at = NULL, checked_at = NULL, check_until = NULL, reason = $4`,
			"the launch was taken back by "+who+"; its approval stands as long as nothing is changed")
	}, nil)
}
