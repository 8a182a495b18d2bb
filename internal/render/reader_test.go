package render

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"mailer/internal/message"
)

func TestFallbacks(t *testing.T) {
	t.Parallel()
	c := sample(TemplateDigest)
	c.Blocks[0].Text = "Good morning, {name|dear R&D reader}, and {name}."
	for name, want := range map[string]string{ // MSG-35
		"":                      "Good morning, dear R&D reader, and reader.",
		"Ada":                   "Good morning, Ada, and Ada.",
		"Zoë O'Neil":            "Good morning, Zoë O'Neil, and Zoë O'Neil.",
		"<b>x</b>":              "Good morning, dear R&D reader, and reader.",
		"{{x}}":                 "Good morning, dear R&D reader, and reader.",
		"%s":                    "Good morning, dear R&D reader, and reader.",
		"*|FNAME|*":             "Good morning, dear R&D reader, and reader.",
		"Ann & Bob":             "Good morning, Ann & Bob, and Ann & Bob.",
		"https://spam.example/": "Good morning, dear R&D reader, and reader.",
	} {
		t.Run("MSG-35 "+name, func(t *testing.T) {
			t.Parallel()
			s := send(t, c, message.Reader{To: "r@example.org", MessageID: "f@news.lantern.example", LeaveToken: leaveToken, Name: name, Groups: everyone})
			if got := visible(t, s.html); !strings.Contains(got, want) {
				t.Errorf("the HTML lacks %q", want)
			}
			if !strings.Contains(flat(s.text), want) {
				t.Errorf("the text lacks %q:\n%s", want, s.text[:300])
			}
			if strings.Contains(s.html+s.text, "{name") {
				t.Error("a placeholder is left")
			}
		})
	}
}

func TestUnknownPlaceholders(t *testing.T) {
	t.Parallel()
	for _, hole := range []string{"{nam}", "{Name}", "{{name}}", "{{ .FirstName }}", "{first_name|you}", "*|FNAME|*", "%%FIRST%%", "{name|a|b}"} {
		t.Run("MSG-35 "+hole, func(t *testing.T) {
			t.Parallel()
			for what, change := range map[string]func(*Content){
				"text":    func(c *Content) { c.Blocks[0].Text = "Hello " + hole },
				"appeal":  func(c *Content) { c.Blocks[3].Appeal.Body = "Hello **" + hole + "**" },
				"button":  func(c *Content) { c.Blocks[3].Appeal.Button = hole },
				"subject": func(c *Content) { c.Subject = hole },
			} {
				if what == "subject" && !strings.Contains(hole, "{{") && !strings.Contains(hole, "|*") && !strings.Contains(hole, "%%") {
					continue // may be a headline with braces
				}
				c := sample(TemplateDigest)
				change(&c)
				if _, err := builtin.Render(c, message.NewMarks("x")); err == nil {
					t.Errorf("%s: %s was let through", what, hole)
				}
			}
		})
	}
	named := sample(TemplateDigest)
	named.Subject = "Good morning, {name|reader}"
	if _, err := builtin.Render(named, message.NewMarks("x")); err == nil {
		t.Error("MSG-35 a subject with {name} was let through")
	}
	c := sample(TemplateDigest) // what only looks like one, and code
	c.Subject = "What the set {x} means"
	c.Blocks[0].Text = "In {2026} a set {1, 2} of `{{x}}` and 100%."
	if _, err := builtin.Render(c, message.NewMarks("x")); err != nil {
		t.Error(err)
	}
}

// TestNothingPersonal: two readers' mails differ in nothing but the name and the token to leave. MSG-37
func TestNothingPersonal(t *testing.T) {
	t.Parallel()
	for _, template := range []string{TemplateDigest, TemplateStory} {
		c := sample(template)
		one := send(t, c, message.Reader{To: "a@example.org", MessageID: "a@news.lantern.example", LeaveToken: "AAAA", PreferencesToken: "AAAAPPPP", Name: "Ada", Groups: everyone})
		two := send(t, c, message.Reader{To: "b@example.org", MessageID: "b@news.lantern.example", LeaveToken: "BBBB", PreferencesToken: "BBBBPPPP", Name: "Bob", Groups: everyone})
		same := func(s string) string {
			return strings.NewReplacer("AAAA", "", "BBBB", "", "Ada", "", "Bob", "").Replace(s)
		}
		if same(one.html) != same(two.html) || same(one.text) != same(two.text) {
			t.Errorf("MSG-37 %s: the mails of two readers differ in more than name and link to leave", template)
		}
		for _, src := range regexp.MustCompile(`<img [^>]*>`).FindAllString(one.html, -1) {
			if strings.Contains(src, "AAAA") || strings.Contains(src, `width="1"`) {
				t.Errorf("MSG-37 %s counts readers", src)
			}
		}
	}
}

