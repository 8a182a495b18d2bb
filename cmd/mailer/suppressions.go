package main

import (
	"context"
	"fmt"
	"io"

	"mailer/internal/subscribers"
)

type suppressionsCmd struct {
	Add    suppressionAddCmd    `cmd:"" help:"Never mail this address again."`
	Remove suppressionRemoveCmd `cmd:"" help:"Take back a suppression made by hand."`
	List   suppressionListCmd   `cmd:"" default:"withargs" help:"Show suppressed addresses, the newest first."`
}

func (suppressionsCmd) Help() string {
	return `Readers who left all mail, complained, or whose mailbox does not exist are here too. Only what was added by hand can be
taken back by hand.

Examples:
  mailer suppressions add ada@example.org --detail "asked by telephone"
  mailer suppressions remove ada@example.org --detail "asked by letter"
  mailer suppressions --limit 20`
}

type suppressionAddCmd struct {
	Address string `arg:"" help:"Mail address; it need not be a subscriber's."`
	Reason  string `enum:"manual,legal,hard_bounce,complaint" default:"manual" help:"manual, legal, hard_bounce or complaint."`
	Detail  string `help:"Why, in your words."`
}

func (c *suppressionAddCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		changed, err := a.subscribers.SuppressAddress(ctx, c.Address, c.Reason, c.Detail, p.who())
		if err != nil {
			return err
		}
		return showSuppression(p, c.Address, changed, "will get no mail from now on", "was suppressed for this reason already")
	})
}

type suppressionRemoveCmd struct {
	Address string `arg:"" help:"Mail address."`
	Detail  string `required:"" help:"Why, in your words."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

func (c *suppressionRemoveCmd) Run(ctx context.Context, p *program) error {
	if err := p.confirm(c.Yes, "Mail %s again?", cell(c.Address)); err != nil {
		return err
	}
	return p.with(ctx, func(a *app) error {
		if err := a.subscribers.Unsuppress(ctx, c.Address, c.Detail, p.who()); err != nil {
			return err
		}
		return showSuppression(p, c.Address, true, "may be mailed again", "")
	})
}

func showSuppression(p *program, address string, changed bool, yes, no string) error {
	out := struct {
		Address string `json:"address"`
		Changed bool   `json:"changed"`
	}{address, changed}
	return p.show(out, func(w io.Writer) {
		if !changed {
			yes = no
		}
		fmt.Fprintf(w, "%s %s.\n", cell(address), yes)
	})
}

type suppressionListCmd struct {
	Limit  int   `default:"50" help:"How many."`
	Before int64 `placeholder:"ID" help:"Only those older than this one, for the next page."`
}

func (c *suppressionListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.subscribers.Suppressions(ctx, c.Before, c.Limit)
		if err != nil {
			return err
		}
		return list(p, all, "No address is suppressed.", []string{"ID", "SINCE", "ADDRESS", "REASON", "DETAIL"},
			func(s subscribers.Suppression) []any {
				address := "(erased)"
				if s.Address != nil {
					address = *s.Address
				}
				return []any{s.ID, s.CreatedAt, address, s.Reason, shorten(s.Detail, 60)}
			})
	})
}
