package articles

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/errs"
	"mailer/internal/fetch"
)

// site is a publisher on loopback whose answers a test sets.
type site struct {
	*httptest.Server
	mu      sync.Mutex
	pages   map[string]http.HandlerFunc
	asked   map[string]int
	headers map[string]http.Header // of the last request
}

func newSite(t *testing.T) *site {
	s := &site{pages: map[string]http.HandlerFunc{}, asked: map[string]int{}, headers: map[string]http.Header{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.URL.Path]++
		s.headers[r.URL.Path] = r.Header
		h := s.pages[r.URL.Path]
		s.mu.Unlock()
		if h == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) set(path string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = h
}

func (s *site) body(path, body string, header ...string) {
	s.set(path, func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = w.Write([]byte(body))
	})
}

func (s *site) status(path string, code int, header ...string) {
	s.set(path, func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	})
}

func (s *site) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

func (s *site) header(path, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.headers[path].Get(name)
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func setup(t *testing.T, sites ...*site) (*Store, *clock) {
	t.Helper()
	d := dbtest.Open(t)
	o := fetch.Options{AllowPrivate: true, Timeout: 30 * time.Second}
	for _, s := range sites {
		o.AllowHosts = append(o.AllowHosts, s.Listener.Addr().String())
	}
	c := &clock{t: testNow}
	return NewStore(d, fetch.New(o), c.now), c
}

// rssOf makes a feed of "guid|title|path|description" lines; the last character of the guid makes the date.
func rssOf(base string, lines ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><rss version="2.0"><channel><title>Test feed</title><link>` + base + `/</link>`)
	for _, l := range lines {
		f := append(strings.Split(l, "|"), "", "", "")
		fmt.Fprintf(&b, `<item><guid isPermaLink="false">%s</guid><title>%s</title><link>%s%s</link><description>%s</description><pubDate>%s</pubDate></item>`,
			f[0], f[1], base, f[2], f[3], testNow.Add(-time.Duration(1+(f[0][len(f[0])-1]-'0')%20)*time.Hour).Format(time.RFC1123Z))
	}
	return b.String() + `</channel></rss>`
}

func mustAdd(t *testing.T, s *Store, f Feed) Feed {
	t.Helper()
	f, err := s.AddFeed(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustPoll(t *testing.T, s *Store, slug string) PollResult {
	t.Helper()
	r, err := s.Poll(t.Context(), slug)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func titles(list []Article) string {
	var out []string
	for _, a := range list {
		out = append(out, a.Title)
	}
	return strings.Join(out, ", ")
}

func all(t *testing.T, s *Store) []Article {
	t.Helper()
	list, err := s.Articles(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPoll(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, clk := setup(t, web)
	web.body("/feed", rssOf(web.URL, "guid-1|First|/1|One.", "guid-2|Second|/2|Two."), "ETag", `"v1"`, "Last-Modified", "Sun, 22 Nov 2026 10:00:00 GMT")
	mustAdd(t, s, Feed{Slug: "news", URL: web.URL + "/feed", Section: "News"})
	r := mustPoll(t, s, "news")
	if r.Items != 2 || r.New != 2 || r.Changed != 0 || r.Error != "" || r.NextPoll != clk.now().Add(15*time.Minute) {
		t.Fatalf("%+v", r)
	}
	list := all(t, s)
	if titles(list) != "First, Second" || list[0].Section != "News" || list[0].Feed != "news" || list[0].Dek != "One." {
		t.Fatalf("%+v", list)
	}

	// Conditional: the validators go back, and 304 keeps everything.
	web.set("/feed", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` && r.Header.Get("If-Modified-Since") == "Sun, 22 Nov 2026 10:00:00 GMT" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		http.Error(w, "no", http.StatusBadRequest)
	})
	clk.add(time.Hour)
	if r = mustPoll(t, s, "news"); !r.Unchanged || r.Error != "" {
		t.Fatalf("%+v", r)
	}
	if a := web.header("/feed", "Accept"); !strings.Contains(a, "application/feed+json") {
		t.Errorf("Accept %q", a)
	}

	// A changed story is changed in place, a new one added; the same bytes again need nothing.
	next := rssOf(web.URL, "guid-3|Third|/3|Three.", "guid-1|First, corrected|/1|One!", "guid-2|Second|/2|Two.")
	web.body("/feed", next)
	clk.add(time.Hour)
	if r = mustPoll(t, s, "news"); r.New != 1 || r.Changed != 1 {
		t.Fatalf("%+v", r)
	}
	changed := all(t, s)
	for _, a := range changed {
		if a.Title == "First, corrected" && (a.ID != list[0].ID || !a.ChangedAt.Equal(clk.now()) || !a.Published.Equal(list[0].Published)) {
			t.Errorf("changed: %+v; was %+v", a, list[0])
		}
		if a.Title == "Second" && !a.ChangedAt.Equal(testNow) {
			t.Errorf("a story that is the same counts as changed: %+v", a)
		}
	}
	if r = mustPoll(t, s, "news"); !r.Unchanged || r.New != 0 {
		t.Fatalf("%+v", r)
	}
}

