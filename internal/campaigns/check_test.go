package campaigns

import (
	"slices"
	"strings"
	"testing"

	"mailer/internal/render"
)

// approved is waiting, approved by a person.
func approved(t *testing.T, stories ...string) (*room, Campaign) {
	t.Helper()
	r, c := waiting(t, stories...)
	c, err := r.Approve(t.Context(), c.ID, "ed", false)
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

// Just before the send the stories are looked at again. Here a poll has already brought the change in.
func TestStoriesAreReread(t *testing.T) {
	t.Parallel()
	gone := func(r *room, title string) {
		r.exec(`UPDATE articles SET gone_at = $2 WHERE title = $1`, title, r.now())
	}
	t.Run("nothing changed", func(t *testing.T) {
		t.Parallel()
		r, c := approved(t, "Cranes move", "Ferry late")
		// A feed's new time stamp, tags, or a few more words are no news to a reader.
		r.exec(`UPDATE articles SET changed_at = now(), published_at = published_at + interval '5 minutes', tags = '{x}', words = words + 3`)
		r.tick("2026-11-21 05:58")
		r.tick("2026-11-21 06:00")
		r.want(r.get(c.ID), Launched, "")
	})
	t.Run("withdrawn: left out, the approval stands for the rest", func(t *testing.T) {
		t.Parallel()
		r, c := approved(t, "Cranes move", "Ferry late", "Market opens")
		if !strings.Contains(c.Preheader, "Ferry late") {
			t.Fatalf("preheader %q", c.Preheader)
		}
		gone(r, "Ferry late")
		r.tick("2026-11-21 05:58")
		r.tick("2026-11-21 06:00")
		c = r.get(c.ID)
		r.want(c, Launched, "")
		if got := titles(c); !slices.Equal(got, []string{"Cranes move", "Market opens"}) || c.ApprovedBy != "ed" {
			t.Errorf("%v by %s", got, c.ApprovedBy)
		}
		if strings.Contains(r.bytesFor(c.ID, everyoneGroups), "Ferry") {
			t.Error("the withdrawn story went out")
		}
	})
	t.Run("the first story withdrawn: held", func(t *testing.T) {
		t.Parallel()
		r, c := approved(t, "Cranes move", "Ferry late")
		gone(r, "Cranes move")
		r.tick("2026-11-21 05:58")
		r.want(r.get(c.ID), Held, "“Cranes move” was withdrawn by its publisher, and it was the first story")
		r.tick("2026-11-21 06:00")
		r.want(r.get(c.ID), Held, "")
	})
	t.Run("withdrawn, and an editor's preheader names it: held", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move", "Ferry late", "Market opens")
		if _, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Preheader: ptr("First of all: Ferry late, and what to do about it")}, "ed"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
			t.Fatal(err)
		}
		gone(r, "Ferry late")
		r.tick("2026-11-21 05:58")
		r.want(r.get(c.ID), Held, "the subject or preheader still names it")
	})
	t.Run("too few left: held", func(t *testing.T) {
		t.Parallel()
		r, c := approved(t, "Cranes move", "Ferry late")
		r.exec(`UPDATE campaigns SET min_stories = 2`)
		gone(r, "Ferry late")
		r.tick("2026-11-21 05:58")
		r.want(r.get(c.ID), Held, "stories left: 1, wanted: at least 2")
	})
	t.Run("changed after an approval: brought up to date and held", func(t *testing.T) {
		t.Parallel()
		r, c := approved(t, "Cranes move", "Ferry late")
		r.exec(`UPDATE articles SET title = 'Ferry on time after all' WHERE title = 'Ferry late'`)
		r.tick("2026-11-21 05:58")
		c = r.get(c.ID)
		r.want(c, Held, "“Ferry late” was changed by its publisher after the approval")
		if got := titles(c); !slices.Equal(got, []string{"Cranes move", "Ferry on time after all"}) {
			t.Errorf("%v", got)
		}
		if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
			t.Fatal(err)
		}
		r.tick("2026-11-21 06:01")
		r.want(r.get(c.ID), Launched, "")
	})
	t.Run("what an editor rewrote stays as the editor wrote it", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move", "Ferry late")
		blocks := slices.Clone(c.Blocks)
		for i, b := range blocks {
			for j := range b.Stories {
				if b.Stories[j].Title == "Ferry late" {
					blocks[i].Stories[j].Title = "Your ferry"
				}
			}
		}
		c, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Blocks: blocks}, "ed")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
			t.Fatal(err)
		}
		r.exec(`UPDATE articles SET title = 'Ferry on time after all' WHERE title = 'Ferry late'`)
		r.tick("2026-11-21 05:58")
		r.tick("2026-11-21 06:00")
		c = r.get(c.ID)
		r.want(c, Launched, "")
		if got := titles(c); !slices.Equal(got, []string{"Cranes move", "Your ferry"}) {
			t.Errorf("%v", got)
		}
	})
	t.Run("nobody approved and nobody edited: composed anew", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move", "Ferry late", "Market opens")
		r.exec(`UPDATE campaigns SET no_approval = 'send'`)
		r.tick("2026-11-21 05:45")
		gone(r, "Cranes move")
		r.exec(`UPDATE articles SET title = 'Ferry on time after all' WHERE title = 'Ferry late'`)
		r.tick("2026-11-21 05:58")
		r.tick("2026-11-21 06:00")
		c = r.get(c.ID)
		r.want(c, Launched, "")
		if got := titles(c); !slices.Equal(got, []string{"Ferry on time after all", "Market opens"}) || c.Subject != got[0] {
			t.Errorf("%q: %v", c.Subject, got)
		}
	})
	t.Run("nobody approved, nothing left: skipped", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move")
		r.exec(`UPDATE campaigns SET no_approval = 'send'`)
		r.tick("2026-11-21 05:45")
		gone(r, "Cranes move")
		r.tick("2026-11-21 05:58")
		r.want(r.get(c.ID), Skipped, "no new stories")
	})
	t.Run("mailed by hand meanwhile: left out", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move", "Ferry late")
		r.exec(`UPDATE campaigns SET no_approval = 'send'`)
		hand, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: r.number(`SELECT id FROM articles WHERE title = 'Ferry late'`)}, "ed")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Start(t.Context(), hand.ID, "ed", false); err != nil {
			t.Fatal(err)
		}
		r.tick("2026-11-21 05:45")
		r.tick("2026-11-21 05:58")
		r.tick("2026-11-21 06:00")
		c = r.get(c.ID)
		r.want(c, Launched, "")
		if got := titles(c); !slices.Equal(got, []string{"Cranes move"}) {
			t.Errorf("nobody gets a story twice: %v", got)
		}
	})
}

