package public_test

import (
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"

	"mailer/internal/links"
	"mailer/internal/render"
)

const mailPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">
<title>T</title></head>
<body class="paper" style="color:#111111;background:#fdfdfb"><div><h1>The story</h1><p><a href="https://news.paper.org/give/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA">Give</a></p></div>
</body></html>`

// past is a campaign as it was launched.
type past struct {
	id                 int64
	subject, preheader string
	at                 string // RFC 3339; empty: the days before 2026-11-22 by number
	blocks             []render.Block
	state              string // of the send; empty: done
	hidden             bool
	rule               string // JSON; empty: the whole list
	slice              string
	html               string
}

// launched writes a campaign of the rig's list as it is after its launch.
func (r *rig) launched(p past) {
	r.t.Helper()
	if p.at == "" {
		p.at = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC).AddDate(0, 0, int(p.id)-100).Format(time.RFC3339)
	}
	if p.blocks == nil {
		p.blocks = []render.Block{{Kind: render.KindStory, Stories: []render.Story{{Title: "The story", URL: "https://paper.org/story", Dek: "What it is about.",
			Image: &render.Image{URL: "https://cdn.paper.org/lead.jpg", Width: 1200, Height: 630, Alt: "A harbour"}, BodyHTML: "<p>All of it.</p>"}}}}
	}
	if p.state == "" {
		p.state = "done"
	}
	if p.html == "" {
		p.html = mailPage
	}
	exec := func(q string, args ...any) {
		r.t.Helper()
		if _, err := r.db.ExecContext(r.t.Context(), q, args...); err != nil {
			r.t.Fatal(err)
		}
	}
	exec(`INSERT INTO campaigns (id, list_id, edition, name, template, state, subject, preheader, send_at, launched_at, approved_hash, archive_hidden)
		OVERRIDING SYSTEM VALUE VALUES ($1, $2, 'manual-' || $1::bigint, '', 'digest', 'launched', $3, $4, $5, $5, '', $6)`, p.id, r.list.ID, p.subject, p.preheader, p.at, p.hidden)
	for i, b := range p.blocks {
		data, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		exec(`INSERT INTO campaign_blocks (campaign_id, position, kind, data) VALUES ($1, $2, $3, $4)`, p.id, i, b.Kind, string(data))
	}
	exec(`INSERT INTO sends (campaign_id, list_id, state, envelope_domain, not_before, expires_at, finished_at, rule, slice_state)
		VALUES ($1, $2, $3, 'b.paper.org', $4, now() + interval '1 day', CASE WHEN $3 IN ('running', 'paused') THEN NULL ELSE now() END, nullif($5, '')::jsonb, $6)`,
		p.id, r.list.ID, p.state, p.at, p.rule, p.slice)
	exec(`INSERT INTO messages (campaign_id, revision, variant, compiled, web_html) VALUES ($1, 1, 0, '', $2)`, p.id, p.html)
}

// newSite serves the pages of r once more, with nothing kept.
func newSite(t *testing.T, r *rig) *rig {
	t.Helper()
	again := *r
	again.base = serve(t, r.deps())
	return &again
}

// openArchive opens the archive of the rig's list, and its sign-up where join says so.
func (r *rig) openArchive(join bool) {
	r.t.Helper()
	r.list.ArchiveOpen, r.list.SignupOpen, r.list.Description = true, join, "What happened, & why."
	var err error
	if r.list, err = r.store.UpdateList(r.t.Context(), r.list); err != nil {
		r.t.Fatal(err)
	}
}

func address(p past) string {
	at, err := time.Parse(time.RFC3339, p.at)
	if err != nil {
		at = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC).AddDate(0, 0, int(p.id)-100)
	}
	return fmt.Sprintf("/archive/daily/%s-%d", at.Format("2006-01-02"), p.id)
}

// What went to the whole list stands in its archive, and nothing else.
func TestArchiveHasWhatWentToAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.openArchive(false)
	appeal := []render.Block{{Kind: render.KindAppeal, Appeal: &render.Appeal{Heading: "Give"}}, {Kind: render.KindDivider}}
	cases := []struct {
		past
		there bool
	}{
		{past{id: 1, subject: "went out"}, true},
		{past{id: 2, subject: "goes out", state: "running"}, true},
		{past{id: 3, subject: "a text alone", blocks: []render.Block{{Kind: render.KindText, Text: "Hello."}}}, true},
		{past{id: 4, subject: "an appeal alone", blocks: appeal}, false},
		{past{id: 5, subject: "cancelled", state: "cancelled"}, false},
		{past{id: 6, subject: "paused before anybody had it", state: "paused"}, false},
		{past{id: 7, subject: "ran out before anybody had it", state: "expired"}, false},
		{past{id: 8, subject: "hidden", hidden: true}, false},
		{past{id: 9, subject: "for some readers", rule: `{"all": []}`}, false},
		{past{id: 10, subject: "a first slice", state: "running", slice: "out"}, false},
		{past{id: 11, subject: "a first slice that failed", state: "paused", slice: "failed"}, false},
		{past{id: 12, subject: "to come", state: "running", at: time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}, false},
	}
	for _, tc := range cases {
		r.launched(tc.past)
	}
	// Never launched: a draft, and a proof, which is a single mail and no campaign's.
	if _, err := r.db.ExecContext(t.Context(), `INSERT INTO campaigns (id, list_id, edition, name, template, subject) OVERRIDING SYSTEM VALUE VALUES (1000, $1, 'manual-draft', '', 'digest', 'a draft')`, r.list.ID); err != nil {
		t.Fatal(err)
	}
	index, rss := r.do("GET", "/archive/daily", ""), r.do("GET", "/archive/daily/rss.xml", "")
	if index.status != 200 || rss.status != 200 {
		t.Fatalf("%d %d", index.status, rss.status)
	}
	for _, tc := range cases {
		status := map[bool]int{true: 200, false: 404}[tc.there]
		if a := r.do("GET", address(tc.past), ""); a.status != status || strings.Contains(a.body, "The story") != tc.there {
			t.Errorf("%s: %d; want %d", tc.subject, a.status, status)
		}
		if got := strings.Contains(index.body, ">"+tc.subject+"<"); got != tc.there {
			t.Errorf("%s: on the page %v; want %v", tc.subject, got, tc.there)
		}
		if got := strings.Contains(rss.body, "<title>"+tc.subject+"<"); got != tc.there {
			t.Errorf("%s: in the feed %v; want %v", tc.subject, got, tc.there)
		}
	}
	if strings.Contains(index.body, "a draft") {
		t.Error("a draft is shown")
	}
	for _, path := range []string{"/archive/nothing", "/archive/", "/archive", "/archive/daily/1", "/archive/daily/2026-08-16-1", "/archive/daily/2026-08-15-01", "/archive/daily/draft",
		"/archive/daily?page=2", "/archive/daily?page=0", "/archive/daily?page=-1", "/archive/daily?page=01", "/archive/daily?page=x", "/archive/daily/rss.xml/x"} {
		if a := r.do("GET", path, ""); a.status != 404 || !strings.Contains(a.header.Get("X-Robots-Tag"), "noindex") {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
	if a := r.post("/archive/daily", "a=b"); a.status != 405 {
		t.Errorf("POST: %d", a.status)
	}
}

// A list whose archive is closed, archived or renamed in the eyes of the public does not exist there.
func TestArchiveClosed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := past{id: 1, subject: "went out"}
	r.launched(p)
	for _, path := range []string{"/archive/daily", address(p), "/archive/daily/rss.xml", "/archive/daily/atom.xml"} {
		if a := r.do("GET", path, ""); a.status != 404 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
}

// The page of a campaign: what was stored, in a frame, for search engines and cards, without anything of a reader, and able to do
// nothing.
func TestArchivePage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.openArchive(true)
	p := past{id: 1, subject: `Fish & "chips"`, preheader: "Two <things>."}
	r.launched(p)
	a := r.do("GET", address(p), "")
	for name, want := range map[string]string{
		"canonical":   `<link rel="canonical" href="https://news.paper.org` + address(p) + `">`,
		"og:title":    `<meta property="og:title" content="Fish &amp; &#34;chips&#34;">`,
		"description": `<meta name="description" content="Two &lt;things&gt;.">`,
		"og:image":    `<meta property="og:image" content="https://cdn.paper.org/lead.jpg">`,
		"card":        `<meta name="twitter:card" content="summary_large_image">`,
		"published":   `<meta property="article:published_time" content="2026-08-15T07:00:00Z">`,
		"feed":        `<link rel="alternate" type="application/atom+xml" title="The Daily &amp; Co (Atom)" href="https://news.paper.org/archive/daily/atom.xml">`,
		"language":    `<html lang="en">`,
		"content":     `<h1>The story</h1>`,
		"back":        `href="/archive/daily"`,
		"sign-up":     `href="/subscribe/daily"`,
		"gift":        `/give/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA?from=archive"`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("%s: no %s in\n%s", name, want, a.body)
		}
	}
	if a.status != 200 || strings.Contains(a.body, "noindex") || a.header.Get("X-Robots-Tag") != "" || a.header.Get("Set-Cookie") != "" {
		t.Errorf("%d, or search engines are sent away: %v", a.status, a.header)
	}
	csp := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "sandbox ", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %s", csp, want)
		}
	}
	if strings.Contains(csp, "script") || strings.Contains(csp, "same-origin") {
		t.Errorf("policy %q", csp)
	}
	// MSG-38: the same from a mail, with that one's token, which is nobody's in particular; the archive is where it belongs.
	view := r.do("GET", "/v/"+r.ring.ViewToken(r.ring.Current(), links.View{Campaign: 1}), "")
	want := strings.NewReplacer("</head>", `<link rel="canonical" href="https://news.paper.org`+address(p)+`"></head>`, `background:#fdfdfb">`, `background:#fdfdfb"><main>`, "</body>", "</main></body>").Replace(mailPage)
	if view.body != want {
		t.Errorf("in the browser:\n%s", view.body)
	}
	if !strings.Contains(view.header.Get("X-Robots-Tag"), "noindex") || view.header.Get("Cache-Control") != "no-store" || view.header.Get("Content-Security-Policy") != csp {
		t.Errorf("in the browser: %v", view.header)
	}
}

