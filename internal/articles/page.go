package articles

import (
	"cmp"
	"net/url"
	"strings"

	readability "codeberg.org/readeck/go-readability/v2"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// maxElements of a page are looked at; more have no place in an article.
const maxElements = 100_000

// unknownBase stands for the address of a page that does not say its own; links relative to it are dropped at the end.
const unknownBase = "https://unknown.invalid/"

// parsePage reads a story from an HTML page: what it says of itself (JSON-LD, OpenGraph, other meta tags), what stands on
// it (headline, byline, date, figures), and the story that readability finds in it. A page that says nothing of itself,
// such as a document saved by a word processor, is read from the top like a copied text.
func parsePage(text string, o Overrides) (*plain, error) {
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "the page is nested too deep to be an article")
	}
	count := 0
	for range doc.Descendants() {
		if count++; count > maxElements {
			return nil, errs.New(errs.Invalid, "the page has more than %d elements, which no article has", maxElements)
		}
	}
	p := newPlain(o)
	g := page{plain: p, doc: doc, meta: metaOf(doc)}
	g.ld, _ = readLinkedData(doc)
	g.address()
	g.words()
	g.people()
	if err := g.text(o); err != nil {
		return nil, err
	}
	return p, nil
}

// page is a page while it is read.
type page struct {
	*plain
	doc  *html.Node
	meta map[string]string // by name or property, lower case; the first of each
	ld   linkedData
}

// metaOf gathers meta tags, the title and the canonical link of a page.
func metaOf(doc *html.Node) map[string]string {
	out := map[string]string{}
	put := func(k, v string) {
		if k = strings.ToLower(strings.TrimSpace(k)); k != "" && out[k] == "" {
			out[k] = strings.TrimSpace(v)
		} else if k == "article:tag" || k == "article:author" || k == "author" || k == "citation_author" {
			out[k] += "\n" + strings.TrimSpace(v)
		}
	}
	for n := range doc.Descendants() {
		switch n.DataAtom {
		case atom.Meta:
			v := attr(n, "content")
			put(attr(n, "property"), v)
			put(attr(n, "name"), v)
			put(attr(n, "itemprop"), v)
		case atom.Link:
			if strings.EqualFold(attr(n, "rel"), "canonical") {
				put("canonical", attr(n, "href"))
			}
		case atom.Title:
			if n.Namespace == "" {
				put("title", nodeText(n))
			}
		case atom.Html:
			put("lang", attr(n, "lang"))
		case atom.Base:
			put("base", attr(n, "href"))
		}
	}
	return out
}

func (g *page) get(keys ...string) string {
	for _, k := range keys {
		if v := g.meta[k]; v != "" {
			return fold(clean(v))
		}
	}
	return ""
}

// address finds where the page lives.
func (g *page) address() {
	if g.story.URL == "" {
		g.story.URL = cmp.Or(absolute(nil, g.get("canonical")), absolute(nil, g.get("og:url")), absolute(nil, g.ld.url), absolute(nil, g.get("twitter:url", "parsely-link")))
	}
	g.story.Language = cmp.Or(languageTag(g.ld.language), languageTag(g.get("lang")), languageTag(g.get("og:locale", "language", "dc.language", "content-language")))
}

// words finds headline, dek, date, section and tags.
func (g *page) words() {
	s := &g.story
	s.Title = cmp.Or(g.ld.headline, g.get("og:title", "twitter:title", "parsely-title", "dc.title", "citation_title"))
	h1 := g.firstText(func(n *html.Node) bool { return n.DataAtom == atom.H1 })
	if s.Title == "" || h1 != "" && (strings.HasPrefix(s.Title, h1) || strings.HasSuffix(s.Title, "…") || strings.HasSuffix(s.Title, "...")) {
		s.Title = cmp.Or(h1, s.Title)
	}
	if site := g.get("og:site_name"); site != "" {
		for _, sep := range []string{" | ", " - ", " – ", " — ", " · ", " : "} {
			s.Title = strings.TrimSuffix(s.Title, sep+site)
		}
	}
	visible := g.firstText(func(n *html.Node) bool {
		return n.DataAtom != atom.Meta && n.DataAtom != atom.Body && (hasClass(n, "dek", "standfirst", "subtitle", "subhead", "subheading", "sub-headline", "subheadline", "deck", "article-summary", "article__summary", "article-dek", "article__dek", "chapo", "lede-text", "tagline") ||
			attr(n, "itemprop") == "alternativeHeadline")
	})
	if n := len([]rune(visible)); n < 20 || n > maxDek {
		visible = ""
	}
	s.Dek = withoutTail(cmp.Or(visible, g.ld.dek, g.get("og:description", "description", "twitter:description", "dc.description", "parsely-summary")))
	for _, d := range []string{g.ld.date, g.get("article:published_time", "og:article:published_time", "article:published", "date", "dc.date", "dc.date.issued", "datepublished", "parsely-pub-date", "pubdate", "sailthru.date", "citation_publication_date")} {
		if t, ok := ParseDate(d, g.zone, g.now); ok {
			g.setDate(t, false)
		}
	}
	s.Section = cmp.Or(g.ld.section, g.get("article:section", "parsely-section", "section"))
	s.Tags = append(s.Tags, g.ld.tags...)
	if s.Tags = append(s.Tags, strings.Split(g.meta["article:tag"], "\n")...); len(g.ld.tags) == 0 && g.meta["article:tag"] == "" {
		s.Tags = append(s.Tags, strings.Split(g.get("news_keywords", "keywords", "parsely-tags"), ",")...)
	}
}

