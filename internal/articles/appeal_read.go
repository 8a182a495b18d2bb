package articles

import (
	"cmp"
	"regexp"
	"strings"
	"unicode"
)

var (
	urlInText = regexp.MustCompile(`https?://[^\s<>()\[\]"“”«»]+[^\s<>()\[\]"“”«».,;:!?]`)
	bareURL   = regexp.MustCompile(`\b(?:www\.[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[^\s<>()"“”]*[^\s<>()"“”.,;:!?])?|` +
		`[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}/[^\s<>()"“”]*[^\s<>()"“”.,;:!?])`)
)

// findURL returns the first address in a text as it stands there, and as a link.
func findURL(text string) (as, link string) {
	if m := urlInText.FindString(text); m != "" {
		return m, m
	}
	if m := bareURL.FindString(text); m != "" {
		return m, "https://" + m
	}
	return "", ""
}

// buttonOf reads the words on a button, and where it leads if that is said: "Become a supporter", "[Donate now]", "Donate
// → https://…".
func buttonOf(u unit) (label, link string, ok bool) {
	text := u.text
	link = u.link
	if as, found := findURL(text); as != "" {
		link = cmp.Or(link, found)
		text = strings.Replace(text, as, "", 1)
	}
	text = strings.TrimFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '!' && r != '$' && r != '€' && r != '£'
	})
	if !startsButton(text) {
		return "", "", false
	}
	if n := len(strings.Fields(text)); n == 0 || n > 7 || len(text) > 60 || strings.HasSuffix(strings.TrimSpace(u.text), ".") || strings.HasSuffix(text, ",") {
		return "", "", false
	}
	return strings.TrimSpace(text), link, true
}

// gives reports whether the words of a button can only be those of an appeal.
func gives(label string) bool {
	low := strings.ToLower(label)
	return giving.MatchString(label) && !strings.HasPrefix(low, "join the conversation") && !strings.Contains(low, "newsletter")
}

func startsButton(text string) bool { return buttonWords.MatchString(text) }

// readAppeal makes an appeal of units[from:to].
func readAppeal(units []unit, from, to int) appealFound {
	a := appealFound{from: from, to: to}
	list := append([]unit(nil), units[from:to]...)
	if len(list) > 1 && (headingLike(list[0]) || isAppealHeading(list[0])) {
		a.Heading = strings.Trim(list[0].text, " *_#:")
		list = list[1:]
	}
	if len(list) > 0 && a.Heading == "" {
		a.Heading = splitHeading(&list[0])
	}
	at := -1
	for i, u := range list { // the last button counts, one with an address before others
		if label, link, ok := buttonOf(u); ok && (link != "" || a.URL == "") {
			a.Button, a.URL, at = label, link, i
		}
	}
	var body []string
	for i, u := range list {
		if i == at || divider.MatchString(u.text) {
			continue
		}
		if m := onlyURL.FindStringSubmatch(u.text); m != nil {
			if a.URL == "" {
				a.URL = m[1]
			}
			continue
		}
		if _, _, ok := buttonOf(u); !ok && isJunk(u.text) {
			continue
		}
		if a.URL == "" {
			_, found := findURL(u.text)
			a.URL = cmp.Or(u.link, found)
		}
		if m := bulleted.FindStringSubmatch(u.text); m != nil && u.markdown == "" {
			item := "- " + markdownText(m[1])
			if n := len(body); n > 0 && strings.HasPrefix(body[n-1], "- ") {
				body[n-1] += "\n" + item
			} else {
				body = append(body, item)
			}
			continue
		}
		if u.markdown != "" {
			body = append(body, u.markdown)
			continue
		}
		body = append(body, markdownText(u.text))
	}
	body = signature(body)
	a.paragraphs = len(body)
	a.Body = strings.Join(body, "\n\n")
	return a
}

// splitHeading takes the first sentence off a paragraph when it is the heading that the appeal lacks: "Before you go, a
// word from us. We are …".
func splitHeading(u *unit) string {
	m := sentenceEnd.FindStringIndex(u.text)
	if m == nil || u.markdown != "" {
		return ""
	}
	head := strings.TrimSpace(u.text[:m[1]])
	if !isAppealHeading(unit{text: head}) || len(strings.Fields(head)) > 9 || len(strings.Fields(u.text[m[1]:])) < 8 {
		return ""
	}
	u.text = u.text[m[1]:]
	return strings.TrimSuffix(head, ".")
}

// signature joins the lines of a name with what its bearer is at the end of an appeal, so that they stay one paragraph.
func signature(body []string) []string {
	for i := 0; i+1 < len(body); i++ {
		next := body[i+1]
		if isPerson(strings.Trim(body[i], "–—- ,"), 2) && len(strings.Fields(next)) <= 10 && !endsSentence(next) &&
			(isInfo(next) || hasWord(next, roleWords)) {
			body[i] += "\\\n" + next
			body = append(body[:i+1], body[i+2:]...)
		}
	}
	return body
}

// markdownSpecial are the characters that would be mark-up in Markdown.
var (
	markdownSpecial = regexp.MustCompile("([\\\\`*_\\[\\]<])")
	markdownStart   = regexp.MustCompile(`^(?:([#>+~-])|(\d{1,9})([.)]))(\s|$)`)
)

// markdownText writes plain text as Markdown that shows it as it is.
func markdownText(s string) string {
	return markdownStart.ReplaceAllString(markdownSpecial.ReplaceAllString(s, `\$1`), `$2\$1$3$4`)
}
