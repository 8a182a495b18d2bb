package articles

import (
	"regexp"
	"strings"

	"mailer/internal/render"
)

// aboutAuthors reads a block about the authors below the story ("Author", name, title and institution, a line about them)
// and returns where it begins, or -1.
func (p *plain) aboutAuthors(units []unit) int {
	for i := len(units) - 1; i > len(units)/2; i-- {
		if !aboutLabel.MatchString(units[i].text) {
			continue
		}
		for _, u := range units[i+1:] {
			k := p.kindOfUnit(u)
			person := k == isName || k == isAuthorInfo || k == isByline || k == isPage || k == isLabel
			if !person && !aboutLabel.MatchString(u.text) && !disclosure.MatchString(u.text) && p.nameOf(u.text) == "" && p.bioOf(u.text) < 0 {
				return -1
			}
		}
		for _, u := range units[i+1:] {
			k := p.kindOfUnit(u)
			if k != isAuthorInfo {
				p.settleInfo()
			}
			switch {
			case disclosure.MatchString(u.text):
				p.disclosed(u.text)
			case k == isName || k == isByline:
				p.named(u.text)
			case k == isAuthorInfo:
				p.infos = append(p.infos, u.text)
			default:
				p.isBio(u.text)
			}
		}
		p.settleInfo()
		return i
	}
	return -1
}

func (p *people) authorNamed(text string) int {
	for i, a := range p.authors {
		if strings.HasPrefix(text, a.Name) {
			return i
		}
	}
	return -1
}

// bioOf returns which author a paragraph is about, or -1: it begins with the name and goes on with what he or she is.
func (p *people) bioOf(text string) int {
	for i, a := range p.authors {
		rest, ok := strings.CutPrefix(strings.Trim(text, "*_ "), a.Name)
		if ok && bioStart.MatchString(rest) && len(strings.Fields(text)) <= 120 {
			return i
		}
	}
	return -1
}

// nameOf returns the name that a line begins with when an author of that name is known.
func (p *people) nameOf(text string) string {
	if i := p.authorNamed(text); i >= 0 {
		return p.authors[i].Name
	}
	return ""
}

// isBio takes a paragraph about an author in.
func (p *people) isBio(text string) bool {
	i := p.bioOf(text)
	if i < 0 {
		return false
	}
	a := &p.authors[i]
	if a.Bio == "" {
		a.Bio = text
	}
	describe(a, strings.TrimPrefix(strings.Trim(text, "*_ "), a.Name))
	return true
}

// doing begins what somebody does besides: ", covering seven countries".
var doing = regexp.MustCompile(`, \p{Ll}+ing\b`)

// describe fills title and institution of an author from the sentence that says what he or she is.
func describe(a *render.Author, clause string) {
	m := bioClause.FindStringSubmatch(clause)
	if m == nil {
		return
	}
	said := m[1]
	if i := strings.IndexAny(said, ".;"); i >= 0 {
		said = said[:i]
	}
	for _, stop := range []string{" and the author", " and author", " who ", " whose ", " where ", " and a ", " and an ", " et autrice", " et auteur", " qui ", ", and "} {
		if i := strings.Index(said, stop); i >= 0 {
			said = said[:i]
		}
	}
	if m := doing.FindStringIndex(said); m != nil {
		said = said[:m[0]]
	}
	title, place := said, ""
	if t, pl, ok := splitAt(said); ok {
		title, place = t, pl
	} else if segs := segments(said); len(segs) > 1 && segmentKind(segs[len(segs)-1]) == institutionKind {
		title, place = strings.Join(segs[:len(segs)-1], ", "), segs[len(segs)-1]
	}
	if !hasWord(title, roleWords) || len(strings.Fields(title)) > 14 {
		return
	}
	if a.Title == "" {
		a.Title = title
		if a.Institution == "" {
			a.Institution = place
		}
	}
}

// unknownBio takes the last paragraph for one about the author where no author is known: "Jane Roe is a professor of law at
// the University of X." Nobody of that name may occur in the story.
func (p *people) unknownBio(units []unit) bool {
	text := strings.Trim(units[len(units)-1].text, "*_ ")
	if len(p.authors) > 0 || len(units) < 4 || len(strings.Fields(text)) > 60 {
		return false
	}
	for n := 4; n >= 2; n-- {
		f := strings.Fields(text)
		if len(f) <= n {
			continue
		}
		name := strings.Join(f[:n], " ")
		rest := strings.TrimPrefix(text, name)
		if !isPerson(name, 2) || !bioClause.MatchString(rest) || !hasWord(rest, roleWords) || institutionWord(rest) < 0 && !strings.Contains(rest, " freelance") {
			continue
		}
		last := f[n-1]
		for _, u := range units[:len(units)-1] {
			if strings.Contains(u.text, last) {
				return false
			}
		}
		p.authors = []render.Author{{Name: name, Bio: text}}
		describe(&p.authors[0], rest)
		return true
	}
	return false
}
