package public

import (
	"hash/maphash"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
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
func (c *clicks) counts(r *http.Request, campaign, variant int64, now time.Time) bool {
	address := reader(r)
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

// reader returns the address that a request comes from: of a whole /64 where it is IPv6, which one person has to use up. Behind
// a proxy of our own network it is the last one in X-Forwarded-For, which that proxy has written; else, and for addresses of
// our own network, it is not valid. It is good enough for counting, not for evidence.
func reader(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip, own := address(host)
	if own {
		all := r.Header.Values("X-Forwarded-For")
		if len(all) == 0 {
			return netip.Addr{}
		}
		last := all[len(all)-1]
		if ip, own = address(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); own {
			return netip.Addr{}
		}
	}
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}

// address reads an address and reports whether it is one of our own network; what is none is not valid.
func address(s string) (ip netip.Addr, own bool) {
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}, false
	}
	ip = ip.Unmap().WithZone("")
	return ip, ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
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
