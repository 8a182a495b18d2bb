package articles

import (
	"cmp"
	"strings"
	"time"

	"mailer/internal/render"
)

// maxHeader is how many units the head of a page may have before its story begins.
const maxHeader = 40

// fields are labels that a person may write before a value, "Dek: …", and what they mean.
var fields = map[string]string{"title": "title", "headline": "title", "titre": "title", "subject": "title", "dek": "dek", "deck": "dek", "standfirst": "dek", "subtitle": "dek", "subhead": "dek", "summary": "dek", "chapô": "dek", "sous-titre": "dek",
	"date": "date", "section": "section", "rubrique": "section", "topic": "section", "tags": "tags", "topics": "tags", "keywords": "tags", "filed under": "tags", "mots-clés": "tags", "étiquettes": "tags", "more on": "tags", "sujets": "tags",
	"caption": "caption", "photo caption": "caption", "légende": "caption", "photo credit": "credit", "credit": "credit", "crédit": "credit", "crédit photo": "credit", "image credit": "credit", "alt": "alt", "alt text": "alt",
	"image": "image", "image url": "image", "photo url": "image", "url": "url", "link": "url", "lien": "url", "language": "language", "langue": "language", "institution": "info", "affiliation": "info", "position": "info", "author title": "info", "job title": "info", "source url": "url", "original url": "url", "original article": "url"}

// labelledField reads "Label: value" with a label that says which field the value is.
func labelledField(l string) (field, value string, ok bool) {
	label, value, found := strings.Cut(l, ":")
	if !found || len(label) > 30 {
		return "", "", false
	}
	field, ok = fields[strings.ToLower(strings.TrimSpace(label))]
	value = strings.TrimSpace(value)
	switch {
	case !ok || value == "":
		return "", "", false
	case field == "url" || field == "image":
		return field, value, absolute(nil, value) != ""
	case field == "language":
		return field, value, languageTag(value) != ""
	case field == "date":
		_, ok = ParseDate(value, nil, time.Unix(0, 0))
		return field, value, ok
	case field == "info" || field == "credit":
		return field, value, len(strings.Fields(value)) <= 16 && !hasVerb(value)
	case field == "section" || field == "tags":
		return field, value, len(strings.Fields(value)) <= 25 && !strings.HasSuffix(value, ".")
	}
	return field, value, true
}