// SEC-21: a changed guid, an address with tracking, and another feed carry the same story; it is kept once.
func TestPollDuplicates(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	web.body("/a", rssOf(web.URL, "old-guid|Story|/story?utm_source=a|Words."))
	web.body("/b", rssOf(web.URL, "b-guid|Story from b|/story?utm_source=b#x|Other words.", "b-only|Only b|/only|B."))
	mustAdd(t, s, Feed{Slug: "a", URL: web.URL + "/a"})
	mustAdd(t, s, Feed{Slug: "b", URL: web.URL + "/b", Section: "Bees"})
	mustPoll(t, s, "a")
	if r := mustPoll(t, s, "b"); r.New != 1 || r.Changed != 0 {
		t.Fatalf("%+v", r)
	}
	web.body("/a", rssOf(web.URL, "new-guid|Story|/story|Words, corrected."))
	if r := mustPoll(t, s, "a"); r.New != 0 || r.Changed != 1 {
		t.Fatalf("%+v", r)
	}
	list := all(t, s)
	if len(list) != 2 {
		t.Fatalf("%s", titles(list))
	}
	sel, err := s.Select(t.Context(), Selection{Feeds: []string{"b"}, Order: "feed"})
	if err != nil || titles(sel) != "Story, Only b" {
		t.Fatalf("%s, %v: a story of two feeds is found by either, and keeps the words of the first", titles(sel), err)
	}
	if sel, err = s.Select(t.Context(), Selection{Sections: []string{"bees"}}); err != nil || len(sel) != 2 || sel[0].Section != "Bees" {
		t.Fatalf("%+v, %v", sel, err)
	}

	// When the feed that brought a story is removed, another that carries it takes over.
	if err := s.RemoveFeed(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	web.body("/b", rssOf(web.URL, "b-guid|Story from b, again|/story|Other words."))
	mustPoll(t, s, "b")
	if got := titles(all(t, s)); !strings.Contains(got, "Story from b, again") {
		t.Fatal(got)
	}
}

// A story keeps the date it had first, unless an earlier one turns up, and one without a date the day it was first seen.
func TestPollDates(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, clk := setup(t, web)
	feed := func(date string) string {
		return `<rss><channel><title>T</title><item><guid>the-guid</guid><title>Title ` + date + `</title><link>` + web.URL + `/1</link><pubDate>` + date + `</pubDate></item></channel></rss>`
	}
	mustAdd(t, s, Feed{Slug: "d", URL: web.URL + "/feed"})
	for _, step := range []struct{ date, want string }{
		{"", "2026-11-22T15:00:00Z"}, {"2026-11-30T00:00:00Z", "2026-11-22T15:00:00Z"}, {"2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"},
		{"2026-11-22T08:00:00Z", "2026-11-20T08:00:00Z"}, {"", "2026-11-20T08:00:00Z"},
	} {
		web.body("/feed", feed(step.date))
		mustPoll(t, s, "d")
		if got := all(t, s)[0].Published.Format(time.RFC3339); got != step.want {
			t.Errorf("after %q published %s; want %s", step.date, got, step.want)
		}
		clk.add(time.Hour)
	}
}

// SEC-21: whatever a broken feed sends, what it last sent well stays, and it says since when it is broken and why.
func TestPollFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"404":     {func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, "nothing at this address any more (404)"},
		"410":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, "gone for good"},
		"403":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "does not let us read"},
		"500":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "a fault of its own (500"},
		"418":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }, "answered 418"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<rss><channel><item><title>x`) }, "breaks at line"},
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<!doctype html><html><body>Sorry</body></html>`)
		}, "a web page, not a feed"},
		"nothing":   {func(http.ResponseWriter, *http.Request) {}, "the feed is empty"},
		"too large": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 6<<20)) }, "larger than"},
		"redirect to private": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/", http.StatusFound)
		}, "not on the public internet"},
	} {
		t.Run("SEC-21 "+name, func(t *testing.T) {
			t.Parallel()
			web := newSite(t)
			s, clk := setup(t, web)
			web.body("/feed", rssOf(web.URL, "guid-1|First|/1|One."))
			mustAdd(t, s, Feed{Slug: "f", URL: web.URL + "/feed", PollSeconds: 600})
			mustPoll(t, s, "f")
			good := clk.now()

			web.set("/feed", tc.answer)
			clk.add(time.Hour)
			broke := clk.now()
			for n, wait := range []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute} {
				r := mustPoll(t, s, "f")
				if !strings.Contains(r.Error, tc.want) || r.NextPoll != clk.now().Add(wait) {
					t.Fatalf("poll %d: %+v; want %q and a wait of %v", n, r, tc.want, wait)
				}
				clk.add(wait)
			}
			f, err := s.Feed(t.Context(), "f")
			if err != nil || f.Failures != 3 || f.LastError == "" || !f.FailingSince.Equal(broke) || !f.GoodAt.Equal(good) || f.Stories != 1 {
				t.Fatalf("%+v, %v", f, err)
			}
			if list := all(t, s); titles(list) != "First" || list[0].GoneAt != nil {
				t.Fatalf("the last good content is gone: %+v", list)
			}

			web.body("/feed", rssOf(web.URL, "guid-2|Second|/2|Two."))
			mustPoll(t, s, "f")
			if f, err = s.Feed(t.Context(), "f"); err != nil || f.Failures != 0 || f.LastError != "" || f.FailingSince != nil {
				t.Fatalf("after it recovered: %+v, %v", f, err)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for n, want := range []time.Duration{0, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 6 * time.Hour} {
		if got := backoff(15*time.Minute, n); n > 0 && got != want {
			t.Errorf("backoff(%d) = %v; want %v", n, got, want)
		}
	}
	if got := backoff(24*time.Hour, 3); got != 24*time.Hour {
		t.Errorf("a daily feed is read every %v", got)
	}
	if got := backoff(time.Minute, 1_000_000); got != slowest {
		t.Errorf("%v", got)
	}
}

// 429 and 503 with Retry-After are obeyed, in seconds or as a date, and the host's other feeds wait as well.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, clk := setup(t, web)
	web.status("/a", 429, "Retry-After", "7200")
	web.status("/b", 503, "Retry-After", testNow.Add(3*time.Hour).Format(http.TimeFormat))
	web.status("/c", 429, "Retry-After", "999999999999")
	web.status("/d", 429, "Retry-After", "nonsense")
	for _, p := range []string{"a", "b", "c", "d"} {
		mustAdd(t, s, Feed{Slug: p, URL: web.URL + "/" + p})
	}
	for slug, want := range map[string]time.Duration{"a": 2 * time.Hour, "b": 3 * time.Hour, "c": 24 * time.Hour, "d": 15 * time.Minute} {
		if r := mustPoll(t, s, slug); r.NextPoll != clk.now().Add(want) {
			t.Errorf("%s: next poll in %v; want %v", slug, r.NextPoll.Sub(clk.now()), want)
		}
	}

	other := newSite(t)
	s, clk = setup(t, web, other)
	other.body("/feed", rssOf(other.URL, "guid-1|Elsewhere|/1|x"))
	mustAdd(t, s, Feed{Slug: "first", URL: web.URL + "/a"})
	clk.add(time.Second)
	mustAdd(t, s, Feed{Slug: "second", URL: web.URL + "/z"})
	mustAdd(t, s, Feed{Slug: "elsewhere", URL: other.URL + "/feed"})
	clk.add(time.Second)
	if _, err := s.PollDue(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if web.count("/z") != 0 || other.count("/feed") != 1 {
		t.Errorf("the busy host was asked again %d times, the other %d times", web.count("/z"), other.count("/feed"))
	}
	f, err := s.Feed(t.Context(), "second")
	if err != nil || f.NextPollAt.Before(clk.now().Add(time.Hour)) {
		t.Errorf("next poll of the host's other feed at %v, %v", f.NextPollAt, err)
	}
}

// A permanent redirect is noted and followed directly from then on; when the new place fails the old one is asked again.
func TestMoved(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	web.status("/old", 301, "Location", "/new")
	web.body("/new", rssOf(web.URL, "guid-1|First|/1|x"))
	mustAdd(t, s, Feed{Slug: "m", URL: web.URL + "/old"})
	mustPoll(t, s, "m")
	f, err := s.Feed(t.Context(), "m")
	if err != nil || f.MovedTo != web.URL+"/new" || f.URL != web.URL+"/old" {
		t.Fatalf("%+v, %v", f, err)
	}
	mustPoll(t, s, "m")
	if web.count("/old") != 1 || web.count("/new") != 2 {
		t.Fatalf("old asked %d times, new %d times", web.count("/old"), web.count("/new"))
	}
	web.set("/new", nil)
	mustPoll(t, s, "m")
	web.body("/old", rssOf(web.URL, "guid-2|Second|/2|x"))
	if r := mustPoll(t, s, "m"); r.New != 1 {
		t.Fatalf("%+v", r)
	}

	web.status("/t", 302, "Location", "/new2")
	web.body("/new2", rssOf(web.URL, "guid-3|Third|/3|x"))
	mustAdd(t, s, Feed{Slug: "t", URL: web.URL + "/t"})
	mustPoll(t, s, "t")
	if f, err = s.Feed(t.Context(), "t"); err != nil || f.MovedTo != "" {
		t.Fatalf("a temporary redirect was noted: %+v, %v", f, err)
	}
}

// Two nodes that poll at once read each feed once; a node that died is followed when its lease ends.
func TestLease(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, clk := setup(t, web)
	second := NewStore(s.db, s.fetch, clk.now)
	for i := range 12 {
		p := fmt.Sprintf("/feed%d", i)
		web.body(p, rssOf(web.URL, fmt.Sprintf("guid-%d|Story %d|/%d|x", i, i, i), "shared|Shared|/shared|x"))
		mustAdd(t, s, Feed{Slug: fmt.Sprintf("feed-%d", i), URL: web.URL + p})
	}
	var wg sync.WaitGroup
	for _, node := range []*Store{s, second, s} {
		wg.Go(func() {
			if _, err := node.PollDue(t.Context(), 4); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 12 {
		if n := web.count(fmt.Sprintf("/feed%d", i)); n != 1 {
			t.Errorf("feed %d was read %d times", i, n)
		}
	}
	if n := len(all(t, s)); n != 13 {
		t.Errorf("%d stories; want 13", n)
	}

	// Held by another: Poll says so. Its lease over: it is taken.
	if _, err := s.db.Exec(`UPDATE feeds SET lease = gen_random_uuid(), lease_until = now() + interval '1 minute' WHERE slug = 'feed-0'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Poll(t.Context(), "feed-0"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("%v; want Conflict", err)
	}
	if _, err := s.db.Exec(`UPDATE feeds SET lease_until = now() - interval '1 second' WHERE slug = 'feed-0'`); err != nil {
		t.Fatal(err)
	}
	mustPoll(t, s, "feed-0")
}

// A node that lost its lease while it read writes nothing.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	mustAdd(t, s, Feed{Slug: "f", URL: web.URL + "/feed"})
	web.set("/feed", func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.db.Exec(`UPDATE feeds SET lease = gen_random_uuid()`); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, rssOf(web.URL, "guid-1|First|/1|x"))
	})
	if _, err := s.Poll(t.Context(), "f"); err == nil || len(all(t, s)) != 0 {
		t.Fatalf("%v; %d stories", err, len(all(t, s)))
	}
}

// A poll that we interrupt is no fault of the feed, and the feed is free again.
func TestPollInterrupted(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	mustAdd(t, s, Feed{Slug: "f", URL: web.URL + "/feed"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	web.set("/feed", func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := s.Poll(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	f, err := s.Feed(t.Context(), "f")
	if err != nil || f.Failures != 0 || f.LastError != "" {
		t.Fatalf("%+v, %v", f, err)
	}
	web.body("/feed", rssOf(web.URL, "guid-1|First|/1|x"))
	if r := mustPoll(t, s, "f"); r.New != 1 {
		t.Fatalf("%+v", r)
	}
}

// Hosts are read in parallel, the feeds of one host one after the other.
func TestPollDueParallel(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	inFlight, most := map[string]int{}, map[string]int{}
	bothIn := make(chan struct{})
	total := 0
	var sites []*site
	for range 2 {
		sites = append(sites, newSite(t))
	}
	s, _ := setup(t, sites...)
	for n, web := range sites {
		for i := range 3 {
			path := fmt.Sprintf("/feed%d", i)
			web.set(path, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				inFlight[r.Host]++
				most[r.Host] = max(most[r.Host], inFlight[r.Host])
				if total++; total == 2 {
					close(bothIn)
				}
				mu.Unlock()
				select {
				case <-bothIn: // the first two to come wait for each other: they can only be of two hosts
				case <-r.Context().Done():
				}
				fmt.Fprint(w, rssOf(web.URL, fmt.Sprintf("guid-%d|Story|/%d|x", i, i)))
				mu.Lock()
				inFlight[r.Host]--
				mu.Unlock()
			})
			mustAdd(t, s, Feed{Slug: fmt.Sprintf("f%d-%d", n, i), URL: web.URL + path})
		}
	}
	results, err := s.PollDue(t.Context(), 2)
	if err != nil || len(results) != 6 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for _, r := range results {
		if r.Error != "" {
			t.Errorf("%+v", r)
		}
	}
	for host, n := range most {
		if n != 1 {
			t.Errorf("%d requests at once to %s", n, host)
		}
	}
	if results, err = s.PollDue(t.Context(), 2); err != nil || len(results) != 0 {
		t.Fatalf("polled again before they were due: %+v, %v", results, err)
	}
}

// Every fixture goes all the way into the database, twice, and nothing doubles.
func TestPollFixtures(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	files, err := os.ReadDir("testdata/feeds")
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".golden.json") {
			continue
		}
		data, err := os.ReadFile("testdata/feeds/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		web.body("/"+f.Name(), string(data))
		slug := slugify(f.Name())
		mustAdd(t, s, Feed{Slug: slug, URL: web.URL + "/" + f.Name()})
		r := mustPoll(t, s, slug)
		if r.Error != "" {
			t.Errorf("%s: %s", f.Name(), r.Error)
		}
		want += r.New
		web.body("/"+f.Name(), string(data)+"\n<!-- another byte -->")
		if strings.HasSuffix(f.Name(), ".json") || strings.HasPrefix(f.Name(), "utf16") {
			continue
		}
		if r = mustPoll(t, s, slug); r.New != 0 || r.Changed != 0 || r.Error != "" {
			t.Errorf("%s again: %+v", f.Name(), r)
		}
	}
	var n int
	if err := s.db.Get(&n, `SELECT count(*) FROM articles`); err != nil || n != want {
		t.Errorf("%d stories, %v; want %d", n, err, want)
	}
}

// An empty feed takes nothing away.
func TestEmptyFeed(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	web.body("/feed", rssOf(web.URL, "guid-1|First|/1|x"))
	mustAdd(t, s, Feed{Slug: "f", URL: web.URL + "/feed"})
	mustPoll(t, s, "f")
	web.body("/feed", rssOf(web.URL))
	if r := mustPoll(t, s, "f"); r.Error != "" || r.Items != 0 {
		t.Fatalf("%+v", r)
	}
	if titles(all(t, s)) != "First" {
		t.Fatal(titles(all(t, s)))
	}
}
