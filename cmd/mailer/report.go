package main

import (
	"context"
	"fmt"
	"io"

	"mailer/internal/appeals"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/reports"
)

type campaignReportCmd struct {
	ID int64 `arg:"" help:"Which campaign."`
}

func (campaignReportCmd) Help() string {
	return `Accepted means that the relay took the mail, not that it was read: opens are not tracked. The audience is the sum of all the
other numbers, always. In doubt are readers whose mail was handed over without an answer; nothing can tell whether it arrived.`
}

func (c *campaignReportCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		r, err := a.reports.Campaign(ctx, c.ID)
		if err != nil {
			return err
		}
		return p.show(r, func(w io.Writer) { writeReport(w, r) })
	})
}

func writeReport(w io.Writer, r reports.Report) {
	h := r.Campaign
	state := campaigns.Campaign{State: h.State}
	if r.Balance != nil {
		state.SendState = r.Balance.State
	}
	pairs(w, "campaign", h.ID, "name", h.Name, "list", h.List, "edition", h.Edition, "subject", h.Subject, "state", stateOf(state), "because", h.Reason,
		"stories", h.Stories, "approved by", h.ApprovedBy, "launched", h.LaunchedAt, "first answer", r.FirstAt, "last answer", r.LastAt)
	if r.Balance == nil {
		fmt.Fprintln(w, "It has not been launched.")
		return
	}
	writeBalance(w, *r.Balance)
	if len(r.Waits) > 0 {
		fmt.Fprintln(w, "\nWaiting:")
		for _, wait := range r.Waits {
			fmt.Fprintln(w, "  "+cell(wait.Text))
		}
	}
	refusals := func(title string, all []reports.Refusal) {
		if len(all) == 0 {
			return
		}
		fmt.Fprintln(w, "\n"+title)
		table(w, []string{"READERS", "CLASS", "PROVIDER", "NEXT TRY", "REPLY"}, all, func(f reports.Refusal) []any {
			return []any{f.Readers, f.Class, f.Provider, f.NextDue, shorten(f.Reply, 80)}
		})
	}
	readers := func(title string, all []reports.Reader) {
		if len(all) == 0 {
			return
		}
		fmt.Fprintln(w, "\n"+title)
		table(w, []string{"READER", "ADDRESS", "ATTEMPT", "AT", "NEXT TRY", "DECIDED", "REPLY"}, all, func(d reports.Reader) []any {
			return []any{d.Subscriber, d.Address, d.Attempts, d.At, d.Due, decided(d.Decision, d.DecidedBy), shorten(d.Reply, 80)}
		})
	}
	refusals("Refused for good:", r.Refusals)
	refusals("Put off:", r.Deferred)
	readers("Waiting for another try:", r.Waiting)
	readers("Given up, as their time was over:", r.Expired)
	readers("In doubt, to be sent once more:", r.Retried)
	readers("In doubt:", r.Doubts)
	if len(r.Leavers) > 0 {
		fmt.Fprintln(w, "\nLeft through it:")
		table(w, []string{"READERS", "WHAT", "HOW"}, r.Leavers, func(l reports.Leavers) []any { return []any{l.Readers, l.Event, l.Method} })
	}
	if len(r.Reasons) > 0 {
		fmt.Fprintln(w, "\nSaid why:")
		table(w, []string{"READERS", "WHY"}, r.Reasons, func(k reports.Reason) []any { return []any{k.Readers, k.Reason} })
	}
	if len(r.Clicks) > 0 {
		fmt.Fprintln(w, "\nAppeal:")
		table(w, []string{"CLICKS", "BY PROGRAMS", "APPEAL", "HEADING"}, r.Clicks, func(k appeals.Clicks) []any {
			return []any{k.Clicks, k.Machines, k.Slug, shorten(k.Heading, 60)}
		})
	}
}

// decided says what a person decided about a reader in doubt.
func decided(decision, who string) string {
	if decision == "" {
		return "-"
	}
	return decision + " by " + who
}

type campaignOutcomesCmd struct {
	ID    int64  `arg:"" help:"Which campaign."`
	State string `enum:",failed,unknown,deferred,suppressed,expired" default:"" help:"Only these: failed, unknown, deferred, suppressed or expired."`
	Limit int    `default:"100" help:"How many."`
	After int64  `placeholder:"SEQ" help:"Those after this one, for the next page."`
}

func (c *campaignOutcomesCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.delivery.Outcomes(ctx, c.ID, delivery.Filter{State: c.State, After: c.After, Limit: c.Limit})
		if err != nil {
			return err
		}
		return list(p, all, "There are none.", []string{"SEQ", "ADDRESS", "STATE", "CLASS", "ATTEMPTS", "NEXT TRY", "REPLY"},
			func(r delivery.Reader) []any {
				return []any{r.Seq, r.Address, r.State, r.Class, r.Attempts, r.Due, shorten(r.Reply, 80)}
			})
	})
}
