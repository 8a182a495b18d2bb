package signup

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/limits"
	"mailer/internal/subscribers"
)

// Request is what a form brought.
type Request struct {
	Form     Form
	Address  string
	Chosen   []string // slugs of lists; with one list in the form it is that one
	Sure     bool     // the address is meant as it is, though its domain looks mistyped
	Language string   // that the reader chose; empty: none
	Stamp    string
	Trap     string // what stands in the field that nobody sees
	Origin   string // headers of the request
	Fetch    string // Sec-Fetch-Site
	Host     string
	Page     string     // that the form stood on
	From     netip.Addr // not valid where it is not known
}

// maxPage is how much of a page's address is kept, in octets.
const maxPage = 500

// What came of a Request.
const (
	Taken        = "taken"   // or not: the answer to everybody who might be a machine, or asks too often
	WrongAddress = "address" // it is no address
	NoMail       = "no_mail" // its domain takes no mail
	Mistyped     = "typo"    // Suggestion is probably meant
	NothingAsked = "lists"   // no list is chosen
	Stale        = "again"   // the form is old: show it anew and ask to send it once more
	Busy         = "busy"    // too many at the moment, from there or at all
)

// Answer says what came of a Request.
type Answer struct {
	Outcome    string
	Address    string // as it was understood
	Suggestion string
}

// Take checks a request and stores it for the worker. What it answers, and how long that takes, does not depend on the standing
// of the address.
func (s *Service) Take(ctx context.Context, r Request) (Answer, error) {
	if why := s.machine(r); why != "" {
		s.Log.Info("a sign-up that looks like a machine's was dropped", "form", r.Form.Path, "why", why)
		return Answer{Outcome: Taken, Address: strings.TrimSpace(r.Address)}, nil
	}
	hash, at, _ := s.readStamp(r.Form, r.Stamp)
	wording, err := s.shown(ctx, r.Form, hash)
	if err != nil {
		return Answer{}, err
	}
	lists := chosen(r)
	a, err := s.Subscribers.Policy.ParseAddress(r.Address)
	answer := Answer{Address: a.Typed, Suggestion: a.Suggestion}
	switch {
	case wording == "" || !at.IsZero() && s.Now().Sub(at) > maxFill:
		answer.Outcome = Stale
	case errs.KindOf(err) == errs.Invalid:
		answer.Outcome = WrongAddress
	case err != nil:
		return Answer{}, err
	case len(lists) == 0:
		answer.Outcome = NothingAsked
	case a.Suggestion != "" && !r.Sure:
		answer.Outcome = Mistyped
	default:
		answer.Outcome, err = s.store(ctx, r, a, lists, wording)
		return answer, err
	}
	return answer, nil
}

// machine says what in a request no browser with a person before it sends; empty: nothing.
func (s *Service) machine(r Request) string {
	_, at, ok := s.readStamp(r.Form, r.Stamp)
	_, host, _ := strings.Cut(r.Origin, "://")
	own := host != "" && host == r.Host || r.Origin != "" && r.Origin == originOf(s.BaseURL)
	switch {
	case r.Trap != "":
		return "the hidden field is filled"
	case r.Origin == "" || r.Origin == "null":
		return "no origin"
	case !own && !s.Allows(r.Form, r.Origin):
		return "a form on a site that is not allowed"
	case own && r.Fetch != "" && r.Fetch != "same-origin":
		return "an origin that the browser contradicts"
	case !ok:
		return "no stamp of ours"
	case !at.IsZero() && s.Now().Sub(at) < minFill:
		return "filled in no time"
	}
	return ""
}

func chosen(r Request) []int64 {
	if len(r.Form.Lists) == 1 {
		return []int64{r.Form.Lists[0].ID}
	}
	var ids []int64
	for _, l := range r.Form.Lists {
		if slices.Contains(r.Chosen, l.Slug) {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// store puts a request where the worker finds it, when it is not one too many.
func (s *Service) store(ctx context.Context, r Request, a subscribers.Address, lists []int64, wording string) (outcome string, err error) {
	_, domain, _ := strings.Cut(a.Canonical, "@")
	all := []limits.Rule{{Name: "signup total", Max: s.Caps.Total, Per: time.Hour}}
	if net := neighbours(r.From); net != "" {
		all = append(all, limits.Rule{Name: "signup network", Key: net, Max: s.Caps.Network, Per: time.Hour})
	}
	if site := site(r.From); site != "" {
		all = append(all, limits.Rule{Name: "signup site", Key: site, Max: perSite * s.Caps.Network, Per: time.Hour})
	}
	if a.Provider == "other" {
		all = append(all, limits.Rule{Name: "signup domain", Key: domain, Max: s.Caps.Domain, Per: time.Hour})
	}
	if full, err := s.Limits.Full(ctx, all...); err != nil || full {
		return Busy, err
	}
	// One too many for an address counts for nothing else, so that whoever repeats it gets the same answer again and again: another
	// one would tell that somebody has asked for this address before.
	mine := limits.Rule{Name: "signup address", Key: a.Bucket(), Max: s.Caps.Address, Per: 24 * time.Hour}
	if ok, err := s.Limits.Allow(ctx, mine); err != nil || !ok {
		return Taken, err
	}
	if ok, err := s.Limits.Allow(ctx, all...); err != nil || !ok {
		return Busy, err
	}
	if s.Domains != nil && a.Provider == "other" && !s.Domains.Take(ctx, domain) {
		return NoMail, nil
	}
	network := ""
	if r.From.IsValid() && !subscribers.OwnNetwork(r.From) {
		network = r.From.String()
	}
	// Lists of a publication may each have a language; who read the page understands that of the page.
	language := r.Language
	if r.Form.Publication != 0 {
		language = r.Form.Words(language).Tag()
	}
	_, err = s.DB.ExecContext(ctx, `INSERT INTO signups (list_id, publication_id, lists, address, canonical, language, wording, source_url, network)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, orNull(r.Form.List), orNull(r.Form.Publication), pq.Array(lists), a.Typed, a.Canonical,
		language, wording, s.page(r), network)
	if err != nil {
		return "", db.Err(err, "store the sign-up")
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return Taken, nil
}

// page is the page that a form stood on, as far as it can be believed: of an allowed origin, without a query, which may hold
// anything. A host that only the request names, as its own, is none: who made the request chose it.
func (s *Service) page(r Request) string {
	if !s.Allows(r.Form, r.Origin) {
		return s.BaseURL + r.Form.Path
	}
	if u, err := url.Parse(r.Page); err == nil && originOf(r.Page) == r.Origin {
		if page := r.Origin + u.EscapedPath(); len(page) <= maxPage {
			return page
		}
	}
	if r.Origin == originOf(s.BaseURL) {
		return s.BaseURL + r.Form.Path
	}
	return r.Origin
}

// neighbours is the network that an address is counted with: one customer of a provider has a /56, and a /24 is small.
// It is empty for addresses of our own network, which are those of a proxy that does not tell.
func neighbours(a netip.Addr) string { return subscribers.Network(a, 24, 56) }

// perSite is how much more is taken from a site than from one network in it.
const perSite = 5

// site is the /48 of an IPv6 address: anybody can have one for nothing, with 256 networks of a customer in it, which together
// would come to more than is taken in all. It is empty for all others.
func site(a netip.Addr) string {
	if !a.Is6() {
		return ""
	}
	return subscribers.Network(a, 0, 48)
}
