package render

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Sizes of style sheets in octets. Gmail drops a block that is longer than the first and, with it, what follows; it keeps no
// more than the second in all.
const (
	maxSheet  = 8192
	maxSheets = 16384
)

// smallest is the smallest text that a reader should have to read, in CSS pixels.
const smallest = 12

// properties are those that mail clients understand, or ignore without harm.
var properties = strings.Fields(`background-color border border-bottom border-bottom-color border-collapse border-color border-left
	border-radius border-right border-top color direction display font-family font-size font-style font-weight height letter-spacing
	line-height margin margin-bottom margin-left margin-right margin-top max-height max-width min-width overflow padding padding-bottom
	padding-left padding-right padding-top text-align text-decoration text-transform vertical-align white-space width word-break
	word-spacing -webkit-text-size-adjust -ms-text-size-adjust`)

var (
	forbiddenValue = regexp.MustCompile(`(?i)url\(|expression|calc\(|var\(|rgba?\(|hsla?\(|\d(?:rem|vw|vh|em)\b|#[0-9a-f]{3}(?:[^0-9a-f]|$)|javascript|[<>\\{}]`)
	hexColour      = regexp.MustCompile(`(?i)^#[0-9a-f]{6}$`)
	mediaPattern   = regexp.MustCompile(`^@media \((max-width:\d+px|prefers-color-scheme:dark)\)$`)
	outlookDark    = regexp.MustCompile(`^\[data-ogs[cb]\] `)
)

// declaration is one property of a rule or a style attribute.
type declaration struct {
	property, value string
	important       bool
}

// sheetRule is a rule of a style element.
type sheetRule struct {
	mode     mode // in which it counts
	selector cascadia.Sel
	declared []declaration
}

// mode is how a client shows a mail.
type mode uint8

const (
	light mode = iota
	dark
	outlook // dark, as Outlook on the web and on phones says it
	narrow  // only sizes change: not a mode of its own
)

func (m mode) String() string {
	return [...]string{"light mode", "dark mode", "Outlook's dark mode", "narrow windows"}[m]
}

// sheet reads a style element, which has to be simple: rules, and media queries of one level around rules.
func (c *checker) sheet(s string) []sheetRule {
	if len(s) >= maxSheet {
		c.add("style", "a style element has %d octets; Gmail drops it at %d", len(s), maxSheet)
	}
	if c.styled += len(s); c.styled > maxSheets {
		c.add("style", "the style elements have more than %d octets in all; Gmail drops what is beyond", maxSheets)
	}
	if strings.Contains(s, "/*") || strings.Contains(s, "<!--") {
		c.add("style", "there is a comment in a style element, at which some clients stop reading")
	}
	var rules []sheetRule
	within, media := light, false
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if media && s[0] == '}' {
			media, within, s = false, light, s[1:]
			continue
		}
		open := strings.IndexByte(s, '{')
		if open < 0 {
			c.add("style", "a style element ends in the middle of a rule: %.40q", s)
			return rules
		}
		prelude := strings.TrimSpace(s[:open])
		if prelude[:min(1, len(prelude))] == "@" {
			m := mediaPattern.FindStringSubmatch(prelude)
			if m == nil || media {
				c.add("style", "%q is not understood by mail clients, and Gmail drops the whole style element for it", prelude)
				return rules
			}
			within, media, s = narrow, true, s[open+1:]
			if strings.HasPrefix(m[1], "prefers") {
				within = dark
			}
			continue
		}
		end := strings.IndexByte(s, '}')
		if end < open {
			c.add("style", "a style element ends in the middle of a rule: %.40q", s)
			return rules
		}
		rules = append(rules, c.rules(prelude, c.declarations(s[open+1:end]), within)...)
		s = s[end+1:]
	}
	return rules
}

// rules returns the rules of a list of selectors.
func (c *checker) rules(prelude string, declared []declaration, within mode) []sheetRule {
	var rules []sheetRule
	for part := range strings.SplitSeq(prelude, ",") {
		selector, err := cascadia.Parse(strings.TrimSpace(part))
		if err != nil {
			c.add("style", "the selector %q cannot be read", part)
			continue
		}
		m := within
		if outlookDark.MatchString(strings.TrimSpace(part)) {
			m = outlook
		} else if strings.ContainsAny(part, "[:>+~*#") {
			c.add("style", "the selector %q is not understood by all mail clients", part)
		}
		rules = append(rules, sheetRule{mode: m, selector: selector, declared: declared})
	}
	return rules
}