// Pages of twenty, dated in the language of the list, one leading to the next.
func TestArchiveIndex(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.list.Language = "fr"
	r.openArchive(false)
	for i := range 41 {
		r.launched(past{id: int64(i + 1), subject: fmt.Sprintf("Numéro %d.", i+1)})
	}
	seen := map[string]bool{}
	path := "/archive/daily"
	for n := 1; n <= 3; n++ {
		a := r.do("GET", path, "")
		titles := regexp.MustCompile(`<bdi>(Numéro \d+\.)</bdi>`).FindAllStringSubmatch(a.body, -1)
		for _, m := range titles {
			seen[m[1]] = true
		}
		if want := []int{20, 20, 1}[n-1]; len(titles) != want {
			t.Errorf("page %d has %d campaigns; want %d", n, len(titles), want)
		}
		next := regexp.MustCompile(`<link rel="next" href="https://news\.paper\.org([^"]+)">`).FindStringSubmatch(a.body)
		previous := strings.Contains(a.body, `<link rel="prev"`)
		if (next != nil) != (n < 3) || previous != (n > 1) || !strings.Contains(a.body, fmt.Sprintf("Page %d sur 3", n)) {
			t.Errorf("page %d: next %v, previous %v", n, next, previous)
		}
		if n == 1 && (!strings.Contains(a.body, "jeudi 24 septembre 2026") || strings.Contains(a.body, "/subscribe/") || !strings.Contains(a.body, `<html lang="fr"`)) {
			t.Errorf("not in French, or a sign-up that is closed:\n%s", a.body)
		}
		if next != nil {
			path = next[1]
		}
	}
	if len(seen) != 41 {
		t.Errorf("%d of 41 are shown", len(seen))
	}
}

