package report_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// newsroom is a rig with a list that has grown for a year and a campaign to 4,100 of its readers; campaign 2 belongs to another list.
func newsroom(t *testing.T) (*admintest.Rig, subscribers.List) {
	t.Helper()
	r := admintest.Open(t)
	var lists []subscribers.List
	for _, slug := range []string{"morning", "evening"} {
		l, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: slug, Name: strings.ToUpper(slug[:1]) + slug[1:] + " <b>Courier</b>", FromName: "Courier",
			FromAddress: "news@example.org", TimeZone: "Europe/Paris"})
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, l)
	}
	exec := func(q string, args ...any) {
		t.Helper()
		if _, err := r.DB.ExecContext(t.Context(), q, args...); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	exec(`INSERT INTO list_days (list_id, day, signups, joins, leaves, erased, change)
		SELECT 1, d, j + 3, j, l, 0, j - l FROM (SELECT d::date AS d, 10 + (n * 37 % 23) + CASE WHEN n = 200 THEN 400 ELSE 0 END AS j, 2 + (n * 13 % 9) AS l
			FROM generate_series(current_date - 364, current_date, interval '1 day') WITH ORDINALITY g(d, n)) x`)
	exec(`INSERT INTO list_counts (list_id, pending, confirmed, unsubscribed, suppressed, supporters, reasons, looked_at)
		SELECT 1, 31, sum(change), 400, 44, 812, '{"hard_bounce": 38, "complaint": 6}', now() FROM list_days`)
	exec(`INSERT INTO leave_reasons (list_id, campaign_id, reason, readers) VALUES (1, 1, 'often', 9), (1, 1, 'interest', 3)`)
	exec(`INSERT INTO campaigns (list_id, edition, name, template, subject, state, approved_by, approved_hash, launched_at) VALUES
		(1, 'manual-1', 'Monday', 'digest', '=HYPERLINK("x") Cranes <i>move</i> south', 'launched', 'ines@example.org', '', '2026-11-22 06:00Z'),
		(2, 'manual-2', 'Elsewhere', 'digest', 'Not yours', 'launched', 'ines@example.org', '', '2026-11-22 06:00Z'), (1, 'manual-3', 'Draft', 'digest', 'Soon', 'draft', '', NULL, NULL)`)
	exec(`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, state, finished_at, audience, audience_complete) VALUES
		(1, 1, 'example.org', '2026-11-22 06:00Z', '2026-11-23 06:00Z', 'done', '2026-11-22 07:30Z', 4100, true),
		(2, 2, 'example.org', '2026-11-22 06:00Z', '2026-11-23 06:00Z', 'done', '2026-11-22 07:30Z', 0, true)`)
	for _, table := range []string{"deliveries", "outcomes"} {
		exec(`CREATE TABLE ` + table + `_from_0 PARTITION OF ` + table + ` FOR VALUES FROM (0) TO (256)`)
	}
	exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, code, reply, at)
		SELECT 1, n, 1, CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 41 = 0 THEN 'deferred' ELSE 'accepted' END, CASE WHEN n % 500 = 0 THEN 'block' WHEN n % 100 = 0 THEN 'hard' WHEN n % 41 = 0 THEN 'greylist' ELSE '' END, 250,
			CASE WHEN n % 100 = 0 THEN '=cmd|<reader' || n || '@example.com> unknown <script>alert(1)</script>' ELSE 'ok' END,
			'2026-11-22 06:00Z'::timestamptz + (sqrt(n) * 0.6) * interval '1 minute' FROM generate_series(1, 4100) n`)
	exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind, at) SELECT 1, seq, 2, 'accepted', at + interval '25 minutes' FROM outcomes WHERE kind = 'deferred'`)
	exec(`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token, closed_at, accepted, failed)
		SELECT 1, 1, (ARRAY['google', 'microsoft', 'yahoo', 'other'])[1 + k % 4], k * 100 + 1, k * 100 + 100, 0, now(), 1, 1, now(), 99, 1 FROM generate_series(0, 40) k`)
	exec(`INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id)
		SELECT 1000 + n, 1, CASE WHEN n = 14 THEN 'undone' ELSE 'unsubscribed' END, CASE WHEN n % 3 = 0 THEN 'one-click' ELSE 'form' END, 1 FROM generate_series(1, 14) n`)
	exec(`INSERT INTO appeals (slug) VALUES ('autumn')`)
	exec(`INSERT INTO appeal_variants (appeal_id, heading, body, button, url) VALUES (1, 'Keep the lights on', 'b', 'Give', 'https://www.example.org')`)
	exec(`INSERT INTO appeal_clicks (campaign_id, variant_id, hour, clicks, machine_clicks) SELECT 1, 1, '2026-11-22 06:00Z'::timestamptz + n * interval '1 hour', 90 / (n + 1), 20 / (n + 1) FROM generate_series(0, 20) n`)
	return r, lists[0]
}

