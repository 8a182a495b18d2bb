package campaigns

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mailer/internal/appeals"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/templates/email"
)

// waiting returns a room with an edition of the given stories in review, half an hour before its time.
func waiting(t *testing.T, stories ...string) (*room, Campaign) {
	t.Helper()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("intro = \"Good morning, {name|reader}.\"\n[appeal]\nslug = \"autumn\"")
	r.reader("ada@example.com", false)
	for i, title := range stories {
		r.story(title, fmt.Sprintf("2026-11-21 03:%02d", 59-i))
	}
	r.tick("2026-11-21 05:00")
	r.set("2026-11-21 05:30")
	c := r.edition("2026-11-21T07:00")
	r.want(c, InReview, "")
	return r, c
}

func TestApprovalIsForTheContent(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	c, err := r.Approve(t.Context(), c.ID, "ed", false)
	if err != nil || c.State != Approved || c.ApprovedBy != "ed" {
		t.Fatalf("%v, %s by %s", err, c.State, c.ApprovedBy)
	}
	if _, err := r.Approve(t.Context(), c.ID, "another", false); errs.KindOf(err) != errs.Conflict {
		t.Errorf("approved twice: %v", err)
	}
	// An edit makes it a draft again, and the clock does not send it.
	if c, err = r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: ptr("Cranes!")}, "ed"); err != nil || c.State != Draft || c.ApprovedBy != "" || len(c.Approval) != 0 {
		t.Fatalf("%v, %s by %q", err, c.State, c.ApprovedBy)
	}
	r.tick("2026-11-21 06:00")
	r.want(r.get(c.ID), Held, "nobody approved it")
	// Approved while held, there is time left: it goes out, late by a minute.
	r.set("2026-11-21 06:01")
	if c, err = r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 06:02")
	r.want(r.get(c.ID), Launched, "")
}

// What the list says of itself is part of what was approved.
func TestApprovalLapsesWithTheList(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	r.list.FromName = "Somebody Else"
	if _, err := r.Lists.UpdateList(t.Context(), r.list); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 05:58")
	r.tick("2026-11-21 06:00")
	r.want(r.get(c.ID), Held, "what its list says of itself was changed after the approval")
	if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 06:01")
	r.want(r.get(c.ID), Launched, "")
}

// A double click, two editors and the clock start one send (SND-29, SEC-26): whoever is not told that it cannot be started now finds it
// launched.
func TestDoubleStart(t *testing.T) {
	t.Parallel()
	for name, approved := range map[string]bool{"in review": false, "approved before": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, c := waiting(t, "Cranes move", "Ferry late")
			if approved {
				if _, err := r.Approve(t.Context(), c.ID, "an earlier one", false); err != nil {
					t.Fatal(err)
				}
				r.set("2026-11-21 06:00") // the clock wants it as well
			}
			nodes := []*Service{r.Service, r.another(), r.another()}
			var wg sync.WaitGroup
			for i := range 9 {
				wg.Go(func() {
					got, err := nodes[i%3].Start(t.Context(), c.ID, fmt.Sprintf("ed %d", i), false)
					if err == nil && got.State != Launched || err != nil && errs.KindOf(err) != errs.Conflict {
						t.Errorf("start: %s, %v", got.State, err)
					}
				})
				wg.Go(func() {
					if _, err := nodes[i%3].Tick(t.Context()); err != nil {
						t.Errorf("tick: %v", err)
					}
				})
			}
			wg.Wait()
			for what, is := range map[string]string{"sends": `sends`, "launches noted": `audit_log WHERE action = 'campaign.launch'`} {
				if n := r.number(`SELECT count(*) FROM ` + is); n != 1 {
					t.Errorf("%d %s, want 1", n, what)
				}
			}
			if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.start'`); n > 1 {
				t.Errorf("%d starts noted, want at most 1", n)
			}
			if _, err := r.Start(t.Context(), c.ID, "ed", false); errs.KindOf(err) != errs.Conflict {
				t.Errorf("started again: %v", err)
			}
		})
	}
}

