package campaigns

import (
	"fmt"
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/render"
)

// Which stories of those that some readers have had stand in groups of their own, and which headings.
func TestAllot(t *testing.T) {
	story := func(id int64) render.Story {
		return render.Story{ArticleID: id, Title: fmt.Sprintf("Headline number %d of the day", id)}
	}
	section := func(title string, ids ...int64) render.Block {
		b := render.Block{Kind: render.KindSection, Title: title}
		for _, id := range ids {
			b.Stories = append(b.Stories, story(id))
		}
		return b
	}
	lead := func(id int64) render.Block {
		return render.Block{Kind: render.KindStory, Lead: true, Stories: []render.Story{story(id)}}
	}
	appeal := render.Block{Kind: render.KindAppeal, Appeal: &render.Appeal{}}
	var many []int64
	for id := range int64(40) {
		many = append(many, id+1)
	}
	for name, tc := range map[string]struct {
		ct       content
		had      []int64
		stories  map[int64]int
		headings map[int]int
	}{
		"nothing had":                 {content{Blocks: []render.Block{lead(1), section("A", 2)}}, nil, nil, nil},
		"the lead stays":              {content{Blocks: []render.Block{lead(1), section("A", 2, 3)}}, []int64{1, 2}, map[int64]int{2: 32}, nil},
		"a heading goes with all":     {content{Blocks: []render.Block{lead(1), section("A", 2, 3)}}, []int64{2, 3}, map[int64]int{2: 32, 3: 33}, map[int]int{1: 34}},
		"a section without a heading": {content{Blocks: []render.Block{section("", 2)}}, []int64{2}, map[int64]int{2: 32}, nil},
		"what the subject names": {content{Subject: "Headline number 2 of the day, and more", Blocks: []render.Block{section("A", 2), section("B", 3)}},
			[]int64{2, 3}, map[int64]int{3: 32}, map[int]int{1: 33}},
		"what the preheader names": {content{Preheader: "Also: Headline number 3 of", Blocks: []render.Block{section("A", 2), section("B", 3)}},
			[]int64{2, 3}, map[int64]int{2: 32}, map[int]int{0: 33}},
		"a section parted by the appeal": {content{Blocks: []render.Block{section("A", 2), appeal, section("", 3), section("B", 4)}},
			[]int64{2, 3}, map[int64]int{2: 32, 3: 33}, map[int]int{0: 34}},
		"a part of it is for all": {content{Blocks: []render.Block{section("A", 2), appeal, section("", 3)}}, []int64{2}, map[int64]int{2: 32}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			had := map[int64]bool{}
			for _, id := range tc.had {
				had[id] = true
			}
			stories, headings := allot(tc.ct, had)
			if fmt.Sprint(stories) != fmt.Sprint(orEmpty(tc.stories)) || fmt.Sprint(headings) != fmt.Sprint(orEmpty(tc.headings)) {
				t.Errorf("stories %v, headings %v; want %v, %v", stories, headings, tc.stories, tc.headings)
			}
		})
	}

	// More stories than groups: those that find none stay, and a heading stays with them.
	for sections, ct := range map[int]content{
		1: {Blocks: []render.Block{section("A", many...)}},
		2: {Blocks: []render.Block{section("A", many[:31]...), section("B", many[31:]...)}},
		3: {Blocks: []render.Block{section("A", many[:30]...), section("B", many[30:]...)}},
		8: {Blocks: []render.Block{section("A", many[:29]...), section("B", many[29]), section("C", many[30:]...)}},
	} {
		had := map[int64]bool{}
		for _, id := range many {
			had[id] = true
		}
		g := grouping{}
		g.Stories, g.Headings = allot(ct, had)
		g.tell(ct)
		seen := map[int]bool{}
		for _, n := range g.Stories {
			if n < 32 || n > 62 || seen[n] {
				t.Errorf("%d sections: group %d is given twice, or beyond the last", sections, n)
			}
			seen[n] = true
		}
		for i, n := range g.Headings {
			if n < 32 || n > 62 || seen[n] {
				t.Errorf("%d sections: group %d of a heading is given twice, or beyond the last", sections, n)
			}
			seen[n] = true
			for _, st := range ct.Blocks[i].Stories {
				if g.Stories[st.ArticleID] == 0 {
					t.Errorf("%d sections: the heading of a story that stays may go", sections)
				}
			}
		}
		for i, b := range ct.Blocks {
			stays := false
			for _, st := range b.Stories {
				stays = stays || g.Stories[st.ArticleID] == 0
			}
			if !stays && g.Headings[i] == 0 {
				t.Errorf("%d sections: a heading may stand over nothing", sections)
			}
		}
		if len(seen) < 30 {
			t.Errorf("%d sections: only %d of 31 groups are used", sections, len(seen))
		}
		if g.stories != nil {
			t.Errorf("%d sections: some story stays, so everybody has one", sections)
		}
	}
}

func orEmpty[K comparable](m map[K]int) map[K]int {
	if m == nil {
		return map[K]int{}
	}
	return m
}

// What follows from the groups: what each story needs, what every story needs, and which stories a heading goes with.
func TestGroupingTells(t *testing.T) {
	block := func(kind, title, topic string, ids ...int64) render.Block {
		b := render.Block{Kind: kind, Title: title, Topic: topic}
		for _, id := range ids {
			b.Stories = append(b.Stories, render.Story{ArticleID: id})
		}
		return b
	}
	g := grouping{Groups: render.Groups{Topics: map[string]int{"courts": 2, "sport": 3}, Stories: map[int64]int{1: 32, 2: 33}, Headings: map[int]int{0: 34}}}
	ct := content{Blocks: []render.Block{block(render.KindSection, "A", "courts", 1, 2), block(render.KindSection, "B", "sport", 3)}}
	g.tell(ct)
	if want := []delivery.Heading{{Group: 1 << 34, Stories: 1<<32 | 1<<33}}; fmt.Sprint(g.heads) != fmt.Sprint(want) {
		t.Errorf("headings %v", g.heads)
	}
	if fmt.Sprint(g.stories) != fmt.Sprint([]uint64{1 << 3, 1<<2 | 1<<32, 1<<2 | 1<<33}) || g.common != 0 {
		t.Errorf("stories %b, common %b", g.stories, g.common)
	}
	for groups, want := range map[uint64]bool{0: false, 1 << 3: true, 1 << 2: false, 1<<2 | 1<<33: true, 1<<33 | 1<<32: false} {
		if g.reaches(groups) != want {
			t.Errorf("groups %b reach: %t", groups, !want)
		}
	}
	if g.topics() != 1<<2|1<<3 || g.switched() != 1<<32|1<<33|1<<34 {
		t.Errorf("topics %b, switched %b", g.topics(), g.switched())
	}
}
