package articles

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"mailer/internal/dbtest"
	"mailer/internal/errs"
	"mailer/internal/fetch"
)

const openGraphPage = `<!doctype html><html lang="en"><head><title>Tide tables are wrong | The Lantern</title>
<meta property="og:title" content="Tide tables are wrong"><meta property="og:description" content="A gauge that nobody read has known it since 1934.">
<meta property="og:image" content="/pier.jpg"><meta property="og:site_name" content="The Lantern"><meta property="article:published_time" content="2026-11-20T08:30:00Z">
<meta name="author" content="Ada Example"><link rel="canonical" href="CANONICAL"></head><body><nav><a href="/">Home</a></nav>
<article><h1>Tide tables are wrong</h1><p>It began with a gauge that nobody read, under the old pier, where it had stood for longer than anybody could say.</p>
<p>Then somebody did read it, and compared what it said with the book. The book was a hand short, as it had been for ninety years, day by day.</p>
<p>The harbour had known all along. <script>alert(1)</script>It always does, says everybody who has to wait for it in the morning.</p></article></body></html>`

const linkedDataPage = `<!doctype html><html><head><title>x</title><script type="application/ld+json">{"@context":"https://schema.org","@type":"NewsArticle",
"headline":"The ferry is late","description":"Nobody knows why, not even the captain of it.","datePublished":"2026-11-21T06:00:00+01:00","author":{"@type":"Person","name":"Bo Example"},
"articleSection":"Harbour"}</script></head><body><article><p>The ferry is late again this morning, for the third time in a week, and those who wait for it have begun to ask.</p>
<p>The company says that it looks into the matter, as it has said before, and as it will say again when the next one is late.</p></article></body></html>`

func TestFromURL(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	html := []string{"Content-Type", "text/html; charset=utf-8"}
	web.body("/tides", strings.Replace(openGraphPage, "CANONICAL", web.URL+"/news/tides", 1), html...)
	web.body("/ferry", linkedDataPage, html...)
	web.body("/thief", strings.Replace(openGraphPage, "CANONICAL", "https://www.example.org/not-mine", 1), html...)
	web.body("/photo", "\x89PNG", "Content-Type", "image/png")
	web.body("/empty", "<html><body></body></html>", html...)

	a, created, err := s.FromURL(t.Context(), web.URL+"/tides?utm_source=mail")
	if err != nil {
		t.Fatal(err)
	}
	if !created || a.Title != "Tide tables are wrong" || a.Dek != "A gauge that nobody read has known it since 1934." || a.URL != web.URL+"/news/tides" || len(a.Authors) != 1 || a.Authors[0].Name != "Ada Example" ||
		a.Image == nil || a.Image.URL != web.URL+"/pier.jpg" || a.Published.Format("2006-01-02 15:04") != "2026-11-20 08:30" || !strings.Contains(a.BodyHTML, "It began with a gauge") || strings.Contains(a.BodyHTML, "script") {
		t.Errorf("OpenGraph: %+v", a)
	}
	asked := web.asked["/news/tides"]
	if again, created, err := s.FromURL(t.Context(), " "+web.URL+"/news/tides#top"); err != nil || created || again.ID != a.ID || web.asked["/news/tides"] != asked {
		t.Errorf("a story that is known: %d, created %t, asked %d times (%v)", again.ID, created, web.asked["/news/tides"]-asked, err)
	}
	if again, created, err := s.FromURL(t.Context(), web.URL+"/tides"); err != nil || created || again.ID != a.ID {
		t.Errorf("another address of the same story: %d, created %t (%v)", again.ID, created, err)
	}
	f, _, err := s.FromURL(t.Context(), web.URL+"/ferry")
	if err != nil || f.Title != "The ferry is late" || f.Section != "Harbour" || f.URL != web.URL+"/ferry" || len(f.Authors) != 1 || f.Authors[0].Name != "Bo Example" || !strings.Contains(f.BodyHTML, "third time in a week") {
		t.Errorf("JSON-LD: %+v (%v)", f, err)
	}
	if x, _, err := s.FromURL(t.Context(), web.URL+"/thief"); err != nil || x.URL != web.URL+"/thief" {
		t.Errorf("a page that says it is another site's is kept as %q (%v)", x.URL, err)
	}

	strict := NewStore(dbtest.Open(t), fetch.New(fetch.Options{}), s.now)
	for address, tc := range map[string]struct {
		s    *Store
		want errs.Kind
	}{
		web.URL + "/none":     {s, errs.Invalid},
		web.URL + "/photo":    {s, errs.Invalid},
		web.URL + "/empty":    {s, errs.Invalid},
		"":                    {s, errs.Invalid},
		"javascript:alert(1)": {s, errs.Invalid},
		"file:///etc/passwd":  {s, errs.Invalid},
		web.URL + "/tides":    {strict, errs.Denied},
		"http://169.254.169.254/latest/meta-data/": {strict, errs.Denied},
		"http://[::1]/": {strict, errs.Denied},
	} {
		name := address
		if tc.s == strict {
			name = "SEC-20 " + address
		}
		t.Run(name, func(t *testing.T) {
			_, _, err := tc.s.FromURL(t.Context(), address)
			var e *errs.Error
			if errs.KindOf(err) != tc.want || !errors.As(err, &e) || e.Field == "" {
				t.Errorf("%q: %v; want kind %d of a field", address, err, tc.want)
			}
		})
	}
	if n := web.asked["/none"]; n != 1 {
		t.Errorf("a page that is not there was asked for %d times", n)
	}
	web.set("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ferry", http.StatusFound) })
	if m, created, err := s.FromURL(t.Context(), web.URL+"/moved"); err != nil || created || m.ID != f.ID {
		t.Errorf("an address that leads to a known story: %d, created %t (%v)", m.ID, created, err)
	}
}
