package render

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mailer/internal/message"
)

var (
	onlyWord = regexp.MustCompile(`(?s)<!--\[if mso\]>(.*?)<!\[endif\]-->`)
	noWord   = regexp.MustCompile(`(?s)<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->`)
)

// asWordSees returns a mail as Outlook on Windows reads it: its conditional comments obeyed.
func asWordSees(s string) string {
	return onlyWord.ReplaceAllString(noWord.ReplaceAllString(s, ""), "$1")
}

// unbalanced returns the first tag that does not close what is open, or nothing.
func unbalanced(s string) string {
	var open []string
	z := html.NewTokenizer(strings.NewReader(s))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		name, _ := z.TagName()
		tag := string(name)
		switch kind {
		case html.StartTagToken:
			if !slices.Contains([]string{"meta", "img", "br", "hr"}, tag) {
				open = append(open, tag)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != tag {
				return "</" + tag + ">"
			}
			open = open[:len(open)-1]
		}
	}
	return strings.Join(open, " ")
}

// TestBalanced: every element is closed where it should be, for those who obey the conditional comments of Outlook and those
// who do not, with the appeal and without.
func TestBalanced(t *testing.T) {
	t.Parallel()
	for name, c := range contents() {
		for _, groups := range []uint64{everyone, supporters} {
			s := send(t, c, message.Reader{To: "r@example.org", MessageID: "f@news.lantern.example", LeaveToken: leaveToken, Groups: groups}).html
			if tag := unbalanced(s); tag != "" {
				t.Errorf("%s: %s is out of place", name, tag)
			}
			word := asWordSees(s)
			if tag := unbalanced(word); tag != "" {
				t.Errorf("%s: for Word, %s is out of place", name, tag)
			}
			if groups == everyone && strings.Contains(s, "give/sample") && strings.Count(word, "<v:roundrect") != 1 {
				t.Errorf("%s: Word has no button", name)
			}
			if strings.Contains(name, "size unknown") && strings.Contains(word, "pier.jpg") {
				t.Errorf("%s: Word is given a photo that it would distort", name)
			}
			if strings.Contains(word, "border-radius:3px") {
				t.Errorf("%s: Word has the button of the others too", name)
			}
		}
	}
}
