package articles

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mailer/internal/errs"
)

// A file may be four times as large, and no more than four times as much work; what is worse than linear shows in the memory
// that is turned over. Not parallel: that is counted for the whole process.
func TestWorkGrowsWithTheFile(t *testing.T) {
	for name, of := range map[string]func(n int) (file, text string){
		"one paragraph of many lines": func(n int) (string, string) {
			return "a.txt", "A title\n\n" + strings.Repeat("some words in lower case\n", n)
		},
		"many meta tags": func(n int) (string, string) {
			return "a.html", "<title>A title</title>" + strings.Repeat(`<meta name="author" content="Jane Roe">`, n) + "<h1>A title</h1><p>Text.</p>"
		},
	} {
		turnedOver := func(n int) uint64 {
			file, text := of(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := ParseFile(file, []byte(text), Overrides{Now: testNow}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		if small, large := turnedOver(1000), turnedOver(4000); large > 7*small {
			t.Errorf("%s: %d bytes of memory for a file, %d for one four times as long", name, small, large)
		}
	}
}

// Front matter that would keep the machine busy for minutes is refused before it is read.
func TestFrontMatterLimits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"large YAML":         {"---\ntitle: x\nauthor: " + strings.Repeat("Jane Roe and ", 6000) + "\n---\ntext", "larger than 64 kB"},
		"large TOML":         {"+++\ntitle = '" + strings.Repeat("x", 70_000) + "'\n+++\ntext", "larger than 64 kB"},
		"TOML a.b.c":         {"+++\n" + strings.Repeat("a.", 30_000) + "b = 1\n+++\ntext", "full stops"},
		"TOML {a = {a = {":   {"+++\na = " + strings.Repeat("{a = ", 10_000) + "1\n+++\ntext", "tables in braces"},
		"TOML, over n lines": {"+++\na = " + strings.Repeat("{\na = ", 10_000) + "1\n+++\ntext", "tables in braces"},
	} {
		_, err := ParseFile("a.md", []byte(tc.text), Overrides{Now: testNow})
		if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
	}
}

// The head of a page is its first sixty lines; a byline is a line, and not a chapter.
func TestHeadLimits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ units, lines, want int }{
		"short":      {10, 1, 10},
		"many units": {100, 1, maxHeader},
		"long units": {100, 7, 9},
		"one unit":   {3, 500, 1},
	} {
		units := make([]unit, tc.units)
		for i := range units {
			units[i].lines = tc.lines
		}
		if got := headerEnd(units); got != tc.want {
			t.Errorf("%s: the head ends at unit %d; want %d", name, got, tc.want)
		}
	}
	text := "A title\n\n" + strings.Repeat("June 3, 2026\n", 70) + "By Jane Roe\n\nThe bridge is closed, and nobody in the town knows for how long it will be.\n"
	p, err := ParseFile("a.txt", []byte(text), Overrides{Now: testNow, NoAppeal: true})
	if err != nil || len(p.Story.Authors) != 0 {
		t.Errorf("a byline in line 72 makes %s the author, %v", show(p.Story.Authors), err)
	}
	long := "By " + strings.Repeat("Jane Roe, Professor of Law; ", 1000)
	if k := (lineReader{now: testNow}).kindOfUnit(unit{text: long}); k != isText {
		t.Errorf("a line of %d octets is of kind %d; want a text", len(long), k)
	}
	if got := parseByline(strings.Repeat("é", maxByline)); len(got) != 1 || strings.ContainsRune(got[0].Name, '\ufffd') {
		t.Errorf("a byline that is cut has broken characters: %s", show(got))
	}
	if got := len(parseByline(strings.Repeat("Jane Roe; ", maxByline/10) + "John Doe")); got != 1 {
		t.Errorf("%d authors; want the one within the first %d octets", got, maxByline)
	}
}

// The list of other stories is found where it begins, and not where something of the story follows.
func TestOtherStories(t *testing.T) {
	t.Parallel()
	of := func(texts ...string) (units []unit) {
		for i := range 12 {
			units = append(units, unit{text: fmt.Sprintf("Paragraph %d of the story ends with a full stop.", i)})
		}
		for _, s := range texts {
			units = append(units, unit{text: s})
		}
		return units
	}
	for want, units := range map[int][]unit{
		12: of("Read next", "Another headline", "Latest news", "Yet another headline"),
		14: of("Read next", "This is the story still.", "Latest news", "Yet another headline"),
		-1: of("Latest news", "A headline", "And the last paragraph of the story."),
		13: of("Support our newsroom", "Latest news", "A headline"),
	} {
		if got := otherStories(units); got != want {
			t.Errorf("%v: other stories from %d on; want %d", units[12:], got, want)
		}
	}
}

// nodeTextTo stops; that the byline of a page ends before its story does is what keeps bylines within bylines cheap.
func TestNodeTextTo(t *testing.T) {
	t.Parallel()
	doc, err := html.Parse(strings.NewReader(strings.Repeat("<p>0123456789</p>", 100)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(nodeTextTo(doc, 50)); n < 50 || n > 100 {
		t.Errorf("%d octets; want hardly more than 50", n)
	}
}
