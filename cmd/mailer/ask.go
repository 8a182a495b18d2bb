package main

import (
	"context"
	"fmt"
	"io"
)

type subscriberAskCmd struct {
	List string `required:"" short:"l" help:"Which list."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

func (subscriberAskCmd) Help() string {
	return `An import without --confirmed leaves people pending and sends them nothing. This sends each of them who was never asked one mail
with a confirm link; who does not confirm is forgotten after MAILER_KEEP_PENDING (30 days), counted from this mail.

Ask only people who expect it: a mail to an old or bought list is taken for spam, and harms all your other mail.

Example:
  mailer subscribers ask --list weekly`
}

func (c *subscriberAskCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, c.List)
		if err != nil {
			return err
		}
		out := struct {
			List  string `json:"list"`
			Asked int64  `json:"asked"`
			Held  int64  `json:"held"`
		}{List: l.Slug}
		n, err := a.subscribers.Unasked().Count(ctx, l.ID)
		if err == nil && n > 0 {
			if err = p.confirm(c.Yes, "Send %d people on %s a mail that asks them to confirm?", n, l.Slug); err != nil {
				return err
			}
			show, shown := p.progress("mails")
			out.Asked, out.Held, err = a.letters.AskPending(ctx, a.db, a.subscribers.Unasked(), l, show)
			shown()
		}
		if err != nil && out.Asked == 0 {
			return err
		}
		showErr := p.show(out, func(w io.Writer) {
			if out.Asked == 0 && out.Held == 0 {
				fmt.Fprintf(w, "Nobody on %s waits who was not asked already.\n", l.Slug)
				return
			}
			fmt.Fprintf(w, "%d people on %s are asked to confirm; the mails are on their way.\n", out.Asked, l.Slug)
			if out.Held > 0 {
				fmt.Fprintf(w, "%d were not asked: their mailbox was asked within the last 24 hours.\n", out.Held)
			}
		})
		if showErr != nil {
			return showErr
		}
		return err
	})
}