// declarations reads what stands between braces or in a style attribute.
func (c *checker) declarations(s string) []declaration {
	var out []declaration
	for part := range strings.SplitSeq(s, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, ok := strings.Cut(part, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !ok || !slices.Contains(properties, name) && !strings.HasPrefix(name, "mso-") {
			c.add("css", "the property %q is not understood by all mail clients", name)
			continue
		}
		d := declaration{property: name, value: value}
		if bare, ok := strings.CutSuffix(value, "!important"); ok {
			d.value, d.important = strings.TrimSpace(bare), true
		}
		c.value(d)
		out = append(out, d)
	}
	return out
}

func (c *checker) value(d declaration) {
	switch {
	case forbiddenValue.MatchString(d.value):
		c.add("css", "the value %q of %s is not understood by all mail clients", d.value, d.property)
	case (d.property == "color" || d.property == "background-color") && !hexColour.MatchString(d.value):
		c.add("css", "the colour %q of %s must have six digits", d.value, d.property)
	case d.property == "display" && !slices.Contains([]string{"block", "inline-block", "none"}, d.value):
		c.add("css", "display:%s is not understood by all mail clients", d.value)
	case strings.HasPrefix(d.property, "margin") && strings.Contains(d.value, "-"):
		c.add("css", "a negative margin is not understood by all mail clients")
	}
}

// inline checks the style attribute of an element.
func (c *checker) inline(n *html.Node) {
	declared := c.declarations(attribute(n, "style"))
	c.inlined[n] = declared
	for _, d := range declared {
		if d.property != "display" || d.value != "none" {
			continue
		}
		if n == firstElement(find(c.root, atom.Body)) {
			c.hidden = n
		} else {
			c.add("hidden", "<%s> is hidden; only the preheader may be", n.Data)
		}
	}
	if n.DataAtom == atom.Table || n.DataAtom == atom.Td {
		for _, d := range declared {
			if strings.HasPrefix(d.property, "margin") {
				c.add("css", "<%s> has a margin, which mail clients ignore or add up", n.Data)
			}
		}
	}
}

func firstElement(n *html.Node) *html.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode {
			return c
		}
	}
	return nil
}

// look is what an element inherits or shows.
type look struct {
	colour, back colour
	size         float64 // of the text in CSS pixels
}

// contrast checks every text against what lies behind it, in each mode.
func (c *checker) contrast() {
	if !slices.ContainsFunc(c.sheets, func(r sheetRule) bool { return r.mode == dark }) {
		c.add("dark", "there are no rules for dark mode")
	}
	body := find(c.root, atom.Body)
	mark := []html.Attribute{{Key: "data-ogsc"}, {Key: "data-ogsb"}}
	for _, m := range []mode{light, dark, outlook} {
		before := body.Attr
		if m == outlook {
			body.Attr = append(slices.Clone(before), mark...)
		}
		c.shade(body, m, look{colour: colour{0, 0, 0}, back: colour{255, 255, 255}, size: 16})
		body.Attr = before
	}
}

func (c *checker) shade(n *html.Node, m mode, around look) {
	if n.Type == html.TextNode {
		c.legible(n.Data, m, around)
		return
	}
	if n.Type != html.ElementNode || n == c.hidden {
		return
	}
	own := c.computed(n, m, around)
	if n.DataAtom == atom.Img {
		c.legible(attribute(n, "alt"), m, own)
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.shade(child, m, own)
	}
}

func (c *checker) legible(text string, m mode, l look) {
	text = strings.Join(strings.Fields(text), " ")
	if blank(text) {
		return
	}
	if ratio := contrast(l.colour, l.back); ratio < 4.5 {
		c.add("contrast", "%.40q has a contrast of %.1f in %s (%v on %v); 4.5 is needed", text, ratio, m, l.colour, l.back)
	}
	if l.size < smallest {
		c.add("small", "%.40q is set in %v pixels; %d is the least that can be read", text, l.size, smallest)
	}
}

// computed returns the look of an element: what it inherits, then its attributes, then rules and the style attribute by their
// weight.
func (c *checker) computed(n *html.Node, m mode, l look) look {
	if n.DataAtom == atom.A {
		l.colour = colour{0, 0, 0xee} // what clients give a link that has no colour of its own
	}
	if back, ok := parseColour(attribute(n, "bgcolor")); ok {
		l.back = back
	}
	type weighed struct {
		declaration
		weight int
	}
	var all []weighed
	add := func(declared []declaration, weight int) {
		for _, d := range declared {
			w := weighed{d, weight}
			if d.important {
				w.weight += 1000
			}
			all = append(all, w)
		}
	}
	for _, r := range c.sheets {
		if (r.mode == light || r.mode == m) && r.selector.Match(n) {
			s := r.selector.Specificity()
			add(r.declared, s[1]*10+s[2])
		}
	}
	add(c.inlined[n], 500)
	slices.SortStableFunc(all, func(a, b weighed) int { return a.weight - b.weight })
	for _, d := range all {
		value, ok := parseColour(d.value)
		switch {
		case d.property == "color" && ok:
			l.colour = value
		case d.property == "background-color" && ok:
			l.back = value
		case d.property == "font-size":
			if px, err := strconv.ParseFloat(strings.TrimSuffix(d.value, "px"), 64); err == nil {
				l.size = px
			}
		}
	}
	return l
}
