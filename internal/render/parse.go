package render

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxNesting is how deep lists may stand in lists; what is deeper becomes text of the list around it.
const maxNesting = 4

// place says what kind of block is being read.
type place uint8

const (
	atTop place = iota
	inQuote
	inItem
	inCaption
)

// reading builds a document from the nodes of foreign HTML.
type reading struct {
	base    *url.URL
	place   place
	depth   int // of lists
	blocks  []block
	hoisted []block // figures found where none may stand: they follow the block they were found in
	runs    []run
	pending bool // a block ended within an item or a caption: what follows begins on a new line
	style   style
	href    string
}

// parseDocument reads HTML that the policy has already cleaned.
func parseDocument(s string, base *url.URL) document {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(s), body)
	r := reading{base: base}
	if err != nil { // nested deeper than the parser goes: keep the words
		r.words(s)
	}
	for _, n := range nodes {
		r.node(n)
	}
	return r.document()
}

// document ends the reading.
func (r *reading) document() document {
	r.flush()
	d := document(append(r.blocks, r.hoisted...))
	d.order(2)
	return d
}

// words reads nothing but the text.
func (r *reading) words(s string) {
	z := html.NewTokenizer(strings.NewReader(s))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind == html.TextToken {
			r.text(z.Token().Data + " ")
		}
	}
}

func (r *reading) children(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.node(c)
	}
}

// styles of the elements that only say how text looks.
var styles = map[atom.Atom]style{
	atom.B: bold, atom.Strong: bold, atom.I: italic, atom.Em: italic, atom.Cite: cited, atom.Code: fixed, atom.Tt: fixed,
	atom.Kbd: fixed, atom.Samp: fixed, atom.Sub: lower, atom.Sup: upper, atom.S: struck, atom.Del: struck, atom.Strike: struck,
}

// breaking are the elements that begin and end a block without being one that a document knows.
var breaking = []atom.Atom{atom.Address, atom.Article, atom.Aside, atom.Caption, atom.Center, atom.Dd, atom.Details, atom.Div,
	atom.Dl, atom.Figcaption, atom.Footer, atom.Header, atom.Hgroup, atom.Li, atom.Main, atom.Nav, atom.P, atom.Section,
	atom.Summary, atom.Table, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead}

func (r *reading) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		r.text(n.Data)
		return
	case html.ElementNode:
	default:
		return
	}
	switch n.DataAtom {
	case atom.Br:
		r.newline()
	case atom.A:
		r.link(n)
	case atom.Img:
		r.picture(n)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		r.heading(n, int(n.Data[1]-'0'))
	case atom.Dt:
		r.flush()
		r.styled(n, bold)
		r.flush()
	case atom.Ul, atom.Ol:
		r.list(n)
	case atom.Blockquote:
		r.quote(n)
	case atom.Pre:
		r.code(n)
	case atom.Hr:
		if r.flush(); r.place == atTop {
			r.blocks = append(r.blocks, block{kind: rule})
		}
	case atom.Figure:
		r.figure(n)
	case atom.Tr:
		r.row(n)
	default:
		if st, ok := styles[n.DataAtom]; ok {
			r.styled(n, st)
			return
		}
		if slices.Contains(breaking, n.DataAtom) {
			r.flush()
			defer r.flush()
		}
		r.children(n)
	}
}

// styled reads what stands in an element that changes how text looks.
func (r *reading) styled(n *html.Node, st style) {
	was := r.style
	r.style |= st
	r.children(n)
	r.style = was
}

func (r *reading) link(n *html.Node) {
	was := r.href
	href := cleanURL(attribute(n, "href"), r.base)
	if namesOtherHost(textOf(n), href) {
		href = ""
	}
	r.href = href
	r.children(n)
	r.href = was
}

// text appends text as a browser would show it: white space collapsed, invisible characters gone.
func (r *reading) text(s string) {
	var b strings.Builder
	last := r.last()
	for _, c := range s {
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\u2028' || c == '\u2029':
			if last == 0 || last == ' ' || last == '\n' || r.pending {
				continue
			}
			c = ' '
		case unicode.IsControl(c) || c == utf8.RuneError || overrides(c):
			continue
		case r.pending:
			r.pending = false
			r.newline()
		}
		b.WriteRune(c)
		last = c
	}
	if b.Len() > 0 {
		r.runs = append(r.runs, run{text: b.String(), style: r.style, href: r.href})
	}
}

// overrides reports the characters that turn the direction of writing by force, and so can make text read as another.
func overrides(c rune) bool { return c >= '\u202a' && c <= '\u202e' }

// last returns the last character so far, or 0.
func (r *reading) last() rune {
	if len(r.runs) == 0 {
		return 0
	}
	c, _ := utf8.DecodeLastRuneInString(r.runs[len(r.runs)-1].text)
	return c
}

// newline adds a forced break; more than two in a row count as two.
func (r *reading) newline() {
	for r.last() == ' ' {
		end := len(r.runs) - 1
		if r.runs[end].text = strings.TrimRight(r.runs[end].text, " "); r.runs[end].text == "" {
			r.runs = r.runs[:end]
		}
	}
	if len(r.runs) == 0 || r.pending {
		return
	}
	if end := len(r.runs) - 1; r.runs[end].text == "\n" && end > 0 && r.runs[end-1].text == "\n" {
		return
	}
	r.runs = append(r.runs, run{text: "\n", style: r.style, href: r.href})
}

// flush ends the paragraph being read.
func (r *reading) flush() {
	if r.place == inItem || r.place == inCaption {
		r.pending = len(r.runs) > 0
		return
	}
	if text := r.take(); len(text) > 0 {
		r.blocks = append(r.blocks, block{kind: paragraph, text: text})
	}
}

// take returns the text read since the last time.
func (r *reading) take() []run {
	text := tidy(r.runs)
	r.runs, r.pending = nil, false
	return text
}

// within reads the children of n as another kind of place, and returns that reading.
func (r *reading) within(n *html.Node, p place) *reading {
	in := &reading{base: r.base, place: p, depth: r.depth, style: r.style, href: r.href}
	in.children(n)
	return in
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
}

// textOf returns the text of n as a reader sees it, on one line.
func textOf(n *html.Node) string { return strings.Join(strings.Fields(verbatim(n)), " ") }

// verbatim returns the text of n with its white space, and a line end for each br.
func verbatim(n *html.Node) string {
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type == html.TextNode:
			b.WriteString(c.Data)
		case c.DataAtom == atom.Br:
			b.WriteByte('\n')
		default:
			b.WriteString(verbatim(c))
		}
	}
	return b.String()
}
