package render

import (
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Sizes of images in CSS pixels: what is not larger than trackerSize is there to count readers, and what is not larger than
// iconSize stands for a character, such as an emoji.
const (
	trackerSize = 2
	iconSize    = 40
	maxSize     = 20000
)

// picture reads an image.
func (r *reading) picture(n *html.Node) {
	img := Image{
		URL:    imageURL(attribute(n, "src"), r.base),
		Width:  pixels(attribute(n, "width")),
		Height: pixels(attribute(n, "height")),
		Alt:    plainLine(attribute(n, "alt"), maxAlt),
	}
	switch {
	case img.URL == "" || tracks(img):
	case img.Width > 0 && img.Width <= iconSize && img.Height <= iconSize:
		if utf8.RuneCountInString(img.Alt) <= 8 {
			r.text(img.Alt)
		}
	default:
		if r.place != inCaption || len(r.runs) == 0 {
			r.flush()
		}
		r.lift([]block{{kind: figure, image: img}})
	}
}

// figure reads images with the caption that belongs to them. It reads nothing twice: figures in figures would make that
// twice as much at each level.
func (r *reading) figure(n *html.Node) {
	r.flush()
	defer r.flush()
	caption := find(n, atom.Figcaption)
	if caption == nil || r.place != atTop {
		r.children(n)
		return
	}
	in := &reading{base: r.base, place: r.place, depth: r.depth, style: r.style, href: r.href}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c != caption {
			in.node(c)
		}
	}
	in.flush()
	blocks := append(in.blocks, in.hoisted...)
	if !document(blocks).has(figure) {
		r.blocks = append(r.blocks, blocks...)
		if caption.Parent == n { // else it has been read already
			r.node(caption)
		}
		return
	}
	text := r.within(caption, inCaption)
	for i := len(blocks) - 1; i >= 0; i-- {
		if blocks[i].kind == figure && len(blocks[i].text) == 0 {
			blocks[i].text = text.take()
			break
		}
	}
	r.blocks = append(append(r.blocks, blocks...), text.hoisted...)
}

// find returns the first element of that kind in n, or nil.
func find(n *html.Node, kind atom.Atom) *html.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom == kind {
			return c
		}
		if found := find(c, kind); found != nil {
			return found
		}
	}
	return nil
}

// imageURL makes the address of an image fit for a mail, or returns nothing: https only, and no SVG, which mail clients do
// not show.
func imageURL(raw string, base *url.URL) string {
	s := cleanURL(raw, base)
	u, err := url.Parse(s)
	if s == "" || err != nil || strings.EqualFold(path.Ext(u.Path), ".svg") || strings.EqualFold(path.Ext(u.Path), ".svgz") {
		return ""
	}
	return s
}

// tracks reports whether an image is there to count readers and not to be seen.
func tracks(img Image) bool {
	return img.Width > 0 && img.Width <= trackerSize || img.Height > 0 && img.Height <= trackerSize
}

// pixels reads the width or height of an image; 0 is one that is not known.
func pixels(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "px"))
	if err != nil || n < 0 || n > maxSize {
		return 0
	}
	return n
}