func TestHoldCancelSchedule(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	if _, err := r.Hold(t.Context(), c.ID, "waiting for the mayor", "ed"); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 06:00")
	r.want(r.get(c.ID), Held, "waiting for the mayor")
	if _, err := r.Schedule(t.Context(), c.ID, utc(t, "2026-11-21 05:59"), "ed"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("scheduled into the past: %v", err)
	}
	c, err := r.Schedule(t.Context(), c.ID, utc(t, "2026-11-21 10:00"), "ed")
	if err != nil || c.State != InReview || !c.ApprovalDue.Equal(utc(t, "2026-11-21 09:45")) || !c.ExpiresAt.Equal(utc(t, "2026-11-22 10:00")) {
		t.Fatalf("%v: %s, approval due %v, expires %v", err, c.State, c.ApprovalDue, c.ExpiresAt)
	}
	if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	// Another hour of the send leaves the approval alone.
	if c, err = r.Schedule(t.Context(), c.ID, utc(t, "2026-11-21 09:00"), "ed"); err != nil || c.State != Approved {
		t.Fatalf("%v %s", err, c.State)
	}
	if c, err = r.Cancel(t.Context(), c.ID, "", "ed"); err != nil || c.State != Cancelled {
		t.Fatalf("%v %s", err, c.State)
	}
	if _, err = r.Cancel(t.Context(), c.ID, "", "ed"); err != nil {
		t.Errorf("cancelled again: %v", err)
	}
	r.tick("2026-11-21 09:00")
	r.want(r.get(c.ID), Cancelled, "cancelled by ed")
	for what, f := range map[string]func() error{
		"approve":  func() error { _, err := r.Approve(t.Context(), c.ID, "ed", true); return err },
		"start":    func() error { _, err := r.Start(t.Context(), c.ID, "ed", true); return err },
		"hold":     func() error { _, err := r.Hold(t.Context(), c.ID, "", "ed"); return err },
		"review":   func() error { _, err := r.Review(t.Context(), c.ID, "ed"); return err },
		"schedule": func() error { _, err := r.Schedule(t.Context(), c.ID, utc(t, "2026-11-21 12:00"), "ed"); return err },
		"edit": func() error {
			_, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: ptr("x")}, "ed")
			return err
		},
	} {
		if err := f(); errs.KindOf(err) != errs.Conflict {
			t.Errorf("%s a cancelled campaign: %v", what, err)
		}
	}
	if _, err := r.Approve(t.Context(), c.ID, bySchedule, true); errs.KindOf(err) != errs.Invalid {
		t.Errorf("approved in the scheduler's name: %v", err)
	}
	if _, err := r.Approve(t.Context(), 999, "ed", true); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a campaign that is not there: %v", err)
	}
}

// MSG-34: a campaign whose list does not say who sends cannot start, forced or not.
func TestListMustSayWhoSends(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"legal_name", "postal_address", "contact"} {
		t.Run("MSG-34 without "+column, func(t *testing.T) {
			t.Parallel()
			r, c := waiting(t, "Cranes move")
			r.exec(`UPDATE lists SET ` + column + ` = ''`)
			for what, f := range map[string]func() error{
				"approve": func() error { _, err := r.Approve(t.Context(), c.ID, "ed", true); return err },
				"start":   func() error { _, err := r.Start(t.Context(), c.ID, "ed", true); return err },
			} {
				if err := f(); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), column) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if n := r.number(`SELECT count(*) FROM sends`); n != 0 {
				t.Errorf("%d sends", n)
			}
		})
	}
	t.Run("MSG-34 nor by schedule", func(t *testing.T) {
		t.Parallel()
		r := newRoom(t, "2026-11-20 12:00")
		r.digest("[clock]\nno_approval = \"send\"")
		r.story("Cranes move", "2026-11-21 03:00")
		r.exec(`UPDATE lists SET postal_address = ''`)
		r.tick("2026-11-21 06:00")
		r.want(r.edition("2026-11-21T07:00"), Held, "postal_address")
	})
	t.Run("MSG-34 with all of it the footer says so", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move")
		if _, err := r.Start(t.Context(), c.ID, "ed", false); err != nil {
			t.Fatal(err)
		}
		text, html, err := parts([]byte(r.bytesFor(c.ID, everyoneGroups)))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Example Courier Ltd", "1 Harbour Street", "Exampletown", "desk@example.org", "https://news.example.org/u/token"} {
			if !strings.Contains(text, want) || !strings.Contains(html, want) {
				t.Errorf("MSG-34: %q is missing (text %t, html %t)", want, strings.Contains(text, want), strings.Contains(html, want))
			}
		}
	})
}