// The feeds are what a feed reader takes them for, with addresses that stand alone, names that stay, and the right times.
func TestArchiveFeeds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.openArchive(false)
	r.launched(past{id: 1, subject: "First", preheader: "Old & <b>bold</b>."})
	r.launched(past{id: 2, subject: "Second <script>alert(1)</script>\x00"[:32], at: "2026-11-22T23:30:00Z",
		blocks: []render.Block{{Kind: render.KindText, Text: "Dear {name|reader}, *hello*. <script>x</script>"}, {Kind: render.KindSection, Title: "News",
			Stories: []render.Story{{Title: "One & two", URL: "https://paper.org/1", Dek: "A dek."}, {Title: "Evil", URL: "javascript:alert(1)"}}}}})
	ids := map[string][]string{}
	for _, name := range []string{"rss.xml", "atom.xml", "rss-full.xml", "atom-full.xml"} {
		a := r.do("GET", "/archive/daily/"+name, "")
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "application/"+name[:3]) || a.header.Get("X-Robots-Tag") != "" {
			t.Fatalf("%s: %d %v", name, a.status, a.header)
		}
		if err := xml.Unmarshal([]byte(a.body), new(struct{})); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := gofeed.NewParser().ParseString(a.body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Title != "The Daily & Co" || f.Link != "https://news.paper.org/archive/daily" || f.FeedLink != "https://news.paper.org/archive/daily/"+name || f.Language != "en" ||
			f.Description != "What happened, & why." || len(f.Items) != 2 {
			t.Fatalf("%s: %+v", name, f)
		}
		second, first := f.Items[0], f.Items[1]
		if first.Title != "First" || first.Link != "https://news.paper.org/archive/daily/2026-08-15-1" || !first.PublishedParsed.Equal(time.Date(2026, 8, 15, 7, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v", name, first)
		}
		if want := map[bool]string{true: "Old &amp; &lt;b&gt;bold&lt;/b&gt;.", false: "Old & <b>bold</b>."}[name[:3] == "rss"]; first.Description != want {
			t.Errorf("%s: says %q; want %q", name, first.Description, want)
		}
		if !strings.HasPrefix(second.Title, "Second <script>alert(1)</script>") && name[:3] == "atom" || second.Link != "https://news.paper.org/archive/daily/2026-11-22-2" {
			t.Errorf("%s: %+v", name, second)
		}
		ids[name[:3]] = append(ids[name[:3]], first.GUID, second.GUID)
		if strings.Contains(name, "full") {
			for _, want := range []string{"Dear reader, <em>hello</em>.", "<h2>News</h2>", `<a href="https://paper.org/1">One &amp; two</a>`, "<p>A dek.</p>"} {
				if !strings.Contains(second.Content, want) {
					t.Errorf("%s: no %s in %s", name, want, second.Content)
				}
			}
			if strings.Contains(second.Content, "<script") || strings.Contains(second.Content, "javascript:") || !strings.Contains(first.Content, "<p>All of it.</p>") {
				t.Errorf("%s: %s", name, second.Content)
			}
		} else if strings.Contains(second.Content, "hello") {
			t.Errorf("%s has content: %s", name, second.Content)
		}
	}
	for _, guids := range ids {
		if guids[0] == guids[1] || guids[0] != guids[2] || guids[1] != guids[3] || !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(guids[0]) {
			t.Errorf("ids %v", guids)
		}
	}
	if ids["rss"][0] != ids["ato"][0] {
		t.Errorf("two names for one: %v", ids)
	}
	// The service moves, the list is renamed: to feed readers nothing is new.
	moved := *r
	d := r.deps()
	d.BaseURL = "https://mail.other.example"
	moved.base = serve(t, d)
	moved.list.Name = "Renamed"
	if _, err := moved.store.UpdateList(t.Context(), moved.list); err != nil {
		t.Fatal(err)
	}
	if a := moved.do("GET", "/archive/daily/atom.xml", ""); !strings.Contains(a.body, "<id>"+ids["ato"][0]+"</id>") || !strings.Contains(a.body, "https://mail.other.example/archive/daily/2026-08-15-1") {
		t.Errorf("another id for the same:\n%s", a.body)
	}
}

