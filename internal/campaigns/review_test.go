package campaigns

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/fetch"
	"mailer/internal/render"
)

// editors makes these people those who may approve.
func (r *room) editors(people ...string) {
	r.Approvers = func(context.Context, int64) ([]string, error) { return people, nil }
}

// subject has somebody rewrite the subject.
func (r *room) subject(id int64, subject, who string) {
	r.t.Helper()
	if _, err := r.Edit(r.t.Context(), id, Edit{Version: r.get(id).Version, Subject: &subject}, who); err != nil {
		r.t.Fatal(err)
	}
}

// finds returns the problems of a code.
func (r *room) finds(id int64, code string) (list []Problem) {
	r.t.Helper()
	all, err := r.Preflight(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(p Problem) bool { return p.Code != code })
}

// What the pre-flight says of words, photos, stories, appeals and colours, and where.
func TestReviewFinds(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	find := func(b []render.Block, title string) (block, story int) {
		for i, x := range b {
			if j := slices.IndexFunc(x.Stories, func(s render.Story) bool { return s.Title == title }); j >= 0 || title == "" && x.Appeal != nil {
				return i, j
			}
		}
		t.Fatalf("no %q", title)
		return 0, 0
	}
	story := func(e *Edit, title string) *render.Story {
		i, j := find(e.Blocks, title)
		return &e.Blocks[i].Stories[j]
	}
	at := func(title string) func(b []render.Block) Place {
		return func(b []render.Block) Place {
			i, j := find(b, title)
			return Place{Block: i + 1, ID: b[i].ID, Story: b[i].Stories[j].ArticleID}
		}
	}
	photo := &render.Image{URL: "https://www.example.org/p.jpg", Width: 800, Height: 500}
	for name, tc := range map[string]struct {
		change        func(e *Edit)
		before, after func()
		level, code   string
		says          string
		at            func(b []render.Block) Place
	}{
		"day in the subject": {change: func(e *Edit) { e.Subject = ptr("Vote on Tuesday 23 November") }, level: Warned, code: "weekday", says: "23 November 2026 is a Monday",
			at: func([]render.Block) Place { return Place{Part: "subject"} }},
		"day in a text, in French": {change: func(e *Edit) { e.Blocks[0].Text = "Rendez-vous mardi 23 novembre." }, level: Warned, code: "weekday", says: "“mardi 23 novembre”",
			at: func(b []render.Block) Place { return Place{Block: 1, ID: b[0].ID} }},
		"day in a story": {change: func(e *Edit) {
			story(e, "Ferry late").Dek = "It was Friday 20 March 2026, and Monday 20 April 2026, and Monday 20 March 2026."
		}, level: Noted, code: "weekday", says: "“Monday 20 March 2026”", at: at("Ferry late")},
		"TK":     {change: func(e *Edit) { story(e, "Cranes move").Dek = "About TK people." }, level: Warned, code: "tk", says: "a story still says TK", at: at("Cranes move")},
		"no alt": {change: func(e *Edit) { story(e, "Cranes move").Image = photo }, level: Noted, code: "alt", says: "neither description nor caption", at: at("Cranes move")},
		"no credit": {change: func(e *Edit) {
			story(e, "Cranes move").Image = &render.Image{URL: photo.URL, Alt: "Cranes", Width: 800, Height: 500}
		}, level: Noted, code: "credit", says: "no credit"},
		"grief by a tag": {change: func(e *Edit) {
			i, _ := find(e.Blocks, "")
			e.Blocks[i-1].Stories[0].Tags = []string{"Obituary"}
		}, level: Warned, code: "grief", says: "a story of grief (Obituary)", at: func(b []render.Block) Place {
			i, _ := find(b, "")
			return Place{Block: i + 1, ID: b[i].ID, Story: b[i-1].Stories[0].ArticleID}
		}},
		"grief by a setting": {change: func(e *Edit) {}, before: func() {
			if err := r.Reviews.SetSettings(t.Context(), r.list.ID, ReviewSettings{GriefTags: []string{" CITY  ", "city"}}, "ed"); err != nil {
				t.Fatal(err)
			}
		}, after: func() { r.exec(`DELETE FROM review_settings`) }, level: Warned, code: "grief", says: "(City)"},
		"changed": {change: func(e *Edit) {}, before: func() { r.exec(`UPDATE articles SET title = 'Cranes move at last' WHERE title = 'Cranes move'`) },
			after: func() { r.exec(`UPDATE articles SET title = 'Cranes move' WHERE title = 'Cranes move at last'`) }, level: Noted, code: "changed", says: "“Cranes move” was changed"},
		"gone": {change: func(e *Edit) {}, before: func() { r.exec(`UPDATE articles SET gone_at = $1 WHERE title = 'Ferry late'`, r.now()) },
			after: func() { r.exec(`UPDATE articles SET gone_at = NULL`) }, level: Warned, code: "gone", says: "“Ferry late” was withdrawn", at: at("Ferry late")},
		"colours": {change: func(e *Edit) {}, before: func() { r.exec(`UPDATE lists SET accent_colour = '#f5e663', paper_colour = '#ffffff'`) },
			after: func() {
				r.exec(`UPDATE lists SET accent_colour = $1, paper_colour = $2`, r.list.AccentColour, r.list.PaperColour)
			},
			level: Noted, code: "contrast", says: "#f5e663 is hard to read on its paper #ffffff", at: func([]render.Block) Place { return Place{Part: "list"} }},
		"no postal address": {change: func(e *Edit) {}, before: func() { r.exec(`UPDATE lists SET postal_address = ''`) },
			after: func() { r.exec(`UPDATE lists SET postal_address = $1`, r.list.PostalAddress) }, level: Refused, code: "list", says: "postal address",
			at: func([]render.Block) Place { return Place{Part: "list"} }},
	} {
		now := r.get(c.ID)
		if found := r.finds(c.ID, tc.code); slices.ContainsFunc(found, func(p Problem) bool { return strings.Contains(p.Message, tc.says) }) {
			t.Errorf("%s: found before it is there: %+v", name, found)
		}
		e := Edit{Version: now.Version, Blocks: now.Blocks}
		tc.change(&e)
		if _, err := r.Edit(t.Context(), c.ID, e, "ed"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if tc.before != nil {
			tc.before()
		}
		found := r.finds(c.ID, tc.code)
		i := slices.IndexFunc(found, func(p Problem) bool { return p.Level == tc.level && strings.Contains(p.Message, tc.says) })
		if i < 0 {
			t.Errorf("%s: %+v", name, found)
		} else {
			if found[i].Advice == "" {
				t.Errorf("%s: it does not say what to do", name)
			}
			if tc.at != nil && (found[i].Where == nil || *found[i].Where != tc.at(r.get(c.ID).Blocks)) {
				t.Errorf("%s: found at %+v; want %+v", name, found[i].Where, tc.at(r.get(c.ID).Blocks))
			}
		}
		if tc.after != nil {
			tc.after()
		}
		if _, err := r.Edit(t.Context(), c.ID, Edit{Version: r.get(c.ID).Version, Subject: &c.Subject, Blocks: copied(t, c.Blocks)}, "ed"); err != nil {
			t.Fatal(err)
		}
	}
}

// A story that went out to the list this week is named with the day.
func TestMailedThisWeek(t *testing.T) {
	t.Parallel()
	r, c := approved(t, "Cranes move")
	r.tick("2026-11-21 06:00")
	r.want(r.get(c.ID), Launched, "")
	r.exec(`UPDATE sends SET audience = 5, audience_complete = true`) // somebody had it
	r.set("2026-11-24 12:00")
	again, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: storiesIn(c.Blocks)["Cranes move"].ArticleID}, "ed")
	if err != nil {
		t.Fatal(err)
	}
	found := r.finds(again.ID, "repeat")
	if len(found) != 1 || !strings.Contains(found[0].Message, fmt.Sprintf("this week, on Saturday 21 November (campaign %d, “Cranes move”)", c.ID)) || found[0].Where.Story != storiesIn(c.Blocks)["Cranes move"].ArticleID {
		t.Errorf("this week: %+v", found)
	}
	r.set("2026-11-29 12:00")
	if found := r.finds(again.ID, "repeat"); len(found) != 1 || !strings.Contains(found[0].Message, "already, on 21 November 2026") {
		t.Errorf("later: %+v", found)
	}
}

