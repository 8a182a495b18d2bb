package main

import (
	"context"
	"fmt"
	"time"

	"mailer/internal/audit"
	"mailer/internal/campaigns"
	"mailer/internal/subscribers"
)

// campaignAndList reads a campaign and the list it goes to.
func (a *app) campaignAndList(ctx context.Context, id int64) (cm campaigns.Campaign, l subscribers.List, err error) {
	if cm, err = a.campaigns.Campaign(ctx, id); err == nil {
		l, err = a.subscribers.List(ctx, cm.ListID)
	}
	return cm, l, err
}

type campaignScheduleCmd struct {
	ID int64  `arg:"" help:"Which campaign."`
	At string `arg:"" help:"When, such as \"2026-11-22 07:00\" in the list's time zone, or +2h."`
	cautionFlags
}

func (c *campaignScheduleCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		_, l, err := a.campaignAndList(ctx, c.ID)
		if err != nil {
			return err
		}
		at, err := parseWhen(c.At, l.TimeZone, time.Now())
		if err != nil {
			return err
		}
		if err := c.keep(ctx, p, a, c.ID); err != nil {
			return err
		}
		cm, err := a.campaigns.Schedule(ctx, c.ID, at, p.who())
		if err != nil {
			return err
		}
		return showCampaign(p, cm, "")
	})
}

type campaignHoldCmd struct {
	ID     int64  `arg:"" help:"Which campaign."`
	Reason string `help:"Why, for those who wonder."`
}

func (c *campaignHoldCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		cm, err := a.campaigns.Hold(ctx, c.ID, c.Reason, p.who())
		if err != nil {
			return err
		}
		return showCampaign(p, cm, "")
	})
}

type campaignStartCmd struct {
	ID  int64 `arg:"" help:"Which campaign."`
	Yes bool  `short:"y" help:"Do not ask."`
	assentFlags
	cautionFlags
}

func (c *campaignStartCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		cm, l, err := a.campaignAndList(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := cm.Startable(); err != nil { // nobody is asked about what cannot be
			return err
		}
		if !c.Yes {
			to, err := a.readersOf(ctx, cm.ID, l)
			if err != nil {
				return err
			}
			if err := p.confirm(false, "Send “%s” to %s now?", shorten(cm.Subject, 80), to); err != nil {
				return err
			}
		}
		if err := c.keep(ctx, p, a, c.ID); err != nil {
			return err
		}
		if cm, err = a.campaigns.Reviews.Start(ctx, c.ID, c.assent(p)); err != nil {
			return err
		}
		return showCampaign(p, cm, fmt.Sprintf("It goes out while a sender runs (mailer serve). Watch it: mailer campaigns report %d", cm.ID)+c.undoHint(a, cm.ID))
	})
}

// readersOf says in words how many readers a campaign goes to.
func (a *app) readersOf(ctx context.Context, campaign int64, l subscribers.List) (string, error) {
	to, _, err := a.campaigns.Inspect(ctx, campaign)
	if err != nil {
		return "", err
	}
	if to.Readers != nil {
		return fmt.Sprintf("%d of %d readers of %s", *to.Readers, *to.Of, l.Slug), nil
	}
	n, err := a.subscribers.Counts(ctx, l.ID)
	return fmt.Sprintf("the %d readers of %s", n.Mailable, l.Slug), err
}

type campaignPauseCmd struct {
	ID     int64  `arg:"" help:"Which campaign."`
	Reason string `help:"Why, for those who wonder."`
}

func (c *campaignPauseCmd) Run(ctx context.Context, p *program) error {
	reason := c.Reason
	if reason == "" {
		reason = "paused by " + p.who()
	}
	return changeSend(ctx, p, c.ID, "campaign.pause", map[string]any{"reason": reason}, func(a *app) error { return a.delivery.Pause(ctx, c.ID, reason) })
}

type campaignResumeCmd struct {
	ID int64 `arg:"" help:"Which campaign."`
}

func (c *campaignResumeCmd) Run(ctx context.Context, p *program) error {
	return changeSend(ctx, p, c.ID, "campaign.resume", nil, func(a *app) error { return a.delivery.Resume(ctx, c.ID) })
}

// changeSend does something to a running send, notes it and shows what came of it.
func changeSend(ctx context.Context, p *program, id int64, action string, detail map[string]any, do func(a *app) error) error {
	return p.with(ctx, func(a *app) error {
		if err := do(a); err != nil {
			return err
		}
		if err := audit.Log(ctx, a.db, p.who(), action, fmt.Sprintf("campaign %d", id), detail); err != nil {
			return err
		}
		cm, err := a.campaigns.Campaign(ctx, id)
		if err != nil {
			return err
		}
		return showCampaign(p, cm, "")
	})
}

type campaignCancelCmd struct {
	ID     int64  `arg:"" help:"Which campaign."`
	Reason string `help:"Why, for those who wonder."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

func (c *campaignCancelCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		cm, err := a.campaigns.Campaign(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := p.confirm(c.Yes, "Cancel “%s” for good? What has gone out stays out.", shorten(cm.Subject, 80)); err != nil {
			return err
		}
		if cm, err = a.campaigns.Cancel(ctx, c.ID, c.Reason, p.who()); err != nil {
			return err
		}
		return showCampaign(p, cm, "")
	})
}
