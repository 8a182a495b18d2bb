package digests_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mailer/cmd/mailer/demo"
	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

const base = "/admin/digests/" + demo.DigestSlug

// bench is the demo's newsroom and an editor in it.
type bench struct {
	*admintest.Rig
	t      *testing.T
	editor *admintest.Client
}

func open(t *testing.T) *bench {
	t.Helper()
	r := admintest.Open(t).Newsroom()
	return &bench{r, t, r.Client(r.Person("Ines", accounts.Editor))}
}

func (b *bench) get(path string) string {
	b.t.Helper()
	p := b.editor.Get(path)
	if p.Status != http.StatusOK {
		b.t.Fatalf("%s answers %d\n%s", path, p.Status, p.Body)
	}
	return p.Body
}

// fields reads a form as a browser would send it.
func (b *bench) fields(page string) url.Values {
	b.t.Helper()
	_, form, _ := strings.Cut(page, `class="stack recipe"`)
	form, _, _ = strings.Cut(form, "</form>")
	values := url.Values{}
	attr := func(tag, name string) string {
		m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag)
		if m == nil {
			return ""
		}
		return unescape(m[1])
	}
	for _, tag := range regexp.MustCompile(`<input [^>]*>`).FindAllString(form, -1) {
		kind := attr(tag, "type")
		if (kind == "checkbox" || kind == "radio") && !strings.Contains(tag, " checked") {
			continue
		}
		values.Add(attr(tag, "name"), attr(tag, "value"))
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea ([^>]*)>\n?(.*?)</textarea>`).FindAllStringSubmatch(form, -1) {
		values.Add(attr(" "+m[1], "name"), unescape(m[2]))
	}
	for _, m := range regexp.MustCompile(`(?s)<select ([^>]*)>(.*?)</select>`).FindAllStringSubmatch(form, -1) {
		chosen := regexp.MustCompile(`<option value="([^"]*)" selected`).FindStringSubmatch(m[2])
		if chosen == nil {
			chosen = regexp.MustCompile(`<option value="([^"]*)"`).FindStringSubmatch(m[2])
		}
		values.Add(attr(" "+m[1], "name"), unescape(chosen[1]))
	}
	return values
}

func unescape(s string) string {
	return strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&#43;", "+", "&amp;", "&").Replace(s)
}

// Who opens the form and saves it without a change has changed nothing, whatever the recipe says.
func TestFormKeepsTheRecipe(t *testing.T) {
	t.Parallel()
	b := open(t)
	if _, err := b.Subscribers.Topics.Create(t.Context(), subscribers.Topic{ListID: b.List.ID, Slug: "sea", Name: "The sea"}, "test"); err != nil {
		t.Fatal(err)
	}
	was, err := b.Campaigns.Digests.Get(t.Context(), demo.DigestSlug)
	if err != nil {
		t.Fatal(err)
	}
	rec := was.Recipe
	rec.Intro, rec.Skip, rec.Subject = "Good *morning* <you> & \"all\".\n\nSecond.", []string{"12-25", "2027-01-01"}, `{lead} "& more"`
	rec.Lead = campaigns.Lead{Rule: "tag", Tag: "front page"}
	rec.Sections[0].Topic, rec.Sections[0].Tags, rec.Sections[0].Min = "sea", []string{"boats", "fish & chips"}, 1
	rec.Clock.NoApproval, rec.Schedule = "skip", "5 6 1 * *"
	if was, err = b.Campaigns.Digests.Update(t.Context(), rec, "test"); err != nil {
		t.Fatal(err)
	}
	form := b.fields(b.get(base + "/recipe"))
	if p := b.editor.Post(base+"/recipe", form); p.Status != http.StatusOK || p.URL != base {
		t.Fatalf("saving it answers %d at %s\n%s", p.Status, p.URL, p.Body)
	}
	now, err := b.Campaigns.Digests.Get(t.Context(), demo.DigestSlug)
	if err != nil {
		t.Fatal(err)
	}
	was.Recipe.TimeZone = was.TimeZone // which the form names
	if a, z := shown(t, was.Recipe), shown(t, now.Recipe); a != z || was.Schedule != now.Schedule || was.TimeZone != now.TimeZone {
		t.Errorf("the recipe was\n%s\nand is\n%s", a, z)
	}
}