// people finds the authors: as data, then as they stand on the page, which often says more of them.
func (g *page) people() {
	s := &g.story
	s.Authors = g.ld.authors
	if len(s.Authors) == 0 {
		for _, v := range append(strings.Split(g.meta["author"], "\n"), strings.Split(g.meta["article:author"]+"\n"+g.meta["citation_author"]+"\n"+g.meta["parsely-author"]+"\n"+g.meta["dc.creator"], "\n")...) {
			if !strings.Contains(v, "://") {
				s.Authors = mergeAuthors(s.Authors, parseByline(v))
			}
		}
	}
	var found []render.Author
	for n := range g.doc.Descendants() {
		if len(found) > 0 || n.Type != html.ElementNode || n.DataAtom == atom.Meta {
			continue
		}
		if hasClass(n, "byline", "article-byline", "article__byline", "byline-name", "authors", "author-name", "article-author") || attr(n, "rel") == "author" || attr(n, "itemprop") == "author" {
			t := fold(nodeText(n))
			if a, ok := bylineLine(t); ok || len(t) < 80 && len(a) == 0 && isNames(t) {
				found = parseByline(t)
			}
		}
	}
	switch {
	case len(s.Authors) == 0:
		s.Authors = found
	default:
		for i := range s.Authors {
			for _, f := range found {
				if strings.EqualFold(f.Name, s.Authors[i].Name) {
					s.Authors[i] = mergeAuthor(s.Authors[i], f)
				}
			}
		}
	}
}

// text finds the story itself, its picture and its appeal.
func (g *page) text(o Overrides) error {
	base := g.baseURL()
	r := readability.NewParser()
	r.KeepClasses = true
	found, err := r.ParseDocument(g.doc, base)
	if err != nil {
		return errs.Wrap(err, errs.Invalid, "the page could not be read")
	}
	bare := g.get("og:title", "twitter:title", "description", "og:description", "author", "canonical") == "" && g.ld.headline == "" && len(g.story.Authors) == 0
	if bare {
		g.story.Title, g.story.Dek = "", ""
	}
	node := found.Node
	if node == nil || len(fold(nodeText(node))) < 40 || bare {
		node = bodyOf(g.doc)
	}
	if g.story.Language == "" {
		g.story.Language = languageTag(found.Language())
	}
	body, img := settle(outerOf(node), base, g.pictures(base))
	g.story.Image = img
	units := htmlUnits(body)
	if bare {
		g.units = units
		units = g.header()
	}
	if !bare && g.dated == 0 {
		g.visibleDate()
	}
	if g.story.Title == "" {
		g.story.Title = cmp.Or(found.Title(), g.get("title"))
	}
	if !bare {
		units = g.withoutHead(units)
	}
	rest, err := g.cutAppeal(units, o)
	if err != nil {
		return err
	}
	if g.appeal == nil && !o.NoAppeal && o.AppealFrom == "" {
		g.appealBeside(rest, base)
	}
	g.body = g.middle(rest)
	g.language()
	var b strings.Builder
	for _, u := range g.body {
		b.WriteString(u.raw + "\n")
	}
	for _, n := range g.note {
		b.WriteString("<p><em>" + html.EscapeString(n) + "</em></p>\n")
	}
	g.story.BodyHTML = render.SanitizeBody(b.String(), base)
	return nil
}

