package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mailer/cmd/mailer/demo"
	"mailer/internal/campaigns"
	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

type demoCmd struct {
	Once bool `help:"End after the summary, also on a terminal."`
}

func (demoCmd) Help() string {
	return `Starts everything with nothing configured: a private database, a mail catcher, and a sample newsroom with feeds, readers, a
digest and an appeal. It composes the digest, sends it, and says what happened and where to look. Nothing leaves this machine.

On a terminal it stays up until Ctrl-C. Started again in the same folder it finds its data.

Examples:
  mailer demo
  mailer demo --once --json`
}

// demoRun is one run of the demo.
type demoRun struct {
	p       *program
	svc     *service
	places  demoPlaces
	news    *demo.Newsroom
	started time.Time
}

func (c *demoCmd) Run(ctx context.Context, p *program) (err error) {
	d := &demoRun{p: p, started: time.Now()}
	cfg, err := d.configure()
	if err != nil {
		return err
	}
	unlock, err := lockDemo(cfg.Home)
	if err != nil {
		return err
	}
	defer unlock()
	stay := !c.Once && onTerminal(p.stdout)
	stopNews, err := d.openNewsroom(cfg)
	if err != nil {
		return err
	}
	defer stopNews()
	d.svc, err = p.startService(ctx, cfg, serviceOptions{web: true, sender: true, scheduler: stay, inboxListen: d.places.Inbox})
	if err != nil {
		return d.interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, d.svc.stop(p.cut)) }()
	if err := d.places.remember(cfg.Home, d.svc); err != nil {
		return err
	}
	summary, err := d.play(ctx)
	if err != nil {
		return d.interrupted(ctx, err)
	}
	if err := p.show(summary, summary.print); err != nil {
		return err
	}
	if !stay {
		p.say("the demo has ended, and its pages with it; start it on a terminal, without --once, to open them")
		return nil
	}
	p.say("the demo stays up until Ctrl-C")
	failed := d.svc.wait(ctx)
	p.say("stopping")
	return errs.Wrap(failed, errs.Unavailable, "a part of the demo ended by itself")
}

// interrupted makes Ctrl-C in the middle of the work an orderly end: the next start goes on from there.
func (d *demoRun) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errs.New(errs.Unavailable, "stopped before the digest was out; start it again and it goes on from there")
	}
	return err
}

// configure is development mode whatever the environment holds: the demo must never reach a real database or relay.
func (d *demoRun) configure() (*config.Config, error) {
	full, err := d.p.configure()
	if err != nil {
		return nil, err
	}
	if full.Production {
		return nil, errs.New(errs.Conflict, "this folder or environment is configured for production, and the demo stays away from that; "+
			"run it in an empty folder without MAILER_ variables")
	}
	if full.IsDefault("MAILER_LOG_LEVEL") {
		full.LogLevel = "warn"
	}
	d.places = recallPlaces(full.Home)
	full.Listen = free(d.places.Web)
	d.places.Inbox = free(d.places.Inbox)
	return full, nil
}

// openNewsroom serves the sample newsroom and allows its feeds to be read.
func (d *demoRun) openNewsroom(cfg *config.Config) (stop func(), err error) {
	ln, err := listen(free(d.places.Newsroom), "the sample newsroom")
	if err != nil {
		return nil, err
	}
	d.places.Newsroom = ln.Addr().String()
	if d.news, err = demo.Open(localURL(ln), d.places.Opened); err != nil {
		ln.Close()
		return nil, err
	}
	cfg.AllowHosts = append(cfg.AllowHosts, strings.TrimPrefix(d.news.Base, "http://"))
	srv := &http.Server{Handler: d.news.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	return func() { _ = srv.Close() }, nil
}

// play sets the newsroom up, composes and sends its digest, or finds all that done, and tells what there is to see.
func (d *demoRun) play(ctx context.Context) (*demoSummary, error) {
	list, err := d.seed(ctx)
	if err != nil {
		return nil, err
	}
	c, again, err := d.campaign(ctx)
	if err != nil {
		return nil, err
	}
	if again {
		d.p.say("found the digest that was sent before; remove the folder %s to begin anew", d.svc.cfg.Home)
	} else {
		d.p.say("composed “%s” with %d stories for %s", c.Subject, c.StoryCount, c.List)
	}
	balance, err := d.watch(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if !again {
		if err := d.news.Draft(ctx, d.rooms(), c); err != nil {
			return nil, err
		}
	}
	return d.summarise(ctx, list, c, balance, again)
}

// campaign returns the digest's campaign, launched: the one of an earlier run, or a new one.
func (d *demoRun) campaign(ctx context.Context) (c campaigns.Campaign, again bool, err error) {
	const who = "demo"
	svc := d.svc.campaigns
	all, err := svc.Campaigns(ctx, campaigns.Filter{Digest: demo.DigestSlug})
	if err != nil {
		return c, false, err
	}
	for _, c := range all {
		if c.State == campaigns.Launched {
			c, err = svc.Campaign(ctx, c.ID)
			return c, true, err
		}
	}
	for _, c := range all { // an earlier run was stopped between composing and sending
		if c.State == campaigns.Draft || c.State == campaigns.InReview || c.State == campaigns.Approved {
			c, err = svc.Start(ctx, c.ID, who, false)
			return c, false, err
		}
	}
	if c, err = svc.Digests.Run(ctx, demo.DigestSlug, who); err != nil {
		return c, false, err
	}
	c, err = svc.Start(ctx, c.ID, who, false)
	return c, false, err
}

// watch shows the progress of the send until nothing is left to do.
func (d *demoRun) watch(ctx context.Context, campaign int64) (delivery.Balance, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	shown := int64(-1)
	for {
		b, err := d.svc.delivery.Balance(ctx, campaign)
		if err != nil {
			return b, err
		}
		if done := b.Audience - b.Open(); done != shown && b.Audience > 0 {
			d.p.say("sending: %d of %d", done, b.Audience)
			shown = done
		}
		if b.State != "running" {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case err := <-d.svc.broken:
			return b, err
		case <-tick.C:
		}
	}
}

// lockDemo keeps a second demo out of the folder: it would take other ports, and the links in the first one's mails lead to
// the ports that are remembered.
func lockDemo(home string) (unlock func(), err error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made; choose another one with --home", home)
	}
	f, err := os.OpenFile(filepath.Join(home, "demo.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the folder %s cannot be written to; choose another one with --home", home)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errs.New(errs.Unavailable, "a demo is running in %s already; stop it, or start this one in another folder", home)
	}
	return func() { _ = f.Close() }, nil
}

// free returns the address if its port can be had, else one on the same host that can.
func free(address string) string {
	for _, a := range []string{address, "127.0.0.1:0"} {
		if ln, err := net.Listen("tcp", a); err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	return address
}

func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}

// seed makes what is not there yet of the newsroom.
func (d *demoRun) seed(ctx context.Context) (subscribers.List, error) {
	return d.news.Seed(ctx, d.rooms(), d.p.say)
}

// rooms are where the newsroom is put into.
func (d *demoRun) rooms() demo.Rooms {
	return demo.Rooms{Subscribers: d.svc.subscribers, Transfer: d.svc.transfer, Articles: d.svc.articles, Appeals: d.svc.appeals, Campaigns: d.svc.campaigns}
}

// missing reports whether err says that something is not there, and passes other errors on.
func missing(err error) (bool, error) {
	if errs.KindOf(err) == errs.NotFound {
		return true, nil
	}
	return false, err
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