// What the pages say is what the tables hold, and what others wrote stays text (SEC-10); nobody sees the reports of a list that is not theirs (SEC-06).
func TestPages(t *testing.T) {
	t.Parallel()
	r, morning := newsroom(t)
	c := r.Client(r.Person("Vera", accounts.Viewer, morning.ID))
	page := func(path string, status int, want ...string) string {
		t.Helper()
		p := c.Get(path)
		if p.Status != status {
			t.Fatalf("%s: %d\n%s", path, p.Status, p.Body)
		}
		for _, w := range want {
			if !strings.Contains(p.Body, w) {
				t.Errorf("%s does not say %s", path, w)
			}
		}
		for _, never := range []string{"<script>alert", "<i>move", "<b>Courier", "ZgotmplZ", "Not yours", "<no value>"} {
			if strings.Contains(p.Body, never) {
				t.Errorf("SEC-10, SEC-06: %s has %s", path, never)
			}
		}
		return p.Body
	}
	page("/admin/reports", 200, "Morning &lt;b&gt;Courier", "4,100", "4,059", "/admin/campaigns/1/report")
	page("/admin/lists/morning/report", 200, "Dead mailbox", "38", "Too often", "data-plot", "By month", "/admin/campaigns/1/report")
	for _, days := range []string{"30", "90", "365", "all"} {
		page("/admin/lists/morning/report?days="+days, 200, "Europe/Paris")
	}
	body := page("/admin/campaigns/1/report", 200, "4,059", "No such mailbox", "Blocked", "r•••@example.com", "Keep the lights on", "Took it back", "by it, 1 came back")
	if strings.Contains(body, "reader100@") {
		t.Error("SEC-28: a reply shows an address")
	}
	for _, foreign := range []string{"/admin/lists/evening/report", "/admin/campaigns/2/report", "/admin/campaigns/2/report.csv", "/admin/lists/evening/report.csv", "/admin/campaigns/99/report"} {
		page(foreign, 404)
	}
	for _, odd := range []string{"/admin/lists/morning/report?days=1%27%20OR%201=1", "/admin/campaigns/1/report.csv?table=outcomes", "/admin/reports?before=x%27"} {
		if p := c.Get(odd); p.Status != 400 {
			t.Errorf("SEC-09: %s: %d", odd, p.Status)
		}
	}
	if p := c.Raw("GET", "/admin/campaigns/3/report", nil, nil); p.Status != 303 {
		t.Errorf("a draft has a report: %d", p.Status)
	}
}

// The files say what the pages say, and open in a spreadsheet without becoming formulas (SEC-13). An API token may fetch them.
func TestCSV(t *testing.T) {
	t.Parallel()
	r, _ := newsroom(t)
	c := r.Client(r.Person("Vera", accounts.Viewer))
	sums := map[string]int64{}
	for _, path := range []string{"/admin/reports.csv", "/admin/lists/morning/report.csv?days=30", "/admin/lists/morning/report.csv?table=campaigns", "/admin/campaigns/1/report.csv", "/admin/campaigns/1/report.csv?table=minutes"} {
		p := c.Get(path)
		if p.Status != 200 || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/csv") || !strings.Contains(p.Header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %d %v", path, p.Status, p.Header)
		}
		rows, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("%s: %d rows, %v", path, len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.ContainsAny(cell[:min(len(cell), 1)], "=+-@\t\r") {
					t.Errorf("SEC-13: %s has the formula %q", path, cell)
				}
			}
		}
		for _, row := range rows[1:] {
			var n int64
			switch {
			case strings.HasSuffix(path, "table=minutes"):
				fmt.Sscan(row[2], &n)
				sums["accepted by minute"] += n
			case strings.Contains(path, "campaigns/1"):
				fmt.Sscan(row[3], &n)
				sums[row[0]+" "+row[1]] += n
			}
		}
	}
	if sums["balance accepted"] != 4059 || sums["balance failed"] != 41 || sums["refused hard"]+sums["refused block"] != 41 || sums["accepted by minute"] != 4059 || sums["clicks autumn"] == 0 {
		t.Errorf("the files add up to %v", sums)
	}
}

// SEC-07: an API token fetches the files of its own lists, and none of the pages.
func TestToken(t *testing.T) {
	t.Parallel()
	r, morning := newsroom(t)
	token, err := r.Accounts.Tokens.Create(t.Context(), r.Person("Vera", accounts.Viewer, morning.ID), "sheet", accounts.ScopeReports, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := r.Stranger()
	for path, want := range map[string]int{"/admin/campaigns/1/report.csv": 200, "/admin/lists/morning/report.csv": 200, "/admin/reports.csv": 200,
		"/admin/campaigns/2/report.csv": 404, "/admin/campaigns/1/report": 403, "/admin/stories/1/correct": 403} {
		p := c.Raw("GET", path, nil, http.Header{"Authorization": {"Bearer " + token}})
		if p.Status != want || strings.Contains(p.Body, "Elsewhere") {
			t.Errorf("%s: %d; want %d", path, p.Status, want)
		}
	}
}

// Every page as people see it: the plots are drawn, in light and dark, and on a phone; axe finds nothing.
func TestLooks(t *testing.T) {
	t.Parallel()
	r := carried(t)
	tab := r.Browser(r.Person("Ines", accounts.Editor))
	if _, err := r.DB.ExecContext(t.Context(), `INSERT INTO corrections (article_id, note, made_by, made_at, taken_back) VALUES (1, 'It was 40 cranes, not 400.', 'ines@example.org', now(), NULL),
		(1, 'It was in spring.', 'ines@example.org', now(), now())`); err != nil {
		t.Fatal(err)
	}
	for path, plots := range map[string]int{"/admin/reports": 0, "/admin/lists/morning/report": 2, "/admin/lists/evening/report": 0, "/admin/campaigns/1/report": 2, "/admin/stories/1/correct": 0} {
		tab.Go(r.Base + path)
		tab.Until(fmt.Sprintf(`document.querySelectorAll('.plot.drawn canvas').length === %d`, plots))
		tab.Inspect("report" + strings.ReplaceAll(path, "/", "-"))
	}
}
