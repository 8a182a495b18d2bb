package articles

import (
	"cmp"
	"strings"

	"mailer/internal/render"
)

// names takes a byline in, with the date that may stand in the same line.
func (p *plain) names(u unit) {
	for _, s := range segments(strings.NewReplacer("; ", ", ", " | ", ", ").Replace(u.text)) {
		p.makers(s)
	}
	if a, ok := bylineLine(u.text); ok {
		if _, t, both := p.bylineAndDate(u.text); both {
			p.setDate(t, false)
			a, _, _ = p.bylineAndDate(u.text)
		}
		p.authors = mergeAuthors(p.authors, a)
		return
	}
	if a, t, ok := p.bylineAndDate(u.text); ok {
		p.setDate(t, false)
		p.authors = mergeAuthors(p.authors, a)
	}
}

// makers takes in people who did not write the story: who photographed it is credited.
func (p *plain) makers(s string) {
	m := otherMakers.FindStringSubmatch(s)
	if m == nil {
		return
	}
	if strings.HasPrefix(strings.ToLower(s), "photo") && (p.story.Image == nil || p.story.Image.Credit == "") {
		p.image().Credit = m[1]
	}
}

// people are the authors as far as they are known.
type people struct {
	authors []render.Author
	infos   []string // lines of title and institution that wait for their author
	last    int      // the author named by a line of its own just before, or -1
}

// named adds the author of a line that is a name; what is said next is about him or her.
func (p *people) named(text string) {
	p.authors = mergeAuthors(p.authors, parseByline(text))
	p.last = p.authorNamed(strings.TrimSpace(text))
}

// settleInfo gives the lines that say what somebody is and where he works to the authors they belong to. They stay
// waiting while no author is known: some pages have them above the name.
func (p *people) settleInfo() {
	if len(p.infos) == 0 || len(p.authors) == 0 {
		return
	}
	var lines []render.Author
	for _, l := range p.infos {
		if d := parseByline("X Y, " + strings.TrimSuffix(l, ".")); len(d) > 0 {
			lines = append(lines, d[0])
		}
	}
	p.infos = nil
	if p.last >= 0 { // they stand below one name of a list of names
		a := &p.authors[p.last]
		title, institution := together(lines)
		a.Title, a.Institution = cmp.Or(title, a.Title), cmp.Or(institution, a.Institution)
		p.last = -1
		return
	}
	share(p.authors, lines)
}

// share gives lines about authors to those of whom nothing is known yet: all lines to one, a line to each where the
// numbers agree and the lines are alike, else everything to all ("Staff reporters").
func share(authors []render.Author, lines []render.Author) {
	var open []int
	for i, a := range authors {
		if a.Title == "" && a.Institution == "" {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		for i := range authors {
			open = append(open, i)
		}
	}
	per := 0
	if n := len(open); n > 1 && len(lines)%n == 0 {
		per = len(lines) / n
	}
	alike := per > 1 || per == 1 && len(lines) > 1
	for i := range lines {
		if per == 1 && (lines[i].Title == "") != (lines[0].Title == "") {
			alike = false // the title of all, then the place of all
		}
	}
	for k, i := range open {
		mine := lines
		if alike {
			mine = lines[k*per : (k+1)*per]
		}
		title, institution := together(mine)
		authors[i] = mergeAuthor(authors[i], render.Author{Title: title, Institution: institution})
	}
}

// together joins what several lines say of one author.
func together(lines []render.Author) (title, institution string) {
	for _, l := range lines {
		title, institution = joined(title, l.Title), joined(institution, l.Institution)
	}
	return title, institution
}

// loneName reports whether the name at i is a byline: nothing but furniture of a head follows it, or a label stands
// before it.
func (p *head) loneName(i int) bool {
	if i > 0 && bylineLabels[strings.ToLower(strings.Trim(p.units[i-1].text, " :"))] {
		return true
	}
	if i+1 >= len(p.units) {
		return false
	}
	switch p.kindOfUnit(p.units[i+1]) {
	case isAuthorInfo, isDate, isPage, isName, isCaption:
		return true
	}
	return len(p.authors) == 0 && i <= p.top+2 && p.units[i].gap
}
