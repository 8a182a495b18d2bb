package articles

import (
	"regexp"
	"strings"
)

// appealFound is the part of a text that asks for support: units from..to, and what they are.
type appealFound struct {
	from, to int // units[from:to]
	ParsedAppeal
	paragraphs int
}

const (
	maxAppeal = 60   // units from the end an appeal may begin
	maxPlea   = 4000 // octets of one paragraph of it
)

// evidence is how much a paragraph speaks like an appeal: 0 not at all, 1 somewhat, 2 clearly. Speech in quotation marks
// is somebody else's and does not count.
func evidence(text string) int {
	if len(text) > maxPlea {
		return 0
	}
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
	if len(strings.Fields(t)) > 30 || !yourself.MatchString(t) || reports(t) {
		return false
	}
	for _, i := range []int{0, 2, 3, 14} { // to give, to join, an amount; French
		if asks[i].MatchString(t) {
			return true
		}
	}
	return false
}

// reports reports whether a text tells what somebody said.
func reports(text string) bool {
	return reported.MatchString(askedUs.ReplaceAllString(text, " "))
}

// storyLike reports whether a paragraph can only belong to a story: it is long or reports speech, and neither speaks to
// the reader nor of the newsroom.
func storyLike(u unit) bool {
	if len(u.text) > maxPlea {
		return true
	}
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

// findAppeal looks for an appeal for support at the end of units, from the index first on. The earliest place counts from
// where on everything speaks to the reader on behalf of the newsroom: below a heading that says so, or for several
// paragraphs, or down to a button. A story that talks about donations does neither: it speaks of others.
func findAppeal(units []unit, first int) (appealFound, bool) {
	if n := len(units) / 3; first < n && len(units) > 8 { // not in the first third of a longer text
		first = n
	}
	for i := max(first, 1, len(units)-maxAppeal); i < len(units); i++ {
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
	total, asking, story, pleas, texts := 0, 0, 0, 0, 0
	button, itself := false, false
	for i, u := range tail {
		if label, _, ok := buttonOf(u); ok && i > 0 {
			button = true
			itself = itself || gives(label)
			continue
		}
		itself = itself || len(u.text) <= maxPlea && own.MatchString(quoted.ReplaceAllString(u.text, " ")) || i == 0 && appealByName.MatchString(u.text)
		if i == 0 && heading {
			total += 1 + min(evidence(u.text), 1)
			continue
		}
		if u.words() >= 5 {
			texts++
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
		return asking >= 1 && story <= asking || button && texts > 0 && story == 0 && len(tail) <= 6
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
var trade = regexp.MustCompile(`(?i)\b(?:reporters?|reporting|journalis\w+|newsroom|readers?|editors?|stories|` +
	`donat\w+|supporters?|members?|subscribers?|rédaction|lecteurs|redaktion|leser\w*)\b`)

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
