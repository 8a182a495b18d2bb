package articles

import (
	"slices"
	"testing"
	"time"

	"mailer/internal/audit"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// What an editor wrote of a story stays, whatever its feed says from then on, until it is given back; each act is in the log.
func TestEdit(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, clock := setup(t, web)
	e, ctx := NewEditing(s), t.Context()
	f, err := e.AddFeed(ctx, Feed{URL: web.URL + "/feed", Slug: "news"}, "ed@paper.org")
	if err != nil {
		t.Fatal(err)
	}
	web.body("/feed", rssOf(web.URL, "g1|From the feed|/1|Its dek"))
	mustPoll(t, s, f.Slug)
	list, err := s.Articles(ctx, Filter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d stories, %v", len(list), err)
	}
	a := list[0]
	was := ArticleVersion(a)
	edit := Edit{Title: "By \u202ehand", Dek: "Ours", Byline: "Jane Roe, Editor", Tags: []string{"a", " b "}, BodyHTML: `<p onclick="x()">One<script>alert(1)</script></p>`,
		ImageURL: "https://www.example.org/a.jpg", Alt: "A"}
	for name, tc := range map[string]struct {
		change func(*Edit)
		field  string
	}{
		"no headline": {func(e *Edit) { e.Title = " " }, "title"}, "no image": {func(e *Edit) { e.ImageURL = "javascript:alert(1)" }, "image"},
		"no language": {func(e *Edit) { e.Language = "no such" }, "language"},
	} {
		bad := edit
		tc.change(&bad)
		if _, err := e.Edit(ctx, a.ID, bad, was, "ed@paper.org"); err == nil || err.(*errs.Error).Field != tc.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	clock.add(time.Minute)
	got, err := e.Edit(ctx, a.ID, edit, was, "ed@paper.org")
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != "By hand" || got.Dek != "Ours" || !slices.Equal(got.Authors, []render.Author{{Name: "Jane Roe", Title: "Editor"}}) || got.BodyHTML != "<p>One</p>\n" && got.BodyHTML != "<p>One</p>" ||
		!got.ByHand || got.Image == nil || got.Image.Alt != "A" || !slices.Equal(got.Tags, []string{"a", "b"}) || got.URL != a.URL {
		t.Errorf("saved as %+v", got)
	}
	if _, err := e.Edit(ctx, a.ID, edit, was, "other@paper.org"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("over what somebody else saved: %v", err)
	}
	web.body("/feed", rssOf(web.URL, "g1|The feed has changed|/1|Its dek"))
	mustPoll(t, s, f.Slug)
	if got, err = s.Article(ctx, a.ID); err != nil || got.Title != "By hand" {
		t.Errorf("after a poll: %q, %v", got.Title, err)
	}
	if err := e.Release(ctx, a.ID, "ed@paper.org"); err != nil {
		t.Fatal(err)
	}
	mustPoll(t, s, f.Slug)
	if got, err = s.Article(ctx, a.ID); err != nil || got.Title != "The feed has changed" || got.ByHand {
		t.Errorf("given back to its feed: %q, %v", got.Title, err)
	}
	if f, err = e.ChangeFeed(ctx, Feed{Slug: f.Slug, Title: "News", Section: "World", PollSeconds: 120}, "ed@paper.org"); err != nil || f.Title != "News" || f.PollSeconds != 120 {
		t.Errorf("changed: %+v, %v", f, err)
	}
	mustPoll(t, s, f.Slug)
	if got, err = s.Article(ctx, a.ID); err != nil || got.Section != "World" {
		t.Errorf("the feed's new section: %q, %v", got.Section, err)
	}
	if err := e.RemoveFeed(ctx, f.Slug, "ed@paper.org"); err != nil {
		t.Fatal(err)
	}
	if err := e.Release(ctx, a.ID, "ed@paper.org"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("given back to no feed: %v", err)
	}
	var acts []string
	entries, err := audit.Recent(ctx, s.db, "", 20)
	for _, en := range entries {
		if en.Actor != "ed@paper.org" {
			t.Errorf("%s was done by %s", en.Action, en.Actor)
		}
		acts = append(acts, en.Action)
	}
	if want := []string{"feed.remove", "feed.change", "story.release", "story.edit", "feed.add"}; err != nil || !slices.Equal(acts, want) {
		t.Errorf("the log says %v, %v; want %v", acts, err, want)
	}
}