// shown writes a recipe so that no list and an empty one are the same.
func shown(t *testing.T, r campaigns.Recipe) string {
	t.Helper()
	v, err := r.Value()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(v.([]byte)), "null", "[]")
}

func TestForm(t *testing.T) {
	t.Parallel()
	b := open(t)
	form := b.fields(b.get("/admin/digests/new"))
	form.Set("name", "Evening Briefing")
	form.Set("sections[1].title", "All of it")

	t.Run("the sections are arranged without saving", func(t *testing.T) {
		more := clone(form)
		more.Set("arrange", "add")
		page := b.editor.Post("/admin/digests/new", more).Body
		more = b.fields(page)
		if more.Get("name") != "Evening Briefing" || !more.Has("sections[2].title") {
			t.Fatalf("after “Add a section” the form has %v", more)
		}
		more.Set("sections[2].title", "Sport")
		more.Set("arrange", "up 1")
		if got := b.fields(b.editor.Post("/admin/digests/new", more).Body); got.Get("sections[1].title") != "Sport" || got.Get("sections[2].title") != "All of it" {
			t.Errorf("moved up, the sections are %q and %q", got.Get("sections[1].title"), got.Get("sections[2].title"))
		}
		more.Set("arrange", "remove 0")
		if got := b.fields(b.editor.Post("/admin/digests/new", more).Body); got.Get("sections[1].title") != "Sport" || got.Has("sections[2].title") {
			t.Errorf("one removed, the sections are %q", got.Get("sections[1].title"))
		}
	})
	t.Run("what is wrong stands at its field", func(t *testing.T) {
		for field, value := range map[string]string{"name": " ", "subject": "{leed}", "clock.opens": "soon", "stories.min": "many", "stories.max": "0", "sections[1].max": "99", "time_zone": "Mars/Olympus",
			"skip": "Christmas", "lead.section": "Nowhere", "appeal.after": "0", "intro": "{first}", "clock.cutoff": "9h"} {
			bad := clone(form)
			bad.Set("appeal.slug", "harbour-lights")
			if bad.Set(field, value); field != "appeal.after" {
				bad.Del("appeal.slug")
			}
			p := b.editor.Post("/admin/digests/new", bad)
			if p.Status != http.StatusBadRequest || !strings.Contains(p.Body, `id="f-`+field+`-problem"`) {
				t.Errorf("%s = %q answers %d without a word at the field", field, value, p.Status)
			}
			if got := b.fields(p.Body); got.Get(field) != value && field != "name" && !strings.HasPrefix(field, "sections") {
				t.Errorf("%s: the form has forgotten what was typed: %q", field, got.Get(field))
			}
		}
		none := clone(form)
		none.Del("days")
		if p := b.editor.Post("/admin/digests/new", none); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, "Choose a day at least.") {
			t.Errorf("a week without days answers %d", p.Status)
		}
	})
	t.Run("it shows when, and makes the digest", func(t *testing.T) {
		form.Set("at", "18:30")
		form["days"] = []string{"1", "4"}
		if p := b.editor.HTMX("POST", "/admin/digests/new/times", form); !strings.Contains(p.Body, "Monday and Thursday at 18:30") || strings.Count(p.Body, "18:30") != 6 {
			t.Errorf("the next editions are shown as %s", p.Body)
		}
		p := b.editor.Post("/admin/digests/new", form)
		if p.URL != "/admin/digests/evening-briefing" || !strings.Contains(p.Body, "Monday and Thursday at 18:30") {
			t.Fatalf("%d at %s", p.Status, p.URL)
		}
		d, err := b.Campaigns.Digests.Get(t.Context(), "evening-briefing")
		if err != nil || d.Schedule != "30 18 * * 1,4" || d.Recipe.Sections[0].Title != "All of it" {
			t.Errorf("the digest is %+v (%v)", d, err)
		}
		if n := count(b, `SELECT count(*) FROM audit_log WHERE action = 'digest.create' AND subject = 'digest evening-briefing' AND actor = 'ines@example.org'`); n != 1 {
			t.Errorf("the audit log knows of it %d times", n)
		}
		if p := b.editor.Post("/admin/digests/new", form); p.Status != http.StatusConflict || !strings.Contains(p.Body, "already") {
			t.Errorf("the same once more answers %d", p.Status)
		}
	})
}

func clone(v url.Values) url.Values {
	out := url.Values{}
	for k, list := range v {
		out[k] = append([]string{}, list...)
	}
	return out
}

