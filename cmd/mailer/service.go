package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/inbox"
	"mailer/internal/spool"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin"
	"mailer/internal/web/public"
)

// serviceOptions say which parts run.
type serviceOptions struct {
	web, scheduler, sender bool
	inboxListen            string // address of the mail catcher's page; development only
}

// service is the running program: what serve and demo start.
type service struct {
	*app
	inbox            *inbox.Inbox // nil in production
	webURL, inboxURL string       // empty where that part does not run
	listening        string       // address of the web server

	soft, work context.Context // soft ends when a stop is asked for, work when it must not wait any longer
	halt, cut  context.CancelFunc
	parts      sync.WaitGroup // those that end by themselves once soft has ended
	catcher    sync.WaitGroup // the mail catcher, which the senders need until their end
	servers    []*http.Server
	inboxPage  *http.Server
	broken     chan error // the first part that ended by itself

	spool     *spool.Spool // nil where it cannot be opened
	leaver    *subscribers.Leaver
	inboundAt string // address of the listener for mail that comes back; empty where there is none
}

// startService opens everything and starts the parts. What cannot work is refused here, before anything runs: settings, the
// address of the web server, the database, templates.
func (p *program) startService(ctx context.Context, cfg *config.Config, o serviceOptions) (_ *service, err error) {
	if err := cfg.Complete(); err != nil {
		return nil, err
	}
	if !cfg.Production && o.sender {
		if err := onlyHere(o.inboxListen); err != nil {
			return nil, err
		}
	}
	s := &service{broken: make(chan error, 1)}
	var web net.Listener
	if o.web {
		if web, err = listen(cfg.Listen, "MAILER_LISTEN"); err != nil {
			return nil, err
		}
		if !cfg.Production {
			cfg.SetBaseURL(localURL(web))
		}
		s.webURL, s.listening = cfg.BaseURL, web.Addr().String()
	}
	if s.app, err = p.open(ctx, cfg); err != nil {
		if web != nil {
			web.Close()
		}
		return nil, err
	}
	s.soft, s.halt = context.WithCancel(context.WithoutCancel(ctx))
	s.work, s.cut = context.WithCancel(context.WithoutCancel(ctx))
	err = s.openLeaver(ctx)
	if err == nil && !cfg.Production && o.sender {
		err = s.startInbox(o.inboxListen)
	}
	if err == nil && web != nil {
		s.parts.Go(func() { s.leaver.Run(s.soft) })
		s.servers = append(s.servers, s.serveHTTP(&s.parts, web, public.OnlyImages(s.images, s.cfg.BaseURL, s.pages())))
		s.parts.Go(func() { s.signup.Run(s.soft) })
	}
	if err == nil && o.web {
		err = s.startInbound()
	}
	if err == nil && o.sender {
		err = s.startSender()
	}
	if err == nil && o.scheduler {
		err = s.startScheduler()
	}
	if err != nil {
		_ = s.stop(nil)
		return nil, err
	}
	return s, nil
}

// pages are the public pages and the editors' desk.
func (s *service) pages() http.Handler {
	desk := admin.New(admin.Deps{DB: s.db, Config: s.cfg, Accounts: s.accounts, Subscribers: s.subscribers, Transfer: s.transfer,
		Articles: s.articles, Appeals: s.appeals, Audience: s.audience, Delivery: s.delivery, Signup: s.signup, Campaigns: s.campaigns, Privacy: s.privacy,
		Images: s.images, Reports: s.reports, Imports: s.imports(), Relays: s.relayViews, LaneLimits: s.lanesSet(), BaseURL: s.cfg.BaseURL, InboxURL: s.inboxURL, Client: s.client, Stopping: s.soft.Done(), Log: s.log})
	return admin.Before(public.New(public.Deps{Subscribers: s.subscribers, Appeals: s.appeals, Delivery: s.delivery, Leaver: s.leaver, Archive: campaigns.NewArchive(s.db, s.subscribers), Signup: s.signup, Preferences: s.preferences, Privacy: s.privacy, Images: s.images, Ring: s.ring, Ready: s.ready, Weekly: s.campaigns.Digests.Weekly,
		BaseURL: s.cfg.BaseURL, TrustedProxies: s.cfg.TrustedProxies, Log: s.log}), desk)
}

// serveHTTP serves h until its server is shut down.
func (s *service) serveHTTP(group *sync.WaitGroup, ln net.Listener, h http.Handler) *http.Server {
	srv := public.NewServer(ln.Addr().String(), h, s.log)
	group.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.fail(err)
		}
	})
	return srv
}