// MSG-24: HTML above 90 kB needs a person who forces it; above 100 kB likewise, and it says that it will be cut.
func TestSizeWarning(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		least, most int // bytes of HTML
		want        string
	}{
		"MSG-24 90 kB":  {90_001, 100_000, "near the 100 at which Gmail cuts it off"},
		"MSG-24 100 kB": {100_001, 200_000, "Gmail cuts it off at about 100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := waiting(t, "Cranes move")
			id := r.number(`SELECT id FROM articles LIMIT 1`)
			var c Campaign
			for n := 80; ; n++ { // paragraphs, until the mail has the size
				r.exec(`UPDATE articles SET body_html = $1`, strings.Repeat("<p>"+strings.Repeat("word and ", 100)+"</p>", n))
				var err error
				if c, err = r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: id, Appeal: "autumn"}, "ed"); err != nil {
					t.Fatal(err)
				}
				v, err := r.Preview(t.Context(), c.ID, Reader{})
				if err != nil || v.HTMLSize > tc.most {
					t.Fatalf("%d bytes of HTML, %v", v.HTMLSize, err)
				}
				if v.HTMLSize >= tc.least {
					break
				}
			}
			size := 0
			problems, err := r.Preflight(t.Context(), c.ID)
			for _, p := range problems {
				if p.Code == "size" && p.Level == Warned && strings.Contains(p.Message, tc.want) {
					size++
				}
			}
			if err != nil || size != 1 {
				t.Errorf("%v: %v", err, problems)
			}
			if _, err := r.Start(t.Context(), c.ID, "ed", false); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
				t.Errorf("not forced: %v", err)
			}
			if c, err := r.Start(t.Context(), c.ID, "ed", true); err != nil || !c.Forced {
				t.Errorf("forced: %v", err)
			}
		})
	}
}