// withoutHead takes off the beginning of the story what the page has said already: headline, dek, byline, date.
func (g *page) withoutHead(units []unit) []unit {
	for len(units) > 1 && !units[0].opaque {
		u := units[0]
		switch k := g.kindOfUnit(u); {
		case strings.EqualFold(u.text, g.story.Title), strings.EqualFold(u.text, g.story.Dek):
		case k == isDate:
			t, update, _ := g.dateOf(u.text)
			g.setDate(t, update)
		case k == isByline:
			for _, a := range parseByline(u.text) {
				if i := g.authorNamed(a.Name); i >= 0 {
					g.story.Authors[i] = mergeAuthor(g.story.Authors[i], a)
				} else if len(g.story.Authors) == 0 {
					g.story.Authors = parseByline(u.text)
				}
			}
		case k == isPage, k == isName && g.authorNamed(u.text) >= 0, k == isAuthorInfo && len(g.story.Authors) > 0:
		default:
			return units
		}
		units = units[1:]
	}
	return units
}

// appealBeside looks for an appeal that stands on the page behind the story, where readability has left it out.
func (g *page) appealBeside(story []unit, base *url.URL) {
	if len(story) == 0 {
		return
	}
	last := story[len(story)-1].text
	units := htmlUnits(render.SanitizeBody(outerOf(wholeBody(g.doc)), base))
	for i := len(units) - 1; i >= 0; i-- {
		if units[i].text != last {
			continue
		}
		behind := units[i:]
		for j := range behind { // what follows the appeal on a page is the page
			if j > 0 && (moreStories.MatchString(behind[j].text) || aboutLabel.MatchString(behind[j].text)) {
				behind = behind[:j]
				break
			}
		}
		if found, ok := findAppeal(behind, 1); ok {
			g.appeal, g.asked = &found.ParsedAppeal, found.paragraphs
		}
		return
	}
}

func (g *page) baseURL() *url.URL {
	base, err := url.Parse(cmp.Or(g.story.URL, unknownBase))
	if err != nil {
		base, _ = url.Parse(unknownBase)
	}
	if b := g.get("base"); b != "" {
		if u, err := url.Parse(b); err == nil {
			base = base.ResolveReference(u)
		}
	}
	return base
}

// pictures returns the lead picture that the page names, completed from the figure that shows it.
func (g *page) pictures(base *url.URL) []render.Image {
	var img render.Image
	if i := g.ld.image; i != nil {
		img = *i
	}
	if og := g.get("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src", "parsely-image-url"); img.URL == "" || sameImage(img.URL, og) {
		img.URL = cmp.Or(img.URL, og)
		img.Alt = cmp.Or(img.Alt, g.get("og:image:alt", "twitter:image:alt"))
		if img.Width == 0 {
			img.Width, img.Height = pixels(g.get("og:image:width")), pixels(g.get("og:image:height"))
		}
	}
	if img.URL = absolute(base, img.URL); img.URL == "" || isVector(img.URL) {
		return nil
	}
	seen := 0
	for n := range g.doc.Descendants() {
		if n.DataAtom != atom.Img {
			continue
		}
		if seen++; seen > maxFigures {
			break
		}
		src := absolute(base, source(n))
		if src == "" || !sameImage(src, img.URL) && !within(n, atom.Figure, nil) {
			continue
		}
		if sameImage(src, img.URL) {
			if found, ok := figureOf(n, bodyOf(g.doc)).image(base); ok {
				complete(&img, found)
				break
			}
		}
	}
	return []render.Image{img}
}

func isVector(u string) bool {
	low := strings.ToLower(u)
	return strings.HasSuffix(low, ".svg") || strings.Contains(low, ".svg?")
}

// visibleDate reads the date from a time element, or from a line near the top.
func (g *page) visibleDate() {
	for n := range g.doc.Descendants() {
		if n.DataAtom == atom.Time {
			if t, ok := ParseDate(cmp.Or(attr(n, "datetime"), nodeText(n)), g.zone, g.now); ok {
				g.setDate(t, false)
				return
			}
		}
	}
	for i, u := range htmlUnits(render.SanitizeBody(outerOf(bodyOf(g.doc)), nil)) {
		if t, update, ok := g.dateOf(u.text); ok {
			g.setDate(t, update)
		}
		if i > 30 {
			return
		}
	}
}

// firstText returns the text of the first element that ok accepts, and that has some.
func (g *page) firstText(ok func(*html.Node) bool) string {
	for n := range g.doc.Descendants() {
		if n.Type == html.ElementNode && ok(n) {
			if t := fold(clean(nodeText(n))); t != "" {
				return t
			}
		}
	}
	return ""
}

