package people_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

var update = flag.Bool("update", false, "write testdata/routes.txt anew; look at what changed")

const table = "testdata/routes.txt"

// SEC-06: who may use which route is written down: a new route, or another role for an old one, is a change that somebody sees.
func TestSEC06Table(t *testing.T) {
	t.Parallel()
	r := open(t)
	var lines []string
	for _, route := range r.Frame.Routes() {
		line := fmt.Sprintf("%-60s %s", route.Pattern, route.Need)
		if route.Need.ForMachines() {
			line += ", API tokens"
		}
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b string) int {
		return strings.Compare(strings.SplitN(a, " ", 2)[1]+a, strings.SplitN(b, " ", 2)[1]+b)
	})
	now := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(table, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Split(string(kept), "\n")
	for _, l := range lines {
		if !slices.Contains(before, l) {
			t.Errorf("not in %s: %s", table, l)
		}
	}
	for _, l := range before {
		if l != "" && !slices.Contains(lines, l) {
			t.Errorf("in %s, and not there: %s", table, l)
		}
	}
	if t.Failed() {
		t.Log("if this is meant: go test ./internal/web/admin/people -run SEC06Table -update")
	}
	// What holds whatever the table says.
	for _, route := range r.Frame.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		need := route.Need.String()
		switch {
		case method != "GET" && method != "POST":
			t.Errorf("%s: forms know GET and POST", route.Pattern)
		case route.Need.IsOpen() && !regexp.MustCompile(`^(/admin/(login(/code)?|forgot|enter/\{token\})|/approve/\{token\})$`).MatchString(path):
			t.Errorf("%s is open to everybody", route.Pattern)
		case strings.HasPrefix(path, "/admin/people") || strings.HasPrefix(path, "/admin/audit") || strings.HasPrefix(path, "/admin/settings"):
			if need != "owner on all lists" {
				t.Errorf("%s is for %s", route.Pattern, need)
			}
		case method == "POST" && !strings.HasPrefix(path, "/admin/account") && path != "/admin/logout" && (need == "logged in" || strings.HasPrefix(need, "viewer")):
			t.Errorf("%s changes something, and is for %s", route.Pattern, need)
		}
	}
}

