package articles

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"mailer/internal/render"
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
	for i := len(units) * 6 / 10; i < len(units); i++ { // the list of other stories, once the story is mostly told
		if moreStories.MatchString(units[i].text) && p.onlyHeadlines(units[i+1:]) {
			for _, u := range units[i:] {
				p.drop(u.text)
			}
			units = units[:i]
		}
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
		case m != nil && (len(units) < 2 || !p.precededByButton(units)):
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

func (p *plain) precededByButton(units []unit) bool {
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

// onlyHeadlines reports whether all units could be headlines of other stories.
func (p *plain) onlyHeadlines(units []unit) bool {
	for _, u := range units {
		if u.words() > 22 || strings.HasSuffix(u.text, ".") || evidence(u.text) > 0 {
			return isJunk(u.text)
		}
		if isAppealHeading(u) {
			return false
		}
	}
	return true
}

// aboutAuthors reads a block about the authors below the story ("Author", name, title and institution, a line about them)
// and returns where it begins, or -1.
func (p *plain) aboutAuthors(units []unit) int {
	for i := len(units) - 1; i > len(units)/2; i-- {
		if !aboutLabel.MatchString(units[i].text) {
			continue
		}
		for _, u := range units[i+1:] {
			k := p.kindOfUnit(u)
			if !(k == isName || k == isAuthorInfo || k == isByline || k == isPage || k == isLabel || aboutLabel.MatchString(u.text) || disclosure.MatchString(u.text) || p.nameOf(u.text) != "" || p.bioOf(u.text) >= 0) {
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

func (p *plain) authorNamed(text string) int {
	for i, a := range p.story.Authors {
		if strings.HasPrefix(text, a.Name) {
			return i
		}
	}
	return -1
}

// bioOf returns which author a paragraph is about, or -1: it begins with the name and goes on with what he or she is.
func (p *plain) bioOf(text string) int {
	for i, a := range p.story.Authors {
		rest, ok := strings.CutPrefix(strings.Trim(text, "*_ "), a.Name)
		if ok && bioStart.MatchString(rest) && len(strings.Fields(text)) <= 120 {
			return i
		}
	}
	return -1
}

// nameOf returns the name that a line begins with when an author of that name is known.
func (p *plain) nameOf(text string) string {
	if i := p.authorNamed(text); i >= 0 {
		return p.story.Authors[i].Name
	}
	return ""
}

// isBio takes a paragraph about an author in.
func (p *plain) isBio(text string) bool {
	i := p.bioOf(text)
	if i < 0 {
		return false
	}
	a := &p.story.Authors[i]
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
func (p *plain) unknownBio(units []unit) bool {
	text := strings.Trim(units[len(units)-1].text, "*_ ")
	if len(p.story.Authors) > 0 || len(units) < 4 || len(strings.Fields(text)) > 60 {
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
		p.story.Authors = []render.Author{{Name: name, Bio: text}}
		describe(&p.story.Authors[0], rest)
		return true
	}
	return false
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
	if p.kindOfUnit(u) != isName || len(p.story.Authors) > 0 && p.authorNamed(u.text) < 0 || info == n && len(p.story.Authors) == 0 && !u.gap {
		return units
	}
	p.named(u.text)
	if info < n {
		p.infos = append(p.infos, units[info].text)
	}
	p.settleInfo()
	return units[:name]
}

// middle takes out of the story what belongs to the page around it: shares, links to other stories, captions of photos
// that are not here, sentences pulled out of the text to stand larger beside it.
func (p *plain) middle(units []unit) []unit {
	var out []unit
	dropped := false // the unit before was a pulled quote
	skip := -1
	for i, u := range units {
		if i == skip {
			continue
		}
		quote := pulled(units, i)
		if dropped && attributed.MatchString(u.text) && u.words() <= 14 {
			dropped = false
			continue
		}
		dropped = quote
		caption, credit, strong := splitCaption(u.text)
		switch {
		case u.opaque:
			out = append(out, u)
		case isJunk(u.text):
			p.drop(u.text)
		case credit != "" && strong && u.words() < 90 && (caption == "" || agencies.MatchString(credit) || strings.Contains(credit, "/") || creditLabel.MatchString(u.text)):
			if p.story.Image == nil || p.story.Image.Caption == "" && p.story.Image.Credit == "" {
				if caption == "" && len(out) > 0 && !u.gap && out[len(out)-1].words() < 60 { // the caption is the line before
					caption = out[len(out)-1].text
					out = out[:len(out)-1]
				}
				captioned(p.image(), caption+" ("+credit+")")
				if p.story.Image.Credit == "" {
					p.story.Image.Credit = credit
				}
				p.story.Image.Caption = caption
				continue
			}
			p.drop(u.text)
			if caption == "" && i+1 < len(units) && !units[i+1].gap && units[i+1].words() < 40 { // its caption stands below it
				skip = i + 1
				p.drop(units[i+1].text)
			}
		case onlyURL.MatchString(u.text):
			p.link(u.text)
		case quote:
			p.notes = append(p.notes, "pulled quote left out, it stands in the text: "+cut(u.text, 70))
		case strings.EqualFold(u.text, p.story.Title) || p.story.Dek != "" && strings.EqualFold(u.text, p.story.Dek):
		default:
			out = append(out, u)
		}
	}
	return out
}

// pulled reports whether unit i repeats words of another unit.
func pulled(units []unit, i int) bool {
	t := strings.ToLower(strings.Trim(units[i].text, "“”\"«» .…"))
	if units[i].words() < 5 || units[i].words() > 45 {
		return false
	}
	for j, u := range units {
		if j != i && len(u.text) > len(t)+20 && strings.Contains(strings.ToLower(u.text), t) {
			return true
		}
	}
	return false
}

// html writes the body.
func (p *plain) html() string {
	var b strings.Builder
	list := p.body
	points := p.points(list)
	for i := 0; i < len(list); {
		u := list[i]
		switch {
		case divider.MatchString(u.text):
			if i > 0 && i+1 < len(list) {
				b.WriteString("<hr>\n")
			}
			i++
		case bulleted.MatchString(u.text) && (i+1 < len(list) && bulleted.MatchString(list[i+1].text) || i > 0 && bulleted.MatchString(list[i-1].text)):
			i += writeList(&b, list[i:], bulleted, 1, "<ul>", "</ul>")
		case points[i] == asItem:
			m := numbered.FindStringSubmatch(u.text)
			open := "<ol>"
			if m[1] != "1" {
				open = `<ol start="` + m[1] + `">`
			}
			n := 1
			for i+n < len(list) && points[i+n] == asItem {
				n++
			}
			i += writeList(&b, list[i:i+n], numbered, 2, open, "</ol>")
		case points[i] == asHeading:
			b.WriteString("<h2>" + html.EscapeString(numberedTitle(u.text)) + "</h2>\n")
			i++
		case p.isQuote(list, i):
			b.WriteString("<blockquote><p>" + inlineHTML(strings.TrimPrefix(u.text, "> ")) + "</p>")
			if m := attributed.FindStringSubmatch(list[i+1].text); m != nil {
				b.WriteString("<p>— " + html.EscapeString(m[1]) + "</p>")
				i++
			}
			b.WriteString("</blockquote>\n")
			i++
		case p.isSubhead(list, i):
			b.WriteString("<h2>" + html.EscapeString(strings.TrimRight(strings.TrimLeft(u.text, "# "), " ")) + "</h2>\n")
			i++
		default:
			b.WriteString("<p>" + inlineHTML(u.text) + "</p>\n")
			i++
		}
	}
	for _, n := range p.note {
		b.WriteString("<p><em>" + inlineHTML(n) + "</em></p>\n")
	}
	return b.String()
}

func writeList(b *strings.Builder, list []unit, re *regexp.Regexp, group int, open, end string) int {
	b.WriteString(open)
	n := 0
	for _, u := range list {
		m := re.FindStringSubmatch(u.text)
		if m == nil {
			break
		}
		b.WriteString("<li>" + inlineHTML(m[group]) + "</li>")
		n++
	}
	b.WriteString(end + "\n")
	return n
}

// inlineHTML escapes a text and makes links of the addresses in it.
func inlineHTML(s string) string {
	var b strings.Builder
	at := 0
	for _, m := range urlInText.FindAllStringIndex(s, -1) {
		u := html.EscapeString(s[m[0]:m[1]])
		b.WriteString(html.EscapeString(s[at:m[0]]) + `<a href="` + u + `">` + u + `</a>`)
		at = m[1]
	}
	b.WriteString(html.EscapeString(s[at:]))
	return b.String()
}

// What a numbered unit is.
type point int

const (
	noPoint   point = iota
	asItem          // of a list
	asHeading       // above paragraphs, its number with it
	asText          // a paragraph that begins with its number
)

// points decides what the numbered units are. They must count up, 1, 2, 3; else a number is just a number. Where
// paragraphs stand between them they are headings if they are short, and where none do they are the items of a list.
func (p *plain) points(list []unit) map[int]point {
	var at []int
	want := 0
	for i, u := range list {
		m := numbered.FindStringSubmatch(u.text)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || want > 0 && n != want || want == 0 && n > 1 && !p.counts(list, i, n) {
			continue
		}
		want = n + 1
		at = append(at, i)
	}
	out := map[int]point{}
	if len(at) < 2 {
		return out
	}
	for k, i := range at {
		adjacent := k > 0 && at[k-1] == i-1 || k+1 < len(at) && at[k+1] == i+1
		m := numbered.FindStringSubmatch(list[i].text)
		switch {
		case adjacent:
			out[i] = asItem
		case len(strings.Fields(m[2])) <= 16 && utf8.RuneCountInString(m[2]) <= 120 && i+1 < len(list):
			out[i] = asHeading
		default:
			out[i] = asText
		}
	}
	return out
}

// counts reports whether a count that begins with n > 1 goes on later.
func (p *plain) counts(list []unit, i, n int) bool {
	for _, u := range list[i+1:] {
		if m := numbered.FindStringSubmatch(u.text); m != nil && m[1] == strconv.Itoa(n+1) {
			return true
		}
	}
	return false
}

// numberedTitle writes a heading with its number, "1. Title", without the full stop at its end.
func numberedTitle(s string) string {
	m := numbered.FindStringSubmatch(s)
	title := m[2]
	if strings.HasSuffix(title, ".") && !strings.HasSuffix(title, "..") && strings.Count(title, ". ") == 0 {
		title = strings.TrimSuffix(title, ".")
	}
	return m[1] + ". " + title
}

// isQuote reports whether unit i is set off as a quotation: marked by ">", or in quotation marks with a line below that
// says whose words they are.
func (p *plain) isQuote(list []unit, i int) bool {
	if strings.HasPrefix(list[i].text, "> ") && i+1 < len(list) {
		return true
	}
	if i+1 >= len(list) || !attributed.MatchString(list[i+1].text) || len(strings.Fields(list[i+1].text)) > 14 || strings.HasSuffix(list[i+1].text, ".") {
		return false
	}
	t := list[i].text
	return strings.HasPrefix(t, "“") || strings.HasPrefix(t, `"`) || strings.HasPrefix(t, "«")
}

// isSubhead reports whether unit i is a heading within the story: a short line that ends nothing, above a paragraph.
func (p *plain) isSubhead(list []unit, i int) bool {
	u := list[i]
	if u.head || strings.HasPrefix(u.text, "## ") || roman.MatchString(u.text) && i+1 < len(list) {
		return true
	}
	if i+1 >= len(list) || !u.short(12) || utf8.RuneCountInString(u.text) > 90 || !startsUpper(strings.TrimLeft(u.text, "0123456789. ")) {
		return false
	}
	if strings.HasSuffix(u.text, ".") || strings.HasSuffix(u.text, ",") || strings.HasSuffix(u.text, ":") || strings.HasSuffix(u.text, ";") || strings.HasSuffix(u.text, "”") || strings.HasSuffix(u.text, "»") || strings.HasSuffix(u.text, "…") {
		return false
	}
	next := list[i+1]
	return next.words() >= 12 || next.words() >= 5 && endsSentence(next.text) || numbered.MatchString(next.text) || bulleted.MatchString(next.text)
}

// stopWords tell languages apart.
var stopWords = map[string]map[string]bool{
	"en": wordSet("the of and to in that is was for it with as on are this by be have from at which they were not but has their an would there we been"),
	"fr": wordSet("le la les des et est une dans que qui pour sur pas par plus avec sont il elle ce cette ces aux du ne se mais ont être nous leur"),
	"de": wordSet("der die das und ist nicht ein eine den dem mit auf für von sich auch es an als werden wird sind im aus bei nach wie oder haben"),
	"es": wordSet("el los las de que y en un una por con para es del se no su al lo más pero como sus le ya fue ha muy son está"),
	"it": wordSet("il di che e la un per è non sono con una del della dei nel alla più come anche ma ha le gli si questo"),
	"pt": wordSet("de que não uma para com os um por mais as dos como mas ao ele das à seu sua ou quando muito nos já está são"),
	"nl": wordSet("de het een van en is dat op te zijn met voor niet aan er om ook als bij maar uit nog wordt naar dan door zij"),
}

// language guesses the language of the story by its small words, where enough of them leave no doubt.
func (p *plain) language() {
	if p.story.Language != "" {
		return
	}
	var b strings.Builder
	for _, u := range p.body {
		b.WriteString(u.text + " ")
	}
	p.story.Language = guessLanguage(p.story.Title + " " + p.story.Dek + " " + b.String())
}

func guessLanguage(text string) string {
	count, total := map[string]int{}, 0
	for _, w := range strings.FieldsFunc(strings.ToLower(cut(text, 20000)), func(r rune) bool { return strings.ContainsRune(" ’'.,;:!?()«»“”\"\n\u00a0", r) }) {
		total++
		for l, set := range stopWords {
			if set[w] {
				count[l]++
			}
		}
	}
	best, second := "", 0
	for l, n := range count {
		if best == "" || n > count[best] {
			best = l
		}
	}
	for l, n := range count {
		if l != best {
			second = max(second, n)
		}
	}
	if best == "" || count[best] < 5 || count[best]*10 < second*14 || count[best]*12 < total {
		return ""
	}
	return best
}
