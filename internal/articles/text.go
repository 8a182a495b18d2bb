package articles

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/text/unicode/norm"
)

// Longest texts that are kept, in characters; what is longer is cut at a word.
const (
	maxTitle   = 300
	maxDek     = 600
	maxCaption = 600
	maxShort   = 200 // names, titles of people, sections, tags, credits
	maxBio     = 1000
)

// line makes one line of plain text of s that is fit for any place: valid UTF-8 in NFC, no control or bidi characters,
// white space folded, at most limit characters, cut at a word.
func line(s string, limit int) string {
	return cut(fold(clean(s)), limit)
}

// clean takes out what must not reach a mail: broken UTF-8, control characters, marks that turn the direction of the
// text around, invisible fillers. Line breaks and tabs stay.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == '\v' || r == '\f' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			return '\n'
		case r < 0x20, r >= 0x7f && r < 0xa0: // C0 and C1
			return -1
		case r == '\u061c', r == '\u200e', r == '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069': // bidi
			return -1
		case r == '\u00ad', r == '\u200b', r == '\u2060', r == '\ufeff', r >= '\ufff9' && r <= '\ufffb': // invisible
			return -1
		case r&0xfffe == 0xfffe, r >= '\ufdd0' && r <= '\ufdef', r >= 0xe0000: // not characters, tags, private planes
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return norm.NFC.String(s)
}

// fold turns runs of white space into one space and trims the ends. A single no-break space stays what it is: French
// sets one inside guillemets and before colons.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	var space rune
	run := 0
	for _, r := range s {
		if unicode.IsSpace(r) {
			space, run = r, run+1
			continue
		}
		if run > 0 && b.Len() > 0 {
			if run > 1 || (space != '\u00a0' && space != '\u202f') {
				space = ' '
			}
			b.WriteRune(space)
		}
		run = 0
		b.WriteRune(r)
	}
	return b.String()
}

// cut shortens s to at most limit characters, at a word where there is one in the last third, and says so with "…".
func cut(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)[:limit-1]
	for i := len(r) - 1; i > limit*2/3; i-- {
		if unicode.IsSpace(r[i]) {
			r = r[:i]
			break
		}
	}
	return strings.TrimRightFunc(string(r), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;:–—-", r) }) + "…"
}

// beginning returns at most n octets of s, whole characters.
func beginning(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// hidden elements are left out of plain text with all that is in them.
var hidden = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Iframe: true, atom.Noscript: true, atom.Template: true,
	atom.Object: true, atom.Svg: true, atom.Math: true, atom.Noembed: true, atom.Noframes: true, atom.Head: true, atom.Select: true}

// inline elements do not part words; every other does.
var inline = map[atom.Atom]bool{atom.A: true, atom.Abbr: true, atom.B: true, atom.Bdi: true, atom.Bdo: true, atom.Big: true, atom.Cite: true,
	atom.Code: true, atom.Del: true, atom.Dfn: true, atom.Em: true, atom.Font: true, atom.I: true, atom.Ins: true, atom.Kbd: true, atom.Mark: true,
	atom.Q: true, atom.S: true, atom.Samp: true, atom.Small: true, atom.Span: true, atom.Strike: true, atom.Strong: true, atom.Sub: true,
	atom.Sup: true, atom.Time: true, atom.Tt: true, atom.U: true, atom.Var: true, atom.Wbr: true}

