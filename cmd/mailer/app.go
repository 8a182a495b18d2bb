package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/audience"
	"mailer/internal/campaigns"
	"mailer/internal/config"
	"mailer/internal/db"
	"mailer/internal/db/private"
	"mailer/internal/delivery"
	"mailer/internal/dkim"
	"mailer/internal/errs"
	"mailer/internal/fetch"
	"mailer/internal/images"
	"mailer/internal/letters"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/preferences"
	"mailer/internal/privacy"
	"mailer/internal/render"
	"mailer/internal/reports"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
	"mailer/internal/web/public"
)

// app is every room, opened on one database.
type app struct {
	cfg     *config.Config
	log     *slog.Logger
	db      *sqlx.DB
	private *private.Server // nil when the database is elsewhere
	ring    *links.Ring
	dkim    *dkim.Ring

	templates   *render.Templates
	accounts    *accounts.Service
	subscribers *subscribers.Store
	transfer    *transfer.Store
	articles    *articles.Store
	appeals     *appeals.Store
	audience    *audience.Store
	delivery    *delivery.Store
	limits      *limits.Store
	preferences *preferences.Service
	letters     *letters.Service
	signup      *signup.Service
	campaigns   *campaigns.Service
	privacy     *privacy.Service
	reports     *reports.Store
	images      *images.Store
}

// configure reads file, environment and flags, and passes warnings on.
func (p *program) configure(flags ...config.Flag) (*config.Config, error) {
	flags = append(flags, config.Flag{Name: "MAILER_HOME", Value: p.flags.Home})
	cfg, err := config.Load(p.flags.Config, p.env, flags...)
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		p.say("%s", w)
	}
	return cfg, nil
}

// with opens the service for one command and closes it afterwards.
func (p *program) with(ctx context.Context, do func(a *app) error) error {
	cfg, err := p.configure()
	if err != nil {
		return err
	}
	// A command speaks through its output. What the rooms have to tell is for serve, unless somebody asked for it.
	if cfg.IsDefault("MAILER_LOG_LEVEL") {
		cfg.LogLevel = "warn"
	}
	a, err := p.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.close()
	return do(a)
}