// What publishers changed is taken over at a word, an editor's own words stay, and an approval lapses.
func TestTakeNews(t *testing.T) {
	t.Parallel()
	r, c := approved(t, "Cranes move", "Ferry late")
	blocks := copied(t, c.Blocks)
	storiesIn(blocks)["Cranes move"].Dek = "Our own words."
	if _, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Blocks: blocks}, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	r.exec(`UPDATE articles SET title = 'Cranes move at last', dek = 'Theirs.' WHERE title = 'Cranes move'`)
	r.exec(`UPDATE articles SET gone_at = $1, title = 'Ferry gone' WHERE title = 'Ferry late'`, r.now())
	if n, err := r.Reviews.TakeNews(t.Context(), c.ID, "ines"); err != nil || n != 1 {
		t.Fatalf("%d stories, %v", n, err)
	}
	got := r.get(c.ID)
	if st := storiesIn(got.Blocks)["Cranes move at last"]; st == nil || st.Dek != "Our own words." || storiesIn(got.Blocks)["Ferry late"] == nil {
		t.Errorf("%+v", got.Blocks)
	}
	if got.State != Draft || got.ApprovedBy != "" || got.EditedBy != "ines" || len(r.finds(c.ID, "changed")) != 0 {
		t.Errorf("%s, approved by %q, edited by %s", got.State, got.ApprovedBy, got.EditedBy)
	}
	if n, err := r.Reviews.TakeNews(t.Context(), c.ID, "ines"); err != nil || n != 0 || r.get(c.ID).Version != got.Version {
		t.Errorf("again: %d, %v", n, err)
	}
}

