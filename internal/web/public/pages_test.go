package public_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mailer/internal/appeals"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

func TestConfirm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	added, err := r.store.Add(t.Context(), subscribers.AddRequest{Address: "new@example.org", ListID: r.list.ID, Method: subscribers.MethodForm})
	if err != nil {
		t.Fatal(err)
	}
	r.person = added.Subscriber
	token := func(issued time.Time) string {
		return r.ring.ConfirmToken(r.ring.Current(), links.Confirm{Subscriber: r.person.ID, List: r.list.ID, Issued: issued})
	}
	fresh, old := token(time.Now()), token(time.Now().Add(-8*24*time.Hour))
	// Looking does not confirm, nor does a POST that does not come from the button.
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		r.want(method, r.do(method, "/c/"+fresh+"?action=confirm", ""), 200, subscribers.Pending)
	}
	for _, body := range []string{"", oneClick, "action=list"} {
		r.want("body "+body, r.post("/c/"+fresh, body), 200, subscribers.Pending)
	}
	if a := r.post("/c/"+old, "action=confirm"); !strings.Contains(a.body, "sign up again") {
		t.Errorf("old link: %s", a.body)
	} else {
		r.want("old link", a, 200, subscribers.Pending)
	}
	first := r.post("/c/"+fresh, "action=confirm")
	r.want("confirmed", first, 200, subscribers.Confirmed)
	if !strings.Contains(first.body, "n•••@example.org") || !strings.Contains(first.body, "Welcome") {
		t.Errorf("page:\n%s", first.body)
	}
	// Used: the same page.
	for _, a := range []answer{r.post("/c/"+fresh, "action=confirm"), r.do("GET", "/c/"+fresh, "")} {
		if a.body != first.body {
			t.Errorf("used link:\n%s", a.body)
		}
	}
	for _, bad := range []string{"nothing", r.token, fresh[:len(fresh)-1]} {
		if a := r.do("GET", "/c/"+bad, ""); a.status != 200 || !strings.Contains(a.body, "leads nowhere") {
			t.Errorf("bad token: %d %s", a.status, a.body)
		}
	}
}