// open opens the database, brings its schema up to date and opens every room on it. Without a configured database it is
// the private one in cfg.Home, started when nobody has it running.
func (p *program) open(ctx context.Context, cfg *config.Config) (*app, error) {
	if err := cfg.Complete(); err != nil {
		return nil, err
	}
	keys, err := openDKIM(cfg)
	if err != nil {
		return nil, err
	}
	a := &app{cfg: cfg, log: logger(p, cfg), dkim: keys}
	err = a.connect(ctx, p)
	if err == nil {
		err = db.Migrate(ctx, a.db)
	}
	if err == nil {
		err = a.openRooms(ctx)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// connect opens the database, starting the private one where none is configured.
func (a *app) connect(ctx context.Context, p *program) (err error) {
	url := a.cfg.DatabaseURL
	if !a.cfg.Production {
		if err := os.MkdirAll(a.cfg.Home, 0o700); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made; choose another one with --home or MAILER_HOME", a.cfg.Home)
		}
		a.private, err = private.Start(ctx, a.cfg.Home, func(m string) { p.say("no database is configured: %s", m) })
		if err != nil {
			return err
		}
		url = a.private.URL()
	}
	a.db, err = db.Open(ctx, url)
	return err
}

// openRooms opens the rooms from the ground up.
func (a *app) openRooms(ctx context.Context) (err error) {
	if err := a.cfg.EnsureSecret(); err != nil {
		return err
	}
	if a.ring, err = links.NewRing(a.cfg.Secret, a.cfg.OldSecrets); err != nil {
		return err
	}
	if a.templates, err = render.Load(a.cfg.Templates); err != nil {
		return err
	}
	a.subscribers = subscribers.NewStore(a.db, a.ring)
	a.transfer = transfer.NewStore(a.db, a.subscribers)
	a.subscribers.Policy.AllowReserved = !a.cfg.Production
	a.subscribers.Policy.MailDomain = a.cfg.MailDomain
	if err := a.subscribers.CheckKey(ctx); err != nil {
		return err
	}
	a.articles = articles.NewStore(a.db, a.fetcher(0), time.Now)
	a.appeals = appeals.NewStore(a.db, time.Now)
	a.delivery = delivery.NewStore(a.db, a.ring, a.subscribers)
	a.delivery.Narrow = audience.Narrow
	a.audience = audience.NewStore(a.db, a.subscribers, time.Now)
	a.limits = limits.New(a.db, a.ring)
	a.openCampaigns()
	a.privacy = privacy.New(privacy.Deps{DB: a.db, Subscribers: a.subscribers, Delivery: a.delivery, Keep: privacy.Keep(a.cfg.Keep), Now: time.Now, Log: a.log})
	a.reports = reports.NewStore(a.db, a.delivery, a.appeals)
	return nil
}

// openCampaigns opens the rooms that depend on where the public pages are, which a development server may learn late.
func (a *app) openCampaigns() {
	a.images = images.NewStore(a.db, a.cfg.Images())
	a.letters = letters.New(letters.Deps{Ring: a.ring, DKIM: a.dkim, Templates: a.templates, URLs: links.URLs{Base: a.cfg.BaseURL},
		MailDomain: a.cfg.MailDomain, Now: time.Now, Limits: a.limits})
	a.accounts = accounts.New(accounts.Deps{DB: a.db, Ring: a.ring, Lists: a.subscribers, Letters: a.letters, BaseURL: a.cfg.BaseURL, Client: a.client,
		Now: time.Now, Log: a.log})
	a.preferences = preferences.New(preferences.Deps{DB: a.db, Subscribers: a.subscribers, Letters: a.letters, Limits: a.limits})
	var domains *signup.Domains // in development domains that do not exist are as good as others
	if a.cfg.Production {
		domains = signup.NewDomains(nil)
	}
	a.signup = signup.New(signup.Deps{DB: a.db, Ring: a.ring, Subscribers: a.subscribers, Letters: a.letters, Delivery: a.delivery, Limits: a.limits,
		Domains: domains, BaseURL: a.cfg.BaseURL, Now: time.Now, Log: a.log, Caps: signup.Caps{Address: a.cfg.SignupAddress,
			Network: a.cfg.SignupNetwork, Domain: a.cfg.SignupDomain, Total: a.cfg.SignupTotal}})
	a.campaigns = campaigns.New(campaigns.Deps{DB: a.db, Ring: a.ring, DKIM: a.dkim, Lists: a.subscribers, Articles: a.articles, Appeals: a.appeals, Audience: a.audience,
		Delivery: a.delivery, Templates: a.templates, Letters: a.letters, URLs: links.URLs{Base: a.cfg.BaseURL}, MailDomain: a.cfg.MailDomain, LeaveByMail: a.cfg.InboundListen != "",
		Development: !a.cfg.Production, Now: time.Now, Log: a.log, Approvers: a.accounts.People.Approvers, Fetch: a.fetcher(linkTimeout),
		Caution: campaigns.Caution{UndoWindow: a.cfg.UndoWindow, FirstSlice: a.cfg.FirstSlice, SliceWait: a.cfg.SliceWait}})
}

// linkTimeout is how long the pre-flight waits for the answer of one link.
const linkTimeout = 5 * time.Second

// fetcher reads what strangers name; 0 is the usual timeout.
func (a *app) fetcher(timeout time.Duration) *fetch.Client {
	return fetch.New(fetch.Options{AllowPrivate: !a.cfg.Production && len(a.cfg.AllowHosts) > 0, AllowHosts: a.cfg.AllowHosts, Timeout: timeout,
		UserAgent: fetch.UserAgent(a.cfg.BaseURL)})
}

// client is from where a request to the desk comes.
func (a *app) client(r *http.Request) netip.Addr {
	return public.Client(r, public.Trusted(a.cfg.TrustedProxies))
}

// close gives everything back. The private database ends when no other process of ours uses it.
func (a *app) close() {
	if a.db != nil {
		_ = a.db.Close()
	}
	if a.private != nil {
		a.private.Stop()
	}
}

// inboxDir is where the mail catcher of development mode keeps its mails.
func (a *app) inboxDir() string { return filepath.Join(a.cfg.Home, "inbox") }

// ready says whether the service can do its work now: the database answers and has the schema this program needs.
func (a *app) ready(ctx context.Context) error {
	current, latest, err := db.Version(ctx, a.db)
	if err == nil && current != latest {
		err = errs.New(errs.Unavailable, "the database has schema %d, and this program needs %d", current, latest)
	}
	return err
}

// logger writes to standard error as the configuration says.
func logger(p *program, cfg *config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, o))
	}
	return slog.New(slog.NewTextHandler(p.stderr, o))
}
