// Package admin is the editors' desk: it puts the rooms of its pages together on one frame.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/audience"
	"mailer/internal/campaigns"
	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/images"
	"mailer/internal/privacy"
	"mailer/internal/reports"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
	"mailer/internal/web/admin/desk"
	"mailer/internal/web/admin/digests"
	"mailer/internal/web/admin/frame"
	"mailer/internal/web/admin/newsroom"
	"mailer/internal/web/admin/people"
	"mailer/internal/web/admin/readers"
	"mailer/internal/web/admin/report"
	"mailer/internal/web/admin/review"
	"mailer/internal/web/admin/sending"
	"mailer/internal/web/admin/today"
)

// Deps is what the desk stands on.
type Deps struct {
	DB          *sqlx.DB // to read the audit log
	Config      *config.Config
	Accounts    *accounts.Service
	Subscribers *subscribers.Store
	Transfer    *transfer.Store
	Imports     *transfer.Desk
	Articles    *articles.Store
	Appeals     *appeals.Store
	Audience    *audience.Store
	Delivery    *delivery.Store
	Signup      *signup.Service
	Campaigns   *campaigns.Service
	Privacy     *privacy.Service
	Images      *images.Store
	Reports     *reports.Store

	Relays     func(context.Context) ([]delivery.RelayView, error) // as they are set, and as the senders find them
	LaneLimits []delivery.LaneLimits                               // those of the configuration

	BaseURL  string                           // of this service, without a trailing slash
	InboxURL string                           // of the mail catcher, in development
	Client   func(r *http.Request) netip.Addr // from where a request came, as far as proxies can be believed
	// Stopping is closed when the service stops, so that streams of events end; nil: they go on.
	Stopping <-chan struct{}
	Log      *slog.Logger
}

// New returns the handler of everything under /admin, and of /approve.
func New(d Deps) *frame.Frame {
	f := frame.New(frame.Deps{Sessions: d.Accounts.Sessions, Tokens: d.Accounts.Tokens, Lists: d.Subscribers, Campaigns: d.Campaigns, BaseURL: d.BaseURL,
		InboxURL: d.InboxURL, Client: d.Client, Stopping: d.Stopping, Log: d.Log})
	newsroom.Routes(f, newsroom.Deps{Subscribers: d.Subscribers, Settings: subscribers.NewSettings(d.Subscribers), Tallies: subscribers.NewTallies(d.DB, time.Now),
		Signup: d.Signup, Campaigns: d.Campaigns, Articles: d.Articles, Editing: articles.NewEditing(d.Articles), Shelf: articles.NewShelf(d.Articles),
		Corrections: articles.NewCorrections(d.DB, time.Now),
		Appeals:     d.Appeals, Images: d.Images, BaseURL: d.BaseURL})
	digests.Routes(f, digests.Deps{Campaigns: d.Campaigns, Lists: d.Subscribers, Articles: d.Articles, Appeals: d.Appeals, Audience: d.Audience})
	people.Routes(f, people.Deps{DB: d.DB, Accounts: d.Accounts, Lists: d.Subscribers})
	readers.Routes(f, readers.Deps{Config: d.Config, Subscribers: d.Subscribers, Transfer: d.Transfer, Imports: d.Imports, Audience: d.Audience, Delivery: d.Delivery,
		Privacy: d.Privacy, Signup: d.Signup, Relays: d.Relays, LaneLimits: d.LaneLimits, Now: time.Now, Log: d.Log})
	report.Routes(f, report.Deps{Reports: d.Reports, Articles: d.Articles, Corrections: campaigns.NewCorrections(d.Campaigns)})
	review.Routes(f, review.Deps{Campaigns: d.Campaigns})
	sending.Routes(f, sending.Deps{Campaigns: d.Campaigns, Delivery: d.Delivery, Subscribers: d.Subscribers})
	today.Routes(f, today.Deps{Campaigns: d.Campaigns, Articles: d.Articles, Delivery: d.Delivery})
	desk.Routes(f, desk.Deps{Campaigns: d.Campaigns, Articles: d.Articles, Appeals: d.Appeals, Subscribers: d.Subscribers, People: d.Accounts.People})
	return f
}

// Before returns a handler that gives the desk what is the desk's, and everything else to the public pages.
func Before(pages http.Handler, desk *frame.Frame) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; p == "/admin" || strings.HasPrefix(p, "/admin/") || strings.HasPrefix(p, "/approve/") {
			desk.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