// The archive may be kept by others, and who has a page is told so; packed where that is understood.
func TestArchiveIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.openArchive(false)
	p := past{id: 1, subject: "went out"}
	r.launched(p)
	for _, path := range []string{"/archive/daily", address(p), "/archive/daily/rss.xml"} {
		plain := r.do("GET", path, "", "Accept-Encoding", "identity")
		tag, modified := plain.header.Get("ETag"), plain.header.Get("Last-Modified")
		if plain.header.Get("Cache-Control") != "public, max-age=60" || plain.header.Get("Vary") != "Accept-Encoding" || tag == "" || modified == "" || plain.header.Get("Content-Encoding") != "" {
			t.Fatalf("%s: %v", path, plain.header)
		}
		packed := r.do("GET", path, "", "Accept-Encoding", "br, gzip;q=0.8")
		if packed.header.Get("Content-Encoding") != "gzip" || packed.header.Get("ETag") == tag {
			t.Errorf("%s: not packed: %v", path, packed.header)
		} else if z, err := gzip.NewReader(strings.NewReader(packed.body)); err != nil {
			t.Error(err)
		} else if b, err := io.ReadAll(z); err != nil || string(b) != plain.body {
			t.Errorf("%s: another page when packed, %v", path, err)
		}
		if a := r.do("GET", path, "", "Accept-Encoding", "gzip;q=0"); a.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: packed for who does not want it", path)
		}
		if a := r.do("HEAD", path, "", "Accept-Encoding", "identity"); a.status != 200 || a.body != "" || a.header.Get("Content-Length") != fmt.Sprint(len(plain.body)) {
			t.Errorf("%s: HEAD: %d %v", path, a.status, a.header)
		}
		for name, tc := range map[string]struct {
			header []string
			status int
		}{
			"same": {[]string{"If-None-Match", tag}, 304}, "weak": {[]string{"If-None-Match", "W/" + tag}, 304}, "packed": {[]string{"If-None-Match", packed.header.Get("ETag")}, 304},
			"among others": {[]string{"If-None-Match", `"a", ` + tag}, 304}, "another": {[]string{"If-None-Match", `"a"`}, 200}, "another, same time": {[]string{"If-None-Match", `"a"`, "If-Modified-Since", modified}, 200},
			"since": {[]string{"If-Modified-Since", modified}, 304}, "long since": {[]string{"If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"}, 200}, "nonsense": {[]string{"If-Modified-Since", "yesterday"}, 200},
		} {
			if a := r.do("GET", path, "", tc.header...); a.status != tc.status || a.status == 304 && (a.body != "" || a.header.Get("ETag") == "" || a.header.Get("Content-Type") != "") {
				t.Errorf("%s, %s: %d %v", path, name, a.status, a.header)
			}
		}
	}
}

