package articles

import (
	"cmp"
	"math"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"mailer/internal/render"
)

// leadText is how much text, in characters, may stand before a picture that still opens its story.
const leadText = 400

// maxFigures of a body are looked at: each costs a walk through what is around it.
const maxFigures = 30

// settle cleans the HTML of a story and finds its lead picture. Of given, the pictures that the feed or page names, the
// first is taken; a figure of the body that shows the same is taken out, and its words complete the picture. Where none
// is given, a figure at the beginning of the body becomes the lead picture.
func settle(body string, base *url.URL, given []render.Image) (string, *render.Image) {
	var img *render.Image
	if len(given) > 0 {
		i := given[0]
		img = &i
	}
	if strings.TrimSpace(body) == "" {
		return "", img
	}
	root := fragment(body)
	if root == nil { // nested deeper than anyone writes by hand: its text is kept
		return render.SanitizeBody(paragraphs(textOfHTML(body)), base), img
	}
	before, seen := 0, 0
	for n := range root.Descendants() {
		if n.Type == html.TextNode && !within(n, atom.Figure, root) {
			before += len(strings.TrimSpace(n.Data))
		}
		if n.DataAtom != atom.Img {
			continue
		}
		if seen++; seen > maxFigures || img == nil && before > leadText {
			break
		}
		f := figureOf(n, root)
		found, ok := f.image(base)
		if !ok {
			continue
		}
		switch {
		case img == nil && before <= leadText:
			img = &found
		case img != nil && sameImage(img.URL, found.URL):
			complete(img, found)
		default:
			continue
		}
		f.remove(root)
		break
	}
	settleSources(root, base)
	return render.SanitizeBody(outer(root), base), img
}

// complete fills what img lacks from a figure that shows the same.
func complete(img *render.Image, found render.Image) {
	img.Alt = cmp.Or(img.Alt, found.Alt)
	img.Caption = cmp.Or(img.Caption, found.Caption)
	img.Credit = cmp.Or(img.Credit, found.Credit)
	if img.Width == 0 && img.Height == 0 && img.URL == found.URL {
		img.Width, img.Height = found.Width, found.Height
	}
}

// figure is a picture in a document with the element that holds it and its words.
type figure struct {
	img, holder *html.Node
}

// figureOf finds the element that is there for the picture alone: a figure, a captioned box, a link or paragraph around it.
func figureOf(img, root *html.Node) figure {
	f := figure{img, img}
	for p := img.Parent; p != nil && p != root; p = p.Parent {
		class := attr(p, "class")
		if p.DataAtom == atom.Figure || strings.Contains(class, "wp-caption") || strings.Contains(class, "figure") {
			f.holder = p
			return f
		}
		if strings.TrimSpace(nodeText(p)) == "" && pictures(p) == 1 {
			f.holder = p
		}
	}
	return f
}

// image reads the picture with its words; ok is false for pixels, icons and what is no picture.
func (f figure) image(base *url.URL) (img render.Image, ok bool) {
	img.URL = absolute(base, source(f.img))
	img.Width, img.Height = pixels(attr(f.img, "width")), pixels(attr(f.img, "height"))
	img.Alt = line(attr(f.img, "alt"), maxCaption)
	if img.URL == "" || avatar(img.URL) || img.Width > 0 && img.Width < smallImage || img.Height > 0 && img.Height < 50 || strings.Contains(img.URL, ".svg") {
		return img, false
	}
	var makers []string
	for n := range f.holder.Descendants() {
		if class := attr(n, "class"); n.DataAtom == atom.Figcaption || strings.Contains(class, "caption") && n.DataAtom != atom.Img {
			caption := captionText(n, &makers)
			captioned(&img, caption)
			break
		}
	}
	if f.holder.DataAtom == atom.Figure && len(makers) == 0 { // a credit beside the caption
		for n := range f.holder.Descendants() {
			if isCreditNode(n) {
				makers = append(makers, nodeText(n))
			}
		}
	}
	if len(makers) > 0 {
		img.Credit = line(trimCredit(strings.Join(makers, " / ")), maxShort)
	}
	return img, true
}