func count(b *bench, q string) (n int) {
	b.t.Helper()
	if err := b.DB.GetContext(b.t.Context(), &n, q); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestDigest(t *testing.T) {
	t.Parallel()
	b := open(t)
	next, err := b.Campaigns.Digests.Upcoming(t.Context(), demo.DigestSlug, 3)
	if err != nil || len(next) != 3 {
		t.Fatalf("%v (%v)", next, err)
	}
	page := b.get(base)
	for _, e := range next {
		if want := e.At.Format("Mon 2 Jan, 15:04"); !strings.Contains(page, want) { // in the digest's own zone
			t.Errorf("the page does not say that an edition is due at %s", want)
		}
	}
	day := next[1].Day
	if p := b.editor.Post(base+"/skip", url.Values{"day": {day}, "reason": {"Regatta"}}); !strings.Contains(p.Body, "No edition on this day: Regatta") || !strings.Contains(p.Body, "No edition on "+day) {
		t.Errorf("skipping answers %d\n%s", p.Status, p.Body)
	}
	if p := b.editor.Post(base+"/skip", url.Values{"day": {"soon"}}); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, `id="f-day-problem"`) {
		t.Errorf("a day that is none answers %d", p.Status)
	}
	if p := b.editor.Post(base+"/unskip", url.Values{"day": {day}}); strings.Contains(p.Body, "Regatta") {
		t.Error("the day put back is still out")
	}
	p := b.editor.Post(base+"/run", nil)
	id, found := strings.CutPrefix(p.URL, "/admin/campaigns/")
	if !found || count(b, `SELECT count(*) FROM campaigns WHERE created_by = 'ines@example.org' AND id = `+id) != 1 {
		t.Errorf("run by hand it goes to %s", p.URL)
	}
	if page := b.get(base); !strings.Contains(page, `href="/admin/campaigns/`+id+`"`) {
		t.Error("the campaign just made is not on the page")
	}
	if p := b.editor.Post(base+"/stop", nil); !strings.Contains(p.Body, "The schedule is stopped") || !strings.Contains(p.Body, base+"/start") {
		t.Errorf("stopping answers %d", p.Status)
	}
	if d, err := b.Campaigns.Digests.Get(t.Context(), demo.DigestSlug); err != nil || d.Active {
		t.Errorf("stopped it is active: %t (%v)", d.Active, err)
	}
	if !strings.Contains(b.get("/admin/digests"), "Stopped") {
		t.Error("the list of digests does not say that it is stopped")
	}
	if p := b.editor.Post(base+"/start", nil); strings.Contains(p.Body, base+"/start") {
		t.Errorf("starting answers %d", p.Status)
	}

	t.Run("who may only look", func(t *testing.T) {
		viewer, other := b.Client(b.Person("Vera", accounts.Viewer)), b.elsewhere()
		if page := viewer.Get(base).Body; strings.Contains(page, `<form method="post" action="/admin/digests`) || strings.Contains(page, base+"/recipe") {
			t.Error("a viewer is offered what a viewer may not do")
		}
		if page := other.Get("/admin/digests").Body; strings.Contains(page, demo.DigestSlug) {
			t.Error("a digest of another list is shown")
		}
		for _, act := range []string{"run", "stop", "start", "skip", "unskip", "recipe"} {
			if p := viewer.Post(base+"/"+act, url.Values{"day": {day}}); p.Status != http.StatusForbidden {
				t.Errorf("a viewer's %s answers %d", act, p.Status)
			}
			if p := other.Post(base+"/"+act, url.Values{"day": {day}}); p.Status != http.StatusNotFound {
				t.Errorf("%s by an editor of another list answers %d", act, p.Status)
			}
		}
		form := b.fields(b.get("/admin/digests/new"))
		form.Set("name", "Not mine")
		if p := other.Post("/admin/digests/new", form); p.Status != http.StatusNotFound {
			t.Errorf("a digest for a list of others answers %d", p.Status)
		}
	})
}

// elsewhere is an editor of another list.
func (b *bench) elsewhere() *admintest.Client {
	b.t.Helper()
	l := b.List
	l.Slug, l.Name = "other", "Other"
	l, err := b.Subscribers.CreateList(b.t.Context(), l)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.Client(b.Person("Olaf", accounts.Editor, l.ID))
}
