package articles

import (
	"strings"
)

// headline finds the headline, with the section and whatever else may stand above it, and returns the index behind it.
func (p *head) headline() int {
	for i := range headerEnd(p.units) {
		u := p.units[i]
		switch k := p.kindOfUnit(u); {
		case k == isField:
			field, value, _ := labelledField(u.text)
			if next := i + 1; i == 0 && field != "title" && next < len(p.units) && p.kindOfUnit(p.units[next]) != isField {
				break // "Credit: why banks lend": a headline
			}
			p.setField(field, value)
			if field == "title" {
				return i + 1
			}
			continue
		case k == isPage && i+1 < len(p.units):
			p.drop(u.text)
			continue
		case k == isDate && i+1 < len(p.units):
			p.date(u.text)
			continue
		case k == isLink:
			p.link(u.text)
			continue
		case k == isByline && i+1 < len(p.units):
			p.names(u)
			continue
		case k == isAuthorInfo && len(p.authors) > 0:
			p.infos = append(p.infos, u.text)
			continue
		case k == isCaption && i+2 < len(p.units):
			captioned(p.image(), u.text)
			continue
		}
		if name, ok := sectionLine(u.text); ok && i+1 < len(p.units) && p.story.Section == "" {
			p.story.Section = name
			continue
		}
		if p.masthead(i) {
			p.drop(u.text)
			continue
		}
		if p.kicker(i) {
			p.story.Section = sentenceCase(u.text)
			continue
		}
		if name, rest, ok := strings.Cut(u.text, " | "); ok && sections[strings.ToLower(name)] { // "OPINION | Headline"
			p.story.Section, u.text = sentenceCase(name), rest
		}
		if title, ok := strings.CutPrefix(u.text, "# "); ok {
			u.text = title
		}
		p.story.Title = u.text
		return i + 1
	}
	return len(p.units)
}

// masthead reports whether unit i is the name of the paper, copied with its menu: a few words with lines of the menu
// before or behind them.
func (p *head) masthead(i int) bool {
	u := p.units[i]
	if u.words() > 4 || i+1 >= len(p.units) || i > 0 && p.kindOfUnit(p.units[i-1]) != isPage {
		return false
	}
	switch p.kindOfUnit(p.units[i+1]) {
	case isDate:
		if i == 0 && institutionWord(u.text) >= 0 && i+2 < len(p.units) && p.kindOfUnit(p.units[i+2]) == isText && !endsSentence(p.units[i+2].text) {
			return true
		}
	}
	return p.kindOfUnit(p.units[i+1]) == isPage && (i > 0 || i+2 < len(p.units) && p.kindOfUnit(p.units[i+2]) == isPage)
}

// kicker reports whether unit i is a label above the headline: few words, and below them two texts, headline and dek,
// before the byline or date.
func (p *head) kicker(i int) bool {
	u := p.units[i]
	if u.words() > 4 || p.story.Section != "" || endsSentence(u.text) || i+2 >= len(p.units) {
		return false
	}
	next := p.units[i+1]
	if ended := endsSentence(next.text) && !strings.HasSuffix(next.text, "?") && !strings.HasSuffix(next.text, "”"); ended ||
		p.kindOfUnit(next) != isText || next.words() < 4 || next.words() > 25 {
		return false
	}
	capitals := u.text == strings.ToUpper(u.text) && next.text != strings.ToUpper(next.text)
	texts := 0
	for _, v := range p.units[i+1 : min(len(p.units), i+5)] {
		switch p.kindOfUnit(v) {
		case isText, isPage:
			if v.words() <= 75 {
				texts++
			}
			continue
		case isByline, isDate, isName, isLabel, isMakers:
			return texts >= 2 || capitals && texts == 1
		}
		return false
	}
	return false
}
