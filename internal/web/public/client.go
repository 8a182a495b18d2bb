package public

import (
	"net/http"
	"net/netip"
	"strings"

	"mailer/internal/subscribers"
)

// loopback is whose X-Forwarded-For is believed where nothing is configured: a proxy on this machine.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// client returns the address that a request comes from. X-Forwarded-For is believed only as far as configured proxies wrote
// it: of its entries, read from the right, it is the first that is none of these. What stands further left the client may have
// written itself. It is not valid where the connection has no address.
func (s *site) client(r *http.Request) netip.Addr { return Client(r, s.TrustedProxies) }

// Trusted returns whose X-Forwarded-For is believed: what is configured, and where nothing is, proxies on this machine.
func Trusted(configured []netip.Prefix) []netip.Prefix {
	if configured == nil {
		return loopback
	}
	return configured
}

// Client is from where a request comes, for other doors of the service.
func Client(r *http.Request, trusted []netip.Prefix) netip.Addr {
	at := hop(r.RemoteAddr)
	values := r.Header.Values("X-Forwarded-For")
	for i := len(values) - 1; i >= 0; i-- {
		for rest := values[i]; rest != ""; {
			if !among(trusted, at) {
				return at
			}
			entry := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				rest = ""
			}
			next := hop(strings.TrimSpace(entry))
			if !next.IsValid() { // "unknown", or a name: the proxy that wrote it is all that is known
				return at
			}
			at = next
		}
	}
	return at
}

func among(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// hop reads an address with a port or without, in brackets or without.
func hop(v string) netip.Addr {
	if ap, err := netip.ParseAddrPort(v); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(v, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// network returns what the consent log keeps of the address of a request: its /24 or /48. It is empty for addresses of our own
// net, which tell nothing.
func (s *site) network(r *http.Request) string {
	return subscribers.Network(s.client(r), subscribers.KeptBits4, subscribers.KeptBits6)
}
