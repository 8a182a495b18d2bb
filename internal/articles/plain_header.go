package articles

import (
	"strings"
)

// How many units and lines the head of a page may have before its story begins.
const (
	maxHeader      = 40
	maxHeaderLines = 60
)

// headerEnd returns the index of the first unit that lies too deep to be a part of the head.
func headerEnd(units []unit) int {
	lines := 0
	for i, u := range units {
		if i == maxHeader || lines >= maxHeaderLines {
			return i
		}
		lines += u.lines
	}
	return len(units)
}

// head is the head of a page while it is read.
type head struct {
	*plain
	top   int    // index of the headline
	dekAt int    // index of the dek's last line
	early []unit // paragraphs of the story that stood among the lines of the head
}

// header reads the head of the page, whatever the order of its parts, and returns the units behind it.
func (p *plain) header() []unit {
	return (&head{plain: p}).read()
}

// read finds the headline and goes on below it until a unit can only be the story.
func (p *head) read() []unit {
	i := p.headline()
	p.top = i - 1
	for end := headerEnd(p.units); i < end; i++ {
		n, ok := p.headUnit(i)
		if !ok {
			break
		}
		i += n
	}
	p.settleInfo()
	return append(append([]unit(nil), p.early...), p.units[i:]...)
}

// headUnit takes unit i in, and the n behind it that belong to it; ok is false when the head ends before it.
func (p *head) headUnit(i int) (n int, ok bool) {
	u := p.units[i]
	k := p.kindOfUnit(u)
	if k != isAuthorInfo && k != isPage && k != isField {
		p.settleInfo()
	}
	switch k {
	case isField:
		field, value, _ := labelledField(u.text)
		p.setField(field, value)
	case isLabel:
	case isLink:
		p.link(u.text)
	case isPage:
		p.drop(u.text)
	case isDate:
		p.date(u.text)
	case isByline:
		p.names(u)
	case isMakers:
		p.makers(u.text)
	case isAuthorInfo:
		p.infos = append(p.infos, u.text)
	case isCaption:
		if p.story.Image != nil && p.story.Image.Caption != "" {
			return 0, false
		}
		captioned(p.image(), u.text)
	case isName:
		if !p.loneName(i) {
			return 0, false
		}
		p.named(u.text)
	default:
		return p.headText(i)
	}
	return 0, true
}

// date takes in a line with a date, and the section that may stand beside it.
func (p *head) date(text string) {
	t, update, _ := p.dateOf(text)
	p.setDate(t, update)
	if name, _, ok := strings.Cut(text, " | "); ok && p.story.Section == "" && sections[strings.ToLower(name)] {
		p.story.Section = sentenceCase(name)
	}
}

// headText takes in a text of the head that nothing but its place and its words explain.
func (p *head) headText(i int) (n int, ok bool) {
	u := p.units[i]
	if p.story.Dek != "" && i == p.dekAt+1 && !u.gap && !endsSentence(p.story.Dek) && u.words() < 40 { // wrapped, the next line by chance in capitals
		p.story.Dek, p.dekAt = glue(p.story.Dek, u.text), i
		return 0, true
	}
	if name, ok := sectionLine(u.text); ok && p.story.Section == "" {
		p.story.Section = name
		return 0, true
	}
	if i > 0 && !u.gap && u.words() <= 6 && properName(u.text) && !endsSentence(u.text) { // the paper, below the author and title
		switch p.kindOfUnit(p.units[i-1]) {
		case isByline, isAuthorInfo, isName, isDate:
			if len(p.authors) > 0 {
				p.infos = append(p.infos, u.text)
				return 0, true
			}
		}
	}
	if p.isBio(u.text) || aboutLabel.MatchString(u.text) && i+1 < len(p.units) && p.kindOfUnit(p.units[i+1]) != isText {
		return 0, true
	}
	if disclosure.MatchString(u.text) || aboutLabel.MatchString(u.text) && i+1 < len(p.units) && disclosure.MatchString(p.units[i+1].text) {
		p.disclosed(u.text)
		return 0, true
	}
	if i+1 < len(p.units) && u.words() <= 30 && endsSentence(u.text) && !p.units[i+1].gap && (len(p.authors) > 0 || p.dated > 0) &&
		p.kindOfUnit(p.units[i+1]) == isCaption && p.units[i+1].words() > 5 && p.story.Image == nil { // what a page says of a photo for those who cannot see it
		p.image().Alt = u.text
		return 0, true
	}
	if p.creditFollows(i) {
		captioned(p.image(), u.text+" "+p.units[i+1].text)
		return 1, true
	}
	if p.takeDek(i) {
		return 0, true
	}
	if len(p.authors) == 0 && p.dated == 0 && u.words() <= 75 && p.furnitureAhead(i) { // of the story, though something of the head follows
		p.early = append(p.early, u)
		return 0, true
	}
	return 0, false
}

// disclosed keeps a statement about who pays an author for the end of the story.
func (p *plain) disclosed(text string) {
	if !disclosure.MatchString(text) {
		return // its label
	}
	p.note = append(p.note, text)
	p.notes = append(p.notes, "note: disclosure kept at the end of the story")
}