// TestForBrowsers: the page that "view in browser" leads to has nothing of a reader. MSG-38
func TestForBrowsers(t *testing.T) {
	t.Parallel()
	for name, c := range contents() {
		marks := message.NewMarks("secret")
		out, err := builtin.Render(c, marks)
		if err != nil {
			t.Fatal(err)
		}
		tag := strings.TrimSuffix(marks.Open(0), "o0z")
		if strings.Contains(out.Web, tag) || strings.Contains(out.Web, c.LeaveBase) || strings.Contains(out.Web, c.PreferencesBase) || c.ViewURL != "" && strings.Contains(out.Web, c.ViewURL) {
			t.Errorf("MSG-38 %s: the page for browsers has a mark or a personal link", name)
		}
		if !strings.Contains(out.HTML, tag) && !c.Proof {
			t.Errorf("%s: the mail has no mark; this test would not notice one", name)
		}
		if !strings.Contains(out.Web, `<meta name="robots" content="noindex">`) {
			t.Errorf("%s: search engines may keep the page for browsers", name)
		}
	}
}

// TestProof: a proof says what it is, in both parts, and its link to leave does nothing. MSG-39
func TestProof(t *testing.T) {
	t.Parallel()
	for _, template := range []string{TemplateDigest, TemplateStory} {
		c := sample(template)
		c.Proof = true
		marks := message.NewMarks("x")
		out, err := builtin.Render(c, marks)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.HTML, "This is a test copy") || !strings.Contains(flat(out.Text), "This is a test copy") {
			t.Errorf("MSG-39 %s: a proof does not say so", template)
		}
		if strings.Contains(out.HTML+out.Text, c.LeaveBase+marks.Slot(message.SlotLeave, proofToken)) ||
			strings.Contains(out.HTML+out.Text, c.PreferencesBase+marks.Slot(message.SlotPreferences, proofToken)) {
			t.Errorf("MSG-39 %s: a proof has a working link to leave, or to the preferences", template)
		}
		if !strings.Contains(out.HTML, c.LeaveBase+proofToken) || !strings.Contains(out.Text, c.LeaveBase+proofToken) {
			t.Errorf("MSG-39 %s: a proof shows no link to leave", template)
		}
		c.Proof = false
		if out, _ := builtin.Render(c, marks); strings.Contains(out.HTML+out.Text, "test copy") {
			t.Errorf("MSG-39 %s: a mail says it is a proof", template)
		}
	}
}

// TestInertContent: what a hostile feed says stands there as text. MSG-36
func TestInertContent(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"digest of ", "mail of "} {
		s := send(t, contents()[kind+"MSG-36 markup"], message.Reader{})
		root, err := html.Parse(strings.NewReader(s.html))
		if err != nil {
			t.Fatal(err)
		}
		if find(root, atom.Script) != nil || strings.Contains(s.html, "<style>*") {
			t.Errorf("MSG-36 %sa script or style came through", kind)
		}
		var walk func(*html.Node)
		walk = func(n *html.Node) {
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("MSG-36 %s<%s %s> came through", kind, n.Data, a.Key)
				}
			}
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c)
			}
		}
		walk(root)
		if !strings.Contains(visible(t, s.html), `<img src=x onerror="alert(1)">`) {
			t.Errorf("MSG-36 %sthe headline is not shown as it was written", kind)
		}
		for name, limit := range map[string]int{"MSG-36 a title of 1 MB": 40_000, "MSG-36 one long word": 40_000} {
			if n := len(send(t, contents()[kind+name], message.Reader{}).raw); n > limit {
				t.Errorf("%s%s makes a mail of %d octets", kind, name, n)
			}
		}
	}
}

