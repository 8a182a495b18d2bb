package signup

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	askFor    = 2 * time.Second // so long somebody may wait for the name servers of a domain
	atOnce    = 40              // questions; beyond that a domain is taken as it is
	maxKept   = 20_000          // answers; beyond that memory begins anew
	keepGood  = time.Hour
	keepBad   = 5 * time.Minute
	keepSlow  = time.Minute
	nullMX    = "." // RFC 7505
	anyFamily = "ip"
)

// Domains asks the DNS whether a domain takes mail, and remembers the answers for a while. It is safe for concurrent use.
type Domains struct {
	resolver *net.Resolver
	now      func() time.Time
	asking   chan struct{}

	mu   sync.Mutex
	kept map[string]verdict
}

type verdict struct {
	takes bool
	until time.Time
}

// NewDomains returns Domains that ask r; nil is the resolver of this machine.
func NewDomains(r *net.Resolver) *Domains {
	if r == nil {
		r = &net.Resolver{PreferGo: true}
	}
	return &Domains{resolver: r, now: time.Now, asking: make(chan struct{}, atOnce), kept: map[string]verdict{}}
}

// Take reports whether mail can be sent to a domain, in lower-case A-labels. It is false only where the DNS says so: the domain
// does not exist, has neither MX nor address, or wants no mail (RFC 7505). Silence and trouble count as yes: a reader must not
// be lost for a name server that is slow today.
func (d *Domains) Take(ctx context.Context, domain string) bool {
	d.mu.Lock()
	v, known := d.kept[domain]
	d.mu.Unlock()
	if known && d.now().Before(v.until) {
		return v.takes
	}
	select {
	case d.asking <- struct{}{}:
		defer func() { <-d.asking }()
	default:
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	takes, keep := d.ask(ctx, domain+".") // with the dot no search domain is tried
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.kept) >= maxKept {
		clear(d.kept)
	}
	d.kept[domain] = verdict{takes, d.now().Add(keep)}
	return takes
}

func (d *Domains) ask(ctx context.Context, name string) (takes bool, keep time.Duration) {
	hosts, err := d.resolver.LookupMX(ctx, name)
	switch {
	case len(hosts) == 1 && hosts[0].Host == nullMX:
		return false, keepBad
	case len(hosts) > 0:
		return true, keepGood
	case !absent(err):
		return true, keepSlow
	}
	// Without MX the domain itself is the host (RFC 5321 section 5.1).
	ips, err := d.resolver.LookupNetIP(ctx, anyFamily, name)
	switch {
	case len(ips) > 0:
		return true, keepGood
	case absent(err):
		return false, keepBad
	}
	return true, keepSlow
}

// absent reports that the DNS answered, and that there is nothing.
func absent(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound && !e.IsTimeout && !e.IsTemporary
}
