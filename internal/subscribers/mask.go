package subscribers

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask returns what may be shown of an address in logs, reports and pages: j•••@example.org. It is safe for any string:
// what cannot be printed becomes a question mark, and at most some sixty characters of the domain stay.
func Mask(address string) string {
	address = strings.TrimSpace(address)
	if address == "" {
		return ""
	}
	first, _ := utf8.DecodeRuneInString(address)
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		if at == 0 {
			return "•••" + Printable(address, 60)
		}
		return Printable(string(first), 1) + "•••" + Printable(address[at:], 60)
	}
	return Printable(string(first), 1) + "•••"
}

// Printable returns at most limit characters of s, with a question mark for each that cannot be printed.
func Printable(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		if limit--; limit < 0 {
			b.WriteString("…")
			break
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
