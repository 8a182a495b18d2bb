package campaigns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Limits of one look at the links of a campaign.
const (
	linksAtOnce = 6
	maxLinks    = 80
	linksTime   = 12 * time.Second
)

// LookAtLinks asks for the addresses that a campaign leads to and keeps what it finds, so that the pre-flight can tell it. What was
// looked at lately is not asked again. It takes at most twelve seconds and looks at 80 addresses; what is left over the next
// call does. It returns how many were looked at. Errors: NotFound.
func (r *Reviews) LookAtLinks(ctx context.Context, id int64) (looked int, err error) {
	c, err := load(ctx, r.svc.DB, id)
	if err != nil || r.svc.Fetch == nil {
		return 0, err
	}
	p := prepared{}
	if p.content.Blocks, err = loadBlocks(ctx, r.svc.DB, id); err != nil {
		return 0, err
	}
	list := r.targets(c, &p)
	known, err := r.known(ctx, list)
	if err != nil {
		return 0, err
	}
	var due []target
	for _, t := range list {
		if l, ok := known[string(t.hash())]; !ok || !l.fresh(r.svc.Now()) {
			due = append(due, t)
		}
	}
	return r.lookAt(ctx, due[:min(len(due), maxLinks)])
}

func (r *Reviews) lookAt(ctx context.Context, due []target) (looked int, err error) {
	bounded, cancel := context.WithTimeout(ctx, linksTime)
	defer cancel()
	var lookers sync.WaitGroup
	var lock sync.Mutex
	next := make(chan target, len(due))
	for _, t := range due {
		next <- t
	}
	close(next)
	for range min(linksAtOnce, len(due)) {
		lookers.Go(func() {
			for t := range next {
				if bounded.Err() != nil {
					return
				}
				found := r.probe(bounded, t.url)
				if bounded.Err() != nil {
					return // it was we who did not wait
				}
				kept := r.keepLink(ctx, t, found)
				lock.Lock()
				looked, err = looked+1, errors.Join(err, kept)
				lock.Unlock()
			}
		})
	}
	lookers.Wait()
	return looked, err
}

// probe asks for one address.
func (r *Reviews) probe(ctx context.Context, address string) linkCheck {
	resp, err := r.svc.Fetch.Probe(ctx, address)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, errs.KindOf(err) == errs.Invalid:
		return linkCheck{State: linkDead, Said: "(" + errs.Public(err) + ")"}
	case errs.KindOf(err) == errs.Denied:
		return linkCheck{State: linkPrivate, Said: errs.Public(err)}
	case err != nil:
		return linkCheck{State: linkTrouble, Said: errs.Public(err)}
	}
	switch s := resp.Status; {
	case s == http.StatusNotFound || s == http.StatusGone:
		return linkCheck{State: linkDead, Said: fmt.Sprintf("(the server says %d)", s)}
	case s == http.StatusUnauthorized || s == http.StatusPaymentRequired || s == http.StatusForbidden || s == http.StatusTooManyRequests || s == http.StatusUnavailableForLegalReasons:
		return linkCheck{State: linkFine} // it is there, though not for a program
	case s >= 400:
		return linkCheck{State: linkTrouble, Said: fmt.Sprintf("the server says %d", s)}
	}
	asked, err1 := url.Parse(address)
	came, err2 := url.Parse(resp.FinalURL)
	switch {
	case err1 != nil || err2 != nil || trimmed(address) == trimmed(resp.FinalURL):
		return linkCheck{State: linkFine}
	case strings.Trim(came.Path, "/") == "" && came.RawQuery == "" && strings.Trim(asked.Path, "/") != "":
		return linkCheck{State: linkFront, LeadsTo: resp.FinalURL}
	case resp.MovedURL != "" && trimmed(address) != trimmed(resp.MovedURL):
		return linkCheck{State: linkMoved, LeadsTo: resp.MovedURL}
	case came.Hostname() != asked.Hostname():
		return linkCheck{State: linkMoved, LeadsTo: resp.FinalURL}
	}
	return linkCheck{State: linkFine}
}

func (r *Reviews) keepLink(ctx context.Context, t target, l linkCheck) error {
	_, err := r.svc.DB.ExecContext(ctx, `INSERT INTO link_checks (url_hash, url, state, said, leads_to, checked_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (url_hash) DO UPDATE SET state = EXCLUDED.state, said = EXCLUDED.said, leads_to = EXCLUDED.leads_to, checked_at = EXCLUDED.checked_at`,
		t.hash(), t.url, l.State, clip(l.Said, 300), clip(l.LeadsTo, 2000), r.svc.Now())
	return db.Err(err, "keep what was found at a link")
}
