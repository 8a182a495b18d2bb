package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Problem is one thing in a mail's HTML that mail clients, filters or readers may stumble over.
type Problem struct {
	Rule   string // short and fixed, for programs; "localhost" is a development address and no fault on a developer's machine
	Detail string // what is wrong and where, for people
}

// CheckHTML checks the HTML of a mail, without marks, by all that can be checked by a program: elements, attributes and CSS
// that mail clients know; links that are https, lead where they say and, where hosts are given, to those; images with size and
// alternative text; one h1 and ordered headings; a preheader; contrast of every text in light and in dark mode. A mail
// that is in order gives nothing.
func CheckHTML(s string, hosts ...string) []Problem {
	root, err := html.Parse(strings.NewReader(s))
	if err != nil {
		return []Problem{{"parse", "the HTML cannot be read: " + err.Error()}}
	}
	c := &checker{root: root, hosts: hosts, inlined: make(map[*html.Node][]declaration)}
	c.head()
	c.walk(root)
	c.order()
	c.preheader()
	c.contrast()
	return c.problems
}

// checker collects what is found in one mail.
type checker struct {
	root     *html.Node
	hosts    []string
	problems []Problem
	sheets   []sheetRule
	inlined  map[*html.Node][]declaration // style attributes
	styled   int                          // octets of style elements so far
	headings []int
	last     *html.Node // link before the text that is being read
	first    string     // first text that a reader sees
	hidden   *html.Node // the preheader
}

func (c *checker) add(rule, format string, args ...any) {
	p := Problem{rule, fmt.Sprintf(format, args...)}
	if !slices.Contains(c.problems, p) {
		c.problems = append(c.problems, p)
	}
}

// elements are those that mail clients show alike, with the attributes each may have beside the common ones.
var elements = map[atom.Atom][]string{
	atom.Html: {"xmlns", "xmlns:v", "xmlns:o"}, atom.Head: nil, atom.Meta: {"charset", "name", "content", "http-equiv"}, atom.Title: nil,
	atom.Style: {"type"}, atom.Body: {"bgcolor"}, atom.Div: {"align"}, atom.Span: nil,
	atom.Table: {"width", "height", "cellpadding", "cellspacing", "border", "align", "bgcolor"}, atom.Tbody: nil, atom.Tr: {"bgcolor"},
	atom.Td: {"width", "height", "align", "valign", "bgcolor", "colspan"}, atom.P: {"align"},
	atom.H1: {"align"}, atom.H2: {"align"}, atom.H3: {"align"}, atom.H4: {"align"}, atom.Strong: nil, atom.B: nil, atom.Em: nil,
	atom.I: nil, atom.Cite: nil, atom.S: nil, atom.Code: nil, atom.Sub: nil, atom.Sup: nil, atom.A: {"href", "target", "rel"},
	atom.Img: {"src", "alt", "width", "height", "border"}, atom.Br: nil, atom.Ul: nil, atom.Ol: {"start"}, atom.Li: nil,
	atom.Blockquote: nil, atom.Hr: nil,
}

// common are the attributes that any element may have.
var common = []string{"class", "style", "dir", "lang", "role", "title", "tabindex", "aria-hidden", "aria-label", "aria-roledescription"}

func (c *checker) walk(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		c.text(n)
	case html.CommentNode:
		c.comment(n.Data)
	case html.ElementNode:
		c.element(n)
	}
	if n.DataAtom == atom.Style {
		c.sheets = append(c.sheets, c.sheet(verbatim(n))...)
		return
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.walk(child)
	}
	if n.DataAtom == atom.A && n.Type == html.ElementNode {
		c.linkEnd(n)
	}
}

func (c *checker) element(n *html.Node) {
	attributes, ok := elements[n.DataAtom]
	if !ok {
		c.add("element", "<%s> is not shown, or not shown alike, by mail clients", n.Data)
		return
	}
	for _, a := range n.Attr {
		if !slices.Contains(common, a.Key) && !slices.Contains(attributes, a.Key) {
			c.add("attribute", "<%s %s> is not known to mail clients", n.Data, a.Key)
		}
	}
	c.inline(n)
	switch n.DataAtom {
	case atom.Table:
		if attribute(n, "role") != "presentation" {
			c.add("table", `a table for layout has no role="presentation"`)
		}
	case atom.H1, atom.H2, atom.H3, atom.H4:
		c.headings = append(c.headings, int(n.Data[1]-'0'))
		if blank(textOf(n)) && find(n, atom.Img) == nil {
			c.add("heading", "<%s> is empty", n.Data)
		}
	case atom.Img:
		c.image(n)
	case atom.A:
		c.link(n)
	}
}

// text takes the next text that a reader sees.
func (c *checker) text(n *html.Node) {
	if blank(n.Data) || inside(n, atom.Head) {
		return
	}
	if hiddenAncestor(n) != nil {
		return
	}
	if c.first == "" {
		c.first = strings.Join(strings.Fields(n.Data), " ")
	}
	if !inside(n, atom.A) {
		c.last = nil
	}
}

// comment checks what Word takes for HTML.
func (c *checker) comment(s string) {
	if !strings.HasPrefix(s, "[if") {
		return
	}
	z := html.NewTokenizer(strings.NewReader(s))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		for _, a := range z.Token().Attr {
			if a.Key == "href" || a.Key == "src" {
				c.address("link", a.Val)
			}
		}
	}
}

