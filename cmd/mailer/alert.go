package main

import (
	"context"
	"fmt"
	"strconv"

	"mailer/internal/campaigns"
)

type alertCmd struct {
	URL     string `arg:"" help:"Address of the story."`
	List    string `required:"" short:"l" help:"To which list."`
	Readers int64  `placeholder:"N" help:"Send it now: the number of readers, as it was shown, so that nothing goes out by a slip."`
	Force   bool   `help:"Pass over warnings."`
}

func (alertCmd) Help() string {
	return `A breaking alert is a mail of one story that overtakes whatever is being sent. The topic whose readers get it, how many go on a day and how
long one waits for the next are settings of the list (/admin/lists/LIST/alerts).

Without --readers it is made and shown, and nothing is sent.

Examples:
  mailer alert https://www.example.org/harbour-closed --list weekly
  mailer alert https://www.example.org/harbour-closed --list weekly --readers 4098`
}

func (c *alertCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, c.List)
		if err != nil {
			return err
		}
		alerts := campaigns.NewAlerts(a.campaigns)
		cm, err := alerts.Make(ctx, campaigns.NewAlert{List: l.ID, URL: c.URL}, p.who())
		if err != nil {
			return err
		}
		ready, err := campaigns.NewSends(a.campaigns).Ready(ctx, cm.ID)
		if err != nil {
			return err
		}
		if c.Readers == 0 {
			next := fmt.Sprintf("It would go to %d readers. Look at it: mailer campaigns preview %d\nSend it: mailer alert %s --list %s --readers %d",
				ready.Readers, cm.ID, c.URL, l.Slug, ready.Readers)
			if room, err := alerts.Room(ctx, l.ID); err != nil {
				return err
			} else if room.Why != "" {
				next += "\nNot now: " + room.Why
			}
			return showCampaign(p, cm, next)
		}
		g := campaigns.Go{Who: p.who(), Typed: strconv.FormatInt(c.Readers, 10), Shown: ready.Readers, Content: ready.Content, Force: c.Force}
		if cm, err = alerts.Send(ctx, cm.ID, g); err != nil {
			return err
		}
		return showCampaign(p, cm, fmt.Sprintf("It goes out while a sender runs (mailer serve). Watch it: mailer campaigns report %d", cm.ID))
	})
}
