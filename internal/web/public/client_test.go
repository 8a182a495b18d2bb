package public

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

// SEC-23: of X-Forwarded-For counts what configured proxies wrote, and nothing that the client may have written itself.
func TestSEC23Client(t *testing.T) {
	t.Parallel()
	own, far := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")
	for i, tc := range []struct {
		trusted   []netip.Prefix
		remote    string
		forwarded []string
		want      string
	}{
		{nil, "198.51.100.7:1000", nil, "198.51.100.7"},
		{nil, "198.51.100.7:1000", []string{"203.0.113.9"}, "198.51.100.7"},                                             // anybody can write that
		{nil, "127.0.0.1:1000", []string{"203.0.113.9"}, "127.0.0.1"},                                                   // none is trusted
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"203.0.113.9"}, "203.0.113.9"},                                 //
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},                       // the left one is made up
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"10.9.9.9", "203.0.113.9"}, "203.0.113.9"},                     // in two headers
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"203.0.113.9,"}, "127.0.0.1"},                                  // nothing after the comma
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"203.0.113.9, unknown"}, "127.0.0.1"},                          //
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"203.0.113.9, 192.0.2.1"}, "192.0.2.1"},                        // the far proxy is not trusted
		{[]netip.Prefix{own, far}, "127.0.0.1:1000", []string{"1.1.1.1, 203.0.113.9, 192.0.2.1"}, "203.0.113.9"},        //
		{[]netip.Prefix{own, far}, "127.0.0.1:1000", []string{"192.0.2.2, 192.0.2.1"}, "192.0.2.2"},                     // all of them proxies: the first
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"203.0.113.9:4711"}, "203.0.113.9"},                            // with a port
		{[]netip.Prefix{own}, "127.0.0.1:1000", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},                          //
		{[]netip.Prefix{own}, "[::ffff:127.0.0.1]:1000", []string{"2001:db8::7"}, "2001:db8::7"},                        // IPv4 in IPv6 clothes
		{[]netip.Prefix{netip.MustParsePrefix("::1/128")}, "[::1]:1000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"}, //
		{[]netip.Prefix{own}, "@", []string{"203.0.113.9"}, "invalid IP"},                                               // a socket without addresses
	} {
		s := &site{Deps: Deps{TrustedProxies: tc.trusted}}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tc.remote
		for _, f := range tc.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := s.client(r).String(); got != tc.want {
			t.Errorf("%d: %s, %q: %s; want %s", i, tc.remote, tc.forwarded, got, tc.want)
		}
	}
}