func TestPreheader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a word ", 40)
	for name, tc := range map[string]struct {
		change func(*Content)
		want   string
	}{
		"MSG-33 made of the headlines": {func(c *Content) {
			c.Blocks = []Block{{Kind: KindSection, Title: "All", Stories: []Story{{Title: c.Subject}, {Title: "A second story about ferries"}, {Title: "A third about bread and butter"}}}}
		}, "A second story about ferries · A third about bread and butter"},
		"MSG-33 of a story its dek": {func(c *Content) {
			*c = sample(TemplateStory)
			c.Blocks = c.Blocks[1:2]
		}, "For ninety years the town has set its clocks by a printed book. Now the book is a hand’s breadth short."},
		"MSG-33 the editor's own":   {func(c *Content) { c.Preheader = "Why the printed book is a hand short, and who knew." }, "Why the printed book is a hand short, and who knew."},
		"MSG-33 too short: filled":  {func(c *Content) { c.Preheader = "Short." }, "Short. · Two ferries, one timetable · For ninety years the town has set its clocks by a printed book. Now…"},
		"MSG-33 too long: cut":      {func(c *Content) { c.Preheader = long }, cut(strings.TrimSpace(long), longestLine)},
		"MSG-33 nothing to tell of": {func(c *Content) { c.Blocks = nil }, "The Lantern · Friday 20 November 2026 · You receive this because you subscribed to The Lantern."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sample(TemplateDigest)
			tc.change(&c)
			p, err := campaignPage(c, message.NewMarks("x"))
			if err != nil {
				t.Fatal(err)
			}
			if p.Preheader != tc.want {
				t.Errorf("preheader %q; want %q", p.Preheader, tc.want)
			}
			if n := utf8.RuneCountInString(p.Preheader); n < shortestLine || n > longestLine {
				t.Errorf("it has %d characters", n)
			}
		})
	}
}

func TestLetter(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Letter){
		"sample": func(*Letter) {}, "no button": func(c *Letter) { c.Button, c.URL = "", "" },
		"French": func(c *Letter) { c.List.Language = "fr" }, "dark": func(c *Letter) { c.List.Paper = "#000000" },
		"leave": func(c *Letter) { c.LeaveURL = "https://news.lantern.example/u/sample" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sampleLetter()
			change(&c)
			out, err := builtin.Letter(c)
			if err != nil {
				t.Fatal(err)
			}
			d := draftOf(sample(TemplateDigest), nil)
			d.Bulk, d.AutoSubmitted, d.HTML, d.Text = false, true, out.HTML, out.Text
			s := build(t, d, message.Reader{})
			for _, p := range CheckHTML(s.html, hosts...) {
				t.Errorf("%s: %s", p.Rule, p.Detail)
			}
			for _, w := range []string{c.URL, c.LeaveURL, c.List.LegalName, "12 Quay Street", c.Heading, c.Paragraphs[0], c.Note} {
				if !strings.Contains(s.html, w) || !strings.Contains(flat(s.text), w) {
					t.Errorf("a part lacks %q", w)
				}
			}
			if strings.Contains(s.html+s.text, "/u/") != (c.LeaveURL != "") {
				t.Error("there is a link to leave what was not subscribed to yet, or none where one was asked for")
			}
		})
	}
}

// TestLocalhost: on a developer's machine links lead there, and nothing else that is not https comes through.
func TestLocalhost(t *testing.T) {
	t.Parallel()
	c := sample(TemplateDigest)
	c.ViewURL, c.LeaveBase = "http://localhost:8025/v/x", "http://localhost:8025/u/"
	c.Blocks[1].Stories[0].URL, c.Blocks[1].Stories[0].Image.URL = "http://localhost:9000/story", "http://localhost:9000/a.jpg"
	c.Blocks[3].Appeal.URL = "http://localhost:8025/give/x"
	s := send(t, c, message.Reader{To: "r@example.org", MessageID: "f@news.lantern.example", LeaveToken: leaveToken, Groups: everyone})
	for _, want := range []string{`href="http://localhost:9000/story"`, `src="http://localhost:9000/a.jpg"`, `href="http://localhost:8025/give/x"`} {
		if !strings.Contains(s.html, want) {
			t.Errorf("the mail lacks %s", want)
		}
	}
	problems := CheckHTML(s.html)
	if len(problems) == 0 || slices.ContainsFunc(problems, func(p Problem) bool { return p.Rule != "localhost" }) {
		t.Errorf("problems: %v; want localhost and nothing else", problems)
	}
}