// startInbox starts the mail catcher and makes it the relay. Its SMTP port is whichever is free: only this process needs it.
func (s *service) startInbox(pageAddress string) error {
	page, err := listen(pageAddress, "--inbox")
	if err != nil {
		return err
	}
	smtp, err := listen("127.0.0.1:0", "the mail catcher")
	if err != nil {
		page.Close()
		return err
	}
	s.inbox, err = inbox.Open(s.inboxDir(), inbox.Options{Production: s.cfg.Production, ImageOrigins: s.imageOrigins(), Log: s.log})
	if err != nil {
		page.Close()
		smtp.Close()
		return err
	}
	s.cfg.SMTPURL = "smtp://" + smtp.Addr().String() + "?tls=none"
	s.inboxURL = localURL(page)
	s.inboxPage = s.serveHTTP(&s.catcher, page, s.inbox.Handler())
	s.catcher.Go(func() {
		if err := s.inbox.ServeSMTP(smtp); err != nil {
			s.fail(err)
		}
	})
	return nil
}

// imageOrigins are where mails in the catcher may load images from besides https: our own pages, and hosts that a
// developer allowed.
func (s *service) imageOrigins() []string {
	origins := []string{s.cfg.BaseURL}
	for _, h := range s.cfg.AllowHosts {
		origins = append(origins, "http://"+h)
	}
	return origins
}

// startSender works the queue and the outbox.
func (s *service) startSender() error {
	relays, err := s.relayLines(s.work)
	if err != nil {
		return err
	}
	lanes, err := s.laneLimits()
	if err != nil {
		return err
	}
	lines, err := s.openMailLog()
	if err != nil {
		return err
	}
	sender := delivery.NewSender(hasteSender(delivery.SenderConfig{Store: s.delivery, DKIM: s.dkim, Relays: relays, Lanes: lanes,
		Rate: float64(s.cfg.Rate), Connections: s.cfg.Connections,
		Drain: s.cfg.StopAfter, Cut: s.work.Done(), Log: s.log, MailLog: lines, MarkFile: s.cfg.MarkPath()}))
	s.parts.Go(func() {
		if err := sender.Run(s.soft); err != nil {
			s.fail(err)
		}
		s.closeMailLog(lines)
	})
	return nil
}

// fail notes that a part ended by itself: the service then stops, and whoever supervises it starts it anew.
func (s *service) fail(err error) {
	select {
	case s.broken <- err:
	default:
	}
}

// wait returns when ctx ends, or with the reason when a part has ended by itself.
func (s *service) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.broken:
		return err
	}
}

// stop ends the service in order: no new requests, no new chores, no new deliveries; then it waits for what is in hand,
// until now closes or the time for that is over; then the mail catcher, the database. It returns an error when something
// had to be cut off.
func (s *service) stop(now <-chan struct{}) (err error) {
	s.halt()
	for _, srv := range s.servers {
		s.parts.Go(func() { _ = srv.Shutdown(s.work) })
	}
	if !ended(&s.parts, now, s.cfg.StopAfter+grace) {
		err = errs.New(errs.Unavailable, "stopped before everything in hand was finished; the next start settles it")
		s.log.Warn("cut off what was still in hand")
		s.cut()
		for _, srv := range s.servers {
			_ = srv.Close()
		}
		// What was cut writes down what is in doubt and gives back the rest; what does not must not keep us.
		ended(&s.parts, nil, grace)
	}
	var promised sync.WaitGroup // links for new passwords, which nobody waits for
	promised.Go(s.accounts.Links.Wait)
	ended(&promised, now, grace)
	s.cut()
	if s.inboxPage != nil {
		_ = s.inboxPage.Close()
	}
	if s.inbox != nil {
		_ = s.inbox.Close()
		ended(&s.catcher, now, grace)
	}
	if s.spool != nil {
		s.spool.Close()
	}
	s.close()
	return err
}

// grace is what parts may take beyond the time for deliveries in hand.
const grace = 5 * time.Second

// ended waits for the group until now closes or the limit has passed, and reports whether all of it has ended.
func ended(group *sync.WaitGroup, now <-chan struct{}, limit time.Duration) bool {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-now:
	case <-timer.C:
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// onlyHere refuses an address for the mail catcher's page that other machines could reach: it shows every mail caught, with
// the links in it, to whoever asks.
func onlyHere(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errs.New(errs.Usage, "--inbox %s is not a host and a port; write it like 127.0.0.1:8026", address)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return errs.New(errs.Usage, "--inbox %s would show the mails caught, and the links in them, to other machines; use an address of this machine, "+
		"like 127.0.0.1:8026, and reach it from elsewhere through a tunnel (ssh -L 8026:127.0.0.1:8026)", address)
}

// listen opens a TCP port; setting is what to change when it is taken.
func listen(address, setting string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	return ln, errs.Wrap(err, errs.Unavailable, "the address %s cannot be used (%s); is mailer running already?", address, setting)
}

// localURL is how a browser on this machine reaches a listener.
func localURL(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return "http://localhost:" + port
}
