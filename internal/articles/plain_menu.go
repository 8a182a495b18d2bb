package articles

import (
	"strings"
	"unicode"
)

// menuLines is how many lines a menu has at least: a headline may be wrapped over two short lines, hardly over three.
const menuLines = 3

// cutMenu takes off the top of the text a page's menu: lines of one or two words, one below the other, set apart from what
// follows by an empty line.
func (p *plain) cutMenu(text string) string {
	rest := strings.TrimLeft(text, "\ufeff \t\r\n")
	head, after, ok := strings.Cut(strings.ReplaceAll(rest, "\r\n", "\n"), "\n\n")
	if !ok || strings.TrimSpace(after) == "" {
		return text
	}
	lines := strings.Split(head, "\n")
	if len(lines) < menuLines {
		return text
	}
	for _, l := range lines {
		if n := len(strings.Fields(l)); n == 0 || n > 2 || len(l) > 30 || strings.ContainsAny(l, ".,:;?!()«»“”\"0123456789") || !unicode.IsUpper([]rune(strings.TrimSpace(l))[0]) {
			return text
		}
	}
	for _, l := range lines {
		p.drop(l)
	}
	return after
}

// isReadable reports whether what was decoded can be text: something else has control characters all over.
func isReadable(text string) bool {
	controls, all := 0, 0
	for _, r := range text {
		all++
		if r == unicode.ReplacementChar || unicode.IsControl(r) && !unicode.IsSpace(r) {
			controls++
		}
	}
	return controls*50 <= all
}
