package render

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func (r *reading) heading(n *html.Node, level int) {
	r.flush()
	defer r.flush()
	if r.place != atTop {
		r.styled(n, bold)
		return
	}
	in := r.within(n, inCaption)
	for i := range in.runs {
		in.runs[i].style &^= bold
	}
	if text := in.take(); len(text) > 0 {
		r.blocks = append(r.blocks, block{kind: heading, level: min(max(level, 2), 4), text: text})
	}
	r.blocks = append(r.blocks, in.hoisted...)
}

func (r *reading) quote(n *html.Node) {
	r.flush()
	defer r.flush()
	if r.place != atTop {
		r.children(n)
		return
	}
	in := r.within(n, inQuote)
	if in.flush(); len(in.blocks) > 0 {
		r.blocks = append(r.blocks, block{kind: quote, blocks: in.blocks})
	}
	r.blocks = append(r.blocks, in.hoisted...)
}

func (r *reading) code(n *html.Node) {
	r.flush()
	text := strings.ReplaceAll(verbatim(n), "\t", "    ")
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' || c == utf8.RuneError || overrides(c) {
			return -1
		}
		return c
	}, strings.ReplaceAll(text, "\r\n", "\n"))
	text = strings.TrimRightFunc(strings.TrimLeft(text, "\n"), isBlank)
	switch {
	case blank(text):
	case r.place == inItem || r.place == inCaption:
		r.styled(&html.Node{FirstChild: &html.Node{Type: html.TextNode, Data: text}}, fixed)
		r.flush()
	default:
		r.blocks = append(r.blocks, block{kind: code, text: []run{{text: text, style: fixed}}})
	}
}

func (r *reading) list(n *html.Node) {
	if r.place == inCaption || r.depth >= maxNesting {
		r.flush()
		r.children(n)
		r.flush()
		return
	}
	b := block{kind: list, ordered: n.DataAtom == atom.Ol, start: 1}
	if at, err := strconv.Atoi(attribute(n, "start")); err == nil && at >= 0 && at < 1e6 {
		b.start = at
	}
	if !b.ordered {
		b.start = 0
	}
	var hoisted []block
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		in := &reading{base: r.base, place: inItem, depth: r.depth + 1, style: r.style, href: r.href}
		if c.DataAtom == atom.Li {
			in.children(c)
		} else {
			in.node(c)
		}
		hoisted = append(hoisted, in.hoisted...)
		it := item{text: in.take(), lists: in.blocks}
		last := len(b.items) - 1
		switch {
		case len(it.text) > 0 || len(it.lists) > 0 && last < 0:
			b.items = append(b.items, it)
		case len(it.lists) > 0: // a list directly in a list belongs to the item above it
			b.items[last].lists = append(b.items[last].lists, it.lists...)
		}
	}
	if r.place == inItem {
		r.pending = len(r.runs) > 0
	} else {
		r.flush()
	}
	if len(b.items) > 0 {
		r.blocks = append(r.blocks, b)
	}
	r.lift(hoisted)
}

// lift puts figures where they may stand: here, or after the block around.
func (r *reading) lift(figures []block) {
	if r.place == atTop {
		r.blocks = append(r.blocks, figures...)
	} else {
		r.hoisted = append(r.hoisted, figures...)
	}
}

// row reads a row of a table: cells of plain text become one line with points between them, cells that hold blocks of their
// own (a table made for layout) are read as if there were no table.
func (r *reading) row(n *html.Node) {
	var cells [][]run
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode {
			continue
		}
		if hasBlocks(c) {
			r.flush()
			r.children(n)
			r.flush()
			return
		}
		if text := r.within(c, inCaption).take(); len(text) > 0 {
			cells = append(cells, text)
		}
	}
	r.flush()
	for i, cell := range cells {
		if i > 0 {
			r.text(" · ")
		} else if r.pending {
			r.pending = false
			r.newline()
		}
		r.runs = append(r.runs, cell...)
	}
	r.flush()
}

// hasBlocks reports whether there is more in n than text and how it looks.
func hasBlocks(n *html.Node) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.DataAtom {
		case atom.P, atom.Div, atom.Ul, atom.Ol, atom.Table, atom.Blockquote, atom.Pre, atom.Figure, atom.Img, atom.Hr,
			atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
			return true
		}
		if hasBlocks(c) {
			return true
		}
	}
	return false
}
