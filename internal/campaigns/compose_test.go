package campaigns

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// titles returns the headlines of a campaign in order.
func titles(c Campaign) []string {
	var list []string
	for _, s := range storiesOf(c.Blocks) {
		list = append(list, s.Title)
	}
	return list
}

func TestComposeUntilCutoff(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("intro = \"Good morning, {name|reader}.\"\n[appeal]\nslug = \"autumn\"\nplace = \"after 1\"")
	r.story("Cranes move", "2026-11-21 03:00")
	r.tick("2026-11-21 04:00")
	c := r.edition("2026-11-21T07:00")
	if got := titles(c); !slices.Equal(got, []string{"Cranes move"}) || c.Subject != "Cranes move" || c.State != Draft {
		t.Errorf("first draft: %q, %s, %v", c.Subject, c.State, got)
	}
	if got := sketch(c.Blocks); !strings.HasPrefix(got, "text; lead") || !strings.HasSuffix(got, "appeal") {
		t.Errorf("first draft: %s", got)
	}
	r.story("Ferry late", "2026-11-21 04:30")
	r.tick("2026-11-21 04:40")
	r.story("After the cut-off", "2026-11-21 05:00")
	r.tick("2026-11-21 05:10")
	c = r.edition("2026-11-21T07:00")
	if got := titles(c); !slices.Equal(got, []string{"Ferry late", "Cranes move"}) || c.State != InReview {
		t.Errorf("after the cut-off: %s, %v", c.State, got)
	}
	if c.ComposedTo == nil || !c.ComposedTo.Equal(*c.CutoffAt) {
		t.Errorf("composed to %v; want the cut-off", c.ComposedTo)
	}
}

// An editor's change is never composed away, and the version keeps a second editor from writing over the first.
func TestEditIsKept(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("")
	r.story("Cranes move", "2026-11-21 03:00")
	r.tick("2026-11-21 04:00")
	c := r.edition("2026-11-21T07:00")
	subject := "Before breakfast: cranes"
	blocks := slices.Clone(c.Blocks)
	blocks[0].Stories = slices.Clone(blocks[0].Stories)
	blocks[0].Stories[0].Title = "The cranes are moving"
	edited, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: &subject, Blocks: blocks}, "ed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: ptr("Mine")}, "another"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a second editor with an old version: %v", err)
	}
	r.story("Ferry late", "2026-11-21 04:30")
	r.tick("2026-11-21 04:40")
	r.tick("2026-11-21 05:10")
	c = r.get(c.ID)
	if c.Subject != subject || !slices.Equal(titles(c), []string{"The cranes are moving"}) || c.State != InReview || c.EditedBy != "ed" {
		t.Errorf("%s %q %v by %s", c.State, c.Subject, titles(c), c.EditedBy)
	}
	if edited.State != Draft {
		t.Errorf("edited: %s", edited.State)
	}
	for name, e := range map[string]Edit{
		"header":         {Subject: ptr("a\r\nBcc: x@example.org")},                              // MSG-21
		"direction":      {Subject: ptr("safe \u202E name")},                                     // MSG-21
		"placeholder":    {Blocks: []render.Block{{Kind: render.KindText, Text: "Dear {nam},"}}}, // MSG-35
		"kind":           {Blocks: []render.Block{{Kind: "script"}}},
		"empty section":  {Blocks: []render.Block{{Kind: render.KindSection}}},
		"lost appeal":    {Blocks: []render.Block{{Kind: render.KindAppeal}}},
		"nameless story": {Blocks: []render.Block{{Kind: render.KindStory, Stories: []render.Story{{}}}}},
		"unknown story":  {Blocks: []render.Block{{Kind: render.KindStory, Stories: []render.Story{{ArticleID: 999, Title: "x"}}}}},
	} {
		e.Version = c.Version
		if _, err := r.Edit(t.Context(), c.ID, e, "ed"); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A body is cleaned at the door.
	blocks[0].Stories[0].BodyHTML = `<p onclick="x()">Text<script>alert(1)</script></p>`
	c, err = r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Blocks: blocks}, "ed")
	if err != nil || strings.Contains(c.Blocks[0].Stories[0].BodyHTML, "script") || strings.Contains(c.Blocks[0].Stories[0].BodyHTML, "onclick") {
		t.Errorf("%v: %q", err, c.Blocks[0].Stories[0].BodyHTML)
	}
}

func TestTooFewIsSkipped(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("[stories]\nmin = 2")
	r.story("Cranes move", "2026-11-21 03:00")
	r.tick("2026-11-21 04:30")
	if c := r.edition("2026-11-21T07:00"); c.State != Draft {
		t.Errorf("before the cut-off it may still grow: %s", c.State)
	}
	r.tick("2026-11-21 05:00")
	r.want(r.edition("2026-11-21T07:00"), Skipped, "only 1 new story; the recipe wants at least 2")
}

