package articles

import (
	"regexp"
	"strings"
)

var (
	disclosure = regexp.MustCompile(`(?i)\b(?:(?:do|does) not work for, consult|receives? (?:\w+ )?funding from|received? (?:\w+ )?grants? from|declares? no (?:conflicts?|competing)|(?:has|have) (?:disclosed|declared) no|no relevant affiliations|ne travaille pas, ne conseille pas|a reçu des financements de|ne déclare aucun)\b`)
	bioStart   = regexp.MustCompile(`^,? (?:is|was|are|writes|covers|works|teaches|studies|reports|reported|lives|holds|edits|leads|directs|researches|joined|has (?:written|reported|covered|worked|been)|est|sont|enseigne|travaille|écrit|couvre|dirige|ist|schreibt|arbeitet|es|escribe)\b`)
	bioClause  = regexp.MustCompile(`^,? (?:is|est|ist|es) (?:currently |now )?(?:an? |the |un |une |le |la |ein |eine |einer? )?(.+)$`)
	roman      = regexp.MustCompile(`^(?:[IVX]{1,4}|[1-9]\d?)\.?$`)
	aboutLabel = regexp.MustCompile(`(?i)^(?:about the authors?|the authors?|authors?|auteurs?|à propos de l[’']auteure?|les auteurs|disclosure statement|déclaration d[’']intérêts|contributors?|more about .{3,40})\s*:?$`)
	attributed = regexp.MustCompile(`^[—–-]\s*(\p{Lu}.{1,100})$`)
)

// tail takes off the end of the text what belongs to the page or is about the story: shares and links, tags, lines about
// the authors, disclosures.
func (p *plain) tail(units []unit) []unit {
	if i := otherStories(units); i >= 0 {
		for _, u := range units[i:] {
			p.drop(u.text)
		}
		units = units[:i]
	}
	if i := p.aboutAuthors(units); i >= 0 {
		units = units[:i]
	}
	for len(units) > 1 {
		u := units[len(units)-1]
		label, _, button := buttonOf(u)
		field, value, labelled := labelledField(u.text)
		m := onlyURL.FindStringSubmatch(u.text)
		switch {
		case labelled && (field == "tags" || field == "url" || field == "section" || field == "date"):
			p.setField(field, value)
		case u.opaque:
			return units
		case isJunk(u.text) && !(button && gives(label)):
			p.drop(u.text)
		case m != nil && (len(units) < 2 || !precededByButton(units)):
			p.link(m[1])
		case disclosure.MatchString(u.text) && u.words() < 120:
			p.disclosed(u.text)
		case aboutLabel.MatchString(u.text):
		case p.isBio(u.text):
		case p.unknownBio(units):
		case p.dateAtEnd(u):
		default:
			return units
		}
		units = units[:len(units)-1]
	}
	return units
}

func precededByButton(units []unit) bool {
	_, _, ok := buttonOf(units[len(units)-2])
	return ok
}

func (p *plain) dateAtEnd(u unit) bool {
	t, update, ok := p.dateOf(u.text)
	if ok {
		p.setDate(t, update)
	}
	return ok
}

// otherStories returns where the list of other stories begins, once the story is mostly told, or -1.
func otherStories(units []unit) int {
	at, headlines := -1, true // all units behind could be headlines of other stories
	for i := len(units) - 1; i >= len(units)*6/10; i-- {
		u := units[i]
		if headlines && moreStories.MatchString(u.text) {
			at = i
		}
		switch {
		case u.words() > 22 || strings.HasSuffix(u.text, ".") || evidence(u.text) > 0:
			headlines = isJunk(u.text)
		case isAppealHeading(u):
			headlines = false
		}
	}
	return at
}

// signed reads the name of the author below the story, with what he or she is on the next line, where no other author is
// known.
func (p *plain) signed(units []unit) []unit {
	n := len(units)
	if n < 4 {
		return units
	}
	name, info := n-1, n
	if p.kindOfUnit(units[n-1]) == isAuthorInfo {
		name, info = n-2, n-1
	}
	u := units[name]
	if p.kindOfUnit(u) != isName || len(p.authors) > 0 && p.authorNamed(u.text) < 0 || info == n && len(p.authors) == 0 && !u.gap {
		return units
	}
	p.named(u.text)
	if info < n {
		p.infos = append(p.infos, units[info].text)
	}
	p.settleInfo()
	return units[:name]
}
