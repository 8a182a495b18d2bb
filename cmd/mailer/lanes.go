package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/relay"
	"mailer/internal/subscribers"
)

type lanesCmd struct {
	List   laneListCmd   `cmd:"" default:"withargs" help:"Show lanes: their limits, and which are slowed, until when and why."`
	Resume laneResumeCmd `cmd:"" help:"Let a slowed lane go at full speed again."`
}

func (lanesCmd) Help() string {
	return `A lane is a relay and a provider of mailboxes. Some providers take so many connections and messages on each and no more; when replies ask
for less a lane is slowed by itself, for all senders, and recovers by itself.

Examples:
  mailer lanes
  mailer lanes --limits
  mailer lanes resume main yahoo`
}

type laneListCmd struct {
	Limits bool `help:"Show the limits of every lane instead of those that are slowed."`
}

// laneRow is the limits of a lane.
type laneRow struct {
	Relay    string `json:"relay"`
	Provider string `json:"provider"`
	delivery.Limits
}

func (c *laneListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		if c.Limits {
			return c.limits(p, a)
		}
		slowed, err := a.delivery.Slowed(ctx)
		if err != nil {
			return err
		}
		return list(p, slowed, "No lane is slowed.", []string{"RELAY", "PROVIDER", "NOW", "SINCE", "UNTIL", "BECAUSE IT SAID"},
			func(s delivery.Slowed) []any {
				now := fmt.Sprintf("%g messages a minute", s.PerMinute)
				if s.Suspended {
					now = "suspended"
				}
				return []any{s.Relay, s.Provider, now, s.Since, s.Until, shorten(s.Said, 100)}
			})
	})
}

func (c *laneListCmd) limits(p *program, a *app) error {
	limits, err := a.laneLimits()
	if err != nil {
		return err
	}
	var rows []laneRow
	for _, r := range a.cfg.Lines() {
		if r.URL == "" {
			continue
		}
		made, err := relay.New(relayConfig(a.cfg, r))
		if err != nil {
			return ofRelay(r, err)
		}
		name := cmp.Or(r.Name, made.Name()) // the one relay of MAILER_SMTP_URL has no other
		for _, provider := range subscribers.Providers() {
			rows = append(rows, laneRow{name, provider, delivery.LimitsOf(name, provider, limits)})
		}
	}
	return list(p, rows, noRelay, []string{"RELAY", "PROVIDER", "CONNECTIONS", "MESSAGES ON EACH", "PER SECOND"}, func(l laneRow) []any {
		return []any{l.Relay, l.Provider, orNone(l.Connections), orNone(l.MessagesPerConnection), orNone(l.Rate)}
	})
}

func orNone[T int | float64](n T) string {
	if n == 0 {
		return "no limit"
	}
	return fmt.Sprint(n)
}

type laneResumeCmd struct {
	Relay    string `arg:"" help:"Name of the relay."`
	Provider string `arg:"" help:"The provider, or one of its domains."`
}

func (c *laneResumeCmd) Run(ctx context.Context, p *program) error {
	provider, err := providerNamed(c.Provider)
	if err != nil {
		return errs.New(errs.Usage, "%s", err)
	}
	return p.with(ctx, func(a *app) error {
		err := db.InTx(ctx, a.db, func(tx *sqlx.Tx) error {
			if err := a.delivery.ResumeLane(ctx, tx, c.Relay, provider); err != nil {
				return err
			}
			return audit.Log(ctx, tx, p.who(), "lane.resume", "lane "+c.Relay+" "+provider, nil)
		})
		if err != nil {
			return err
		}
		out := struct {
			Relay    string `json:"relay"`
			Provider string `json:"provider"`
		}{c.Relay, provider}
		return p.show(out, func(w io.Writer) {
			fmt.Fprintf(w, "Mail for %s goes at full speed over %s again.\n", provider, c.Relay)
		})
	})
}
