package public

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func click(remote, agent string, forwarded ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/give/x", nil)
	r.RemoteAddr = remote
	r.Header.Set("User-Agent", agent)
	for _, f := range forwarded {
		r.Header.Add("X-Forwarded-For", f)
	}
	return r
}

// Of one browser one click counts in a day, for each button of each campaign.
func TestClicksThatCount(t *testing.T) {
	t.Parallel()
	s := &site{Deps: Deps{TrustedProxies: append(slices.Clone(loopback), netip.MustParsePrefix("10.0.0.0/8"))}}
	now := time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)
	for i, tc := range []struct {
		r                 *http.Request
		campaign, variant int64
		later             time.Duration
		want              bool
	}{
		{click("192.0.2.7:1000", "A"), 1, 1, 0, true},
		{click("192.0.2.7:1001", "A"), 1, 1, 0, false},                          // another port is the same
		{click("192.0.2.7:1000", "B"), 1, 1, 0, true},                           // somebody else behind one router
		{click("192.0.2.8:1000", "A"), 1, 1, 0, true},                           //
		{click("192.0.2.7:1000", "A"), 2, 1, 0, true},                           // another campaign
		{click("192.0.2.7:1000", "A"), 1, 2, 0, true},                           // another wording
		{click("[2001:db8::1]:1000", "A"), 1, 1, 0, true},                       //
		{click("[2001:db8::2]:1000", "A"), 1, 1, 0, false},                      // one subscriber has a whole /64
		{click("[::ffff:192.0.2.7]:1000", "A"), 1, 1, 0, false},                 //
		{click("127.0.0.1:1000", "A", "192.0.2.7"), 1, 1, 0, false},             // through our proxy
		{click("10.0.0.2:1000", "A", "203.0.113.1, 192.0.2.7"), 1, 1, 0, false}, // what stands before is the sender's own word
		{click("10.0.0.2:1000", "A", "203.0.113.1", "192.0.2.7"), 1, 1, 0, false},
		{click("192.0.2.7:1000", "A", "203.0.113.9"), 1, 1, 0, false}, // no proxy of ours: not believed
		{click("127.0.0.1:1000", "A", "203.0.113.1"), 1, 1, 0, true},
		{click("127.0.0.1:1000", "A"), 1, 1, 0, true}, // a proxy that does not tell: all count
		{click("127.0.0.1:1000", "A"), 1, 1, 0, true},
		{click("127.0.0.1:1000", "A", "nonsense"), 1, 1, 0, true},
		{click("192.0.2.7:1000", "A"), 1, 1, 2 * time.Hour, true}, // tomorrow
	} {
		if got := s.clicks.counts(tc.r, s.client(tc.r), tc.campaign, tc.variant, now.Add(tc.later)); got != tc.want {
			t.Errorf("click %d of %s %v: counts %v; want %v", i, tc.r.RemoteAddr, tc.r.Header, got, tc.want)
		}
	}
}

// Another name for the browser each time does not help for long, and memory has an end.
func TestClicksAreLimited(t *testing.T) {
	t.Parallel()
	var c clicks
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	n := 0
	for i := range 500 {
		if c.counts(click("192.0.2.7:1000", fmt.Sprint(i)), netip.MustParseAddr("192.0.2.7"), 1, 1, now) {
			n++
		}
	}
	if n != maxClicks {
		t.Errorf("%d clicks of one address counted; want %d", n, maxClicks)
	}
	for i := range maxRemember {
		c.counts(click("192.0.2.7:1000", "A"), netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)}), 1, 1, now)
	}
	if len(c.seen) > maxRemember+2 {
		t.Errorf("%d are remembered; want at most about %d", len(c.seen), maxRemember)
	}
}
