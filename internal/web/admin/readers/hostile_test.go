package readers_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/config"
	"mailer/internal/web/admin/admintest"
)

// hostile are values that mean something to SQL, templates, paths or headers.
var hostile = []string{`'`, `" OR "1"="1`, `1' OR '1'='1' --`, `1; DROP TABLE subscribers; --`, `1) UNION SELECT password_hash FROM accounts --`, `\`, `%`, "a\x00b", "\xff\xfe",
	`$1`, `-1`, `9223372036854775808`, `1e309`, `NaN`, `{{.}}`, `../../etc/passwd`, "a\r\nSet-Cookie: x=y", `name,(select pg_sleep(30))`, strings.Repeat("(", 5000)}

// queries finds the names of what handlers ask of an address or a form.
var queries = regexp.MustCompile(`(?:FormValue|Query\(\)\.Get|[a-z]\.Get|form)\("([a-z_-]+)"\)`)

// parameters are all names that any page of the desk asks for, so that a new one is tried without being named here.
func parameters(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../*/*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range queries.FindAllStringSubmatch(string(b), -1) {
			if !slices.Contains(names, m[1]) {
				names = append(names, m[1])
			}
		}
	}
	for _, more := range []string{"sort", "order", "filter", "segment", "limit", "page"} {
		if !slices.Contains(names, more) {
			names = append(names, more)
		}
	}
	return names
}

// SEC-09: whatever stands in the address of a page, as part of the path or as a parameter, no page fails, none tells anything of the
// database, and nothing changes. SEC-24: no page shows a secret.
func TestSEC09EveryRoute(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	secrets := []string{"hunter2-of-the-relay", "hunter2-of-the-database", "0123456789abcdef-secret-of-links", "fedcba9876543210-older-secret", "hunter2-of-second"}
	r.Config.SMTPURL = "smtp://user:" + secrets[0] + "@smtp.example.org:587?tls=starttls"
	r.Config.DatabaseURL = "postgres://mailer:" + secrets[1] + "@localhost/mailer"
	r.Config.Secret, r.Config.OldSecrets = secrets[2], []string{secrets[3]}
	r.Config.Relays = []config.Relay{{Name: "second", URL: "smtps://user:" + secrets[4] + "@second.example.org"}}
	ada := r.Person("Ada", accounts.Owner)
	c := r.Client(ada)
	draft := r.Draft()
	if _, err := r.Audience.Create(t.Context(), "paris", "Paris", `city is "Paris"`, "test"); err != nil {
		t.Fatal(err)
	}
	page := upload(t, r, c, "x.csv", "email\nx@reader.example\n")
	one := reader(t, r, "cem.vale@example.com")
	good := map[string]string{"campaign": strconv.FormatInt(draft.ID, 10), "list": r.List.Slug, "digest": "morning", "reader": strconv.FormatInt(one.ID, 10), "segment": "paris",
		"file": filepath.Base(page), "story": "1", "feed": "1", "appeal": "support", "person": strconv.FormatInt(ada.ID, 10), "image": "1", "publication": "1", "group": "1"}
	names := parameters(t)
	if !slices.Contains(names, "q") || !slices.Contains(names, "state") || !slices.Contains(names, "after") {
		t.Fatalf("parameters of pages are not found: %v", names)
	}

	tables := func() string {
		var n string
		if err := r.DB.GetContext(t.Context(), &n, `SELECT concat_ws(' ', (SELECT count(*) FROM subscribers), (SELECT count(*) FROM accounts), (SELECT count(*) FROM campaigns), (SELECT count(*) FROM segments),
			(SELECT count(*) FROM suppressions), (SELECT count(*) FROM lists), (SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'))`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, logged := tables(), len(r.Log.String())
	leak := regexp.MustCompile(`(?i)pq:|SQLSTATE|syntax error at or near|pg_catalog|goroutine \d+ \[|\.go:\d+|invalid input syntax`)
	failed := map[string]bool{}
	ask := func(path string) {
		t.Helper()
		p := c.Raw("GET", path, nil, nil)
		if at, _, _ := strings.Cut(path, "?"); p.Status >= 500 && p.Status != 503 && !failed[at] {
			failed[at] = true // once is enough to mend it
			t.Errorf("GET %.200s: %d", path, p.Status)
		}
		if m := leak.FindString(p.Body); m != "" {
			t.Errorf("GET %.200s says %q", path, m)
		}
		if p.Header.Get("Set-Cookie") != "" && strings.Contains(p.Header.Get("Set-Cookie"), "x=y") {
			t.Errorf("GET %.200s: a header of its own", path)
		}
		for _, s := range secrets {
			if strings.Contains(p.Body, s) {
				t.Errorf("SEC-24: GET %.200s shows a secret", path)
			}
		}
	}
	part := regexp.MustCompile(`\{([a-z]+)(\.\.\.)?\}`)
	walked := 0
	for _, route := range r.Frame.Routes() {
		method, pattern, _ := strings.Cut(route.Pattern, " ")
		if method != "GET" || strings.HasSuffix(pattern, "/events") {
			continue
		}
		walked++
		pattern = strings.ReplaceAll(pattern, "{$}", "")
		fill := func(with func(name string) string) string {
			return part.ReplaceAllStringFunc(pattern, func(p string) string { return url.PathEscape(with(part.FindStringSubmatch(p)[1])) })
		}
		fine := fill(func(name string) string { return good[name] })
		ask(fine)
		for i := range 6 { // over all routes each value is tried many times
			bad := hostile[(walked*6+i)%len(hostile)]
			if strings.Contains(pattern, "{") {
				ask(fill(func(string) string { return bad }))
			}
			// Many parameters at once, and not all: the first that a handler refuses must not always hide the same others.
			q := url.Values{}
			for j, name := range names {
				if (i+j)%2 == 0 {
					q.Set(name, bad)
				}
			}
			ask(fine + "?" + q.Encode())
		}
	}
	for _, path := range []string{"/admin/readers", "/admin/suppressions", "/admin/segment/try", "/admin/stories", "/admin/campaigns", "/admin/audit", "/admin/reports"} {
		for _, name := range []string{"q", "state", "after", "before", "reason", "rule", "kind", "who", "sort"} { // one by one where lists are filtered and searched
			for _, bad := range []string{hostile[2], "a\x00b", "\xff\xfe", `9223372036854775808`} {
				ask(path + "?" + url.Values{"list": {r.List.Slug}, name: {bad}}.Encode())
			}
		}
	}
	if walked < 40 {
		t.Errorf("only %d routes", walked)
	}
	if after := tables(); after != before {
		t.Errorf("tables before and after: %s, %s", before, after)
	}
	for _, line := range strings.Split(r.Log.String()[logged:], "\n") {
		if strings.Contains(line, "level=ERROR") && len(failed) < 5 {
			failed[line] = true
			t.Errorf("logged: %.600s", line)
		}
		for _, s := range secrets {
			if strings.Contains(line, s) {
				t.Errorf("SEC-24: a secret is logged: %.200s", line)
			}
		}
	}
}
