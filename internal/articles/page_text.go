package articles

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	readability "codeberg.org/readeck/go-readability/v2"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// text finds the story itself, its picture and its appeal.
func (g *page) text(o Overrides) error {
	base := g.baseURL()
	found, err := readable(g.doc, base)
	if err != nil {
		return err
	}
	bare := g.get("og:title", "twitter:title", "description", "og:description", "author", "canonical") == "" && g.ld.headline == "" && len(g.authors) == 0
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

// readable finds the story in a page. A slip of the library on a strange page costs that page only.
func readable(doc *html.Node, base *url.URL) (found readability.Article, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errs.Wrap(fmt.Errorf("panic: %v", r), errs.Invalid, "the page could not be read")
		}
	}()
	r := readability.NewParser()
	r.KeepClasses = true
	if found, err = r.ParseDocument(doc, base); err != nil {
		err = errs.Wrap(err, errs.Invalid, "the page could not be read")
	}
	return found, err
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
					g.authors[i] = mergeAuthor(g.authors[i], a)
				} else if len(g.authors) == 0 {
					g.authors = parseByline(u.text)
				}
			}
		case k == isPage, k == isName && g.authorNamed(u.text) >= 0, k == isAuthorInfo && len(g.authors) > 0:
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

// pictures returns the lead picture that the page names, completed from the figure that shows it.
func (g *page) pictures(base *url.URL) []render.Image {
	var img render.Image
	if i := g.ld.image; i != nil {
		img = *i
	}
	og := g.get("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src", "parsely-image-url")
	if img.URL == "" || sameImage(img.URL, og) {
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
