package render

import (
	"strings"
	"testing"
	"time"
)

// TestHostileBodies: a body of any shape is read in a time that grows with its length, and not with its square or worse. SEC-21
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	fill := func(s string) string { return strings.Repeat(s, maxBody/len(s)) }
	for name, body := range map[string]string{
		"figures in figures":                strings.Repeat("<figure>", 200) + "a",
		"figures around one caption":        strings.Repeat("<figure>", 200) + "<figcaption>a",
		"lines":                             fill("a<br>"),
		"one style in pieces":               fill("<b>a</b>"),
		"cells of one row":                  "<table><tr>" + fill("<td>a"),
		"a word without an end":             fill("a"),
		"a wide word without an end":        fill("漢"),
		"what looks like tags":              fill("<"),
		"links to one place":                fill("<a href=//a.example.org/>a</a> "),
		"items":                             "<ul>" + fill("<li>a"),
		"elements that are never closed":    fill("<i><b>"),
		"paragraphs within formatting":      fill("<b><p>a"),
		"tables in tables":                  fill("<table><tr><td>"),
		"captions":                          fill("<figure><img src=//a.example.org/a><figcaption>a</figcaption></figure>"),
		"a caption with many paragraphs":    "<figure><img src=//a.example.org/a><figcaption>" + fill("a<p>"),
		"attributes of one element":         "<p " + fill("a=b ") + ">a",
		"character references that are not": fill("&#"),
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				clean := SanitizeBody(body, storyBase)
				PlainText(clean)
				typesetter{column: column}.rows(foreignDocument(clean, nil))
			}()
			select {
			case <-done:
			case <-time.After(8 * time.Second):
				t.Errorf("%d kB are not read within 8 s", len(body)>>10)
			}
		})
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
