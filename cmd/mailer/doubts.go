package main

import (
	"context"
	"fmt"
	"io"

	"mailer/internal/delivery"
	"mailer/internal/subscribers"
)

type campaignDoubtsCmd struct {
	ID     int64   `arg:"" help:"Which campaign."`
	Resend bool    `xor:"decision" help:"Send to them once more: the same mail under the same Message-ID."`
	Accept bool    `xor:"decision" help:"Leave it as it is: they count as unknown."`
	Seq    []int64 `placeholder:"SEQ" help:"Only about these, separated by commas; default: all about whom nobody has decided."`
	All    bool    `help:"Show those too about whom somebody has decided."`
	Limit  int     `default:"100" help:"How many to show."`
	After  int64   `placeholder:"SEQ" help:"Those after this one, for the next page."`
	Yes    bool    `short:"y" help:"Do not ask."`
}

func (campaignDoubtsCmd) Help() string {
	return `A reader is in doubt when the whole mail was handed to the relay and no answer came back: it may have been taken or not, and nothing in SMTP
can tell. A digest is sent to such a reader once more by itself; who is in doubt again, or of a campaign with doubt = "hold", waits here for a person.

The relay's log knows: look for the address, which mailer subscribers show READER tells. With --resend some may get a second copy, with --accept some may get none.

Examples:
  mailer campaigns doubts 12
  mailer campaigns doubts 12 --resend --seq 4711,4712
  mailer campaigns doubts 12 --accept`
}

func (c *campaignDoubtsCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		if c.Resend || c.Accept {
			return c.decide(ctx, p, a)
		}
		doubts, err := a.delivery.Doubts(ctx, c.ID, !c.All, c.After, c.Limit)
		if err != nil {
			return err
		}
		for i := range doubts {
			doubts[i].Address, doubts[i].Reply = subscribers.Mask(doubts[i].Address), delivery.MaskReply(doubts[i].Reply)
		}
		return list(p, doubts, "Nobody is in doubt who waits for a decision.", []string{"SEQ", "READER", "ADDRESS", "PROVIDER", "ATTEMPT", "AT", "DECIDED", "WHY"},
			func(d delivery.Doubt) []any {
				return []any{d.Seq, d.Subscriber, d.Address, d.Provider, d.Attempts, d.At, decided(d.Decision, d.DecidedBy), shorten(d.Reply, 80)}
			})
	})
}

// decide carries out a decision, after asking.
func (c *campaignDoubtsCmd) decide(ctx context.Context, p *program, a *app) error {
	n := int64(len(c.Seq))
	if n == 0 {
		var err error
		if n, err = a.delivery.UndecidedDoubts(ctx, c.ID); err != nil {
			return err
		}
	}
	decision, question := delivery.DecideAccept, "Leave %d readers in doubt as they are? Some of them may not have got the mail."
	if c.Resend {
		decision, question = delivery.DecideResend, "Send once more to %d readers in doubt? Some of them may get a second copy."
	}
	if err := p.confirm(c.Yes, question, n); err != nil {
		return err
	}
	done, err := a.delivery.DecideDoubts(ctx, c.ID, c.Seq, decision, p.who())
	if err != nil {
		return err
	}
	out := struct {
		Decision string `json:"decision"`
		Readers  int    `json:"readers"`
	}{decision, done}
	return p.show(out, func(w io.Writer) {
		if c.Resend {
			fmt.Fprintf(w, "Readers to be sent to once more: %d. It happens while a sender runs (mailer serve).\n", done)
		} else {
			fmt.Fprintf(w, "Readers left as they are: %d.\n", done)
		}
	})
}