// world is a newsroom with two lists, of which people of the one see nothing of the other.
type world struct {
	*rig
	own, foreign map[string]string // path values
	people       map[string]accounts.Account
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{rig: open(t)}
	w.Newsroom()
	other, err := w.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "other", Name: "Other", FromName: "Other", FromAddress: "other@example.org",
		LegalName: "Other Ltd", PostalAddress: "1 Street", Contact: "other@example.org", Language: "en", TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	first := w.Draft()
	w.exec(`INSERT INTO campaigns (list_id, edition, name, template, subject, state) VALUES ($1, 'manual-1', 'Secret', 'digest', 'Secret subject', 'draft')`, other.ID)
	second := w.count(`SELECT max(id) FROM campaigns`)
	w.exec(`INSERT INTO digests (slug, list_id, name, recipe, time_zone) SELECT 'other-morning', $1, 'Secret digest', recipe, time_zone FROM digests WHERE list_id = $2`, other.ID, w.List.ID)
	w.exec(`INSERT INTO subscribers (address, canonical, wire, address_hash, provider) VALUES ('secret@example.net', 'secret@example.net', 'secret@example.net', '\xff', 'other')`)
	w.exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT max(id), $1, 'confirmed', 'test', now() FROM subscribers`, other.ID)
	w.exec(`INSERT INTO imports (list_id, file_name, source, rows, added, finished_at) VALUES ($1, 'secret.csv', 'test', 1, 1, now())`, other.ID)
	w.exec(`INSERT INTO topics (list_id, bit, slug, name) VALUES ($1, 0, 'secret-topic', 'Secret topic')`, other.ID)
	w.exec(`INSERT INTO proof_groups (list_id, name, addresses, updated_at, updated_by) VALUES ($1, 'Secret group', '{secret@example.org}', now(), 'test')`, other.ID)
	file, err := w.Imports.Receive("secret.csv", strings.NewReader("email\nsecret@example.net\n"), "somebody@example.org")
	if err != nil {
		t.Fatal(err)
	}
	value := func(query string) string { t.Helper(); return itoa(w.count(query)) }
	w.own = map[string]string{"list": w.List.Slug, "campaign": fmt.Sprint(first.ID), "digest": w.text(`SELECT slug FROM digests WHERE id = 1`), "story": value(`SELECT min(id) FROM articles`),
		"feed": w.text(`SELECT slug FROM feeds ORDER BY id LIMIT 1`), "appeal": w.text(`SELECT slug FROM appeals ORDER BY id LIMIT 1`), "reader": value(`SELECT min(id) FROM subscribers`),
		"person": "1", "segment": "none", "import": "0", "image": "1", "session": "1", "token": "none", "path...": "nothing"}
	w.foreign = map[string]string{"list": other.Slug, "campaign": itoa(second), "digest": "other-morning", "reader": value(`SELECT max(id) FROM subscribers`), "import": value(`SELECT max(id) FROM imports`),
		"topic": "secret-topic", "group": value(`SELECT max(id) FROM proof_groups`), "file": file.ID}
	w.people = map[string]accounts.Account{"nobody": w.Person("Nobody", accounts.None), "viewer": w.Person("Vera", accounts.Viewer, w.List.ID), "writer": w.Person("Will", accounts.Writer, w.List.ID),
		"editor": w.Person("Edith", accounts.Editor, w.List.ID), "chief editor": w.Person("Chris", accounts.Editor), "owner": w.Person("Olga", accounts.Owner)}
	return w
}

func (r *rig) text(query string) (s string) {
	r.Helper()
	if err := r.DB.GetContext(r.Context(), &s, query); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return s
}

var placeholder = regexp.MustCompile(`\{([a-z.]+)\}`)

// fill puts values into a pattern; 1 where there is none.
func fill(pattern string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(pattern, func(p string) string {
		if v, ok := values[p[1:len(p)-1]]; ok {
			return v
		}
		return "1"
	})
}

// streams are answers that do not end; who may not have them gets another one.
func streams(pattern string) bool { return strings.HasSuffix(pattern, "/events") }

func TestRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("SEC-06", w.matrix)
	t.Run("SEC-05", w.crossSite)
}

// matrix: every route, asked for by everybody: whoever has too low a role is refused, what belongs to a foreign list is not there, and
// nothing of all that changes anything. Whoever has the role gets the page.
func (w *world) matrix(t *testing.T) {
	clients := map[string]*admintest.Client{"stranger": w.Stranger()}
	for name, a := range w.people {
		clients[name] = w.Client(a)
	}
	before := w.snapshot()
	roles := map[string]accounts.Role{"viewer": accounts.Viewer, "writer": accounts.Writer, "editor": accounts.Editor, "owner": accounts.Owner}
	refused, shown := 0, 0
	for _, route := range w.Frame.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		needed, where, _ := strings.Cut(route.Need.String(), " on ")
		if route.Need.IsOpen() || path == "/admin/logout" {
			continue
		}
		for who, c := range clients {
			a := w.people[who]
			ask := func(values map[string]string) int {
				return c.Raw(method, fill(path, values), nil, nil).Status
			}
			enough := a.ID != 0
			switch where {
			case "all lists":
				enough = a.Everywhere() >= roles[needed]
			case "some list":
				enough = a.Anywhere() >= roles[needed]
			case "the list", "the campaign's list", "the digest's list":
				enough = a.Role(w.List.ID) >= roles[needed]
			}
			switch {
			case a.ID == 0:
				if got := ask(w.own); got != http.StatusUnauthorized && (got != http.StatusSeeOther || method != "GET") {
					t.Errorf("%s by a stranger: %d", route.Pattern, got)
				}
				refused++
			case !enough:
				if got := ask(w.own); got != http.StatusForbidden && (got != http.StatusNotFound || a.Anywhere() > accounts.None) {
					t.Errorf("%s by %s: %d", route.Pattern, who, got)
				}
				refused++
			case method == "GET" && !streams(path) && who == "owner":
				begun := time.Now()
				got := ask(w.own)
				if took := time.Since(begun); took > 150*time.Millisecond {
					t.Logf("slow: %s took %s", route.Pattern, took)
				}
				if got >= 500 || got == http.StatusUnauthorized || got == http.StatusForbidden {
					t.Errorf("%s by %s: %d", route.Pattern, who, got)
				}
				shown++
			}
			if a.ID == 0 || a.Role(w.List.ID) == accounts.None || a.Everywhere() > accounts.None {
				continue
			}
			// Those of one list, with what belongs to the other.
			for _, foreign := range w.foreignIn(path) {
				if got := ask(foreign); got != http.StatusNotFound && got != http.StatusForbidden {
					t.Errorf("%s of a foreign list by %s: %d", fill(route.Pattern, foreign), who, got)
				}
				refused++
			}
		}
	}
	t.Logf("%d refusals, %d pages shown", refused, shown)
	if refused < 300 || shown < 20 {
		t.Errorf("only %d refusals and %d pages: the test does not test what it says", refused, shown)
	}
	w.unchanged(before)
	// Pages that people of one list may open say nothing of the other.
	for _, route := range w.Frame.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if method != "GET" || streams(path) || route.Need.IsOpen() || w.foreignIn(path) != nil {
			continue
		}
		if p := clients["editor"].Get(fill(path, w.own)); p.Status == http.StatusOK && regexp.MustCompile(`Secret|secret@|secret\.csv|other-morning`).MatchString(p.Body) {
			t.Errorf("%s shows an editor of one list what belongs to another", route.Pattern)
		}
	}
}

// foreignIn returns values of the other list for a path: for each part that belongs to a list, beside own parts.
func (w *world) foreignIn(path string) (all []map[string]string) {
	for _, m := range placeholder.FindAllStringSubmatch(path, -1) {
		if v, ok := w.foreign[m[1]]; ok {
			values := maps.Clone(w.own)
			values[m[1]] = v
			all = append(all, values)
		}
	}
	return all
}

// crossSite: what another site sends is refused by every route that changes something, and no GET changes anything, on whatever route,
// whoever sends it.
func (w *world) crossSite(t *testing.T) {
	c := w.Client(w.people["owner"])
	w.withFactorPending(c)
	before := w.snapshot()
	crossed := 0
	for _, route := range w.Frame.Routes() {
		method, path, _ := strings.Cut(fill(route.Pattern, w.own), " ")
		if method == "GET" {
			continue
		}
		crossed++
		for name, h := range map[string]http.Header{
			"a form":               {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
			"fetch":                {"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}, "Origin": {"null"}},
			"a sister domain":      {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://other.example.org"}},
			"an older browser":     {"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}},
			"htmx on another site": {"Sec-Fetch-Site": {"cross-site"}, "Hx-Request": {"true"}, "Origin": {"https://evil.example"}},
		} {
			if p := c.Raw(method, path, nil, h); p.Status != http.StatusForbidden {
				t.Errorf("%s by %s of another site: %d", route.Pattern, name, p.Status)
			}
		}
	}
	if crossed < 20 {
		t.Errorf("only %d routes change something: the test does not test what it says", crossed)
	}
	for _, route := range w.Frame.Routes() {
		_, path, _ := strings.Cut(fill(route.Pattern, w.own), " ")
		if streams(path) {
			continue
		}
		h := http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}, "X-Http-Method-Override": {"POST"}}
		if p := c.Raw("GET", path+"?_method=POST&typed=yes", nil, h); p.Status >= 500 {
			t.Errorf("GET %s: %d", path, p.Status)
		}
		if crossed++; crossed%4 == 0 { // HEAD goes the way of GET
			c.Raw("HEAD", path, nil, nil)
		}
	}
	w.unchanged(before)
	if !w.in(c) {
		t.Error("a GET has logged the owner out")
	}
}

// withFactorPending leaves a second factor half set up, so that a GET that confirmed or began one would be seen.
func (r *rig) withFactorPending(c *admintest.Client) {
	r.Helper()
	r.want("set up", c.Post("/admin/account/factor", nil), http.StatusOK)
}

// snapshot is every row of every table; of sessions, when they were last used does not count.
func (r *rig) snapshot() map[string]string {
	r.Helper()
	var tables []string
	if err := r.DB.SelectContext(r.Context(), &tables, `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		AND c.relname NOT IN ('limit_counts', 'login_tries')`); err != nil || len(tables) < 40 {
		r.Fatalf("%d tables, %v", len(tables), err)
	}
	all := map[string]string{}
	for _, name := range tables {
		row := "t::text"
		if name == "sessions" {
			row = "id || ' ' || coalesce(account_id, 0)"
		}
		from := name + " t"
		if name == "audit_log" { // that somebody has read it is noted of what is about readers
			from += ` WHERE action NOT IN ('subscribers.export', 'reader.data')`
		}
		all[name] = r.text(`SELECT count(*) || ' rows: ' || md5(coalesce(string_agg(` + row + `, E'\n' ORDER BY ` + row + `), '')) FROM ` + from)
	}
	return all
}

// unchanged fails for every table that is not as it was.
func (r *rig) unchanged(before map[string]string) {
	r.Helper()
	for name, now := range r.snapshot() {
		if before[name] != now {
			r.Errorf("the table %s has changed: %s before, %s now", name, before[name], now)
			if name == "audit_log" {
				r.T.Log(r.text(`SELECT string_agg(a::text, E'\n' ORDER BY id DESC) FROM audit_log a`))
			}
		}
	}
}
