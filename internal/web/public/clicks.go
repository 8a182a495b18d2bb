package public

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"mailer/internal/subscribers"
)

const (
	maxClicks    = 20      // of one address on one button that count in a day: those behind one router, and no more
	maxRemember  = 200_000 // addresses and browsers that are remembered; beyond that memory begins anew
	maxUserAgent = 300     // octets of what a browser calls itself that are looked at
)

// clicks tells clicks that count from repeats, so that whoever holds a mail cannot make its appeal look a success. It remembers
// for a day, in memory, hashes made with a seed that nobody knows and that the next day replaces; an address is never kept.
// Every process counts for itself.
type clicks struct {
	mu   sync.Mutex
	day  int64
	seed maphash.Seed
	seen map[uint64]uint8
}

// counts reports whether this request for the button of a campaign is one to count: the first of its browser today, and not one
// of too many from its address. Where the address is not known (a proxy of our own network that does not tell) every one counts.
func (c *clicks) counts(r *http.Request, from netip.Addr, campaign, variant int64, now time.Time) bool {
	address := household(from)
	if !address.IsValid() {
		return true
	}
	agent := r.UserAgent()
	agent = agent[:min(len(agent), maxUserAgent)]
	c.mu.Lock()
	defer c.mu.Unlock()
	if day := now.Unix() / 86400; c.seen == nil || day != c.day || len(c.seen) >= maxRemember {
		c.day, c.seed, c.seen = day, maphash.MakeSeed(), make(map[uint64]uint8)
	}
	type place struct {
		address           netip.Addr
		campaign, variant int64
	}
	type browser struct {
		place
		agent string
	}
	at := place{address, campaign, variant}
	here, mine := maphash.Comparable(c.seed, at), maphash.Comparable(c.seed, browser{at, agent})
	if c.seen[mine] > 0 || c.seen[here] >= maxClicks {
		return false
	}
	c.seen[mine]++
	c.seen[here]++
	return true
}

// household returns the address itself, or the /64 that one person has where it is IPv6. It is not valid for addresses of our own
// network: those of a proxy that does not tell.
func household(a netip.Addr) netip.Addr {
	if !a.IsValid() || subscribers.OwnNetwork(a) {
		return netip.Addr{}
	}
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// prefetch reports whether a browser only makes ready for a click that may never come.
func prefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if v := strings.ToLower(r.Header.Get(name)); strings.HasPrefix(v, "prefetch") || strings.HasPrefix(v, "prerender") || strings.HasPrefix(v, "preview") {
			return true
		}
	}
	return false
}
