package articles

import (
	"cmp"
	"regexp"
	"strings"
	"unicode"
)

// appealFound is the part of a text that asks for support: units from..to, and what they are.
type appealFound struct {
	from, to int // units[from:to]
	ParsedAppeal
	paragraphs int
}

// evidence is how much a paragraph speaks like an appeal: 0 not at all, 1 somewhat, 2 clearly. Speech in quotation marks
// is somebody else's and does not count.
func evidence(text string) int {
	t := quoted.ReplaceAllString(text, " ")
	ideas, weak := 0, 0
	for i, re := range asks {
		if re.MatchString(t) {
			if weakAsks[i] {
				weak++
			} else {
				ideas++
			}
		}
	}
	if ideas > 0 || weak > 1 {
		ideas += weak
	}
	we, you := ourselves.MatchString(t), yourself.MatchString(t)
	if reports(t) && !newsroom.MatchString(t) {
		return 0
	}
	switch {
	case ideas >= 2 && we && you, ideas >= 3 && (we && newsroom.MatchString(t)):
		return 2
	case ideas >= 1 && we, ideas >= 2 && you && newsroom.MatchString(t):
		return 1
	}
	return 0
}

// imperative reports whether a paragraph asks its reader to give, though it speaks of nobody else: "Please donate today."
func imperative(text string) bool {
	t := quoted.ReplaceAllString(text, " ")
	return len(strings.Fields(t)) <= 30 && yourself.MatchString(t) && (asks[0].MatchString(t) || asks[3].MatchString(t) || asks[2].MatchString(t) || asks[14].MatchString(t)) && !reports(t)
}

// reports reports whether a text tells what somebody said.
func reports(text string) bool {
	return reported.MatchString(askedUs.ReplaceAllString(text, " "))
}

// storyLike reports whether a paragraph can only belong to a story: it is long or reports speech, and neither speaks to
// the reader nor of the newsroom.
func storyLike(u unit) bool {
	t := quoted.ReplaceAllString(u.text, " ")
	if newsroom.MatchString(t) {
		return false
	}
	if reports(t) || quoted.MatchString(u.text) && u.words() > 12 {
		return true
	}
	return u.words() > 22 && !ourselves.MatchString(t) && !yourself.MatchString(t) || numbered.MatchString(u.text)
}

// headingLike reports whether u stands as a heading does.
func headingLike(u unit) bool {
	return u.head || u.short(14) && !strings.HasSuffix(u.text, ",") && (!strings.HasSuffix(u.text, ".") || strings.HasSuffix(u.text, "..") || u.words() <= 8)
}

// isAppealHeading reports whether u is the heading of an appeal.
func isAppealHeading(u unit) bool {
	text := strings.Trim(u.text, " *_#[]→»›>")
	return headingLike(u) && (appealHeading.MatchString(text) || appealByName.MatchString(text))
}

var (
	urlInText = regexp.MustCompile(`https?://[^\s<>()\[\]"“”«»]+[^\s<>()\[\]"“”«».,;:!?]`)
	bareURL   = regexp.MustCompile(`\b(?:www\.[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[^\s<>()"“”]*[^\s<>()"“”.,;:!?])?|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}/[^\s<>()"“”]*[^\s<>()"“”.,;:!?])`)
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

// findAppeal looks for an appeal for support at the end of units, from the index first on. The earliest place counts from
// where on everything speaks to the reader on behalf of the newsroom: below a heading that says so, or for several
// paragraphs, or down to a button. A story that talks about donations does neither: it speaks of others.
func findAppeal(units []unit, first int) (appealFound, bool) {
	if n := len(units) / 3; first < n && len(units) > 8 { // not in the first third of a longer text
		first = n
	}
	for i := max(first, 1); i < len(units); i++ {
		heading := isAppealHeading(units[i])
		weight := evidence(units[i].text)
		if !heading && weight < 2 {
			continue
		}
		if heading && weight == 0 && i == len(units)-1 {
			if _, _, ok := buttonOf(units[i]); ok { // a button alone asks for nothing
				continue
			}
		}
		if !appealHolds(units[i:], heading) {
			continue
		}
		from := reachUp(units, i, first, heading)
		return readAppeal(units, from, len(units)), true
	}
	return appealFound{}, false
}

// appealHolds weighs a tail of the text against being an appeal. Somewhere in it a newsroom must ask for itself: by its
// words, or by a button to give.
func appealHolds(tail []unit, heading bool) bool {
	total, asking, story, pleas := 0, 0, 0, 0
	button, itself := false, false
	for i, u := range tail {
		if label, _, ok := buttonOf(u); ok && i > 0 {
			button = true
			itself = itself || gives(label)
			continue
		}
		itself = itself || own.MatchString(quoted.ReplaceAllString(u.text, " ")) || i == 0 && appealByName.MatchString(u.text)
		if i == 0 && heading {
			total += 1 + min(evidence(u.text), 1)
			continue
		}
		switch e := evidence(u.text); {
		case e > 0:
			total += e
			asking++
		case imperative(u.text):
			pleas++
		case storyLike(u):
			story++
		}
	}
	if pleas > 0 && (heading || asking == 0 && button) {
		asking++
		total++
	}
	switch {
	case !itself:
		return false
	case heading:
		return asking >= 1 && story <= asking || button && story == 0 && len(tail) <= 6
	case button:
		return asking >= 1 && story == 0
	}
	return asking >= 2 && total >= 3 && story == 0 || asking == 1 && total >= 2 && story == 0 && len(tail) <= 4 && own.MatchString(tail[0].text)
}

// reachUp takes in what stands above the place where the appeal was noticed and can only belong to it: a heading with
// nothing else below it, paragraphs in which the newsroom already speaks of itself, a divider is left outside.
func reachUp(units []unit, i, first int, heading bool) int {
	for i > first && i > 1 {
		u := units[i-1]
		switch {
		case divider.MatchString(u.text):
			return i
		case !heading && headingLike(u) && !endsSentence(u.text):
			return i - 1
		case !heading && newsroom.MatchString(quoted.ReplaceAllString(u.text, " ")) && !reports(u.text) && ourselves.MatchString(u.text):
			i--
		case isAppealHeading(u):
			i--
			heading = true
		default:
			if h := headingAbove(units, i, first); h > 0 && !heading {
				return h
			}
			return i
		}
	}
	return i
}

// trade are words that a paragraph about a newsroom's work has.
var trade = regexp.MustCompile(`(?i)\b(?:reporters?|reporting|journalis\w+|newsroom|readers?|editors?|stories|donat\w+|supporters?|members?|subscribers?|rédaction|lecteurs|redaktion|leser\w*)\b`)

// headingAbove looks for a heading up to three paragraphs above an appeal, when those between tell of a newsroom's work and
// quote nobody: appeals like to begin with a small story. It returns 0 when there is none.
func headingAbove(units []unit, i, first int) int {
	for j := i - 1; j > first && j >= i-4; j-- {
		u := units[j]
		switch {
		case headingLike(u) && !endsSentence(u.text) && !numbered.MatchString(u.text):
			return j
		case !trade.MatchString(u.text) || quoted.MatchString(u.text) || reports(u.text):
			return 0
		}
	}
	return 0
}

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
		if isPerson(strings.Trim(body[i], "–—- ,"), 2) && len(strings.Fields(body[i+1])) <= 10 && (isInfo(body[i+1]) || hasWord(body[i+1], roleWords)) && !endsSentence(body[i+1]) {
			body[i] += "\\\n" + body[i+1]
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
