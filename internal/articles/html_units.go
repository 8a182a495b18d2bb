package articles

import (
	"cmp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

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
