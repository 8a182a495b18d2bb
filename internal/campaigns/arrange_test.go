package campaigns

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// sketch shows an edition's shape in one line: "lead 3; News 1 2; appeal; . 4".
func sketch(blocks []render.Block) string {
	var parts []string
	for _, b := range blocks {
		part := b.Kind
		switch {
		case b.Kind == render.KindSection && b.Title == "":
			part = "."
		case b.Kind == render.KindSection:
			part = b.Title
		case b.Lead:
			part = "lead"
		}
		for _, s := range b.Stories {
			part += fmt.Sprintf(" %d", s.ArticleID)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func TestArrange(t *testing.T) {
	published := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	story := func(id int64) render.Story {
		s := render.Story{ArticleID: id, Title: fmt.Sprintf("Story %d", id), Published: published.Add(-time.Duration(id) * time.Minute)}
		if id%3 == 0 {
			s.Image = &render.Image{URL: "https://example.org/p.jpg"}
		}
		if id == 4 {
			s.Tags = []string{"Front Page"}
			s.Published = published.Add(time.Hour)
		}
		return s
	}
	news := []render.Story{story(1), story(2), story(3), story(4)}
	culture := []render.Story{story(2), story(5), story(6)}
	list := subscribers.List{Name: "Morning", Language: "fr", Description: "What happened while the town slept, before breakfast."}
	day := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	appeal := &render.Appeal{VariantID: 1}

	for name, tc := range map[string]struct {
		change func(r *Recipe)
		found  [][]render.Story
		appeal *render.Appeal
		want   string
	}{
		"sections in order, a story once": {found: [][]render.Story{news, culture}, want: "lead 1; News 2 3; Culture 5 6"},
		"lead with a photo":               {func(r *Recipe) { r.Lead.Rule = "photo" }, [][]render.Story{news, culture}, nil, "lead 3; News 1 2; Culture 5 6"},
		"lead of a section":               {func(r *Recipe) { r.Lead = Lead{Rule: "photo", Section: "Culture"} }, [][]render.Story{news, culture}, nil, "lead 6; News 1 2; Culture 5"},
		"newest lead":                     {func(r *Recipe) { r.Lead.Rule = "newest" }, [][]render.Story{news, culture}, nil, "lead 4; News 1 2; Culture 5 6"},
		"lead by tag":                     {func(r *Recipe) { r.Lead = Lead{Rule: "tag", Tag: "front page"} }, [][]render.Story{news, culture}, nil, "lead 4; News 1 2; Culture 5 6"},
		"lead by a tag nobody has":        {func(r *Recipe) { r.Lead = Lead{Rule: "tag", Tag: "sport"} }, [][]render.Story{news, culture}, nil, "lead 1; News 2 3; Culture 5 6"},
		"lead of an empty section":        {func(r *Recipe) { r.Lead = Lead{Rule: "first", Section: "Culture"} }, [][]render.Story{news, nil}, nil, "lead 1; News 2 3"},
		"no lead":                         {func(r *Recipe) { r.Lead.Rule = "none" }, [][]render.Story{news, culture}, nil, "News 1 2; Culture 5 6"},
		"most stories overall":            {func(r *Recipe) { r.Stories.Max = 4 }, [][]render.Story{news, culture}, nil, "lead 1; News 2 3; Culture 5"},
		"too few for a section frees its stories": {func(r *Recipe) { r.Sections[0].Min, r.Sections[0].Max, r.Lead.Rule = 5, 9, "none" },
			[][]render.Story{news, culture}, nil, "Culture 2 5"},
		"intro":                   {func(r *Recipe) { r.Intro = "Hello" }, [][]render.Story{news, nil}, nil, "text; lead 1; News 2 3"},
		"appeal at the end":       {nil, [][]render.Story{news, culture}, appeal, "lead 1; News 2 3; Culture 5 6; appeal"},
		"appeal parts a section":  {func(r *Recipe) { r.Appeal.Place = "after 2" }, [][]render.Story{news, culture}, appeal, "lead 1; News 2; appeal; . 3; Culture 5 6"},
		"appeal between sections": {func(r *Recipe) { r.Appeal.Place = "after 3" }, [][]render.Story{news, culture}, appeal, "lead 1; News 2 3; appeal; Culture 5 6"},
		"appeal after the lead":   {func(r *Recipe) { r.Appeal.Place = "after 1" }, [][]render.Story{news, culture}, appeal, "lead 1; appeal; News 2 3; Culture 5 6"},
		"appeal past the end":     {func(r *Recipe) { r.Appeal.Place = "after 9" }, [][]render.Story{news, culture}, appeal, "lead 1; News 2 3; Culture 5 6; appeal"},
		"nothing":                 {nil, [][]render.Story{nil, nil}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ParseRecipe([]byte("name = \"M\"\nlist = \"m\"\n[[sections]]\ntitle = \"News\"\nmax = 2\n[[sections]]\ntitle = \"Culture\"\nmax = 2\n"))
			if err != nil {
				t.Fatal(err)
			}
			if tc.appeal != nil {
				r.Appeal = Appeal{Slug: "a", Place: "end"}
			}
			if tc.change != nil {
				tc.change(&r)
			}
			a := arrange(r, list, day, tc.found, tc.appeal, nil)
			if got := sketch(a.Blocks); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if n := len(storiesOf(a.Blocks)); a.count != n || a.short != (n == 0) {
				t.Errorf("count %d, short %t for %d stories", a.count, a.short, n)
			}
		})
	}
}

func TestTooFew(t *testing.T) {
	one := [][]render.Story{{{ArticleID: 1, Title: "One"}}}
	for policy, short := range map[string]bool{"skip": true, "shrink": false} {
		r := Recipe{Stories: Stories{Min: 3, Max: 5, TooFew: policy}, Sections: []Section{{Max: 3}}}
		if a := arrange(r, subscribers.List{}, time.Now(), one, nil, nil); a.short != short {
			t.Errorf("%s: short is %t", policy, a.short)
		}
		if a := arrange(r, subscribers.List{}, time.Now(), [][]render.Story{nil}, nil, nil); !a.short {
			t.Errorf("%s: an edition without stories is not short", policy)
		}
	}
}

func TestHeadings(t *testing.T) {
	list := subscribers.List{Name: "Matin", Language: "fr", Description: "L'essentiel de la nuit, choisi par la rédaction avant le petit-déjeuner."}
	day := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	stories := []render.Story{{Title: "Re: the\r\nharbour \u202e", Dek: "The cranes are moving again."}, {Title: "A second headline"}, {Title: strings.Repeat("Long words ", 20)}}
	subject, preheader := headings(Recipe{Subject: "{lead} – {date}, {list}, {count}", Preheader: "{also}"}, list, day, stories)
	if want := "the harbour – 22 novembre 2026, Matin, 3"; subject != want { // MSG-21
		t.Errorf("subject %q; want %q", subject, want)
	}
	if n := utf8.RuneCountInString(preheader); n < 40 || n > 110 || !strings.HasPrefix(preheader, "A second headline · Long words") || !strings.HasSuffix(preheader, "…") {
		t.Errorf("MSG-33: preheader of %d characters: %q", n, preheader)
	}
	_, preheader = headings(Recipe{Subject: "{lead}", Preheader: "{also}"}, list, day, stories[:1])
	if want := "The cranes are moving again. · L'essentiel"; !strings.HasPrefix(preheader, want) {
		t.Errorf("MSG-33: preheader %q; want %q…", preheader, want)
	}
	subject, _ = headings(Recipe{Subject: "{lead}", Preheader: "{also}"}, list, day, []render.Story{{Title: strings.Repeat("wörd ", 60)}})
	if n := utf8.RuneCountInString(subject); n > 150 {
		t.Errorf("subject of %d characters", n)
	}
}
