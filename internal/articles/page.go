package articles

import (
	"cmp"
	"net/url"
	"strings"

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
	if o.at != "" && !sameSite(g.story.URL, o.at) {
		g.story.URL = o.at
	}
	g.words()
	g.byline()
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
		} else if (k == "article:tag" || k == "article:author" || k == "author" || k == "citation_author") && len(out[k]) < maxByline {
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

// all returns what stands under each of the names, as it stands there.
func (g *page) all(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, g.meta[n])
	}
	return out
}

// Where pages say a thing, by name or property of a meta tag or by class of an element.
var (
	dateNames = []string{"article:published_time", "og:article:published_time", "article:published", "date", "dc.date", "dc.date.issued", "datepublished",
		"parsely-pub-date", "pubdate", "sailthru.date", "citation_publication_date"}
	authorNames = []string{"author", "article:author", "citation_author", "parsely-author", "dc.creator"}
	dekClasses  = wordSet("dek standfirst subtitle subhead subheading sub-headline subheadline deck article-summary article__summary article-dek article__dek chapo lede-text tagline")

	bylineClasses = wordSet("byline article-byline article__byline byline-name authors author-name article-author")
)

// address finds where the page lives.
func (g *page) address() {
	if g.story.URL == "" {
		g.story.URL = cmp.Or(absolute(nil, g.get("canonical")), absolute(nil, g.get("og:url")), absolute(nil, g.ld.url),
			absolute(nil, g.get("twitter:url", "parsely-link")))
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
		return n.DataAtom != atom.Meta && n.DataAtom != atom.Body && (hasClass(n, dekClasses) || attr(n, "itemprop") == "alternativeHeadline")
	})
	if n := len([]rune(visible)); n < 20 || n > maxDek {
		visible = ""
	}
	s.Dek = withoutTail(cmp.Or(visible, g.ld.dek, g.get("og:description", "description", "twitter:description", "dc.description", "parsely-summary")))
	for _, d := range append([]string{g.ld.date}, g.all(dateNames)...) {
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

// byline finds the authors: as data, then as they stand on the page, which often says more of them.
func (g *page) byline() {
	g.authors = g.ld.authors
	if len(g.authors) == 0 {
		for _, v := range strings.Split(strings.Join(g.all(authorNames), "\n"), "\n") {
			if !strings.Contains(v, "://") {
				g.authors = mergeAuthors(g.authors, parseByline(v))
			}
		}
	}
	var found []render.Author
	for n := range g.doc.Descendants() {
		if len(found) > 0 || n.Type != html.ElementNode || n.DataAtom == atom.Meta {
			continue
		}
		if hasClass(n, bylineClasses) || attr(n, "rel") == "author" || attr(n, "itemprop") == "author" {
			t := fold(nodeTextTo(n, maxByline))
			if a, ok := bylineLine(t); ok || len(t) < 80 && len(a) == 0 && isNames(t) {
				found = parseByline(t)
			}
		}
	}
	switch {
	case len(g.authors) == 0:
		g.authors = found
	default:
		for i := range g.authors {
			for _, f := range found {
				if strings.EqualFold(f.Name, g.authors[i].Name) {
					g.authors[i] = mergeAuthor(g.authors[i], f)
				}
			}
		}
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

func hasClass(n *html.Node, names map[string]bool) bool {
	for c := range strings.FieldsSeq(strings.ToLower(attr(n, "class"))) {
		if names[c] {
			return true
		}
	}
	return false
}
