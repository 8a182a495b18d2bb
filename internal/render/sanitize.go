package render

import (
	"html"
	"net/url"
	"strconv"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// maxBody is how much of a foreign body is looked at, in octets.
const maxBody = 1 << 20

// policy lets through what a document may be made of, and what only says where its blocks begin and end.
var policy = newPolicy()

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre",
		"code", "tt", "kbd", "samp", "strong", "b", "em", "i", "cite", "sub", "sup", "s", "del", "strike", "figure", "figcaption",
		"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "div", "section", "article", "aside", "main", "header",
		"footer", "nav", "hgroup", "address", "center", "details", "summary")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src", "alt", "width", "height").OnElements("img")
	p.AllowURLSchemes("https", "http")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.SkipElementsContent("svg", "math", "template", "select", "textarea", "button", "form", "video", "audio", "canvas", "head",
		"title", "map", "datalist", "dialog", "progress", "meter")
	return p
}

// document reads foreign HTML; relative links are taken from base, which may be nil.
func foreignDocument(s string, base *url.URL) document {
	if len(s) > maxBody {
		s = s[:maxBody]
	}
	return parseDocument(policy.Sanitize(strings.ToValidUTF8(s, "")), base)
}

// SanitizeBody cleans the HTML of a story's body at the door. What comes out holds paragraphs, headings of levels 2 to 4, lists,
// quotes, code, rules and figures, with links and images that are absolute, https and harmless, and nothing else: no styles,
// scripts, forms, frames or tracking pixels. Relative addresses are resolved against base, which may be nil. Cleaning
// what is clean changes nothing.
func SanitizeBody(s string, base *url.URL) string {
	var b strings.Builder
	foreignDocument(s, base).write(&b)
	return b.String()
}

// write writes the document as plain HTML.
func (d document) write(b *strings.Builder) {
	for _, bl := range d {
		switch bl.kind {
		case paragraph:
			wrap(b, "p", bl.text)
		case heading:
			wrap(b, "h"+strconv.Itoa(bl.level), bl.text)
		case code:
			b.WriteString("<pre>" + html.EscapeString(plainRuns(bl.text)) + "</pre>")
		case rule:
			b.WriteString("<hr>")
		case quote:
			b.WriteString("<blockquote>")
			document(bl.blocks).write(b)
			b.WriteString("</blockquote>")
		case list:
			bl.writeList(b)
		case figure:
			bl.writeFigure(b)
		}
		b.WriteByte('\n')
	}
}

func wrap(b *strings.Builder, tag string, text []run) {
	b.WriteString("<" + tag + ">")
	writeRuns(b, text, "")
	b.WriteString("</" + tag + ">")
}

func (bl block) writeList(b *strings.Builder) {
	tag := "ul"
	if bl.ordered {
		tag = "ol"
	}
	b.WriteString("<" + tag)
	if bl.ordered && bl.start != 1 {
		b.WriteString(` start="` + strconv.Itoa(bl.start) + `"`)
	}
	b.WriteString(">")
	for _, it := range bl.items {
		b.WriteString("<li>")
		writeRuns(b, it.text, "")
		document(it.lists).write(b)
		b.WriteString("</li>")
	}
	b.WriteString("</" + tag + ">")
}

func (bl block) writeFigure(b *strings.Builder) {
	img := bl.image
	b.WriteString(`<figure><img src="` + html.EscapeString(img.URL) + `" alt="` + html.EscapeString(img.Alt) + `"`)
	if img.Width > 0 {
		b.WriteString(` width="` + strconv.Itoa(img.Width) + `"`)
	}
	if img.Height > 0 {
		b.WriteString(` height="` + strconv.Itoa(img.Height) + `"`)
	}
	b.WriteString(">")
	if len(bl.text) > 0 {
		wrap(b, "figcaption", bl.text)
	}
	b.WriteString("</figure>")
}

// inline are the elements of the styles, outermost first.
var inline = []struct {
	style style
	tag   string
}{{bold, "strong"}, {italic, "em"}, {cited, "cite"}, {struck, "s"}, {fixed, "code"}, {lower, "sub"}, {upper, "sup"}}

// writeRuns writes text with its links and styles. linkStyle, if any, is the style attribute of links.
func writeRuns(b *strings.Builder, runs []run, linkAttributes string) {
	for i := 0; i < len(runs); {
		j := i + 1
		for j < len(runs) && runs[j].href == runs[i].href {
			j++
		}
		if href := runs[i].href; href != "" {
			b.WriteString(`<a href="` + html.EscapeString(href) + `"` + linkAttributes + `>`)
			writeStyled(b, runs[i:j], 0)
			b.WriteString("</a>")
		} else {
			writeStyled(b, runs[i:j], 0)
		}
		i = j
	}
}

// writeStyled writes runs of one link, the styles from inline[level] on.
func writeStyled(b *strings.Builder, runs []run, level int) {
	if level == len(inline) {
		for _, r := range runs {
			b.WriteString(strings.ReplaceAll(html.EscapeString(r.text), "\n", "<br>"))
		}
		return
	}
	for i := 0; i < len(runs); {
		has := runs[i].style & inline[level].style
		j := i + 1
		for j < len(runs) && runs[j].style&inline[level].style == has {
			j++
		}
		if has != 0 {
			b.WriteString("<" + inline[level].tag + ">")
		}
		writeStyled(b, runs[i:j], level+1)
		if has != 0 {
			b.WriteString("</" + inline[level].tag + ">")
		}
		i = j
	}
}
