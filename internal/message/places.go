package message

import (
	"slices"
	"strings"

	"golang.org/x/net/html"

	"mailer/internal/errs"
)

// checkText says whether the marks of the text part are known and its groups balanced, and returns the groups in use.
func (m *Marks) checkText(tokens []token) (uint64, error) {
	g := grouping{part: "text"}
	for _, t := range tokens {
		if err := g.mark(m, t); err != nil {
			return 0, err
		}
	}
	return g.used, g.end()
}

// grouping follows the optional groups through one part.
type grouping struct {
	part  string
	used  uint64
	open  []int
	depth []int // elements open inside each group of open
}

// mark takes the next piece of the part.
func (g *grouping) mark(m *Marks, t token) error {
	switch t.kind {
	case literal:
		if strings.Contains(strings.ToLower(t.text), strings.ToLower(m.tag)) {
			return errs.Field(g.part, "has a mark whose letters were changed; a template must not turn marked text into capitals")
		}
	case broken:
		return errs.Field(g.part, "has an unknown mark at offset %d; make marks with Slot, Open and Close of the same Marks", t.at)
	case slot:
	case opening:
		g.used |= 1 << t.n
		g.open = append(g.open, t.n)
		g.depth = append(g.depth, 0)
	case closing:
		last := len(g.open) - 1
		if last < 0 || g.open[last] != t.n {
			return errs.Field(g.part, "closes the optional group %d where it is not the innermost open one", t.n)
		}
		if g.depth[last] != 0 {
			return errs.Field(g.part, "closes the optional group %d inside an element that was opened in it", t.n)
		}
		g.open, g.depth = g.open[:last], g.depth[:last]
	}
	return nil
}

// element counts an element that opens (1) or closes (-1).
func (g *grouping) element(name string, by int) error {
	last := len(g.open) - 1
	if last < 0 || slices.Contains(loose, name) {
		return nil
	}
	if g.depth[last] += by; g.depth[last] < 0 {
		return errs.Field(g.part, "closes <%s> inside the optional group %d, which began within it", name, g.open[last])
	}
	return nil
}

func (g *grouping) end() error {
	if len(g.open) > 0 {
		return errs.Field(g.part, "does not close the optional group %d", g.open[len(g.open)-1])
	}
	return nil
}

// loose are the elements without an end tag and those whose end tag may be left out.
var loose = []string{"area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "p",
	"source", "tbody", "tfoot", "thead", "track", "wbr"}

// Quoted attributes in which a slot may stand.
var slotAttributes = map[Slot][]string{
	SlotName:        {"alt", "title", "aria-label"},
	SlotLeave:       {"href"},
	SlotPreferences: {"href"},
}

// checkHTML says whether the marks of the HTML part are known and stand where they are safe: groups around whole elements,
// slots in text or in a quoted attribute made for them. It returns the groups in use.
func (m *Marks) checkHTML(s string) (uint64, error) {
	g := grouping{part: "html"}
	z := html.NewTokenizer(strings.NewReader(s))
	raw := "" // the element whose content is not markup, such as style
	seen := 0
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		text := string(z.Raw())
		tokens := m.split(text)
		for i := range tokens {
			tokens[i].at += seen
		}
		var err error
		switch kind {
		case html.TextToken:
			err = g.text(m, tokens, raw)
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			name, _ := z.TagName()
			raw = ""
			if kind != html.EndTagToken && slices.Contains(rawElements, string(name)) {
				raw = string(name)
			}
			err = g.tag(m, tokens, string(name), text, kind == html.EndTagToken)
		default:
			err = g.comment(m, tokens, text)
		}
		if err != nil {
			return 0, err
		}
		seen += len(text)
	}
	if strings.Contains(s[seen:], m.tag) {
		return 0, errs.Field("html", "ends inside a tag that has a mark")
	}
	return g.used, g.end()
}

// rawElements hold text that is not markup.
var rawElements = []string{"iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "textarea", "title", "xmp"}

func (g *grouping) text(m *Marks, tokens []token, raw string) error {
	for _, t := range tokens {
		if raw != "" && t.kind != literal && !(raw == "title" && t.kind == slot) {
			return errs.Field("html", "has a mark inside <%s> at offset %d, where none may stand", raw, t.at)
		}
		if err := g.mark(m, t); err != nil {
			return err
		}
	}
	return nil
}

func (g *grouping) tag(m *Marks, tokens []token, name, text string, end bool) error {
	by := 1
	if end {
		by = -1
	}
	if err := g.element(name, by); err != nil {
		return err
	}
	start := 0
	for _, t := range tokens {
		if t.kind == opening || t.kind == closing {
			return errs.Field("html", "has the mark of an optional group inside the tag <%s>; put it around whole elements", name)
		}
		if t.kind == slot {
			attr := quotedAttribute(text, start)
			if !slices.Contains(slotAttributes[m.slots[t.n].slot], attr) {
				return errs.Field("html", "has a reader's value in the tag <%s> where it is not safe (attribute %q); names may stand in quoted alt, title and aria-label, tokens in quoted href", name, attr)
			}
		}
		if err := g.mark(m, t); err != nil {
			return err
		}
		start += len(t.text)
	}
	return nil
}

// comment checks a comment or declaration. Of a reader's values only the tokens may stand there, for the conditional
// comments that Outlook reads as HTML.
func (g *grouping) comment(m *Marks, tokens []token, text string) error {
	for _, t := range tokens {
		token := t.kind == slot && m.slots[t.n].slot != SlotName && strings.HasPrefix(text, "<!--[if")
		if t.kind != literal && !token {
			return errs.Field("html", "has a mark inside a comment at offset %d, where none may stand", t.at)
		}
		if err := g.mark(m, t); err != nil {
			return err
		}
	}
	return nil
}

// quotedAttribute returns the lower-case name of the attribute in whose quoted value offset at of a start tag lies, or
// nothing where it lies elsewhere.
func quotedAttribute(tag string, at int) string {
	const space = " \t\n\f\r/"
	i := 1
	skip := func(set string, in bool) {
		for i < len(tag) && (strings.IndexByte(set, tag[i]) >= 0) == in {
			i++
		}
	}
	skip(space+">", false) // the name of the element
	for i < at {
		skip(space, true)
		name := i
		skip(space+"=>", false)
		attr := strings.ToLower(tag[name:i])
		skip(" \t\n\f\r", true)
		if i >= len(tag) || tag[i] != '=' {
			if i < len(tag) && tag[i] == '>' {
				return ""
			}
			continue
		}
		i++
		skip(" \t\n\f\r", true)
		if i >= len(tag) {
			return ""
		}
		quote := tag[i : i+1]
		if quote != `"` && quote != `'` {
			skip(" \t\n\f\r>", false)
			continue
		}
		i++
		value := i
		skip(quote, false)
		if at >= value && at < i {
			return attr
		}
		i++
	}
	return ""
}