// Requests of pages that are kept cost the database nothing, and it may be away.
func TestArchiveWithoutDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.openArchive(false)
	p := past{id: 1, subject: "went out"}
	r.launched(p)
	paths := []string{"/archive/daily", address(p), "/archive/daily/rss.xml"}
	before := map[string]answer{}
	for _, path := range paths {
		before[path] = r.do("GET", path, "")
	}
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if a := r.do("GET", path, ""); a.status != 200 || a.body != before[path].body {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := r.do("GET", "/archive/other", ""); a.status != http.StatusNotFound {
		t.Errorf("another list: %d", a.status)
	}
}

// SEC-10: whatever stands in titles, names and texts, the pages and feeds of the archive show it and do nothing.
func TestSEC10Archive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title></head><body><svg onload=alert(1)>`, `]]><x/>`, `&lt;b&gt;`, `{{.}}`,
		"a\u202egpj.exe", "\x01\x0b", `javascript:alert(1)`, `</main></html><!--`, `--></style><script>`,
	} {
		r.list.Name, r.list.HomeURL = "List "+evil, "https://www.paper.org/"
		if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET archive_open = true, signup_open = true, name = $1, description = $1, from_name = $1`, strings.ReplaceAll("List "+evil, "\x00", "")); err != nil {
			t.Fatal(err)
		}
		p := past{id: int64(i + 1), subject: "Subject " + evil, preheader: "Pre " + evil, blocks: []render.Block{{Kind: render.KindSection, Title: evil, Text: evil,
			Stories: []render.Story{{Title: evil, Dek: evil, URL: evil, Authors: []render.Author{{Name: evil}}, Image: &render.Image{URL: "https://x.org/" + evil, Alt: evil, Caption: evil}, BodyHTML: evil}}}}}
		r.launched(p)
		s := newSite(t, r)
		for _, path := range []string{"/archive/daily", address(p), "/archive/daily/rss-full.xml", "/archive/daily/atom-full.xml"} {
			a := s.do("GET", path, "")
			if a.status != 200 {
				t.Fatalf("%q %s: %d", evil, path, a.status)
			}
			if strings.HasSuffix(path, ".xml") {
				if f, err := gofeed.NewParser().ParseString(a.body); err != nil || len(f.Items) != i+1 {
					t.Errorf("%q: %s is broken: %v\n%s", evil, path, err, a.body)
				}
				continue
			}
			for _, bad := range []string{"<script", "<svg", "<img src=x", "onmouseover='", "<x/>", "<!-- "} {
				if strings.Contains(a.body, bad) {
					t.Errorf("%q: %s has %s:\n%s", evil, path, bad, a.body)
				}
			}
			if strings.Count(a.body, "<title>") != 1 || strings.Count(a.body, "</body>") != 1 || !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%q: %s:\n%s", evil, path, a.body)
			}
		}
	}
}