// Where links lead: looked at apart, within bounds, remembered, and told with their places. No approval asks anybody.
func TestLinks(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	asked := make(chan string, 100)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked <- q.URL.Path
		switch q.URL.Path {
		case "/dead":
			http.NotFound(w, q)
		case "/gone-home":
			http.Redirect(w, q, "/", http.StatusFound)
		case "/old":
			http.Redirect(w, q, "/new", http.StatusMovedPermanently)
		case "/login":
			http.Error(w, "subscribers only", http.StatusForbidden)
		case "/broken":
			http.Error(w, "oh", http.StatusBadGateway)
		}
	}))
	t.Cleanup(site.Close)
	r.Fetch = fetch.New(fetch.Options{AllowPrivate: true, AllowHosts: []string{site.Listener.Addr().String()}})
	blocks := c.Blocks
	blocks[0].Text = "Look at [this](https://desk.internal/x) and [that](https://desk.internal/x), and [ours](https://news.example.org/own)."
	more := render.Block{ID: "more", Kind: render.KindSection}
	for _, path := range []string{"dead", "gone-home", "old", "login", "broken", "fine/"} {
		more.Stories = append(more.Stories, render.Story{Title: path, URL: site.URL + "/" + path})
	}
	blocks = append(blocks, more)
	stories := storiesIn(blocks)
	stories["Cranes move"].URL = site.URL + "/dead?story"
	stories["Ferry late"].URL = "https://news.example.org/own" // our own page is not asked for
	for i := range blocks {
		if blocks[i].Appeal != nil {
			blocks[i].Appeal.URL = site.URL + "/give"
		}
	}
	if _, err := r.Edit(t.Context(), c.ID, Edit{Version: r.get(c.ID).Version, Blocks: blocks}, "ed"); err != nil {
		t.Fatal(err)
	}
	if found := r.finds(c.ID, "unchecked"); len(found) != 1 || !strings.Contains(found[0].Message, ": 9") || len(asked) != 0 {
		t.Errorf("before the look: %+v, %d asked", found, len(asked))
	}
	looked, err := r.Reviews.LookAtLinks(t.Context(), c.ID)
	if err != nil || looked != 9 {
		t.Fatalf("looked at %d, %v", looked, err)
	}
	n := len(asked)
	if again, err := r.Reviews.LookAtLinks(t.Context(), c.ID); err != nil || again != 0 || len(asked) != n {
		t.Errorf("looked again at %d: %v", again, err)
	}
	dead := r.finds(c.ID, "dead")
	if len(dead) != 4 || *dead[0].Where != (Place{Block: 1, ID: blocks[0].ID}) || !strings.Contains(dead[0].Message, "a link in a text is not on the public internet: https://desk.internal/x") ||
		dead[1].Level != Warned || dead[1].Where.Story != stories["Cranes move"].ArticleID || !strings.Contains(dead[1].Message, "/dead?story (the server says 404)") ||
		*dead[2].Where != (Place{Block: len(blocks), ID: "more"}) || !strings.Contains(dead[2].Message, "“dead” leads nowhere") || !strings.Contains(dead[3].Message, "front page") {
		t.Errorf("dead: %+v", dead)
	}
	if moved := r.finds(c.ID, "moved"); len(moved) != 1 || !strings.Contains(moved[0].Message, site.URL+"/new") || moved[0].Level != Noted {
		t.Errorf("moved: %+v", moved)
	}
	if unread := r.finds(c.ID, "unread"); len(unread) != 1 || !strings.Contains(unread[0].Message, "the server says 502") {
		t.Errorf("unread: %+v", unread)
	}
	if found := r.finds(c.ID, "unchecked"); len(found) != 0 || len(asked) != n {
		t.Errorf("after it: %+v", found)
	}
	// What is wrong may have been mended, so it is asked again before long; what is fine is not.
	r.set("2026-11-21 05:40")
	if again, err := r.Reviews.LookAtLinks(t.Context(), c.ID); err != nil || again != 5 {
		t.Errorf("ten minutes later: %d, %v", again, err)
	}
	if _, err := r.Approve(t.Context(), c.ID, "ed", false); errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), "leads nowhere") {
		t.Errorf("approved with dead links: %v", err)
	}
}

