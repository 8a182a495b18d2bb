package admin_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/web/admin/admintest"
)

// What a page may take: on the demo's data that is a promise, on a large newsroom's it says where to look.
const (
	demoAim  = 100 * time.Millisecond
	largeAim = 500 * time.Millisecond
	requests = 7
)

// BenchmarkPages opens every page of the desk as its owner, on the demo's data and in a newsroom of a million readers and ten thousand
// campaigns, and prints how long each took. It runs once, whatever -benchtime says.
func BenchmarkPages(b *testing.B) {
	small, large := admintest.Open(b).Newsroom(), admintest.Open(b).Newsroom()
	begin := time.Now()
	sent := small.Draft()
	if _, err := small.Campaigns.Start(b.Context(), sent.ID, "bench", true); err != nil {
		b.Fatal(err)
	}
	next, err := small.Campaigns.Desk.Blank(b.Context(), campaigns.NewBlank{List: small.List.Slug, Name: "Next"}, "bench")
	if err != nil {
		b.Fatal(err)
	}
	fillSmall(b, small, sent.ID, next.ID)
	demo := stopwatch{small, b, pageValues(b, small, sent.ID, next.ID)}
	draft := fillLarge(b, large)
	big := stopwatch{large, b, pageValues(b, large, launchedCampaigns, draft)}
	b.Logf("made in %s", time.Since(begin).Round(time.Second))
	compare(b, demo, big)
}

