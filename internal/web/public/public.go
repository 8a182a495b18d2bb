// Package public answers readers over HTTP: joining and confirming, choosing, leaving, seeing and erasing their data, the archive, and
// the button of an appeal. It needs no cookies, no scripts and no sessions; what a link may do is in its token.
package public

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"mailer/internal/appeals"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/images"
	"mailer/internal/links"
	"mailer/internal/preferences"
	"mailer/internal/privacy"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
)

const (
	maxBody   = 64 << 10 // bytes of a request's body
	workLimit = 10 * time.Second
)

// Deps is what the pages stand on.
type Deps struct {
	Subscribers *subscribers.Store
	Appeals     *appeals.Store
	Delivery    *delivery.Store
	Leaver      *subscribers.Leaver  // nil: one without a spool
	Archive     *campaigns.Archive   // nil: there is none
	Signup      *signup.Service      // nil: nobody can sign up here
	Preferences *preferences.Service // nil: there is no preference centre
	Privacy     *privacy.Service     // nil: readers cannot see or erase their data here
	Images      *images.Store        // nil: there are none
	Ring        *links.Ring
	BaseURL     string // of this service, without a trailing slash
	// TrustedProxies are whose X-Forwarded-For is believed; nil: proxies on this machine.
	TrustedProxies []netip.Prefix
	Log            *slog.Logger
	// Ready says whether the service can do its work now: database there, schema as this program needs it.
	Ready func(ctx context.Context) error
	// Weekly says whether a list has an active weekly digest, which readers may then choose; nil: none has.
	Weekly func(ctx context.Context, list int64) (bool, error)
}

// site is the handlers with what they stand on.
type site struct {
	Deps
	weeklies weeklies
	reasons  reasons
	clicks   clicks
	joiners  chan struct{} // a place for each sign-up that is being taken
	past     past
}

// New returns the handler of the public pages, of the archive, and of /healthz and /readyz.
func New(d Deps) http.Handler {
	d.TrustedProxies = Trusted(d.TrustedProxies)
	if d.Leaver == nil {
		d.Leaver = subscribers.NewLeaver(d.Subscribers, nil, d.Log)
	}
	s := &site{Deps: d, joiners: make(chan struct{}, maxJoiners), past: past{src: d.Archive, page: d.Delivery.WebPage, base: d.BaseURL, log: d.Log, now: time.Now}}
	mux := http.NewServeMux()
	mux.HandleFunc("/u/{token}", s.leave)
	mux.HandleFunc("/c/{token}", s.confirm)
	mux.HandleFunc("/v/{token}", s.view)
	if d.Preferences != nil {
		mux.HandleFunc("/p/{token}", s.preferences)
		mux.HandleFunc("/me/{token}", s.me)
	}
	mux.HandleFunc("/give/{token}", s.give)
	mux.HandleFunc("/k/{token}", s.canary)
	mux.HandleFunc("/subscribe/{list}", s.subscribeToList)
	mux.HandleFunc("/subscribe/to/{publication}", s.subscribeToPublication)
	mux.HandleFunc("/subscribe.js", s.script)
	mux.HandleFunc("/me/{token}/data", s.data)
	mux.HandleFunc("/me/{token}/data.json", s.dataJSON)
	mux.HandleFunc("/me/{token}/erase", s.erase)
	mux.HandleFunc("/archive/{list}", s.archive)
	mux.HandleFunc("/archive/{list}/{what}", s.archive)
	if d.Images != nil {
		mux.HandleFunc("/i/{image}", s.image)
	}
	mux.HandleFunc("/healthz", s.health)
	mux.HandleFunc("/readyz", s.ready)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.invalid(w, r, http.StatusNotFound) })
	return s.guard(mux)
}

// allow answers OPTIONS, and requests with a method that the page does not know; it reports whether the page has to
// answer.
func allow(w http.ResponseWriter, r *http.Request, methods string, known bool) bool {
	switch {
	case known:
		return true
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", methods)
		w.WriteHeader(http.StatusOK)
	default:
		w.Header().Set("Allow", methods)
		plain(w, http.StatusMethodNotAllowed, "This address knows "+methods+" only.")
	}
	return false
}

// tokenOf returns the token of a request, without what stood behind the link in a text and was taken for a part of it: none of
// this is ever a character of a token.
func tokenOf(r *http.Request) string {
	return strings.TrimRight(r.PathValue("token"), " \t\r\n\u00a0.,;:!?)>]}\"'")
}

func reading(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