// MSG-38: the page in the browser is the stored one, without anything of the reader, and may do nothing but show.
func TestMSG38View(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const html = `<!doctype html><html lang="en"><title>T</title><body style="color:#111111"><h1>Story</h1></body></html>`
	_, err := r.db.ExecContext(t.Context(), `INSERT INTO messages (campaign_id, revision, variant, compiled, web_html) VALUES (7, 1, 0, '', $1)`, html)
	if err != nil {
		t.Fatal(err)
	}
	view := func(campaign int64) string {
		return "/v/" + r.ring.ViewToken(r.ring.Current(), links.View{Campaign: campaign})
	}
	a := r.do("GET", view(7), "")
	want := strings.NewReplacer(`<body style="color:#111111">`, `<body style="color:#111111"><main>`, "</body>", "</main></body>").Replace(html)
	if a.status != 200 || a.body != want || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if csp := a.header.Get("Content-Security-Policy"); csp != "default-src 'none'; img-src https:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "+
		"sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation" {
		t.Errorf("policy %q", csp)
	}
	if strings.Contains(a.body, r.token) || a.header.Get("Set-Cookie") != "" {
		t.Error("something personal")
	}
	if a := r.do("HEAD", view(7), ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
	for name, tc := range map[string]struct {
		method, path string
		status       int
	}{
		"never launched": {"GET", view(8), 404}, "forged": {"GET", "/v/nothing", 404}, "leave token": {"GET", "/v/" + r.token, 404}, "POST": {"POST", view(7), 405},
	} {
		if a := r.do(tc.method, tc.path, ""); a.status != tc.status || strings.Contains(a.body, "Story") {
			t.Errorf("%s: %d; want %d", name, a.status, tc.status)
		}
	}
}

// SEC-15: the button of an appeal leads where the database says, and nowhere else.
func TestSEC15Gift(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v, err := r.appeals.Create(t.Context(), appeals.NewAppeal{Slug: "spring", Heading: "Keep us going", Body: "We need you.", Button: "Give",
		URL: "https://give.paper.org/now?amount=5&utm_source=mail#top"}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	gift := r.ring.GiftToken(r.ring.Current(), links.Gift{Campaign: 7, Variant: v.VariantID})
	const want = "https://give.paper.org/now?amount=5&utm_source=mail&utm_medium=email&utm_campaign=campaign-7#top"
	clicks := func() int {
		r.tally()
		return r.count(`SELECT coalesce(sum(clicks), 0) FROM appeal_clicks WHERE campaign_id = 7`)
	}
	for i, q := range []string{"", "?url=https://evil.example", "?next=//evil.example", "?u=%0d%0aLocation:%20https://evil.example", `?to=\evil.example`, "/?utm_source=x"} {
		a := r.do("GET", "/give/"+gift+q, "")
		if a.status != http.StatusFound || a.header.Get("Location") != want || len(a.header.Values("Location")) != 1 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %d %v", q, a.status, a.header)
		}
		if n := clicks(); n != i+1 {
			t.Errorf("%d clicks after %d", n, i+1)
		}
	}
	// A query that is no list of pairs reaches the donation page as it is.
	odd, err := r.appeals.Create(t.Context(), appeals.NewAppeal{Slug: "autumn", Heading: "Keep us going", Body: "We need you.", Button: "Give",
		URL: "https://give.paper.org/?FUND;b=%zz&a+b"}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	const wantOdd = "https://give.paper.org/?FUND;b=%zz&a+b&utm_source=newsletter&utm_medium=email&utm_campaign=campaign-8"
	if a := r.do("GET", "/give/"+r.ring.GiftToken(r.ring.Current(), links.Gift{Campaign: 8, Variant: odd.VariantID}), ""); a.header.Get("Location") != wantOdd {
		t.Errorf("%v", a.header)
	}
	before := clicks()
	if a := r.do("HEAD", "/give/"+gift, ""); a.status != http.StatusFound || a.header.Get("Location") != want {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
	for name, path := range map[string]string{
		"forged": "/give/nothing", "leave token": "/give/" + r.token, "unknown variant": "/give/" + r.ring.GiftToken(r.ring.Current(), links.Gift{Campaign: 7, Variant: v.VariantID + 1000}),
		"address": "/give/https://evil.example", "encoded": "/give/https%3A%2F%2Fevil.example", "slashes": "/give//evil.example", "backslash": `/give/%5C%5Cevil.example`,
		"CR LF": "/give/x%0d%0aLocation:%20https://evil.example", "no token": "/give/",
	} {
		a := r.do("GET", path, "")
		if a.status != 404 || a.header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
	if a := r.post("/give/"+gift, ""); a.status != 405 {
		t.Errorf("POST: %d", a.status)
	}
	if n := clicks(); n != before {
		t.Errorf("%d clicks; looking and guessing must not count", n-before)
	}
	if u, err := url.Parse(want); err != nil || u.Host != "give.paper.org" {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/healthz", "/readyz", "/healthz/"} {
		if a := r.do("GET", path, ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// Limits of the server: slow, endless and large requests end.
func TestServerLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("GET", "/healthz", "", "X-Large", strings.Repeat("x", 40<<10))
	if a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("40 kB of header: %d", a.status)
	}
}

// A repeat, a look ahead by the browser, and a HEAD lead on like a click, and do not count.
func TestGiftCountsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v, err := r.appeals.Create(t.Context(), appeals.NewAppeal{Slug: "spring", Heading: "Keep us going", Body: "We need you.", Button: "Give", URL: "https://give.paper.org/"}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	gift := "/give/" + r.ring.GiftToken(r.ring.Current(), links.Gift{Campaign: 7, Variant: v.VariantID})
	for i, step := range []struct {
		method string
		header []string
		want   int
	}{
		{"GET", []string{"Sec-Purpose", "prefetch"}, 0},
		{"GET", []string{"Sec-Purpose", "prefetch;prerender"}, 0},
		{"GET", []string{"Purpose", "prefetch"}, 0},
		{"HEAD", nil, 0},
		{"GET", nil, 1},
		{"GET", nil, 1},
		{"GET", []string{"User-Agent", "another"}, 2},
	} {
		a := r.do(step.method, gift, "", append([]string{"X-Forwarded-For", "203.0.113.9"}, step.header...)...)
		if a.status != http.StatusFound || !strings.HasPrefix(a.header.Get("Location"), "https://give.paper.org/") {
			t.Errorf("step %d: %d %v", i, a.status, a.header)
		}
		r.tally()
		if n := r.count(`SELECT coalesce(sum(clicks), 0) FROM appeal_clicks WHERE campaign_id = 7`); n != step.want {
			t.Errorf("step %d: %d clicks; want %d", i, n, step.want)
		}
	}
}
