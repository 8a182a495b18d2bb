package campaigns

import (
	"slices"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

func TestListing(t *testing.T) {
	r := newRoom(t, "2026-11-22 06:00")
	ctx, l := t.Context(), NewListing(r.Service)
	other, err := r.Lists.CreateList(ctx, subscribers.List{Slug: "evening", Name: "Evening", FromName: "x", FromAddress: "x@example.org", EnvelopeDomain: "bounce.example.org", Language: "en", TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	r.exec(`INSERT INTO campaigns (list_id, edition, name, template, state)
		SELECT CASE WHEN g % 10 = 0 THEN $2::bigint ELSE $1::bigint END, 'manual-' || g, 'Campaign ' || g, 'digest', CASE WHEN g % 7 = 0 THEN 'held' WHEN g % 7 = 1 THEN 'skipped' ELSE 'draft' END
		FROM generate_series(1, 60) g`, r.list.ID, other.ID)
	walk := func(f ListFilter) (ids []int64) {
		t.Helper()
		for {
			list, more, err := l.Campaigns(ctx, f)
			if err != nil || len(list) > f.Limit {
				t.Fatalf("%d campaigns, %v", len(list), err)
			}
			for _, c := range list {
				ids = append(ids, c.ID)
			}
			if !more {
				return ids
			}
			f.BeforeID = ids[len(ids)-1]
		}
	}
	both := []int64{r.list.ID, other.ID}
	all := walk(ListFilter{Lists: both, Limit: 7})
	if !slices.IsSortedFunc(all, func(a, b int64) int { return int(b - a) }) || len(slices.Compact(all)) != 60 {
		t.Errorf("all in pages: %v", all)
	}
	for name, tc := range map[string]struct {
		f    ListFilter
		want int
	}{
		"one list":       {ListFilter{Lists: both[1:], Limit: 4}, 6},
		"no list":        {ListFilter{Limit: 4}, 0},
		"a state":        {ListFilter{Lists: both, State: Held, Limit: 4}, 8},
		"still to go":    {ListFilter{Lists: both, State: AnyWaiting, Limit: 20}, 51},
		"list and state": {ListFilter{Lists: both[:1], State: Skipped, Limit: 4}, 8},
	} {
		if got := walk(tc.f); len(got) != tc.want {
			t.Errorf("%s: %d campaigns; want %d", name, len(got), tc.want)
		}
	}
	if _, _, err := l.Campaigns(ctx, ListFilter{Lists: both, State: "draft' OR 1=1"}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("SEC-09 a state that there is none of: %v", err)
	}
}

func TestLastMailedAndGlance(t *testing.T) {
	r := newRoom(t, "2026-11-20 07:00")
	ctx, l := t.Context(), NewListing(r.Service)
	r.reader("ada@example.org", false)
	a, b := r.story("Harbour", "2026-11-20 06:00"), r.story("Tram", "2026-11-20 06:30")
	mail := func(at string, article int64) Campaign {
		t.Helper()
		r.set(at)
		c, err := r.CreateStory(ctx, NewStory{List: "morning", ArticleID: article, Appeal: "autumn"}, "test")
		if err == nil {
			c, err = r.Start(ctx, c.ID, "test", true)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	mail("2026-11-20 08:00", a)
	second := mail("2026-11-21 08:00", a)
	r.set("2026-11-22 08:00")
	draft, err := r.CreateStory(ctx, NewStory{List: "morning", ArticleID: b, Appeal: "autumn"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	last := func(lists []int64, except int64) map[int64]Mailed {
		t.Helper()
		m, err := l.LastMailed(ctx, []int64{a, b}, lists, except)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	mine := []int64{r.list.ID}
	if m := last(mine, 0); len(m) != 1 || m[a].Campaign != second.ID || m[a].At.Format("2006-01-02") != "2026-11-21" || m[a].ListID != r.list.ID {
		t.Errorf("last mailed: %+v", m)
	}
	if m := last(mine, second.ID); m[a].At.Format("2006-01-02") != "2026-11-20" {
		t.Errorf("but for the last: %+v", m)
	}
	if m := last([]int64{r.list.ID + 1}, 0); len(m) != 0 {
		t.Errorf("of another list: %+v", m)
	}
	// A mail that nobody was sent does not count.
	if err := r.Delivery.Cancel(ctx, second.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if m := last(mine, 0); m[a].Campaign == second.ID {
		t.Errorf("a mail that was taken back counts: %+v", m)
	}

	const ask = "Keep the harbour lights on"
	for name, tc := range map[string]struct {
		reader Reader
		appeal bool
	}{"a reader": {Reader{}, true}, "a supporter": {Reader{Supporter: true}, false}, "a topic that no block has": {Reader{TopicsOff: []string{"nosuch"}}, true}} {
		g, err := l.Glance(ctx, draft.ID, tc.reader)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(g.HTML, ask) != tc.appeal || strings.Contains(g.Text, ask) != tc.appeal || !strings.Contains(g.HTML, "Body of the story") || g.Nothing || g.Version != draft.Version || g.HTMLSize < 1000 {
			t.Errorf("%s: appeal %v, %d bytes, nothing %v", name, strings.Contains(g.HTML, ask), g.HTMLSize, g.Nothing)
		}
	}
}
