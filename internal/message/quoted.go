package message

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A line of quoted-printable has at most 76 characters with the "=" of its soft break (RFC 2045 section 6.7).
const quotedLine = 75

const softBreak = "=\r\n"

// appendQuoted appends one octet in quoted-printable to a line that has col characters, and returns the new column. rest is
// the text from this octet on. Line ends are the caller's.
func appendQuoted(dst []byte, col int, rest string) ([]byte, int) {
	c := rest[0]
	raw := c > ' ' && c <= '~' && c != '=' || (c == ' ' || c == '\t') && len(rest) > 1 && rest[1] != '\n'
	if raw && (c == '.' || c == 'F') {
		// At the start of a line a dot would have to be stuffed (RFC 5321 section 4.5.2), and "From " is mangled by some
		// mail stores (RFC 2049 section 3).
		starts := col == 0 || col+1 > quotedLine
		raw = !starts || c == 'F' && !strings.HasPrefix(rest, "From ")
	}
	width := 3
	if raw {
		width = 1
	}
	if col+width > quotedLine {
		dst = append(dst, softBreak...)
		col = 0
	}
	if raw {
		return append(dst, c), col + 1
	}
	return append(dst, '=', hexDigits[c>>4], hexDigits[c&15]), col + width
}

// appendRun appends a piece of text that begins at the start of a line, and ends it at the start of a line too: what
// follows, a slot or an optional group, can be there or not.
func appendRun(dst []byte, s string) []byte {
	col := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			dst = append(dst, "\r\n"...)
			col = 0
			continue
		}
		dst, col = appendQuoted(dst, col, s[i:])
	}
	return endSoft(dst, col)
}

// appendValue appends a reader's value as appendRun does, escaped for HTML where html is set. The value has no line ends.
func appendValue(dst []byte, s string, html bool) []byte {
	col := 0
	for i := 0; i < len(s); i++ {
		entity := ""
		if html {
			entity = escape(s[i])
		}
		if entity == "" {
			dst, col = appendQuoted(dst, col, s[i:])
			continue
		}
		for j := range len(entity) {
			dst, col = appendQuoted(dst, col, entity[j:])
		}
	}
	return endSoft(dst, col)
}

func endSoft(dst []byte, col int) []byte {
	if col > 0 {
		dst = append(dst, softBreak...)
	}
	return dst
}

// escape returns the character reference of an octet that means something in HTML text or in a quoted attribute.
func escape(c byte) string {
	switch c {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '"':
		return "&#34;"
	case '\'':
		return "&#39;"
	}
	return ""
}

// decodedSize returns how many octets a run has when decoded.
func decodedSize(run []byte) int {
	n := len(run)
	for i, c := range run {
		if c != '=' {
			continue
		}
		if i+1 < len(run) && run[i+1] == '\r' {
			n -= len(softBreak)
		} else {
			n -= 2
		}
	}
	return n
}

// cleanText makes a body valid UTF-8 with \n as its line end and without other control characters than the tab.
func cleanText(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case unicode.IsControl(r) && r != '\n' && r != '\t':
			return -1
		}
		return r
	}, s)
}

// normalText returns plain text in NFC.
func normalText(s string) string { return norm.NFC.String(s) }

// normalHTML returns HTML in NFC, except that nothing is composed with a <, = or >: a combining stroke would turn them into
// ≮, ≠ and ≯ and so take a character of the markup away.
func normalHTML(s string) string {
	var out strings.Builder
	start := 0
	for i := 1; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf && strings.IndexByte("<=>", s[i-1]) >= 0 {
			out.WriteString(norm.NFC.String(s[start:i]))
			start = i
		}
	}
	out.WriteString(norm.NFC.String(s[start:]))
	return out.String()
}

// maxName is the length of a name in characters; the rest is cut.
const maxName = 64

// readerName returns a reader's name as it may be shown, or nothing. A name with what only markup, a left-over
// placeholder of an import, an address or an advertisement would have counts as none.
func readerName(s string) string {
	if strings.ContainsAny(s, "<>{}[]|%*$`\\@") || strings.Contains(s, "://") || strings.Contains(s, "www.") {
		return ""
	}
	plain := len(s) <= maxName
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] <= '~'
	}
	if !plain { // the only way that allocates
		s = CleanHeader(s)
		if utf8.RuneCountInString(s) > maxName {
			s = string([]rune(s)[:maxName])
		}
	}
	return strings.TrimSpace(s)
}
