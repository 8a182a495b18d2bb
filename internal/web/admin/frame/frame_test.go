package frame_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/web/admin/admintest"
	"mailer/internal/web/admin/frame"
)

// Every page of the desk says what may be loaded into it, and by whom it may be kept: by nobody.
func TestHeaders(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t)
	p := r.Client(r.Person("Ines", accounts.Owner)).Get("/admin")
	csp := p.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("SEC-11: the policy %q lacks %q", csp, part)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("SEC-11: the policy is %q", csp)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	// Nothing inline, which the policy would keep from working.
	if inline := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=`).FindString(p.Body); inline != "" {
		t.Errorf("the page has %q in it", inline)
	}
}

// Scripts and styles are kept by browsers for as long as they are the same, and an address that is not of this version shows the
// newest without being kept.
func TestAssets(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t)
	c := r.Client(r.Person("Ines", accounts.Viewer))
	urls := regexp.MustCompile(`/admin/assets/[0-9a-f]{16}/[a-z.]+`).FindAllString(c.Get("/admin").Body, -1)
	if len(urls) < 4 {
		t.Fatalf("the page names %q", urls)
	}
	stranger := r.Stranger()
	for _, u := range urls {
		p := stranger.Get(u)
		if p.Status != http.StatusOK || !strings.Contains(p.Header.Get("Cache-Control"), "immutable") || p.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, %v", u, p.Status, p.Header)
		}
	}
	if p := stranger.Get("/admin/assets/0000000000000000/frame.js"); p.Status != http.StatusOK || p.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("an older address: %d, %v", p.Status, p.Header)
	}
	if p := stranger.Get("/admin/assets/0000000000000000/other.js"); p.Status != http.StatusNotFound {
		t.Errorf("a file that there is not: %d", p.Status)
	}
}

// Who is not logged in is led to the log-in and back; a form that was on its way is told, not lost.
func TestLoggedOut(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t)
	c := r.Stranger()
	p := c.Raw("GET", "/admin/calendar?month=2026-12", nil, nil)
	if p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/admin/login?next="+url.QueryEscape("/admin/calendar?month=2026-12") {
		t.Errorf("a page: %d to %q", p.Status, p.Header.Get("Location"))
	}
	if p := c.Raw("POST", "/admin/calendar/skip", url.Values{"day": {"2026-12-25"}}, nil); p.Status != http.StatusUnauthorized || !strings.Contains(p.Body, "nothing was changed") {
		t.Errorf("a form: %d\n%s", p.Status, p.Body)
	}
	if p := c.HTMX("POST", "/admin/calendar/skip", url.Values{"day": {"2026-12-25"}}); p.Status != http.StatusUnauthorized || !strings.Contains(p.Header.Get("Hx-Trigger"), "logged out") {
		t.Errorf("a part: %d, %v", p.Status, p.Header)
	}
}

// SEC-05: what another site sends changes nothing.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	c := r.Client(r.Person("Ines", accounts.Owner))
	form := url.Values{"day": {time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}, "digest": {"weekday"}}
	for name, header := range map[string]http.Header{
		"form of another site": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		"sibling host":         {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://other.example.org"}},
		"old browser":          {"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}},
		"sandboxed frame":      {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"null"}},
	} {
		if p := c.Raw("POST", "/admin/calendar/skip", form, header); p.Status != http.StatusForbidden {
			t.Errorf("%s: %d", name, p.Status)
		}
	}
	if skips, err := r.Campaigns.Digests.Skips(t.Context(), "weekday"); err != nil || len(skips) != 0 {
		t.Fatalf("skipped: %v, %v", skips, err)
	}
	if p := c.Raw("POST", "/admin/calendar/skip", form, nil); p.Status != http.StatusSeeOther {
		t.Errorf("from the desk itself: %d\n%s", p.Status, p.Body)
	}
}

// Where a log-in leads is a page of the desk, whatever the link says.
func TestNext(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/admin/calendar?month=2026-12": "/admin/calendar?month=2026-12", "": "/admin", "/": "/admin", "/administrator": "/admin", "/u/token": "/admin",
		"https://evil.example/admin/": "/admin", "//evil.example/admin/": "/admin", `/\evil.example/admin/`: "/admin", `/admin/\evil`: "/admin",
		"javascript:alert(1)": "/admin", "/admin/\r\nSet-Cookie: a=b": "/admin", "/admin/../u/token": "/admin", "/admin/%2e%2e/u/x": "/admin",
	} {
		r := httptest.NewRequest("GET", "/admin/login?next="+url.QueryEscape(next), nil)
		if got := frame.Next(r); got != want {
			t.Errorf("Next(%q) = %q; want %q", next, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-10 * time.Second: "just now", -90 * time.Second: "1 minute ago", 20 * time.Minute: "in 20 minutes",
		-61 * time.Minute: "1 hour 1 minute ago", -7 * time.Hour: "7 hours ago", -30 * time.Hour: "30 hours ago", -50 * time.Hour: "2 days ago",
	} {
		if got := frame.Ago(now.Add(d), now); got != want {
			t.Errorf("%v: %q; want %q", d, got, want)
		}
	}
}