// compare measures every page on both and prints them, the slowest first.
func compare(b *testing.B, demo, big stopwatch) {
	b.Helper()
	paths, clients := big.paths(), [2]*admintest.Client{demo.owner("Ines"), big.owner("Ines")}
	if small := demo.paths(); len(small) != len(paths) {
		b.Fatalf("%d pages of the demo and %d of the large newsroom", len(small), len(paths))
	}
	type row struct {
		path        string
		small, wide timing
	}
	var rows []row
	for i, path := range demo.paths() {
		rows = append(rows, row{paths[i], demo.time(clients[0], path), big.time(clients[1], paths[i])})
	}
	slices.SortFunc(rows, func(x, y row) int { return cmp.Compare(y.wide.median, x.wide.median) })
	var sb strings.Builder
	w := tabwriter.NewWriter(&sb, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "page\tdemo\tworst\tlarge\tworst\tkB\t\n")
	over := [2]int{}
	for _, r := range rows {
		marks := ""
		if r.small.median > demoAim {
			over[0]++
			marks += " over 100 ms"
		}
		if r.wide.median > largeAim {
			over[1]++
			marks += " over 500 ms"
		}
		if r.small.status != http.StatusOK || r.wide.status != http.StatusOK {
			marks += fmt.Sprintf(" (%d, %d)", r.small.status, r.wide.status)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", r.path, ms(r.small.median), ms(r.small.worst), ms(r.wide.median), ms(r.wide.worst), r.wide.size/1000, marks)
	}
	_ = w.Flush()
	// Not b.Log, of which a benchmark shows ten lines.
	fmt.Printf("\n%d pages, times in ms, median and worst of %d requests\n%s\n", len(rows), requests, sb.String())
	b.ReportMetric(float64(over[0]), "demo-over-100ms")
	b.ReportMetric(float64(over[1]), "large-over-500ms")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// stopwatch opens the pages of one newsroom.
type stopwatch struct {
	*admintest.Rig
	b      *testing.B
	values map[string]string // of the routes' placeholders; "draft" is the campaign that is being written
}

type timing struct {
	median, worst time.Duration
	status, size  int
}

func (s stopwatch) owner(name string) *admintest.Client {
	return s.Client(s.Person(name, accounts.Owner))
}

// time opens a page some times.
func (s stopwatch) time(c *admintest.Client, path string) timing {
	s.b.Helper()
	var all []time.Duration
	var t timing
	for range requests {
		begin := time.Now()
		p := c.Raw("GET", path, nil, nil)
		all = append(all, time.Since(begin))
		t.status, t.size = p.Status, len(p.Body)
	}
	if t.status >= http.StatusInternalServerError {
		s.b.Errorf("%s: %d", path, t.status)
	}
	slices.Sort(all)
	t.median, t.worst = all[len(all)/2], all[len(all)-1]
	return t
}

// narrowed are searches, filters and later pages beside the plain routes.
var narrowed = []string{
	"/admin/readers?q=reader77", "/admin/readers?q=nobody.at.all@example.org", "/admin/readers?q=Reader+5", "/admin/readers?list={list}&state=suppressed", "/admin/readers?list={list}&state=unsubscribed",
	"/admin/readers?list={list}&state=pending", "/admin/readers?state=suppressed",
	"/admin/campaigns?state=waiting", "/admin/campaigns?state=cancelled", "/admin/campaigns?before=5000", "/admin/campaigns?list={list}&state=launched", "/admin/campaigns?list={list}&state=held",
	"/admin/calendar?month={month}", "/admin/stories?q=cranes", "/admin/stories?q=no+such+word", "/admin/campaigns/{draft}/stories?q=cranes", "/admin/campaigns/{draft}/stories?q=no+such+word",
	"/admin/audit?who=p3@example.org", "/admin/audit?kind=campaign", "/admin/audit?about=campaign+77", "/admin/audit?kind=list&who=p3@example.org",
	"/admin/reports?before=5000", "/admin/lists/{list}/report?days=365", "/admin/suppressions?q=gone77",
	"/admin/segment/try?list={list}&rule=supporter", "/admin/segment/try?list={list}&rule=city+is+Lyon",
}

// paths returns every page: the routes of the desk that answer with one, those of a campaign for one that went out and one that is being
// written, and some searches. Streams and files of any length are no pages.
func (s stopwatch) paths() (all []string) {
	for _, route := range s.Frame.Routes() {
		method, pattern, _ := strings.Cut(route.Pattern, " ")
		if method != http.MethodGet || strings.HasSuffix(pattern, "/events") || strings.HasSuffix(pattern, "/readers.csv") || strings.HasSuffix(pattern, "/mend.csv") {
			continue
		}
		all = append(all, s.fill(pattern))
		if strings.Contains(pattern, "{campaign}") {
			all = append(all, s.fill(strings.Replace(pattern, "{campaign}", "{draft}", 1)))
		}
	}
	for _, pattern := range narrowed {
		all = append(all, s.fill(pattern))
	}
	return all
}

func (s stopwatch) fill(pattern string) string {
	return (&walk{values: s.values}).fill(pattern)
}

// pageValues finds one of everything that a route may name.
func pageValues(b *testing.B, r *admintest.Rig, sent, draft int64) map[string]string {
	b.Helper()
	v := map[string]string{"list": r.List.Slug, "publication": "paper", "path...": "nothing", "token": "none", "$": "", "file": "none", "topic": "local",
		"campaign": fmt.Sprint(sent), "draft": fmt.Sprint(draft), "month": time.Now().AddDate(0, -7, 0).Format("2006-01")}
	for name, q := range map[string]string{"story": `SELECT max(id)::text FROM articles`, "feed": `SELECT slug FROM feeds ORDER BY id LIMIT 1`, "appeal": `SELECT slug FROM appeals ORDER BY id LIMIT 1`,
		"digest": `SELECT slug FROM digests ORDER BY id LIMIT 1`, "reader": `SELECT max(subscriber_id)::text FROM subscriptions WHERE list_id = 1`, "segment": `SELECT slug FROM segments ORDER BY id LIMIT 1`,
		"group": `SELECT max(id)::text FROM proof_groups`, "image": `SELECT min(hash) FROM images`} {
		var s string
		if err := r.DB.GetContext(b.Context(), &s, q); err != nil {
			b.Fatalf("%s: %v", q, err)
		}
		v[name] = s
	}
	return v
}
