package render

import (
	"strings"
	"testing"
	"time"
)

// TestHostileBodies: a body of any shape is read in a time that grows with its length, and not with its square. SEC-21
func TestHostileBodies(t *testing.T) {
	for name, body := range map[string]struct{ head, part string }{
		"lines":                          {"", "a<br>"},
		"one style in pieces":            {"", "<b>a</b>"},
		"cells of one row":               {"<table><tr>", "<td>a"},
		"a word without an end":          {"", "a"},
		"a caption with many paragraphs": {"<figure><img src=//a.example.org/a><figcaption>", "a<p>"},
	} {
		t.Run(name, func(t *testing.T) {
			took := func(size int) time.Duration {
				text := body.head + strings.Repeat(body.part, size/len(body.part))
				start := time.Now()
				PlainText(SanitizeBody(text, storyBase))
				return time.Since(start)
			}
			short, long := took(64<<10), took(512<<10)
			// Eight times the length: eight times the time, or 64. Something else may have been busy meanwhile.
			for try := 0; try < 3 && long > 24*short+100*time.Millisecond; try++ {
				short, long = max(short, took(64<<10)), min(long, took(512<<10))
			}
			if long > 24*short+100*time.Millisecond {
				t.Errorf("64 kB take %s, and 512 kB %s", short, long)
			}
		})
	}
}

// TestNestedFigures: figures in figures are read once each, and not twice as often at each level. SEC-21
func TestNestedFigures(t *testing.T) {
	t.Parallel()
	for _, caption := range []string{"", "<figcaption>"} {
		if got := SanitizeBody(strings.Repeat("<figure>", 200)+caption+"a", storyBase); got != "<p>a</p>\n" {
			t.Errorf("%q", got)
		}
	}
}

// TestFigureWithoutPicture: a figure whose picture cannot be shown keeps its words, once.
func TestFigureWithoutPicture(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<figure><img src=javascript:a><p>one</p><figcaption>two</figcaption></figure>":                  "<p>one</p>\n<p>two</p>\n",
		"<figure><div><p>one</p><figcaption>two</figcaption></div></figure>":                             "<p>one</p>\n<p>two</p>\n",
		"<figure><figure><figure>one<figcaption>two</figcaption></figure></figure></figure><p>three</p>": "<p>one</p>\n<p>two</p>\n<p>three</p>\n",
	} {
		if got := SanitizeBody(in, storyBase); got != want {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}
