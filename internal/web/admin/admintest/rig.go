// Package admintest is the editors' desk for tests: every room on a database of the test's own, a sample newsroom with its feeds
// read, the desk on a real socket, and people who log in over HTTP or in a real browser.
package admintest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/cmd/mailer/demo"
	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/audience"
	"mailer/internal/campaigns"
	"mailer/internal/config"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/fetch"
	"mailer/internal/images"
	"mailer/internal/letters"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/logtest"
	"mailer/internal/preferences"
	"mailer/internal/privacy"
	"mailer/internal/render"
	"mailer/internal/reports"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
	"mailer/internal/web/admin"
	"mailer/internal/web/admin/frame"
	"mailer/internal/web/public"
)

// Rig is the desk with all that it stands on.
type Rig struct {
	t     testing.TB
	news  net.Listener
	trust *http.Client // trusts the certificate of a rig in production
	Base  string       // where the desk and the public pages are, without a trailing slash
	Log   *logtest.Buffer

	DB          *sqlx.DB
	Config      *config.Config
	Ring        *links.Ring
	Templates   *render.Templates
	Accounts    *accounts.Service
	Limits      *limits.Store
	Letters     *letters.Service
	Subscribers *subscribers.Store
	Transfer    *transfer.Store
	Imports     *transfer.Desk
	Relays      []delivery.RelayView // what the page of relays shows
	Articles    *articles.Store
	Appeals     *appeals.Store
	Audience    *audience.Store
	Delivery    *delivery.Store
	Signup      *signup.Service
	Campaigns   *campaigns.Service
	Privacy     *privacy.Service
	Images      *images.Store
	Reports     *reports.Store
	Frame       *frame.Frame // with the table of routes

	News *demo.Newsroom   // set by Newsroom
	List subscribers.List // of the newsroom
}

// Option changes a rig before it serves.
type Option func(*Rig, *options)

type options struct {
	production bool
	on         *sqlx.DB
}

// Production makes the service one of production: no reserved domains, an https base URL.
func Production(_ *Rig, o *options) { o.production = true }

// On puts the rig on a database that is there already.
func On(d *sqlx.DB) Option { return func(_ *Rig, o *options) { o.on = d } }

// Open returns the desk on an empty database of the test's own.
func Open(t testing.TB, opts ...Option) *Rig {
	t.Helper()
	r, o := &Rig{t: t, Log: new(logtest.Buffer)}, options{}
	for _, opt := range opts {
		opt(r, &o)
	}
	if r.DB = o.on; r.DB == nil {
		r.DB = dbtest.Open(t)
	}
	// The handler is made after its address is known, which stands in the links of mails.
	var served http.Handler
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { served.ServeHTTP(w, q) }))
	if o.production {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	// By the one name that needs no https.
	r.Base, r.trust = strings.Replace(srv.URL, "http://127.0.0.1", "http://localhost", 1), srv.Client()
	r.listenForNews()
	r.openRooms(o)
	served = r.handler()
	return r
}

// listenForNews takes the address of the sample newsroom, which the fetching of feeds has to allow.
func (r *Rig) listenForNews() {
	r.t.Helper()
	var err error
	if r.news, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = r.news.Close() })
}

// newsAt is host and port of the newsroom, by the one name that needs no https.
func (r *Rig) newsAt() string {
	_, port, _ := net.SplitHostPort(r.news.Addr().String())
	return "localhost:" + port
}

