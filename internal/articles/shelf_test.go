package articles

import (
	"fmt"
	"slices"
	"testing"

	"mailer/internal/errs"
)

func TestShelf(t *testing.T) {
	store, _ := setup(t)
	ctx, shelf := t.Context(), NewShelf(store)
	// Seven stories, of which three appeared in the same second, in two sections written in two ways.
	_, err := store.db.Exec(`INSERT INTO articles (guid, url, title, dek, section, image, published_at, content_hash)
		SELECT g::text, 'https://www.example.org/' || g, 'Story ' || g, 'About 100% of _things_ and \slashes', CASE g % 3 WHEN 0 THEN 'City' WHEN 1 THEN 'city' ELSE 'World' END,
			CASE g WHEN 7 THEN '{"url": "https://www.example.org/7.jpg"}'::jsonb END, '2026-11-20 07:00Z'::timestamptz + CASE WHEN g <= 3 THEN '0' ELSE g * interval '1 hour' END, '\x00'
		FROM generate_series(1, 7) g`)
	if err != nil {
		t.Fatal(err)
	}
	names := func(l Look) (list []string) {
		t.Helper()
		for pages := 0; ; pages++ {
			p, err := shelf.Stories(ctx, l)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Stories) > max(l.Limit, 1) && l.Limit > 0 || pages > 10 {
				t.Fatalf("a page of %d stories; %d were asked for", len(p.Stories), l.Limit)
			}
			for _, s := range p.Stories {
				list = append(list, s.Title)
			}
			if l.After = p.Next; p.Next == "" {
				return list
			}
		}
	}
	newest := []string{"Story 7", "Story 6", "Story 5", "Story 4", "Story 3", "Story 2", "Story 1"}
	for name, tc := range map[string]struct {
		look Look
		want []string
	}{
		"newest first":              {Look{}, newest},
		"in pages, none twice":      {Look{Limit: 2}, newest},
		"one at a time":             {Look{Limit: 1}, newest},
		"of a section, in any case": {Look{Section: "CITY"}, []string{"Story 7", "Story 6", "Story 4", "Story 3", "Story 1"}},
		"all of the words":          {Look{Text: " story  5 "}, newest[2:3]},
		"a percent sign is one":     {Look{Text: "100% of"}, newest},
		"and nothing else":          {Look{Text: "1%0"}, nil},
		"an underscore, a slash":    {Look{Text: `_things_ \slash`}, newest},
		"SEC-09 no quotation":       {Look{Text: `' OR 1=1 --`, Section: `'; DROP TABLE articles`}, nil},
		"SEC-09 no NUL":             {Look{Text: "Sto\x00ry 5\xff"}, newest[2:3]},
	} {
		t.Run(name, func(t *testing.T) {
			if got := names(tc.look); !slices.Equal(got, tc.want) {
				t.Errorf("got %q; want %q", got, tc.want)
			}
		})
	}
	if p, err := shelf.Stories(ctx, Look{Limit: 1}); err != nil || p.Stories[0].Image == nil || p.Stories[0].Image.URL != "https://www.example.org/7.jpg" {
		t.Errorf("the image: %+v, %v", p.Stories, err)
	}
	for _, after := range []string{"x", "1", "-1-1", "1-x", "99999999999999999999-1", "9223372036854775807-1", "1;2"} {
		if _, err := shelf.Stories(ctx, Look{After: after}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("after %q: %v", after, err)
		}
	}
	if _, err := shelf.Stories(ctx, Look{Text: fmt.Sprintf("%0201d", 1)}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a long search: %v", err)
	}
	if got, err := shelf.Sections(ctx); err != nil || len(got) != 2 || got[1] != "World" {
		t.Errorf("sections: %q, %v", got, err)
	}
}