// MSG-35: what could never go out is refused when it is typed, with the field at fault, and nothing is changed.
func TestEditRefusesPlaceholders(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	for _, bad := range []string{"{name}, good morning", "{name|reader}: cranes", "Hello {{ first_name }}", "Hi *|FNAME|*", "Hi %%name%%"} {
		for field, e := range map[string]Edit{"subject": {Subject: &bad}, "preheader": {Preheader: &bad}} {
			e.Version = c.Version
			if _, err := r.Edit(t.Context(), c.ID, e, "ed"); errs.KindOf(err) != errs.Invalid || !strings.HasPrefix(errs.Public(err), field+": ") {
				t.Errorf("%s %q: %v", field, bad, err)
			}
		}
	}
	if now := r.get(c.ID); now.Version != c.Version || now.Subject != c.Subject {
		t.Errorf("it was changed: %+v", now)
	}
	if _, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: ptr("The set {1, 2} and 50%")}, "ed"); err != nil {
		t.Errorf("a headline with braces: %v", err)
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	problems, err := r.Preflight(t.Context(), c.ID)
	for _, p := range problems {
		if p.Level != Noted {
			t.Errorf("a good edition: %+v", p)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	appeal := &render.Appeal{VariantID: 77, Heading: "H", Body: "B", Button: "Give", URL: "https://www.example.org"}
	for name, tc := range map[string]struct {
		change func(e *Edit)
		level  string
		code   string
	}{
		"no subject":      {func(e *Edit) { e.Subject = ptr("") }, Refused, "subject"},
		"TK":              {func(e *Edit) { e.Subject = ptr("Cranes move TK") }, Warned, "tk"},
		"TKTK in a dek":   {func(e *Edit) { e.Blocks[1].Stories[0].Dek = "Something TKTK." }, Warned, "tk"},
		"placeholder":     {func(e *Edit) { e.Subject = ptr("{lead} and more") }, Warned, "placeholder"},
		"no story":        {func(e *Edit) { e.Blocks = e.Blocks[:1] }, Refused, "stories"},
		"twice":           {func(e *Edit) { e.Blocks = append(e.Blocks, e.Blocks[1]) }, Warned, "twice"},
		"unknown appeal":  {func(e *Edit) { e.Blocks = append(e.Blocks, render.Block{Kind: render.KindAppeal, Appeal: appeal}) }, Refused, "appeal"},
		"http link":       {func(e *Edit) { e.Blocks[1].Stories[0].URL = "http://www.example.org/x" }, Warned, "link"},
		"short preheader": {func(e *Edit) { e.Preheader = ptr("Short") }, Noted, "preheader"},
		"no address":      {func(e *Edit) { e.Blocks[1].Stories[0].URL = "" }, Warned, "link"},
		"fake reply":      {func(e *Edit) { e.Subject = ptr("Re: your order") }, Refused, "message"},
	} {
		t.Run(name, func(t *testing.T) {
			c := r.get(c.ID)
			e := Edit{Version: c.Version, Subject: ptr("Cranes move"), Preheader: ptr("A preheader that is long enough to be shown beside the subject."), Blocks: c.Blocks}
			tc.change(&e)
			if _, err := r.Edit(t.Context(), c.ID, e, "ed"); err != nil {
				t.Fatal(err)
			}
			problems, err := r.Preflight(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, p := range problems {
				found = found || p.Level == tc.level && p.Code == tc.code
			}
			if !found {
				t.Errorf("got %+v", problems)
			}
			if _, err := r.Approve(t.Context(), c.ID, "ed", false); (errs.KindOf(err) == errs.Invalid) != (tc.level != Noted) {
				t.Errorf("approve: %v", err)
			}
			c = r.get(c.ID) // as it was, for the next case
			if _, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: ptr("Cranes move"), Blocks: waitingBlocks(r, c.ID)}, "ed"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// waitingBlocks returns good blocks for the campaign of waiting.
func waitingBlocks(r *room, id int64) []render.Block {
	r.t.Helper()
	var stories []render.Story
	for _, title := range []string{"Cranes move", "Ferry late"} {
		a, err := r.Articles.Article(r.t.Context(), r.number(`SELECT id FROM articles WHERE title = $1`, title))
		if err != nil {
			r.t.Fatal(err)
		}
		stories = append(stories, freeze(a, render.TemplateDigest))
	}
	return []render.Block{{Kind: render.KindText, Text: "Good morning."}, {Kind: render.KindStory, Lead: true, Stories: stories[:1]}, {Kind: render.KindSection, Stories: stories[1:]}}
}

// SND-33: once launched, nothing upstream changes a byte of what later readers get.
func TestFrozen(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	if _, err := r.Start(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	before := [...]string{r.bytesFor(c.ID, everyoneGroups), r.bytesFor(c.ID, supporterGroups)}
	if !strings.Contains(before[0], "Keep the harbour lights on") || strings.Contains(before[1], "Keep the harbour lights on") {
		t.Error("the appeal is for everyone but supporters")
	}
	for _, step := range []struct {
		name   string
		change func() error
	}{
		{"list", func() error {
			l := r.list
			l.FromName, l.PostalAddress = "Other", "Elsewhere"
			_, err := r.Lists.UpdateList(t.Context(), l)
			return err
		}},
		{"recipe", func() error {
			_, err := r.Digests.Update(t.Context(), r.recipe("subject = \"Other\""), "ed")
			return err
		}},
		{"digest", func() error { return r.Digests.SetActive(t.Context(), "daily", false, "ed") }},
		{"campaign", func() error {
			_, err := r.Edit(t.Context(), c.ID, Edit{Version: r.get(c.ID).Version, Subject: ptr("Other")}, "ed")
			return shouldFail(err)
		}},
		{"appeal", func() error {
			_, err := r.Appeals.Revise(t.Context(), appeals.NewAppeal{Slug: "autumn", Heading: "Other", Body: "Other", Button: "Other", URL: "https://www.example.org/other"}, "ed")
			return err
		}},
		{"article", func() error {
			r.exec(`UPDATE articles SET title = 'Changed', dek = 'Changed', gone_at = now()`)
			return nil
		}},
		{"feed", func() error { return r.Articles.RemoveFeed(t.Context(), "city") }},
		{"everything upstream", func() error {
			for _, table := range []string{"campaign_blocks", "campaign_stories", "feed_items", "articles", "feeds", "digest_skips"} {
				r.exec(`DELETE FROM ` + table)
			}
			return nil
		}},
	} {
		if err := step.change(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if before != [...]string{r.bytesFor(c.ID, everyoneGroups), r.bytesFor(c.ID, supporterGroups)} {
			t.Errorf("SND-33: a change of the %s changed the message", step.name)
		}
	}
	// The operator's own template, loaded by a later start of the program, is for later campaigns.
	footer, err := email.FS.ReadFile("footer.html")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "footer.html"), append([]byte("<tr><td>Another footer</td></tr>\n"), footer...), 0o600); err != nil {
		t.Fatal(err)
	}
	other := r.another()
	if other.Templates, err = render.Load(folder); err != nil {
		t.Fatal(err)
	}
	if v, err := other.Preview(t.Context(), c.ID, Reader{}); err != nil || !strings.Contains(v.HTML, "Another footer") {
		t.Errorf("the other process has the old template: %v", err)
	}
	if _, err := other.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if before[0] != r.bytesFor(c.ID, everyoneGroups) {
		t.Error("SND-33: another process changed the message")
	}
}

func shouldFail(err error) error {
	if errs.KindOf(err) == errs.Conflict {
		return nil
	}
	return fmt.Errorf("want a conflict, got %w", err)
}

func TestCreateStory(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-21 08:00")
	r.reader("ada@example.com", false)
	id := r.story("Cranes move", "2026-11-21 03:00")
	at := utc(t, "2026-11-21 10:00")
	c, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: id, Appeal: "autumn", SendAt: &at}, "ed")
	if err != nil {
		t.Fatal(err)
	}
	if got := sketch(c.Blocks); got != "lead 1; appeal" || c.Subject != "Cranes move" || c.State != Draft || !strings.Contains(c.Blocks[0].Stories[0].BodyHTML, "Body of the story") {
		t.Errorf("%s, %q, %s", got, c.Subject, c.State)
	}
	if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 09:59")
	r.tick("2026-11-21 10:00")
	r.want(r.get(c.ID), Launched, "")
	for name, n := range map[string]NewStory{"list": {List: "x", ArticleID: id}, "story": {List: "morning", ArticleID: 99}, "appeal": {List: "morning", ArticleID: id, Appeal: "x"}} {
		if _, err := r.CreateStory(t.Context(), n, "ed"); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: id, Subject: "a\nb"}, "ed"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("subject: %v", err) // MSG-21
	}
	list, err := r.Campaigns(t.Context(), Filter{List: "morning"})
	if err != nil || len(list) != 1 || list[0].List != "morning" || list[0].StoryCount != 1 {
		t.Errorf("%v %+v", err, list)
	}
}
