// Package frame is what all pages of the editors' desk share: who may open them, their layout and look, how they answer errors,
// and the scripts. The page rooms beside it register their routes here; none of them can forget to say who may come in.
package frame

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"sync"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Deps is what the frame stands on.
type Deps struct {
	Sessions  *accounts.Sessions
	Tokens    *accounts.Tokens // nil: there are none
	Lists     *subscribers.Store
	Campaigns *campaigns.Service
	BaseURL   string // of this service, without a trailing slash
	InboxURL  string // of the mail catcher, in development
	// Client returns from where a request came, as far as proxies can be believed; nil: from where the connection came.
	Client func(r *http.Request) netip.Addr
	// Stopping is closed when the service stops: streams of events end, so that it need not wait for them; nil: they go on.
	Stopping <-chan struct{}
	Log      *slog.Logger
}

// Handler answers one request of a person who may make it.
type Handler func(w http.ResponseWriter, r *http.Request, v *Visit) error

// Route is one entry of the table of routes.
type Route struct {
	Pattern string // "GET /admin/lists/{list}"
	Need    Need
}

// Frame holds the routes of the desk. Register all of them before it serves.
type Frame struct {
	Deps
	mux    *http.ServeMux
	routes []Route
	assets assets
	secure bool // served by https
	served http.Handler

	mu      sync.Mutex
	streams map[int64]int // of events that are open, by account
}

// New returns a frame without routes.
func New(d Deps) *Frame {
	f := &Frame{Deps: d, mux: http.NewServeMux(), streams: map[int64]int{}, assets: assets{byName: map[string]asset{}}, secure: strings.HasPrefix(d.BaseURL, "https://")}
	f.ownAssets()
	f.mux.HandleFunc("GET "+assetsPath+"{hash}/{name}", f.serveAsset)
	f.Handle("GET /admin/{path...}", LoggedIn, func(http.ResponseWriter, *http.Request, *Visit) error {
		return errs.New(errs.NotFound, "there is no such page")
	})
	f.served = f.guard(d.Sessions.Middleware(f.mux))
	return f
}

// Handle registers a route. It panics when the need was forgotten or the pattern stands there already: both are errors of ours
// that no start survives.
func (f *Frame) Handle(pattern string, need Need, h Handler) {
	if need.scope == nobody {
		panic("route " + pattern + " does not say who may use it")
	}
	f.routes = append(f.routes, Route{pattern, need})
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, need, h) })
}

// Routes returns every route, for tests that walk over all of them.
func (f *Frame) Routes() []Route { return f.routes }

// ServeHTTP answers a request to the desk.
func (f *Frame) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.served.ServeHTTP(w, r) }

// answer lets a request in or not, and translates the error that its handler returns.
func (f *Frame) answer(w http.ResponseWriter, r *http.Request, need Need, h Handler) {
	if route, ok := r.Context().Value(routeKey{}).(*string); ok {
		*route = r.Pattern
	}
	v := &Visit{frame: f, request: r, HTMX: r.Header.Get("HX-Request") == "true"}
	if err := f.admit(r, need, v); err != nil {
		f.refuse(w, r, v, err)
		return
	}
	if err := f.prepare(w, r, need); err != nil {
		f.refuse(w, r, v, err)
		return
	}
	if err := h(w, r, v); err != nil {
		f.refuse(w, r, v, err)
	}
}

// Next returns where a person wanted to go before they logged in: a page of the desk, whatever else was asked for.
func Next(r *http.Request) string {
	u, err := url.Parse(r.FormValue("next"))
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.ContainsAny(u.Path, "\\\r\n\t") || path.Clean(u.Path) != u.Path ||
		u.Path != "/admin" && !strings.HasPrefix(u.Path, "/admin/") {
		return "/admin"
	}
	return u.RequestURI()
}