// captionText returns the text of a caption without its credits, which it adds to makers.
func captionText(n *html.Node, makers *[]string) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		if isCreditNode(n) {
			if t := fold(nodeText(n)); t != "" {
				*makers = append(*makers, t)
			}
			return
		}
		if hidden[n.DataAtom] {
			return
		}
		if n.Type == html.ElementNode && !inline[n.DataAtom] {
			b.WriteByte(' ')
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c)
	}
	return strings.Trim(fold(b.String()), " |–—/")
}

// isCreditNode reports whether an element names who made a picture.
func isCreditNode(n *html.Node) bool {
	if n.Type != html.ElementNode || n.DataAtom == atom.Img || n.DataAtom == atom.Figure || n.DataAtom == atom.Figcaption {
		return false
	}
	if n.DataAtom == atom.Cite || n.DataAtom == atom.Small {
		return true
	}
	class := strings.ToLower(attr(n, "class") + " " + attr(n, "itemprop"))
	for _, w := range []string{"credit", "attribution", "copyright", "photographer"} {
		if strings.Contains(class, w) {
			return true
		}
	}
	return false
}

func (f figure) remove(root *html.Node) {
	if p := f.holder.Parent; p != nil && f.holder != root {
		p.RemoveChild(f.holder)
	}
}

// source returns the address of a picture, also of one that a script would have loaded.
func source(img *html.Node) string {
	src := strings.TrimSpace(attr(img, "src"))
	if src != "" && !strings.HasPrefix(src, "data:") {
		return src
	}
	for _, a := range []string{"data-src", "data-lazy-src", "data-original", "data-url"} {
		if v := strings.TrimSpace(attr(img, a)); v != "" && !strings.HasPrefix(v, "data:") {
			return v
		}
	}
	set, _, _ := strings.Cut(cmp.Or(attr(img, "srcset"), attr(img, "data-srcset")), ",")
	ref, _, _ := strings.Cut(strings.TrimSpace(set), " ")
	return ref
}

// settleSources gives every picture left in the body the address that it would have in a browser.
func settleSources(root *html.Node, base *url.URL) {
	for n := range root.Descendants() {
		if n.DataAtom != atom.Img {
			continue
		}
		src := absolute(base, source(n))
		for i := range n.Attr {
			if n.Attr[i].Key == "src" {
				n.Attr[i].Val, src = src, ""
			}
		}
		if src != "" {
			n.Attr = append(n.Attr, html.Attribute{Key: "src", Val: src})
		}
	}
}

// fragment parses an HTML fragment into one root, or returns nil when it is nested too deep.
func fragment(s string) *html.Node {
	root := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(s), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
	if err != nil {
		return nil
	}
	for _, n := range nodes {
		root.AppendChild(n)
	}
	return root
}

// outer renders the children of a node.
func outer(root *html.Node) string {
	var b strings.Builder
	for c := root.FirstChild; c != nil; c = c.NextSibling {
		if err := html.Render(&b, c); err != nil {
			return ""
		}
	}
	return b.String()
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// nodeText is the text of a node, hidden elements left out.
func nodeText(n *html.Node) string { return nodeTextTo(n, math.MaxInt) }

// nodeTextTo is nodeText that stops at about limit octets.
func nodeTextTo(n *html.Node, limit int) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(beginning(n.Data, limit-b.Len()))
		}
		if hidden[n.DataAtom] || b.Len() >= limit {
			return
		}
		if n.Type == html.ElementNode && !inline[n.DataAtom] {
			b.WriteByte('\n')
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return b.String()
}

func pictures(n *html.Node) int {
	count := 0
	for d := range n.Descendants() {
		if d.DataAtom == atom.Img {
			count++
		}
	}
	return count
}

func within(n *html.Node, a atom.Atom, root *html.Node) bool {
	for p := n.Parent; p != nil && p != root; p = p.Parent {
		if p.DataAtom == a {
			return true
		}
	}
	return false
}

// firstParagraph returns the text of the first paragraph that has some.
func firstParagraph(body string) string {
	root := fragment(body)
	if root == nil {
		return ""
	}
	for n := range root.Descendants() {
		if n.DataAtom == atom.P {
			if t := fold(nodeText(n)); len(t) > 20 {
				return t
			}
		}
	}
	return fold(nodeText(root))
}
