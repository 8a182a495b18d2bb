package main

import (
	"context"
	"fmt"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/errs"
)

// cautionFlags say how carefully one campaign is launched.
type cautionFlags struct {
	UndoWindow *time.Duration `placeholder:"30s" help:"So long nothing goes out and the launch can be taken back; default: MAILER_UNDO_WINDOW."`
	FirstSlice string         `placeholder:"1%" help:"So many of the readers first, the rest when that went well; default: MAILER_FIRST_SLICE."`
	SliceWait  *time.Duration `placeholder:"5m" help:"At least so long the rest waits; default: MAILER_SLICE_WAIT."`
	Urgent     *bool          `negatable:"" help:"Overtake what is being sent: its readers come first."`
}

// keep writes down what the flags say, if they say anything.
func (f *cautionFlags) keep(ctx context.Context, p *program, a *app, id int64) error {
	ch := campaigns.CautionChange{UndoWindow: f.UndoWindow, SliceWait: f.SliceWait, Urgent: f.Urgent}
	if f.FirstSlice != "" {
		percent, err := config.ParsePercent(f.FirstSlice, delivery.MaxSlice)
		if err != nil {
			return errs.Field("--first-slice", "%s, for example 1%%", err)
		}
		ch.FirstSlice = &percent
	}
	if ch == (campaigns.CautionChange{}) {
		return nil
	}
	_, err := a.campaigns.SetCaution(ctx, id, ch, p.who())
	return err
}

// undoHint tells whoever has just started a campaign how to take it back.
func (f *cautionFlags) undoHint(a *app, id int64) string {
	window := a.cfg.UndoWindow
	if f.UndoWindow != nil {
		window = *f.UndoWindow
	}
	if window == 0 {
		return ""
	}
	return fmt.Sprintf("\nFor %s it can be taken back: mailer campaigns undo %d", window, id)
}

type campaignUndoCmd struct {
	ID int64 `arg:"" help:"Which campaign."`
}

func (campaignUndoCmd) Help() string {
	return `Within the undo window (--undo-window of start and schedule, or MAILER_UNDO_WINDOW) nothing has gone out, and nothing will: the campaign is
held with its approval and can be edited, scheduled or started again. After the window: mailer campaigns pause, or cancel.`
}

func (c *campaignUndoCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		cm, err := a.campaigns.Undo(ctx, c.ID, p.who())
		if err != nil {
			return err
		}
		return showCampaign(p, cm, "No reader has got it.")
	})
}

type campaignReleaseCmd struct {
	ID int64 `arg:"" help:"Which campaign."`
}

func (c *campaignReleaseCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		if err := a.delivery.Release(ctx, c.ID, p.who()); err != nil {
			return err
		}
		cm, err := a.campaigns.Campaign(ctx, c.ID)
		if err != nil {
			return err
		}
		return showCampaign(p, cm, "The rest goes out.")
	})
}
