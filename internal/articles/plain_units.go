package articles

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"mailer/internal/render"
)

// kinds of units as far as the header is concerned.
type furniture int

const (
	isText furniture = iota
	isByline
	isDate
	isAuthorInfo
	isCaption
	isField
	isLabel
	isPage // belongs to the page
	isLink
	isName
	isMakers // people who did not write
)

// lineReader tells what lines are by themselves.
type lineReader struct {
	zone *time.Location // of dates that name none
	now  time.Time
}

// kindOfUnit says what u is by itself.
func (p lineReader) kindOfUnit(u unit) furniture {
	if u.opaque || len(u.text) > maxByline { // nothing else is so long
		return isText
	}
	if _, _, ok := labelledField(u.text); ok {
		return isField
	}
	if bylineLabels[strings.ToLower(strings.Trim(u.text, " :"))] {
		return isLabel
	}
	if isJunk(u.text) {
		return isPage
	}
	if otherMakers.MatchString(u.text) && u.words() <= 10 && !strings.HasSuffix(u.text, ".") {
		return isMakers
	}
	if onlyURL.MatchString(u.text) {
		return isLink
	}
	if _, _, ok := p.dateOf(u.text); ok {
		return isDate
	}
	if _, ok := bylineLine(u.text); ok {
		return isByline
	}
	if _, _, ok := p.bylineAndDate(u.text); ok {
		return isByline
	}
	if isInfo(u.text) {
		return isAuthorInfo
	}
	if _, credit, strong := splitCaption(u.text); credit != "" && strong && u.words() < 90 {
		return isCaption
	}
	if isNames(u.text) {
		return isName
	}
	return isText
}

// isNames reports whether a line is a name, or several, and nothing else.
func isNames(s string) bool {
	if isPerson(s, 2) && len(strings.Fields(s)) <= 4 {
		return true
	}
	if len(strings.Fields(s)) > 16 || endsSentence(s) {
		return false
	}
	authors := parseByline(s)
	for _, a := range authors {
		if a.Title != "" || a.Institution != "" || !isPerson(a.Name, 2) {
			return false
		}
	}
	return len(authors) > 1
}

// dateOf reads a line that is a date, perhaps with a place before it.
func (p lineReader) dateOf(s string) (t time.Time, update, ok bool) {
	s = strings.Trim(readingNote.ReplaceAllString(s, ""), " |·•—–-,")
	low := strings.ToLower(s)
	for _, l := range updatedLabels {
		update = update || strings.HasPrefix(low, l)
	}
	if t, ok = dateLine(s, p.zone, p.now); ok {
		return t, update, true
	}
	if len(s) < 70 && !endsSentence(s) {
		for _, sep := range []string{" — ", " – ", " | ", " · ", " • ", ", "} {
			if place, rest, found := strings.Cut(s, sep); found && len(strings.Fields(place)) <= 3 && startsUpper(place) && !hasVerb(place) {
				if _, byline := cutBylinePrefix(place); byline || isPerson(place, 2) {
					continue
				}
				if t, ok = dateLine(rest, p.zone, p.now); ok {
					return t, update, true
				}
			}
		}
	}
	return time.Time{}, false, false
}

// readingNote is the reading time that stands beside a date.
var readingNote = regexp.MustCompile(`(?i)\b\d+\s*-?\s*min(?:ute)?s?\.?\s*(?:read\b|de lecture\b|lesezeit\b|$)`)

var namesInside = regexp.MustCompile(`\s(?:By|by|BY|Par|par|Von|Por)[: ]\s*`)

// bylineAndDate reads a line that is both: "By Jane Roe, June 3, 2026", "Published June 3, 2026 by Jane Roe".
func (p lineReader) bylineAndDate(s string) ([]render.Author, time.Time, bool) {
	if len(s) > 300 {
		return nil, time.Time{}, false
	}
	if m := namesInside.FindStringIndex(s); m != nil {
		if t, ok := dateLine(strings.TrimRight(s[:m[0]], " |·•—–-,"), p.zone, p.now); ok {
			if a, ok := bylineLine("By " + s[m[1]:]); ok {
				return a, t, true
			}
		}
	}
	for _, part := range cutsBefore(s) {
		if t, ok := dateLine(s[part:], p.zone, p.now); ok {
			names := strings.TrimRight(s[:part], " |·•—–-,")
			if a, ok := bylineLine(names); ok {
				return a, t, true
			}
			if a := parseByline(names); len(a) > 0 && isPerson(a[0].Name, 2) && isPerson(names, 2) {
				return a, t, true
			}
		}
	}
	return nil, time.Time{}, false
}

// cutsBefore returns the places where a second part of a line may begin.
func cutsBefore(s string) []int {
	var out []int
	for i := 1; i < len(s); i++ {
		if s[i-1] == ' ' && utf8.RuneStart(s[i]) {
			out = append(out, i)
		}
	}
	return out
}