// setField takes a labelled value in; a field that is set already stays.
func (p *plain) setField(field, value string) {
	s := &p.story
	set := func(to *string) {
		if *to == "" {
			*to = value
		}
	}
	switch field {
	case "title":
		if s.Title != "" && len(s.Authors) > 0 { // "Author: … Title: Professor of Law"
			p.infos = append(p.infos, value)
		}
		set(&s.Title)
	case "info":
		p.infos = append(p.infos, value)
	case "dek":
		set(&s.Dek)
	case "date":
		if t, ok := ParseDate(value, p.zone, p.now); ok {
			p.setDate(t, false)
		}
	case "section":
		set(&s.Section)
	case "tags":
		s.Tags = append(s.Tags, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' || r == '|' })...)
	case "caption":
		captioned(p.image(), value)
	case "credit":
		set(&p.image().Credit)
		p.image().Credit = trimCredit(p.image().Credit)
	case "alt":
		set(&p.image().Alt)
	case "image":
		set(&p.image().URL)
	case "url":
		set(&s.URL)
	case "language":
		set(&s.Language)
	}
}

func (p *plain) image() *render.Image {
	if p.story.Image == nil {
		p.story.Image = &render.Image{}
	}
	return p.story.Image
}

// header reads the head of the page, whatever the order of its parts, and returns the units behind it.
func (p *plain) header() []unit {
	i := p.headline()
	p.top = i - 1
	for ; i < len(p.units) && i < maxHeader; i++ {
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
func (p *plain) headUnit(i int) (n int, ok bool) {
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
func (p *plain) date(text string) {
	t, update, _ := p.dateOf(text)
	p.setDate(t, update)
	if name, _, ok := strings.Cut(text, " | "); ok && p.story.Section == "" && sections[strings.ToLower(name)] {
		p.story.Section = sentenceCase(name)
	}
}

// headText takes in a text of the head that nothing but its place and its words explain.
func (p *plain) headText(i int) (n int, ok bool) {
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
			if len(p.story.Authors) > 0 {
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
	if i+1 < len(p.units) && u.words() <= 30 && endsSentence(u.text) && !p.units[i+1].gap && (len(p.story.Authors) > 0 || p.dated > 0) &&
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
	if len(p.story.Authors) == 0 && p.dated == 0 && u.words() <= 75 && p.furnitureAhead(i) { // of the story, though something of the head follows
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

// headline finds the headline, with the section and whatever else may stand above it, and returns the index behind it.
func (p *plain) headline() int {
	for i := 0; i < len(p.units) && i < maxHeader; i++ {
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
		case k == isAuthorInfo && len(p.story.Authors) > 0:
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
func (p *plain) masthead(i int) bool {
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
func (p *plain) kicker(i int) bool {
	u := p.units[i]
	if u.words() > 4 || p.story.Section != "" || endsSentence(u.text) || i+2 >= len(p.units) {
		return false
	}
	next := p.units[i+1]
	if p.kindOfUnit(next) != isText || endsSentence(next.text) && !strings.HasSuffix(next.text, "?") && !strings.HasSuffix(next.text, "”") || next.words() < 4 || next.words() > 25 {
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

func (p *plain) link(s string) {
	u := strings.Trim(s, "<> ")
	switch {
	case isPictureURL(u):
		if p.image().URL == "" {
			p.image().URL = u
		}
	case p.story.URL == "":
		p.story.URL = u
	}
}

func isPictureURL(u string) bool {
	low := strings.ToLower(u)
	if i := strings.IndexAny(low, "?#"); i >= 0 {
		low = low[:i]
	}
	for _, e := range []string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"} {
		if strings.HasSuffix(low, e) {
			return true
		}
	}
	return false
}

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
		p.story.Authors = mergeAuthors(p.story.Authors, a)
		return
	}
	if a, t, ok := p.bylineAndDate(u.text); ok {
		p.setDate(t, false)
		p.story.Authors = mergeAuthors(p.story.Authors, a)
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

// named adds the author of a line that is a name; what is said next is about him or her.
func (p *plain) named(text string) {
	p.story.Authors = mergeAuthors(p.story.Authors, parseByline(text))
	p.last = p.authorNamed(strings.TrimSpace(text))
}

// settleInfo gives the lines that say what somebody is and where he works to the authors they belong to. They stay
// waiting while no author is known: some pages have them above the name.
func (p *plain) settleInfo() {
	if len(p.infos) == 0 || len(p.story.Authors) == 0 {
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
		a := &p.story.Authors[p.last]
		title, institution := together(lines)
		a.Title, a.Institution = cmp.Or(title, a.Title), cmp.Or(institution, a.Institution)
		p.last = -1
		return
	}
	share(p.story.Authors, lines)
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
func (p *plain) loneName(i int) bool {
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
	return len(p.story.Authors) == 0 && i <= p.top+2 && p.units[i].gap
}

// creditFollows reports whether unit i is a caption whose credit stands on the next line.
func (p *plain) creditFollows(i int) bool {
	if i+1 >= len(p.units) || p.units[i].words() > 70 || p.story.Image != nil && p.story.Image.Caption != "" {
		return false
	}
	next := p.units[i+1]
	caption, credit, strong := splitCaption(next.text)
	return credit != "" && strong && caption == "" && (!next.gap || p.story.Dek != "" || i > 2)
}

// takeDek takes unit i for the dek if it is one: the first text below the headline that is no longer than a dek is, and
// that something of the head still follows.
func (p *plain) takeDek(i int) bool {
	u := p.units[i]
	if p.story.Dek != "" || u.words() > 75 || numbered.MatchString(u.text) || p.looksLikeSubhead(i) && len(p.story.Authors) > 0 {
		return false
	}
	ahead := 0
	switch next := p.next(i); {
	case p.furnitureAhead(i):
		ahead = 2
	case next == isAuthorInfo, next == isName && len(p.story.Authors) == 0, next == isCaption && u.words() <= 45:
		ahead = 1
	}
	settled := len(p.story.Authors) > 0 || p.dated > 0 // the head is complete: what follows is more likely the story
	switch {
	case ahead == 2, ahead == 1 && (!settled || u.words() <= 35):
	case !settled && !endsSentence(u.text) && u.words() <= 45 && u.words() >= 4:
	case !settled && u.words() <= 40 && p.longerFollows(i):
	default:
		return false
	}
	p.story.Dek, p.dekAt = u.text, i
	return true
}

// next returns the kind of the unit behind i, lines of the page skipped.
func (p *plain) next(i int) furniture {
	for _, u := range p.units[min(i+1, len(p.units)):] {
		if k := p.kindOfUnit(u); k != isPage {
			return k
		}
	}
	return isText
}

// furnitureAhead reports whether a byline, a date or a labelled line follows unit i: directly, or, as long as none has come
// yet, behind at most two short texts.
func (p *plain) furnitureAhead(i int) bool {
	texts := 0
	for _, u := range p.units[min(i+1, len(p.units)):] {
		switch p.kindOfUnit(u) {
		case isByline, isDate, isLabel, isField, isMakers:
			return true
		case isPage:
			continue
		case isText:
			if texts++; texts <= 2 && u.words() <= 60 && len(p.story.Authors) == 0 && p.dated == 0 {
				continue
			}
		case isCaption:
			if len(p.story.Authors) == 0 && p.dated == 0 {
				continue
			}
		}
		return false
	}
	return false
}

// longerFollows reports whether the paragraphs after i are of quite another length than i, as a story's are beside its
// dek, where nothing else tells them apart.
func (p *plain) longerFollows(i int) bool {
	total, n := 0, 0
	for _, u := range p.units[i+1:] {
		if u.words() > 12 {
			total += u.words()
			n++
		}
		if n == 4 {
			break
		}
	}
	return n >= 2 && total/n >= 2*p.units[i].words() && p.units[i].words() >= 6
}

func (p *plain) looksLikeSubhead(i int) bool {
	u := p.units[i]
	return u.short(10) && !endsSentence(u.text)
}
