package main

import (
	"context"
	"slices"

	"mailer/internal/config"
	"mailer/internal/errs"
)

type serveCmd struct {
	Listen string   `placeholder:"ADDRESS" help:"Address of the web server, for this process alone; MAILER_LISTEN sets it for the links that other commands make too (default: 127.0.0.1:8025)."`
	Roles  []string `default:"web,scheduler,sender" enum:"web,scheduler,sender" help:"What this process does, separated by commas: ${default}."`
	Inbox  string   `default:"127.0.0.1:8026" placeholder:"ADDRESS" help:"Address of the mail catcher's page, in development; on this machine (${default})."`
}

func (serveCmd) Help() string {
	return `With nothing configured this is development mode: mails go to a mail catcher whose page is shown at the start, and nothing
leaves this machine. In production (see: mailer config --help) they go to the relay.

The first SIGINT or SIGTERM stops it in good order: no new work is begun, deliveries in hand are finished, for
MAILER_STOP_AFTER at most. A second one cuts them off; they are then found and settled at the next start. Several
processes may work on one database, each with some of the roles or all of them.

Examples:
  mailer serve
  mailer serve --roles sender
  MAILER_LISTEN=127.0.0.1:9000 mailer serve   (set it for the other commands too: it stands in the links they make)`
}

func (c *serveCmd) Run(ctx context.Context, p *program) error {
	cfg, err := p.configure(config.Flag{Name: "MAILER_LISTEN", Value: c.Listen})
	if err != nil {
		return err
	}
	s, err := p.startService(ctx, cfg, serviceOptions{
		web: slices.Contains(c.Roles, "web"), scheduler: slices.Contains(c.Roles, "scheduler"), sender: slices.Contains(c.Roles, "sender"),
		inboxListen: c.Inbox,
	})
	if err != nil {
		return err
	}
	if s.webURL != "" {
		p.say("web pages at %s, listening on %s", s.webURL, s.listening)
		if first, err := s.accounts.Links.Owner(ctx); err != nil {
			p.say("the link for the first visit to the desk cannot be made: %s", errs.Public(err))
		} else if first != "" {
			p.say("nobody has an account on the desk yet; become its owner here, once: %s", first)
		}
	}
	if c.Listen != "" && s.webURL != "" && !cfg.Production {
		if others, err := config.Load(p.flags.Config, p.env); err == nil && others.BaseURL != s.webURL {
			p.say("other commands do not know of --listen: the links they make lead to %s. For all commands set MAILER_LISTEN=%s instead", others.BaseURL, c.Listen)
		}
	}
	if s.inboxURL != "" {
		p.say("development mode: no mail leaves this machine; see it at %s", s.inboxURL)
	}
	failed := s.wait(ctx)
	p.say("stopping; once more to stop at once")
	if err := s.stop(p.cut); err != nil {
		return err
	}
	return errs.Wrap(failed, errs.Unavailable, "a part of the service ended by itself")
}