// The window begins where the last edition that went out ended; what has been mailed is not mailed again; what reached us
// late is not lost.
func TestWindow(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("[stories]\nwindow = \"3d\"\n[clock]\nno_approval = \"send\"")
	r.reader("ada@example.com", false)
	r.story("Too old", "2026-11-18 04:00")
	r.story("Monday", "2026-11-20 23:00")
	run := func(day string) Campaign {
		for _, at := range []string{"04:00", "05:00", "05:45", "05:58", "06:00"} {
			r.tick(day + " " + at)
		}
		return r.edition(day + "T07:00")
	}
	first := run("2026-11-21")
	r.want(first, Launched, "")
	if !slices.Equal(titles(first), []string{"Monday"}) {
		t.Errorf("first edition: %v", titles(first))
	}
	// Published before the first cut-off, but first seen after it.
	late := r.story("Late to arrive", "2026-11-21 02:00")
	r.exec(`UPDATE articles SET created_at = $2 WHERE id = $1`, late, utc(t, "2026-11-21 05:30"))
	// Here in time for the first edition, which did not take it: it had its chance.
	r.story("Passed over", "2026-11-21 01:00")
	r.story("Tuesday", "2026-11-21 09:00")
	r.exec(`UPDATE articles SET changed_at = now() WHERE title = 'Monday'`)
	second := run("2026-11-22")
	if got := titles(second); !slices.Equal(got, []string{"Tuesday", "Late to arrive"}) {
		t.Errorf("second edition: %v", got)
	}
	r.want(run("2026-11-23"), Skipped, "no new stories")
	// By hand nothing is new either.
	if _, err := r.Digests.Run(t.Context(), "daily", "ed"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("run by hand: %v", err)
	}
}

func TestRepeatOfOtherDigests(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-21 08:00")
	r.digest("")
	r.reader("ada@example.com", false)
	r.story("Cranes move", "2026-11-21 03:00")
	for _, repeat := range []string{"list", "digest", "allow"} {
		rec := r.recipe("[stories]\nrepeat = \"" + repeat + "\"")
		rec.Slug = repeat
		if _, err := r.Digests.Create(t.Context(), rec, "test"); err != nil {
			t.Fatal(err)
		}
	}
	c, err := r.Digests.Run(t.Context(), "daily", "ed")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(c.Edition, "manual-") || c.SendAt != nil || c.State != Draft {
		t.Errorf("run by hand: %s %v %s", c.Edition, c.SendAt, c.State)
	}
	if c, err = r.Start(t.Context(), c.ID, "ed", false); err != nil || c.State != Launched {
		t.Fatalf("%v %s", err, c.Reason)
	}
	for slug, want := range map[string]errs.Kind{"list": errs.Conflict, "digest": errs.OK, "allow": errs.OK, "daily": errs.Conflict} {
		c, err := r.Digests.Run(t.Context(), slug, "ed")
		if errs.KindOf(err) != want {
			t.Errorf("%s: %v", slug, err)
		}
		if err != nil {
			continue
		}
		problems, err := r.Preflight(t.Context(), c.ID)
		if err != nil || !slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == "repeat" && p.Level == Noted }) {
			t.Errorf("%s does not say that the story has gone out: %v %+v", slug, err, problems)
		}
	}
}

// Two digests of one list, due at the same moment, on two processes: nobody gets a story twice.
func TestSameMoment(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.reader("ada@example.com", false)
	for _, slug := range []string{"daily", "second", "third"} {
		rec := r.recipe("[clock]\nno_approval = \"send\"")
		rec.Slug = slug
		if _, err := r.Digests.Create(t.Context(), rec, "test"); err != nil {
			t.Fatal(err)
		}
	}
	r.story("Cranes move", "2026-11-21 03:00")
	for _, at := range []string{"04:00", "05:00", "05:45", "05:58"} {
		r.tick("2026-11-21 " + at)
	}
	if n := r.number(`SELECT count(*) FROM campaigns WHERE state = 'approved' AND checked_at IS NOT NULL`); n != 3 {
		t.Fatalf("%d wait for the moment: %s", n, r.editionList())
	}
	r.set("2026-11-21 06:00")
	var wg sync.WaitGroup
	for _, n := range []*Service{r.Service, r.another(), r.another()} {
		wg.Go(func() {
			if _, err := n.Tick(t.Context()); err != nil {
				t.Errorf("tick: %v", err)
			}
		})
	}
	wg.Wait()
	r.tick("2026-11-21 06:01")
	if got := r.editionList(); strings.Count(got, Launched) != 1 || strings.Count(got, Skipped) != 2 {
		t.Errorf("got %s", got)
	}
}

func TestDigestsRefuse(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("")
	for name, tc := range map[string]struct {
		change func(rec *Recipe)
		kind   errs.Kind
		want   string
	}{
		"list":   {func(rec *Recipe) { rec.List = "evening" }, errs.NotFound, "no list"},
		"feed":   {func(rec *Recipe) { rec.Sections[0].Feeds = []string{"sport"} }, errs.Invalid, "sections[1].feeds"},
		"appeal": {func(rec *Recipe) { rec.Appeal = Appeal{Slug: "spring", Place: "end"} }, errs.Invalid, "appeal.slug"},
		"zone":   {func(rec *Recipe) { rec.TimeZone = "Mars/Olympus" }, errs.Invalid, "time_zone"},
		"slug":   {func(*Recipe) {}, errs.Conflict, "already"},
	} {
		rec := r.recipe("")
		tc.change(&rec)
		if _, err := r.Digests.Create(t.Context(), rec, "test"); errs.KindOf(err) != tc.kind || !strings.Contains(errs.Public(err), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Digests.Get(t.Context(), "nothing"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("%v", err)
	}
	// Stopped, it plans nothing, what waits is held, and what was due meanwhile is not made up for.
	r.tick("2026-11-21 04:30")
	if err := r.Digests.SetActive(t.Context(), "daily", false, "ed"); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 10:00")
	if err := r.Digests.SetActive(t.Context(), "daily", true, "ed"); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 10:01")
	r.want(r.edition("2026-11-21T07:00"), Held, "the digest was stopped")
	if got := r.editionList(); got != "2026-11-21T07:00 held" {
		t.Errorf("got %s", got)
	}
	d, err := r.Digests.Get(t.Context(), "daily")
	if err != nil || d.Next == nil || !d.Next.Equal(utc(t, "2026-11-22 06:00")) {
		t.Errorf("next %v, %v", d.Next, err)
	}
}