func (r *Rig) openRooms(o options) {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(r.Log, nil))
	var err error
	if r.Config, err = config.Load("", nil, config.Flag{Name: "MAILER_HOME", Value: r.t.TempDir()}); err != nil {
		r.t.Fatal(err)
	}
	if r.Ring, err = links.NewRing("a secret of the tests "+strings.Repeat("-", 40), nil); err != nil {
		r.t.Fatal(err)
	}
	if r.Templates, err = render.Load(""); err != nil {
		r.t.Fatal(err)
	}
	const domain = "mail.example.org"
	urls := links.URLs{Base: r.Base}
	r.Subscribers = subscribers.NewStore(r.DB, r.Ring)
	r.Subscribers.Policy.AllowReserved = !o.production
	r.Subscribers.Policy.MailDomain = domain
	r.Transfer = transfer.NewStore(r.DB, r.Subscribers)
	jobs, stop := context.WithCancel(context.Background())
	r.Imports = transfer.NewDesk(jobs, r.Transfer, filepath.Join(r.Config.Home, "imports"), time.Now, log)
	r.t.Cleanup(func() { stop(); r.Imports.Wait() })
	r.Articles = articles.NewStore(r.DB, fetch.New(fetch.Options{AllowPrivate: true, AllowHosts: []string{r.newsAt()}, UserAgent: "mailer (test)"}), time.Now)
	r.Appeals = appeals.NewStore(r.DB, time.Now)
	r.Delivery = delivery.NewStore(r.DB, r.Ring, r.Subscribers)
	r.Delivery.Narrow = audience.Narrow
	r.Audience = audience.NewStore(r.DB, r.Subscribers, time.Now)
	r.Limits = limits.New(r.DB, r.Ring)
	r.Letters = letters.New(letters.Deps{Ring: r.Ring, Templates: r.Templates, URLs: urls, MailDomain: domain, Now: time.Now, Limits: r.Limits})
	r.Signup = signup.New(signup.Deps{DB: r.DB, Ring: r.Ring, Subscribers: r.Subscribers, Letters: r.Letters, Delivery: r.Delivery, Limits: r.Limits,
		BaseURL: r.Base, Now: time.Now, Log: log})
	r.Campaigns = campaigns.New(campaigns.Deps{DB: r.DB, Ring: r.Ring, Lists: r.Subscribers, Articles: r.Articles, Appeals: r.Appeals, Audience: r.Audience,
		Delivery: r.Delivery, Templates: r.Templates, Letters: r.Letters, URLs: urls, MailDomain: domain, Development: !o.production, Now: time.Now, Log: log})
	r.Privacy = privacy.New(privacy.Deps{DB: r.DB, Subscribers: r.Subscribers, Delivery: r.Delivery, Now: time.Now, Log: log})
	r.Images = images.NewStore(r.DB, r.Base)
	r.Reports = reports.NewStore(r.DB, r.Delivery, r.Appeals)
	r.Accounts = accounts.New(accounts.Deps{DB: r.DB, Ring: r.Ring, Lists: r.Subscribers, Letters: r.Letters, BaseURL: r.Base, Now: time.Now, Log: log})
	r.Campaigns.Approvers = r.Accounts.People.Approvers
}

// handler is the public pages and the desk on one address, as the program has them.
func (r *Rig) handler() http.Handler {
	log := slog.New(slog.NewTextHandler(r.Log, nil))
	r.Frame = admin.New(admin.Deps{DB: r.DB, Config: r.Config, Accounts: r.Accounts, Subscribers: r.Subscribers, Transfer: r.Transfer,
		Articles: r.Articles, Appeals: r.Appeals, Audience: r.Audience, Delivery: r.Delivery, Signup: r.Signup, Campaigns: r.Campaigns, Privacy: r.Privacy,
		Images: r.Images, Reports: r.Reports, Imports: r.Imports,
		Relays: func(context.Context) ([]delivery.RelayView, error) { return r.Relays, nil }, BaseURL: r.Base, Log: log})
	pages := public.New(public.Deps{Subscribers: r.Subscribers, Appeals: r.Appeals, Delivery: r.Delivery, Archive: campaigns.NewArchive(r.DB, r.Subscribers), Signup: r.Signup,
		Preferences: preferences.New(preferences.Deps{DB: r.DB, Subscribers: r.Subscribers, Letters: r.Letters, Limits: r.Limits}), Privacy: r.Privacy, Images: r.Images, Ring: r.Ring,
		BaseURL: r.Base, Log: log, Ready: func(context.Context) error { return nil }})
	return admin.Before(pages, r.Frame)
}

// Newsroom puts the sample newsroom of the demo into the rig: one list with 48 readers, three feeds with their stories, an appeal
// and a digest.
func (r *Rig) Newsroom() *Rig {
	r.t.Helper()
	var err error
	if r.News, err = demo.Open("http://"+r.newsAt(), time.Now()); err != nil {
		r.t.Fatal(err)
	}
	srv := &http.Server{Handler: r.News.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(r.news) }()
	r.t.Cleanup(func() { _ = srv.Close() })
	r.List, err = r.News.Seed(r.t.Context(), demo.Rooms{Subscribers: r.Subscribers, Transfer: r.Transfer, Articles: r.Articles, Appeals: r.Appeals,
		Campaigns: r.Campaigns}, func(string, ...any) {})
	if err != nil {
		r.t.Fatal(err)
	}
	return r
}

// Draft composes today's edition of the newsroom's digest.
func (r *Rig) Draft() campaigns.Campaign {
	r.t.Helper()
	c, err := r.Campaigns.Digests.Run(r.t.Context(), demo.DigestSlug, "demo")
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}