// sent makes past sends of the list with so many readers each.
func (r *room) sent(sizes ...int) {
	r.t.Helper()
	for i, n := range sizes {
		id := r.number(`INSERT INTO campaigns (list_id, edition, name, template, subject, state, launched_at, approved_hash) VALUES ($1, $2, 'past', 'digest', 'Past', 'launched', $3, '') RETURNING id`,
			r.list.ID, fmt.Sprintf("manual-past%d", i), r.now().AddDate(0, 0, -1-i))
		r.exec(`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, state, finished_at, audience, audience_complete)
			VALUES ($1, $2, 'bounce.example.org', now(), now(), 'done', now(), $3, true)`, id, r.list.ID, n)
	}
}

// crowd adds so many readers at once, as an import does.
func (r *room) crowd(from, to int) {
	r.t.Helper()
	r.exec(`WITH s AS (INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, decode(md5(a), 'hex'), 'other' FROM (SELECT 'r' || n || '@example.net' AS a FROM generate_series($2::int, $3::int) n) x RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, $1, 'confirmed', 'import', now() FROM s`, r.list.ID, from, to)
}

// SEC-26: an audience far from usual goes out only when a person has typed the number of readers, at every door.
func TestUnusualAudience(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	r.sent(40, 41, 39, 500, 40)
	if found := r.finds(c.ID, "unusual"); len(found) != 0 {
		t.Fatalf("one reader of forty: %+v", found)
	}
	r.crowd(1, 399)
	if found := r.finds(c.ID, "unusual"); len(found) != 1 || found[0].Level != Confirmed || !strings.Contains(found[0].Message, "normally 40, now 400") {
		t.Fatalf("ten times as many: %+v", found)
	}
	refused := func(door string, err error) {
		t.Helper()
		if p, ok := errs.KindOf(err), r.get(c.ID); p != errs.Invalid || !strings.HasPrefix(errs.Public(err), "readers: normally 40, now 400") || ok.State == Approved || ok.State == Launched {
			t.Errorf("SEC-26: %s: %v, and it is %s", door, err, ok.State)
		}
	}
	for _, typed := range []string{"", "40", "4,100", "yes", "-400", "400000"} {
		_, err := r.Reviews.Approve(t.Context(), c.ID, Assent{Who: "ed", Force: true, Readers: typed})
		refused("approved with "+typed, err)
		_, err = r.Reviews.Start(t.Context(), c.ID, Assent{Who: "ed", Force: true, Readers: typed})
		refused("started with "+typed, err)
	}
	_, err := r.Approve(t.Context(), c.ID, "root", true) // the command line without a number
	refused("approved from the command line", err)
	_, err = r.Start(t.Context(), c.ID, "root", true)
	refused("started from the command line", err)
	got, err := r.Reviews.Approve(t.Context(), c.ID, Assent{Who: "ed", Readers: " 4 00 "})
	if err != nil || got.State != Approved || got.ApprovedReaders == nil || *got.ApprovedReaders != 400 {
		t.Fatalf("%v: %s", err, got.State)
	}
	// Another import after the approval: the clock does not send it to those either.
	r.crowd(400, 900)
	r.tick("2026-11-21 05:58")
	r.tick("2026-11-21 06:00")
	r.want(r.get(c.ID), Held, "normally 40, now 901")
	r.set("2026-11-21 06:01")
	if _, err := r.Reviews.Approve(t.Context(), c.ID, Assent{Who: "ed", Readers: "900"}); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 06:02")
	r.want(r.get(c.ID), Launched, "")
}

// SEC-26: nor does a digest go out by itself that nobody looks at.
func TestUnusualAudienceByTheClock(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("[clock]\nno_approval = \"send\"")
	r.story("Cranes move", "2026-11-21 03:00")
	r.sent(40, 40, 40)
	r.crowd(1, 200)
	r.tick("2026-11-21 05:00")
	r.tick("2026-11-21 05:45") // when it would be approved
	r.want(r.edition("2026-11-21T07:00"), Held, "normally 40, now 200")
}

// copied returns blocks that share nothing with these.
func copied(t *testing.T, blocks []render.Block) (out []render.Block) {
	t.Helper()
	data, err := json.Marshal(blocks)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// storiesIn returns the stories of the blocks by their titles, to be changed.
func storiesIn(blocks []render.Block) map[string]*render.Story {
	found := map[string]*render.Story{}
	for i := range blocks {
		for j := range blocks[i].Stories {
			found[blocks[i].Stories[j].Title] = &blocks[i].Stories[j]
		}
	}
	return found
}