// The same with a real feed: the publisher changes one story and takes another back, in the minutes before the send.
func TestRereadFromTheFeed(t *testing.T) {
	t.Parallel()
	item := func(name, title string) string {
		return `<item><guid isPermaLink="false">` + name + `</guid><title>` + title + `</title><link>URL/` + name + `</link>
			<description>What it means for everyone near it, in a sentence.</description><pubDate>Sat, 21 Nov 2026 03:00:00 GMT</pubDate></item>`
	}
	document := func(r *room, items ...string) {
		r.feed.Store(strings.ReplaceAll(`<?xml version="1.0"?><rss version="2.0"><channel><title>City</title><link>URL</link>`+strings.Join(items, "")+`</channel></rss>`,
			"URL", strings.Replace(r.site.URL, "127.0.0.1", "localhost", 1)))
	}
	r := newRoom(t, "2026-11-20 12:00")
	r.Development = true // its pages are on this machine
	r.digest("[clock]\nno_approval = \"send\"")
	document(r, item("cranes", "Cranes move"), item("ferry", "Ferry late"), item("market", "Market opens"))
	r.set("2026-11-21 04:30")
	if res, err := r.Articles.Poll(t.Context(), "city"); err != nil || res.New != 3 {
		t.Fatalf("%v %+v", err, res)
	}
	r.exec(`UPDATE articles SET created_at = $1`, r.now())
	r.tick("2026-11-21 05:45")
	if got := titles(r.edition("2026-11-21T07:00")); !slices.Equal(got, []string{"Cranes move", "Ferry late", "Market opens"}) {
		t.Fatalf("%v", got)
	}
	document(r, item("ferry", "Ferry on time after all"), item("market", "Market opens")) // and the page of the first is 404
	r.tick("2026-11-21 05:58")
	r.tick("2026-11-21 06:00")
	c := r.edition("2026-11-21T07:00")
	r.want(c, Launched, "")
	if got := titles(c); !slices.Equal(got, []string{"Ferry on time after all", "Market opens"}) {
		t.Errorf("%v", got)
	}
}

func TestMergeAndWithout(t *testing.T) {
	picked := render.Story{ArticleID: 1, Title: "A", Dek: "a", Image: &render.Image{URL: "https://example.org/a.jpg"}}
	mine := picked
	mine.Title = "Mine"
	now := picked
	now.Title, now.Dek, now.Image = "B", "b", nil
	if got := merge(mine, picked, now); got.Title != "Mine" || got.Dek != "b" || got.Image != nil {
		t.Errorf("%+v", got)
	}
	st := func(ids ...int64) (list []render.Story) {
		for _, id := range ids {
			list = append(list, render.Story{ArticleID: id})
		}
		return list
	}
	blocks := []render.Block{{Kind: "text"}, {Kind: "section", Title: "News", Stories: st(1, 2)}, {Kind: "appeal"}, {Kind: "section", Stories: st(3)}, {Kind: "section", Title: "Culture", Stories: st(4)}}
	for want, gone := range map[string]map[int64]bool{
		"text; News 2; appeal; . 3; Culture 4":   {1: true},
		"text; appeal; News 3; Culture 4":        {1: true, 2: true},
		"text; appeal; Culture 4":                {1: true, 2: true, 3: true},
		"text; News 1 2; appeal; Culture 4":      {3: true},
		"text; appeal":                           {1: true, 2: true, 3: true, 4: true},
		"text; News 1 2; appeal; . 3; Culture 4": {},
		"text; News 1 2; appeal; . 3":            {4: true},
	} {
		if got := sketch(without(blocks, gone)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