// address checks where a link or an image leads.
func (c *checker) address(what, raw string) {
	if code, reason := urlFault(raw); code != "" {
		c.add(code, "the %s %s %s", what, raw, reason)
		return
	}
	if len(c.hosts) > 0 && !slices.ContainsFunc(c.hosts, func(h string) bool { return hostOf(raw) == strings.TrimPrefix(h, "www.") }) {
		c.add("host", "the %s %s leads to a host that is not one of the publication's", what, raw)
	}
}

func (c *checker) image(n *html.Node) {
	src := attribute(n, "src")
	c.address("image", src)
	if imageURL(src, nil) == "" && cleanURL(src, nil) != "" {
		c.add("image", "the image %s is an SVG, which mail clients do not show", src)
	}
	if !has(n, "alt") {
		c.add("image", "the image %s has no alt", src)
	}
	for _, side := range []string{"width", "height"} {
		if v, err := strconv.Atoi(attribute(n, side)); err != nil || v <= trackerSize {
			c.add("image", "the image %s has no %s", src, side)
		}
	}
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func (c *checker) link(n *html.Node) {
	href := attribute(n, "href")
	c.address("link", href)
	text := textOf(n)
	if namesOtherHost(text, href) {
		c.add("disguise", "the link %q leads to %s", text, href)
	}
	img := find(n, atom.Img)
	pointer := attribute(n, "aria-hidden") == "true" // for the pointer only: not met by keyboard or screen reader
	if pointer != (attribute(n, "tabindex") == "-1") {
		c.add("link", `the link %s must have aria-hidden="true" and tabindex="-1" together`, href)
	}
	if !pointer && blank(text) && (img == nil || attribute(img, "alt") == "") {
		c.add("link", "the link %s has no text", href)
	}
}

// linkEnd remembers a link until other text follows it.
func (c *checker) linkEnd(n *html.Node) {
	if attribute(n, "aria-hidden") == "true" {
		return
	}
	if c.last != nil && attribute(c.last, "href") == attribute(n, "href") {
		c.add("link", "two links in a row lead to %s; make them one", attribute(n, "href"))
	}
	c.last = n
}

// head checks what stands before the body, and the languages.
func (c *checker) head() {
	page := find(c.root, atom.Html)
	if attribute(page, "lang") == "" || attribute(page, "dir") == "" {
		c.add("lang", "<html> lacks lang or dir")
	}
	body := find(c.root, atom.Body)
	wrapped := false
	for n := body.FirstChild; n != nil; n = n.NextSibling {
		wrapped = wrapped || n.DataAtom == atom.Div && attribute(n, "lang") != "" && attribute(n, "dir") != ""
	}
	if !wrapped {
		c.add("lang", "no <div lang dir> wraps the body, and some clients drop those of <html>")
	}
	if title := find(c.root, atom.Title); title == nil || blank(textOf(title)) {
		c.add("head", "there is no <title>")
	}
	metas := map[string]string{}
	for n := find(c.root, atom.Head).FirstChild; n != nil; n = n.NextSibling {
		if n.DataAtom == atom.Meta {
			metas[attribute(n, "name")+attribute(n, "charset")] = attribute(n, "content")
		}
	}
	for _, name := range []string{"utf-8", "viewport", "color-scheme", "supported-color-schemes"} {
		if _, ok := metas[name]; !ok {
			c.add("head", "there is no meta %s", name)
		}
	}
}

// order checks the levels of the headings.
func (c *checker) order() {
	ones, last := 0, 0
	for _, level := range c.headings {
		if level == 1 {
			ones++
		}
		if level > last+1 && last > 0 {
			c.add("heading", "an h%d follows an h%d: a level is left out", level, last)
		}
		last = level
	}
	if ones != 1 {
		c.add("heading", "there are %d h1, and there must be one", ones)
	}
	if len(c.headings) > 0 && c.headings[0] != 1 {
		c.add("heading", "the first heading is an h%d and not the h1", c.headings[0])
	}
}

// preheader checks the line that clients show beside the subject.
func (c *checker) preheader() {
	if c.hidden == nil {
		c.add("preheader", "there is no hidden preheader")
		return
	}
	said := strings.TrimRight(strings.Join(strings.Fields(verbatim(c.hidden)), " "), "\u034f\u200c\u00a0 ")
	if n := utf8.RuneCountInString(said); n < shortestLine || n > longestLine {
		c.add("preheader", "the preheader has %d characters; %d to %d are shown best", n, shortestLine, longestLine)
	}
	if said != "" && said == c.first {
		c.add("preheader", "the preheader is repeated as the first line")
	}
}

func inside(n *html.Node, kind atom.Atom) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.DataAtom == kind {
			return true
		}
	}
	return false
}

// hiddenAncestor returns the element around n that is not shown, or nil.
func hiddenAncestor(n *html.Node) *html.Node {
	for p := n; p != nil; p = p.Parent {
		if p.Type == html.ElementNode && strings.Contains(strings.ReplaceAll(attribute(p, "style"), " ", ""), "display:none") {
			return p
		}
	}
	return nil
}
