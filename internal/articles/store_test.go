package articles

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/render"
)

func TestAddFeed(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	f := mustAdd(t, s, Feed{URL: " " + web.URL + "/feed#top ", Title: "Café & Küche", Language: "fr-ca"})
	if f.Slug != "cafe-kuche" || f.URL != web.URL+"/feed" || f.PollSeconds != 900 || f.Language != "fr-CA" {
		t.Fatalf("%+v", f)
	}
	if f = mustAdd(t, s, Feed{URL: web.URL + "/2", Title: "Café Küche"}); f.Slug != "cafe-kuche-2" {
		t.Fatalf("%+v", f)
	}
	for name, tc := range map[string]struct {
		feed Feed
		want errs.Kind
	}{
		"no address":      {Feed{}, errs.Invalid},
		"not http":        {Feed{URL: "ftp://example.org/feed"}, errs.Invalid},
		"SEC-20 loopback": {Feed{URL: "http://127.0.0.1/feed"}, errs.Denied},
		"SEC-20 metadata": {Feed{URL: "http://169.254.169.254/"}, errs.Denied},
		"SEC-20 userinfo": {Feed{URL: "https://u:p@example.org/"}, errs.Invalid},
		"SEC-20 port":     {Feed{URL: "https://example.org:8443/"}, errs.Denied},
		"same address":    {Feed{URL: web.URL + "/feed", Slug: "other"}, errs.Conflict},
		"same slug":       {Feed{URL: web.URL + "/3", Slug: "cafe-kuche"}, errs.Conflict},
		"bad slug":        {Feed{URL: web.URL + "/3", Slug: "Bad Slug"}, errs.Invalid},
		"too often":       {Feed{URL: web.URL + "/3", PollSeconds: 5}, errs.Invalid},
		"bad language":    {Feed{URL: web.URL + "/3", Language: "no such language"}, errs.Invalid},
	} {
		if _, err := s.AddFeed(t.Context(), tc.feed); errs.KindOf(err) != tc.want || errs.Public(err) == "" {
			t.Errorf("%s: %v; want kind %d", name, err, tc.want)
		}
	}
	if f = mustAdd(t, s, Feed{URL: "feed://example.org/news"}); f.URL != "https://example.org/news" || f.Slug != "example-org" {
		t.Errorf("%+v", f)
	}
	if f = mustAdd(t, s, Feed{URL: "www.example.net/rss"}); f.URL != "https://www.example.net/rss" || f.Slug != "example-net" {
		t.Errorf("%+v", f)
	}

	if err := s.RemoveFeed(t.Context(), "cafe-kuche"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveFeed(t.Context(), "cafe-kuche"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := s.Poll(t.Context(), "cafe-kuche"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a removed feed was polled: %v", err)
	}
	list, err := s.Feeds(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	again := mustAdd(t, s, Feed{URL: web.URL + "/feed", Slug: "back"})
	if again.Slug != "back" || again.Title != "" {
		t.Errorf("%+v", again)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	add := func(title, section string, hours int, image bool, tags ...string) int64 {
		p := Parsed{Story: render.Story{Title: title, Section: section, Tags: tags, Published: testNow.Add(-time.Duration(hours) * time.Hour), URL: "https://a.example/" + slugify(title)}}
		if image {
			p.Story.Image = &render.Image{URL: "https://a.example/i.jpg"}
		}
		a, created, err := s.Import(t.Context(), p)
		if err != nil || !created {
			t.Fatal(err)
		}
		return a.ID
	}
	one := add("One", "Science", 1, true, "Ice", "Sea")
	add("Two", "science", 2, false, "sea")
	add("Three", "Culture", 3, false)
	add("Four", "Culture", 50, true)
	for name, tc := range map[string]struct {
		sel  Selection
		want string
	}{
		"all, newest":  {Selection{}, "One, Two, Three, Four"},
		"oldest":       {Selection{Order: "oldest"}, "Four, Three, Two, One"},
		"limit":        {Selection{Limit: 2}, "One, Two"},
		"section":      {Selection{Sections: []string{"SCIENCE"}}, "One, Two"},
		"two sections": {Selection{Sections: []string{"science", " culture "}, Limit: 3}, "One, Two, Three"},
		"tag":          {Selection{Tags: []string{"Sea"}}, "One, Two"},
		"window":       {Selection{Since: testNow.Add(-3 * time.Hour), Until: testNow.Add(-time.Hour)}, "Two, Three"},
		"without":      {Selection{ExcludeIDs: []int64{one}}, "Two, Three, Four"},
		"with image":   {Selection{NeedImage: true}, "One, Four"},
		"no such feed": {Selection{Feeds: []string{"none"}}, ""},
		"feed order":   {Selection{Order: "feed"}, "One, Two, Three, Four"},
	} {
		got, err := s.Select(t.Context(), tc.sel)
		if err != nil || titles(got) != tc.want {
			t.Errorf("%s: %s, %v; want %s", name, titles(got), err, tc.want)
		}
	}
	if _, err := s.Select(t.Context(), Selection{Order: "random"}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an order that is none: %v", err)
	}

	page, err := s.Articles(t.Context(), Filter{Limit: 2})
	if err != nil || titles(page) != "One, Two" {
		t.Fatalf("%s, %v", titles(page), err)
	}
	if page, err = s.Articles(t.Context(), Filter{Limit: 2, BeforeID: page[1].ID}); err != nil || titles(page) != "Three, Four" {
		t.Fatalf("%s, %v", titles(page), err)
	}
	if page, err = s.Articles(t.Context(), Filter{Query: "tHr"}); err != nil || titles(page) != "Three" {
		t.Fatalf("%s, %v", titles(page), err)
	}
	if page, err = s.Articles(t.Context(), Filter{Query: "%"}); err != nil || len(page) != 0 {
		t.Fatalf("%s, %v", titles(page), err)
	}
	if _, err = s.Article(t.Context(), 4711); errs.KindOf(err) != errs.NotFound {
		t.Fatal(err)
	}
}

// A feed's order is the order of the feed, the feeds in the order that was asked for.
func TestSelectFeedOrder(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := setup(t, web)
	web.body("/a", rssOf(web.URL, "guid-9|A nine|/9|x", "guid-1|A one|/1|x"))
	web.body("/b", rssOf(web.URL, "guid-8|B eight|/8|x", "guid-2|B two|/2|x"))
	mustAdd(t, s, Feed{Slug: "a", URL: web.URL + "/a"})
	mustAdd(t, s, Feed{Slug: "b", URL: web.URL + "/b"})
	mustPoll(t, s, "a")
	mustPoll(t, s, "b")
	got, err := s.Select(t.Context(), Selection{Feeds: []string{"b", "a"}, Order: "feed"})
	if err != nil || titles(got) != "B eight, B two, A nine, A one" {
		t.Fatalf("%s, %v", titles(got), err)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, clk := setup(t, web)
	st := render.Story{Title: "A\r\nstory\u202e", Dek: strings.Repeat("x ", 1000), Authors: []render.Author{{Name: "Jane <b>Roe"}}, BodyHTML: `<p onclick="x">Some words here.</p><script>alert(1)</script>`,
		Image: &render.Image{Caption: "No address known"}, Published: testNow.Add(-time.Hour), Words: 9999, Tags: []string{"a", "A", ""}}
	a, created, err := s.Import(t.Context(), Parsed{Story: st})
	if err != nil || !created {
		t.Fatal(err)
	}
	if a.Title != "A story" || len([]rune(a.Dek)) > maxDek || strings.Contains(a.BodyHTML, "onclick") || strings.Contains(a.BodyHTML, "script") || a.Words != 3 ||
		!a.ByHand || a.FeedID != nil || !slices.Equal(a.Tags, []string{"a"}) || a.Authors[0].Name != "Jane <b>Roe" {
		t.Fatalf("MSG-36: %+v", a)
	}
	if a.Image == nil || a.Image.Caption != "No address known" || a.Story().Image != nil {
		t.Errorf("a photo without address must be kept here and left out of mails: %+v", a.Image)
	}
	clk.add(time.Hour)
	st.Dek = "Another dek."
	b, created, err := s.Import(t.Context(), Parsed{Story: st})
	if err != nil || created || b.ID != a.ID || b.Dek != "Another dek." || !b.ChangedAt.After(a.ChangedAt) {
		t.Fatalf("the same story again: %+v, created %v, %v", b, created, err)
	}
	if _, _, err = s.Import(t.Context(), Parsed{}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("no headline: %v", err)
	}
	if b, _, err = s.Import(t.Context(), Parsed{Story: render.Story{Title: "No date"}}); err != nil || !b.Published.Equal(clk.now()) {
		t.Errorf("no date: %v, %v", b.Published, err)
	}

	// A person's version of a story wins over the feed's from then on.
	web.body("/feed", rssOf(web.URL, "guid-1|From the feed|/1|x"))
	mustAdd(t, s, Feed{Slug: "f", URL: web.URL + "/feed"})
	mustPoll(t, s, "f")
	c, created, err := s.Import(t.Context(), Parsed{Story: render.Story{Title: "By hand", URL: web.URL + "/1?utm_source=x"}})
	if err != nil || created || c.Feed != "f" || c.Title != "By hand" {
		t.Fatalf("%+v, created %v, %v", c, created, err)
	}
	web.body("/feed", rssOf(web.URL, "guid-1|From the feed, changed|/1|x"))
	mustPoll(t, s, "f")
	if c, err = s.Article(t.Context(), c.ID); err != nil || c.Title != "By hand" {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, clk := setup(t, web)
	web.body("/feed", rssOf(web.URL, "guid-1|One|/1|x", "guid-2|Two|/2|x", "guid-3|Three|/3|x", "guid-4|Four|/4|x"))
	mustAdd(t, s, Feed{Slug: "f", URL: web.URL + "/feed"})
	mustPoll(t, s, "f")
	ids := map[string]int64{}
	var list []int64
	for _, a := range all(t, s) {
		ids[a.Title] = a.ID
		list = append(list, a.ID)
	}
	byHand, _, err := s.Import(t.Context(), Parsed{Story: render.Story{Title: "By hand", URL: web.URL + "/hand"}})
	if err != nil {
		t.Fatal(err)
	}
	web.body("/hand", "still here")
	list = append(list, byHand.ID)
	frozen := clk.now()

	clk.add(time.Hour)
	if got, err := s.Refresh(t.Context(), list); err != nil || len(got) != 0 {
		t.Fatalf("nothing has changed: %+v, %v", got, err)
	}
	// One changes, Two is taken back, Three falls off the end of the feed and is still there, Four's page cannot be reached.
	web.body("/feed", rssOf(web.URL, "guid-1|One, corrected|/1|x"))
	web.status("/2", 410)
	web.body("/3", "still here")
	web.status("/4", 500)
	clk.add(time.Hour)
	got, err := s.Refresh(t.Context(), list)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, c := range got {
		switch c.ID {
		case ids["One"]:
			if c.Gone || c.Article.Title != "One, corrected" || c.Was != "One" {
				t.Errorf("%+v", c)
			}
		case ids["Two"]:
			if !c.Gone {
				t.Errorf("%+v", c)
			}
		default:
			t.Errorf("%+v", c)
		}
	}
	if sel, err := s.Select(t.Context(), Selection{}); err != nil || strings.Contains(titles(sel), "Two") {
		t.Errorf("a story that is gone is selected: %s, %v", titles(sel), err)
	}
	clk.add(time.Minute)
	if got, err = s.Refresh(t.Context(), list); err != nil || len(got) != 1 || !got[0].Gone {
		t.Fatalf("a change is reported once, a story that is gone each time: %+v, %v", got, err)
	}
	if got, err = s.RefreshSince(t.Context(), list, frozen); err != nil || len(got) != 2 {
		t.Fatalf("since the campaign froze its stories: %+v, %v", got, err)
	}

	// A publisher who cannot be reached changes nothing; one who takes a story back up brings it back.
	web.set("/feed", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if got, err = s.Refresh(t.Context(), list); err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	web.body("/2", "back again")
	if _, err = s.Refresh(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Article(t.Context(), ids["Two"]); err != nil || a.GoneAt != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	if got, err = s.Refresh(t.Context(), nil); err != nil || len(got) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// The same file under another address is the same story with another address; two texts at two addresses are two stories.
func TestImportUnderAnotherAddress(t *testing.T) {
	t.Parallel()
	s, clk := setup(t)
	file := func(url, text string) Parsed {
		return Parsed{Story: render.Story{Title: "The bridge", Authors: []render.Author{{Name: "Jane Roe"}}, Published: testNow.Add(-time.Hour), URL: url, BodyHTML: "<p>" + text + "</p>"}}
	}
	var first int64
	for i, step := range []struct {
		url, text string
		created   bool
		want, was string
	}{
		{"", "One text.", true, "", ""},
		{"https://a.example/draft", "One text.", false, "https://a.example/draft", ""},
		{"https://a.example/bridge", "One text.", false, "https://a.example/bridge", "https://a.example/draft"},
		{"https://a.example/bridge?utm_source=x", "Corrected.", false, "https://a.example/bridge?utm_source=x", ""},
		{"", "Corrected again.", false, "https://a.example/bridge?utm_source=x", ""}, // the file says no address; the link stays
		{"https://a.example/bridge-2", "Quite another text.", true, "https://a.example/bridge-2", ""},
	} {
		clk.add(time.Minute)
		a, created, err := s.Import(t.Context(), file(step.url, step.text))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = a.ID
		}
		if created != step.created || (a.ID == first) == (created && i > 0) || a.URL != step.want || a.FormerURL != step.was || a.CanonicalURL != CanonicalURL(step.want) {
			t.Errorf("import %d: story %d (the first is %d), created %v, at %q, before at %q", i, a.ID, first, created, a.URL, a.FormerURL)
		}
	}
	other := file("https://a.example/other", "One text.")
	other.Story.Authors[0].Name = "John Doe"
	later := file("https://a.example/later", "One text.")
	later.Story.Published = testNow.Add(24 * time.Hour)
	for name, p := range map[string]Parsed{"another author": other, "another day": later} {
		if a, created, err := s.Import(t.Context(), p); err != nil || !created {
			t.Errorf("%s: story %d, created %v, %v; want one of its own", name, a.ID, created, err)
		}
	}
}