// textOfHTML returns the text of an HTML fragment: known tags taken out, references decoded once, and never again. What
// only looks like a tag ("x<y>z") stays.
func textOfHTML(s string) string {
	if strings.Contains(s, "<![CDATA[") && strings.Contains(s, "]]>") { // escaped by one who did not know that it was escaped
		s = strings.NewReplacer("<![CDATA[", "", "]]>", "").Replace(s)
	}
	if !strings.ContainsRune(s, '<') {
		return html.UnescapeString(s)
	}
	var b strings.Builder
	var skip atom.Atom
	depth := 0
	z := xhtml.NewTokenizer(strings.NewReader(s))
	for {
		tt := z.Next()
		raw := string(z.Raw())
		if tt == xhtml.ErrorToken {
			if skip == 0 && len(raw) > 1 && !tagStart(raw) { // "is x <y"
				b.WriteString(html.UnescapeString(raw))
			}
			return b.String()
		}
		name, _ := z.TagName()
		a := atom.Lookup(name)
		known := a != 0 || strings.ContainsAny(string(name), "-:")
		switch tt {
		case xhtml.TextToken:
			if skip == 0 {
				b.WriteString(html.UnescapeString(raw))
			}
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken, xhtml.EndTagToken:
			switch {
			case skip != 0:
				if a == skip && tt == xhtml.StartTagToken {
					depth++
				} else if a == skip && tt == xhtml.EndTagToken {
					if depth--; depth == 0 {
						skip = 0
					}
				}
			case hidden[a] && tt == xhtml.StartTagToken:
				skip, depth = a, 1
			case !known:
				b.WriteString(raw)
			case !inline[a]:
				b.WriteByte('\n')
			}
		}
	}
}

// tagStart reports whether s, which lacks its ">", begins with a tag that HTML knows.
func tagStart(s string) bool {
	name := strings.TrimLeft(s, "</")
	if i := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }); i >= 0 {
		name = name[:i]
	}
	return atom.Lookup([]byte(strings.ToLower(name))) != 0 || strings.HasPrefix(s, "<!")
}

// markup reports whether a text that should be plain carries HTML all the same: an end tag, or a known tag with
// attributes. A lone "<b>" may be what the headline is about.
func markup(s string) bool {
	if !strings.ContainsRune(s, '<') {
		return false
	}
	z := xhtml.NewTokenizer(strings.NewReader(s))
	for {
		tt := z.Next()
		if tt == xhtml.ErrorToken {
			return false
		}
		name, attrs := z.TagName()
		a := atom.Lookup(name)
		if a == 0 {
			continue
		}
		switch {
		case tt == xhtml.EndTagToken, tt == xhtml.StartTagToken && attrs, tt == xhtml.StartTagToken && hidden[a],
			a == atom.Br, a == atom.P && tt == xhtml.StartTagToken:
			return true
		}
	}
}

// textOfPlain returns the text of a field whose format says that it is plain (Atom's type="text", JSON Feed). It stays as
// it is, with two exceptions for what is common in the wild: HTML put there all the same is read as HTML, and references
// such as &#8217; and &amp; are decoded once, but &lt; and &gt; never, since they can only be meant.
func textOfPlain(s string) string {
	if markup(s) {
		return textOfHTML(s)
	}
	if !strings.ContainsRune(s, '&') {
		return s
	}
	s = strings.NewReplacer("&lt;", "&amp;lt;", "&gt;", "&amp;gt;", "&#60;", "&amp;#60;", "&#62;", "&amp;#62;").Replace(s)
	return html.UnescapeString(s)
}

// paragraphs turns plain text into HTML paragraphs: blank lines part them, and where there are none every line is one.
func paragraphs(s string) string {
	s = strings.TrimSpace(clean(s))
	sep := "\n\n"
	if !strings.Contains(s, sep) {
		sep = "\n"
	}
	var b strings.Builder
	for p := range strings.SplitSeq(s, sep) {
		if p = fold(p); p != "" {
			b.WriteString("<p>" + html.EscapeString(p) + "</p>\n")
		}
	}
	return b.String()
}

// countWords counts the words of a text. Scripts that do not part words count two characters as one.
func countWords(s string) int {
	words, wide := 0, 0
	in := false
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer):
			wide++
			in = false
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if !in {
				words++
			}
			in = true
		case in && (r == '\'' || r == '’' || r == '-' || r == '.' || r == ',' || unicode.IsMark(r)):
			// inside a word or number as long as another letter follows
		default:
			in = false
		}
	}
	return words + (wide+1)/2
}
