package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailer/internal/message"
)

// Whatever a reader's groups are, the mail reads as if what is left out had never been there: heading and stories together, no empty lines
// to spare, headings in order. What the browser shows has everything.
func TestGroups(t *testing.T) {
	templates, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	at := func(id int64, title string) Story {
		return Story{ArticleID: id, Title: title, Dek: "What it means: " + title, URL: fmt.Sprintf("https://www.lantern.example/%d", id)}
	}
	c := sample(TemplateDigest)
	c.Subject, c.Preheader = "The tide tables are wrong", ""
	c.Blocks = []Block{
		{Kind: KindText, Text: "Good morning."},
		{Kind: KindStory, Lead: true, Stories: []Story{at(1, "Lead story")}},
		{Kind: KindSection, Title: "Courts", Topic: "courts", Stories: []Story{at(2, "Judge speaks"), at(3, "Trial opens")}},
		{Kind: KindAppeal, Appeal: &Appeal{Heading: "Support us", Body: "Please.", Button: "Give", URL: "https://news.lantern.example/give/sample"}},
		{Kind: KindSection, Topic: "courts", Stories: []Story{at(4, "Appeal heard")}},
		{Kind: KindSection, Title: "Town", Stories: []Story{at(5, "Ferry late"), at(6, "Cranes move")}},
		{Kind: KindSection, Stories: []Story{at(7, "Last but one")}},
		{Kind: KindSection, Topic: "sport", Stories: []Story{at(8, "Rowers win")}},
	}
	c.Groups = Groups{Topics: map[string]int{"courts": 2, "sport": 31}, Stories: map[int64]int{3: 32, 5: 33, 6: 34}, Headings: map[int]int{5: 35}}
	marks := message.NewMarks("x")
	out, err := templates.Render(c, marks)
	if err != nil {
		t.Fatal(err)
	}
	d := draftOf(c, marks)
	d.HTML, d.Text = out.HTML, out.Text
	compiled, err := message.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	need := map[string]uint64{"Lead story": 0, "Judge speaks": 1 << 2, "Trial opens": 1<<2 | 1<<32, "Appeal heard": 1 << 2, "Ferry late": 1 << 33, "Cranes move": 1 << 34,
		"Last but one": 0, "Rowers win": 1 << 31, "Good morning.": 0, "Support us": 1 << 1, ">Courts<": 1 << 2, ">Town<": 1 << 35}
	bits := []uint64{1 << 1, 1 << 2, 1 << 31, 1 << 32, 1 << 33, 1 << 34, 1 << 35}
	for n := range 1 << len(bits) {
		var groups uint64
		for i, b := range bits {
			if n&(1<<i) != 0 {
				groups |= b
			}
		}
		if town := groups&(1<<33|1<<34) != 0; town != (groups&(1<<35) != 0) {
			continue // the heading goes with its stories; no delivery has other groups
		}
		html, text := marks.Strip(out.HTML, groups), marks.Strip(out.Text, groups)
		if strings.Contains(html, "&amp;amp;") {
			t.Fatal("escaped twice")
		}
		for what, mask := range need {
			want := groups&mask == mask
			plain := strings.Trim(what, "<>")
			if what[0] == '>' {
				plain += "\n="
			}
			if strings.Contains(html, what) != want || strings.Contains(text, plain) != want {
				t.Errorf("groups %b: %q is there: HTML %t, text %t; want %t", groups, what, strings.Contains(html, what), strings.Contains(text, plain), want)
			}
		}
		if strings.Contains(text, "\n\n\n") || strings.HasPrefix(text, "\n") {
			t.Errorf("groups %b: the text has two empty lines in a row:\n%s", groups, text)
		}
		for _, p := range CheckHTML(html) {
			if p.Rule == "heading" || p.Rule == "nesting" {
				t.Errorf("groups %b: %s: %s", groups, p.Rule, p.Detail)
			}
		}
		if _, err := compiled.Append(nil, &message.Reader{To: "a@example.com", MessageID: "x@example.org", LeaveToken: "t", PreferencesToken: "p", Groups: groups}); err != nil {
			t.Fatal(err)
		}
	}
	// The line beside the subject names only what every reader finds.
	line := strings.SplitN(strings.SplitN(out.HTML, "mso-hide:all\">", 2)[1], "&#847;", 2)[0]
	for what, mask := range need {
		if mask != 0 && what[0] != '>' && strings.Contains(line, what) {
			t.Errorf("the preheader %q names %q", line, what)
		}
	}
	if !strings.Contains(line, "Last but one") {
		t.Errorf("the preheader is %q", line)
	}
	if !slices.ContainsFunc([]string{out.Web}, func(s string) bool { return strings.Contains(s, "Trial opens") && strings.Contains(s, "Rowers win") }) {
		t.Error("the page for browsers lacks a story")
	}
}
