package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/relay"
)

type relaysCmd struct {
	List  relayListCmd  `cmd:"" default:"withargs" help:"Show the relays and how they are."`
	Check relayCheckCmd `cmd:"" help:"Connect to each relay and show what it offers, without sending anything."`
}

func (relaysCmd) Help() string {
	return `One relay is set by MAILER_SMTP_URL, several by [[relay]] tables in mailer.toml (docs/configuration.md). What the senders find stands in the
database, so this works from any machine. A day is one of UTC.

Examples:
  mailer relays
  mailer relays check`
}

// noRelay is said in place of an empty table.
const noRelay = "No relay is set: in development mode a mail catcher takes its place."

type relayListCmd struct{}

// relayViews returns the relays as they are set and as the senders find them.
func (a *app) relayViews(ctx context.Context) ([]delivery.RelayView, error) {
	states, err := a.delivery.Relays(ctx)
	if err != nil {
		return nil, err
	}
	var rows []delivery.RelayView
	for _, r := range a.cfg.Lines() {
		if r.URL == "" {
			continue
		}
		made, err := relay.New(relayConfig(a.cfg, r))
		if err != nil {
			return nil, ofRelay(r, err)
		}
		row := delivery.RelayView{RelayState: delivery.RelayState{Name: r.Name, Host: made.Name()}, Weight: r.Weight, Most: r.Connections,
			PerSecond: r.Rate, DailyCap: r.DailyCap, Lists: r.Lists}
		if row.Name == "" {
			row.Name = made.Name()
		}
		if i := slices.IndexFunc(states, func(s delivery.RelayState) bool { return s.Name == row.Name }); i >= 0 {
			row.RelayState = states[i]
			row.Host = made.Name()
			states = slices.Delete(states, i, i+1)
		}
		rows = append(rows, row)
	}
	for _, s := range states { // of senders with another configuration, or of today before it was changed
		rows = append(rows, delivery.RelayView{RelayState: s, NotInConfig: true})
	}
	return rows, nil
}

func (c *relayListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		rows, err := a.relayViews(ctx)
		if err != nil {
			return err
		}
		return list(p, rows, noRelay,
			[]string{"NAME", "HOST", "STATE", "CONNECTIONS", "TODAY", "LISTS", "LAST TROUBLE"}, func(r delivery.RelayView) []any {
				return []any{r.Name, r.Host, stateOfRelay(r), of(int64(r.Connections), r.Most), of(r.Today, r.DailyCap), strings.Join(r.Lists, ", "), trouble(r)}
			})
	})
}

func stateOfRelay(r delivery.RelayView) string {
	switch {
	case r.NotInConfig && r.Processes > 0:
		return r.State + ", not in this configuration"
	case r.NotInConfig:
		return "not in this configuration"
	case r.Processes == 0:
		return "no sender runs"
	case r.State == delivery.RelayOK:
		return "ok"
	case r.State == delivery.RelayCapped:
		return "done for today"
	case r.RetryAt != nil:
		return "cannot be used; next try in " + max(time.Until(*r.RetryAt), 0).Round(time.Second).String()
	}
	return "cannot be used"
}

func of(n int64, most int) string {
	if most == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d of %d", n, most)
}

func trouble(r delivery.RelayView) string {
	if r.SaidAt == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s", cell(*r.SaidAt), shorten(r.Said, 100))
}

type relayCheckCmd struct {
	Name string `arg:"" optional:"" help:"Only this one."`
}

// relayOffer is what a relay offers who connects.
type relayOffer struct {
	Name   string   `json:"name"`
	Host   string   `json:"host"`
	OK     bool     `json:"ok"`
	TLS    string   `json:"tls,omitempty"`
	Login  string   `json:"login,omitempty"`
	Size   int64    `json:"size_limit,omitempty"`
	Offers []string `json:"offers,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func (c *relayCheckCmd) Run(ctx context.Context, p *program) error {
	cfg, err := p.configure()
	if err != nil {
		return err
	}
	var offers []relayOffer
	var failed error
	for _, r := range cfg.Lines() {
		if c.Name != "" && r.Name != c.Name || r.URL == "" {
			continue
		}
		o, err := checkRelay(ctx, cfg, r)
		if err != nil {
			failed = errors.Join(failed, ofRelay(r, err))
		}
		offers = append(offers, o)
	}
	if c.Name != "" && len(offers) == 0 {
		return errs.New(errs.NotFound, "there is no relay %s in the configuration; mailer relays lists them", cell(c.Name))
	}
	err = list(p, offers, noRelay,
		[]string{"NAME", "HOST", "WORKS", "TLS", "LOGIN", "LARGEST MESSAGE", "OFFERS"}, func(o relayOffer) []any {
			size := "no limit named"
			if o.Size > 0 {
				size = fmt.Sprintf("%.1f MB", float64(o.Size)/1e6)
			}
			if !o.OK {
				size = ""
			}
			return []any{o.Name, o.Host, o.OK, o.TLS, o.Login, size, strings.Join(o.Offers, " ")}
		})
	return errors.Join(err, failed)
}

// checkTime is how long a relay may take to greet and to say what it offers.
const checkTime = 30 * time.Second

// checkRelay connects, and leaves without sending anything.
func checkRelay(ctx context.Context, cfg *config.Config, r config.Relay) (o relayOffer, err error) {
	made, err := relay.New(relayConfig(cfg, r))
	if err != nil {
		return relayOffer{Name: r.Name, Error: errs.Public(err)}, err
	}
	o = relayOffer{Name: r.Name, Host: made.Name()}
	if o.Name == "" {
		o.Name = o.Host
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	conn, err := made.Dial(ctx)
	if err != nil {
		var de *relay.DialError
		if errors.As(err, &de) {
			err = de.Err
		}
		o.Error = errs.Public(err)
		return o, err
	}
	defer conn.Quit()
	o.OK, o.TLS, o.Login, o.Size = true, made.TLS(), "none", conn.SizeLimit()
	if made.LogsIn() {
		o.Login = "accepted"
	}
	for _, e := range []string{"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING", "REQUIRETLS", "LIMITS"} {
		if offered, params := conn.Extension(e); offered {
			o.Offers = append(o.Offers, strings.TrimSpace(e+" "+params))
		}
	}
	return o, nil
}
