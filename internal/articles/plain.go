package articles

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// plain reads a story from text as a person gets it by copying a published page. It goes by what lines look like and
// where they stand; each decision is noted for the person who will check it.
type plain struct {
	units []unit
	zone  *time.Location
	now   time.Time

	story  render.Story
	appeal *ParsedAppeal
	asked  int      // paragraphs of the appeal
	notes  []string // lines of Recognised that are made on the way
	left   []string // what was left out, shortened
	body   []unit
	note   []string // disclosures, kept at the end
	dated  int      // how sure the date is: 1 an update, 2 the publication
	infos  []string // lines of title and institution that wait for their author
	early  []unit   // paragraphs that stood among the lines of the head
	dekAt  int      // index of the dek's last line
	top    int      // index of the headline
	last   int      // the author named by a line of its own just before, or -1
}

func newPlain(o Overrides) *plain {
	p := &plain{zone: o.Zone, now: o.Now, last: -1}
	p.story.URL = o.URL
	return p
}

// parsePlain reads a story from plain text.
func parsePlain(text string, o Overrides) (*plain, error) {
	p := newPlain(o)
	p.units = unitsOf(text, p.now)
	if len(p.units) == 0 {
		return nil, errs.New(errs.Invalid, "the file has no text")
	}
	rest, err := p.cutAppeal(p.header(), o)
	if err != nil {
		return nil, err
	}
	p.body = p.middle(rest)
	p.language()
	p.story.BodyHTML = render.SanitizeBody(p.html(), nil)
	return p, nil
}

// cutAppeal takes off the end of the text what is no part of the story: first what belongs to the page, then the appeal,
// then what of the page stood before that.
func (p *plain) cutAppeal(units []unit, o Overrides) ([]unit, error) {
	units = p.tail(units)
	var found appealFound
	ok := false
	switch {
	case o.NoAppeal:
	case o.AppealFrom != "":
		if found, ok = appealFrom(units, o.AppealFrom); !ok {
			return nil, errs.Field("appeal-from", "no paragraph begins with %q", cut(o.AppealFrom, 80))
		}
	default:
		found, ok = findAppeal(units, 1)
	}
	if !ok {
		return p.signed(units), nil
	}
	p.appeal, p.asked = &found.ParsedAppeal, found.paragraphs
	return p.signed(p.tail(units[:found.from])), nil
}

// base is the address that links of the file are relative to, or nil.
func (p *plain) base() *url.URL {
	if u, err := url.Parse(p.story.URL); err == nil && u.Host != "" {
		return u
	}
	return nil
}

// appealFrom makes an appeal of all from the paragraph on that begins with start.
func appealFrom(units []unit, start string) (appealFound, bool) {
	start = strings.ToLower(fold(start))
	for i, u := range units {
		if start != "" && strings.HasPrefix(strings.ToLower(u.text), start) {
			return readAppeal(units, i, len(units)), true
		}
	}
	return appealFound{}, false
}

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

// kindOfUnit says what u is by itself.
func (p *plain) kindOfUnit(u unit) furniture {
	if u.opaque {
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
func (p *plain) dateOf(s string) (t time.Time, update, ok bool) {
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
func (p *plain) bylineAndDate(s string) ([]render.Author, time.Time, bool) {
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

// setDate keeps the moment a story was published rather than when it was changed.
func (p *plain) setDate(t time.Time, update bool) {
	rank := 2
	if update {
		rank = 1
	}
	if rank > p.dated {
		p.story.Published, p.dated = t.UTC(), rank
	}
}

// drop notes what was left out of the story.
func (p *plain) drop(text string) {
	p.left = append(p.left, cut(text, 70))
}

// parsed puts the result together.
func (p *plain) parsed() (Parsed, error) {
	out := Parsed{Story: tidy(p.story), Appeal: p.appeal}
	if out.Story.Title == "" {
		return Parsed{}, errs.Field("title", "no headline was found in the file; give it one")
	}
	if i := out.Story.Image; i != nil && *i == (render.Image{}) {
		out.Story.Image = nil
	}
	out.Recognised = append(recognised(out, p.asked), p.notes...)
	if len(p.left) > 0 {
		out.Recognised = append(out.Recognised, "left out: "+strings.Join(p.left, " | "))
	}
	return out, nil
}

// recognised tells a person what was taken for what.
func recognised(p Parsed, appealParagraphs int) []string {
	s := p.Story
	var out []string
	say := func(what, value, missing string) {
		switch {
		case value != "":
			out = append(out, what+": "+cut(value, 200))
		case missing != "":
			out = append(out, what+": "+missing)
		}
	}
	say("headline", s.Title, "")
	say("dek", s.Dek, "none found")
	for _, a := range s.Authors {
		say("author", joined(joined(a.Name, a.Title), a.Institution), "")
		say("about "+a.Name, a.Bio, "")
	}
	if len(s.Authors) == 0 {
		say("author", "", "none found")
	}
	date := ""
	if !s.Published.IsZero() {
		date = s.Published.UTC().Format("Monday 2 January 2006, 15:04 UTC")
	}
	say("date", date, "none found")
	say("section", s.Section, "")
	say("tags", strings.Join(s.Tags, ", "), "")
	if i := s.Image; i != nil {
		say("image", i.URL, "its address is not in the text")
		say("alt", i.Alt, "")
		say("caption", i.Caption, "")
		say("credit", i.Credit, "")
	}
	say("url", s.URL, "")
	say("language", s.Language, "")
	say("body", bodySummary(s), "none found")
	if a := p.Appeal; a != nil {
		button := "no button found"
		if a.Button != "" {
			button = fmt.Sprintf("button “%s”", a.Button)
		}
		heading := "no heading found"
		if a.Heading != "" {
			heading = fmt.Sprintf("“%s”", cut(a.Heading, 80))
		}
		out = append(out, fmt.Sprintf("appeal: %s, %d %s, %s", heading, appealParagraphs, plural(appealParagraphs, "paragraph"), button))
		say("appeal url", a.URL, "")
	} else {
		say("appeal", "", "none found")
	}
	return out
}

func bodySummary(s render.Story) string {
	if s.BodyHTML == "" {
		return ""
	}
	var parts []string
	for _, c := range []struct{ tag, name string }{{"<p>", "paragraph"}, {"<h", "subhead"}, {"<li>", "point"}, {"<blockquote>", "quote"}, {"<figure>", "picture"}} {
		n := strings.Count(s.BodyHTML, c.tag)
		if c.tag == "<h" {
			n -= strings.Count(s.BodyHTML, "<hr")
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, plural(n, c.name)))
		}
	}
	parts = append(parts, fmt.Sprintf("%d %s", s.Words, plural(s.Words, "word")))
	return strings.Join(parts, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