func hasClass(n *html.Node, names ...string) bool {
	for c := range strings.FieldsSeq(strings.ToLower(attr(n, "class"))) {
		for _, name := range names {
			if c == name {
				return true
			}
		}
	}
	return false
}

// bodyOf returns the part of a page that is most likely its story: an article element, if there is one only, else main, else all.
func bodyOf(doc *html.Node) *html.Node {
	var body, main, article *html.Node
	articles := 0
	for n := range doc.Descendants() {
		switch n.DataAtom {
		case atom.Body:
			body = cmp.Or(body, n)
		case atom.Main:
			main = cmp.Or(main, n)
		case atom.Article:
			article = cmp.Or(article, n)
			articles++
		}
	}
	switch {
	case articles == 1:
		return article
	case main != nil:
		return main
	case body != nil:
		return body
	}
	return doc
}

// wholeBody returns the body element of a page.
func wholeBody(doc *html.Node) *html.Node {
	for n := range doc.Descendants() {
		if n.DataAtom == atom.Body {
			return n
		}
	}
	return doc
}

// outerOf renders what is in a node, or nothing.
func outerOf(n *html.Node) string {
	if n == nil {
		return ""
	}
	return outer(n)
}

// htmlUnits parts clean HTML (as SanitizeBody returns it) into its blocks.
func htmlUnits(body string) []unit {
	root := fragment(body)
	if root == nil {
		return nil
	}
	var out []unit
	for n := root.FirstChild; n != nil; n = n.NextSibling {
		if n.Type != html.ElementNode {
			continue
		}
		var b strings.Builder
		if html.Render(&b, n) != nil {
			continue
		}
		u := unit{raw: b.String(), lines: 1, gap: true, at: len(out)}
		switch n.DataAtom {
		case atom.H1, atom.H2, atom.H3, atom.H4:
			u.head, u.text = true, fold(nodeText(n))
		case atom.P:
			u.text = fold(nodeText(n))
			u.link = onlyLink(n)
			u.markdown = markdownOf(n)
			if lines := breaks(n); len(lines) > 1 && len(out) < 12 { // a head whose lines are parted by <br>
				for _, l := range lines {
					out = append(out, unit{raw: "<p>" + html.EscapeString(l) + "</p>", text: l, lines: 1, at: len(out)})
				}
				continue
			}
		case atom.Hr:
			u.text = "***"
		case atom.Ol, atom.Ul, atom.Blockquote, atom.Pre, atom.Figure, atom.Table:
			u.opaque, u.text = true, fold(nodeText(n))
		default:
			u.text = fold(nodeText(n))
		}
		if u.text != "" || u.opaque {
			out = append(out, u)
		}
	}
	return out
}

// breaks returns the lines of a paragraph that is short text parted by line breaks.
func breaks(n *html.Node) []string {
	var lines []string
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom == atom.Br {
			lines = append(lines, fold(b.String()))
			b.Reset()
			continue
		}
		b.WriteString(nodeText(c))
	}
	lines = append(lines, fold(b.String()))
	var out []string
	for _, l := range lines {
		if len(strings.Fields(l)) > 30 {
			return nil
		}
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

// onlyLink returns where a paragraph leads that is nothing but a link.
func onlyLink(p *html.Node) string {
	href := ""
	for n := range p.Descendants() {
		if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" && !within(n, atom.A, p) {
			return ""
		}
		if n.DataAtom == atom.A {
			href = cmp.Or(href, attr(n, "href"))
		}
	}
	return href
}

// markdownOf writes a paragraph as Markdown with its links and emphasis.
func markdownOf(p *html.Node) string {
	var b strings.Builder
	var walk func(n *html.Node)
	wrap := func(n *html.Node, mark string) {
		b.WriteString(mark)
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		b.WriteString(mark)
	}
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			b.WriteString(markdownSpecial.ReplaceAllString(n.Data, `\$1`))
		case n.DataAtom == atom.Br:
			b.WriteString("\\\n")
		case n.DataAtom == atom.A && attr(n, "href") != "":
			b.WriteString("[")
			wrap(n, "")
			b.WriteString("](" + strings.NewReplacer("(", "%28", ")", "%29", " ", "%20").Replace(attr(n, "href")) + ")")
		case n.DataAtom == atom.Strong:
			wrap(n, "**")
		case n.DataAtom == atom.Em:
			wrap(n, "*")
		default:
			wrap(n, "")
		}
	}
	for c := p.FirstChild; c != nil; c = c.NextSibling {
		walk(c)
	}
	return markdownStart.ReplaceAllString(strings.TrimSpace(b.String()), `$2\$1$3$4`)
}
