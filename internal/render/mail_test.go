package render

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"mailer/internal/message"
)

// TestEveryMail checks every fixture by all rules that hold for every mail, for those who get the appeal and those who do not.
func TestEveryMail(t *testing.T) {
	t.Parallel()
	for name, c := range contents() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, groups := range []uint64{everyone, supporters} {
				s := send(t, c, message.Reader{To: "r@example.org", MessageID: "f@news.lantern.example", LeaveToken: leaveToken, PreferencesToken: preferencesToken, Groups: groups})
				// MSG-26 MSG-27 MSG-28 MSG-29 MSG-30 MSG-31 MSG-32 MSG-33
				for _, p := range CheckHTML(s.html, hosts...) {
					t.Errorf("%s: %s", p.Rule, p.Detail)
				}
				for _, p := range CheckHTML(s.web, hosts...) {
					t.Errorf("for browsers: %s: %s", p.Rule, p.Detail)
				}
				checkText(t, c, s, groups == everyone)
				checkFooter(t, c, s)
				checkWithoutImages(t, c, s)
				if len(s.html) > message.HTMLWarning {
					t.Errorf("MSG-24 the HTML has %d octets", len(s.html))
				}
				if tag := strings.TrimSuffix(message.NewMarks("fixture").Open(0), "o0z"); strings.Contains(s.html+s.text+s.web, tag) {
					t.Error("a mark is left")
				}
			}
		})
	}
}

var (
	tagText    = regexp.MustCompile(`</?[a-z][a-z0-9]*(?: [^<>]*)?>`)
	entityText = regexp.MustCompile(`&(?:[a-z]+|#\d+);`)
)

// checkText: the text part is the real content. MSG-23
func checkText(t *testing.T, c Content, s sent, appeal bool) {
	t.Helper()
	want := []string{c.List.LegalName, flat(c.List.PostalAddress), c.List.Contact, c.LeaveBase}
	ours := true // what stands in titles and deks is ours and has no markup
	for _, b := range c.Blocks {
		for _, st := range b.Stories {
			ours = ours && !strings.ContainsAny(st.Title+st.Dek, "<&")
			want = append(want, flat(plainLine(st.Title, maxTitle)), cleanURL(st.URL, nil), strings.TrimSuffix(flat(plainLine(st.Dek, maxDek)), "…"))
		}
		if b.Appeal != nil && appeal {
			want = append(want, b.Appeal.Heading, b.Appeal.URL)
		}
		if b.Appeal != nil && !appeal && strings.Contains(s.text+s.html, b.Appeal.URL) {
			t.Error("a supporter gets the appeal")
		}
	}
	joined := flat(s.text)
	for _, w := range want {
		if !strings.Contains(joined, w) && !strings.Contains(strings.ReplaceAll(joined, " ", ""), strings.ReplaceAll(w, " ", "")) {
			t.Errorf("MSG-23 the text part lacks %.80q", w)
		}
	}
	if tag := tagText.FindString(s.text); tag != "" && ours {
		t.Errorf("MSG-23 the text part has the tag %s", tag)
	}
	if entity := entityText.FindString(s.text); entity != "" && ours {
		t.Errorf("MSG-23 the text part has the entity %s", entity)
	}
	for line := range strings.Lines(s.text) {
		if line = strings.TrimRight(line, "\n"); columnsOf(line) > 78 && strings.Contains(strings.TrimLeft(line, "[]> 0123456789"), " ") {
			t.Errorf("MSG-23 a line of %d columns: %.90q", columnsOf(line), line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("a line ends in a space: %q", line)
		}
	}
	if strings.Contains(s.text, "\n\n\n") {
		t.Error("the text part has two empty lines in a row")
	}
}

// apart is the room between the link to leave and the one to the preferences: seven blanks, which are 24 pixels or more at 13.
var apart = regexp.MustCompile(`(Unsubscribe|Se désabonner|Préférences|Preferences)</a>(&nbsp;|\x{a0}){7} <a [^>]*>(Unsubscribe|Se désabonner|Preferences|Préférences)</a>`)

// checkFooter: who sends this, why, and how to leave, in both parts; leaving also near the top. MSG-34
func checkFooter(t *testing.T, c Content, s sent) {
	t.Helper()
	text := visible(t, s.html)
	reason := c.List.Reason
	if reason == "" {
		reason = c.List.Name
	}
	for part, said := range map[string]string{"HTML": text, "text": flat(s.text)} {
		for _, w := range []string{c.List.LegalName, "12 Quay Street", "Sandholm 4410", c.List.Contact, reason} {
			if !strings.Contains(said, w) {
				t.Errorf("MSG-34 the %s part lacks %q", part, w)
			}
		}
	}
	leave, preferences := c.LeaveBase+leaveToken, c.PreferencesBase+preferencesToken
	if c.Proof {
		leave, preferences = c.LeaveBase+proofToken, c.PreferencesBase+proofToken
	}
	if n := strings.Count(s.html, `href="`+preferences+`"`); n != 2 {
		t.Errorf("%d links to the preferences; want one near the top and one in the footer", n)
	}
	if n := len(apart.FindAllString(s.html, -1)); n != 2 {
		t.Errorf("%d times there is room between the links to leave and to the preferences; want 2, or thumbs hit the wrong one", n)
	}
	if !strings.Contains(s.text, "\n"+preferences+"\n") {
		t.Error("the text part has no line with the link to the preferences")
	}
	if n := strings.Count(s.html, `href="`+leave+`"`); n != 2 {
		t.Errorf("MSG-34 %d links to leave; want one near the top and one in the footer", n)
	}
	if at := strings.Index(s.html, leave); at > 12_000 {
		t.Errorf("the first link to leave stands at octet %d, behind what a client may clip", at)
	}
	if !strings.Contains(s.text, "\n"+leave+"\n") {
		t.Error("MSG-34 the text part has no line with the link to leave")
	}
}

// visible returns what a reader of HTML reads.
func visible(t *testing.T, s string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.DataAtom == atom.Head || n.Type == html.ElementNode && strings.Contains(attribute(n, "style"), "display:none") {
			return
		}
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return flat(strings.ReplaceAll(b.String(), "\u00a0", " "))
}

// checkWithoutImages: a reader who sees no images still has headline and dek. MSG-27
func checkWithoutImages(t *testing.T, c Content, s sent) {
	t.Helper()
	text := visible(t, s.html)
	for _, b := range c.Blocks {
		for _, st := range b.Stories {
			title := flat(strings.ReplaceAll(plainLine(st.Title, maxTitle), "\u00a0", " "))
			dek := strings.TrimSuffix(plainLine(st.Dek, maxDek), "…")
			if !strings.Contains(text, title) || !strings.Contains(text, dek) {
				t.Errorf("MSG-27 without images %.60q has no headline or no dek", title)
			}
		}
	}
}
