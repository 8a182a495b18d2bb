package message

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

const (
	lineLength = 76 // of a header line with encoded-words, which leaves 75 for a word (RFC 2047 section 2)
	maxPlain   = 60 // a longer word is encoded, so that it can be folded
	qOpen      = "=?UTF-8?Q?"
	bOpen      = "=?UTF-8?B?"
	wordFrame  = len(qOpen) + len("?=")
)

// field collects one header field, folding it between pieces.
type field struct {
	buf []byte
	col int
}

func newField(name string) *field { return &field{buf: append([]byte(name), ':'), col: len(name) + 1} }

// piece adds an unbreakable piece after a space, on the next line where it would not fit this one.
func (f *field) piece(s string) {
	if f.col+1+len(s) > lineLength {
		f.fold()
	} else {
		f.buf = append(f.buf, ' ')
		f.col++
	}
	f.buf = append(f.buf, s...)
	f.col += len(s)
}

// fold begins the next line with a space.
func (f *field) fold() {
	f.buf = append(f.buf, "\r\n "...)
	f.col = 1
}

// end returns the whole field with its line end.
func (f *field) end() []byte { return append(f.buf, "\r\n"...) }

// unstructured adds text, without spaces around it, as it stands in a Subject. Words of plain ASCII stay as they are; from
// the first to the last that cannot, the text becomes encoded-words.
func (f *field) unstructured(s string) {
	words := strings.Split(s, " ")
	first, last := len(words), -1
	for i, w := range words {
		if !isPlain(w) || len(w) > maxPlain {
			first, last = min(first, i), i
		}
	}
	if strings.Contains(s, "  ") { // folded there, a line would be blank
		first, last = 0, len(words)-1
	}
	for i := 0; i < len(words); i++ {
		if i == first {
			f.encode(strings.Join(words[first:last+1], " "))
			i = last
			continue
		}
		f.piece(words[i])
	}
}

// phrase adds a display name: a quoted-string where it can be one, else encoded-words (RFC 2047 section 5, rule 3).
func (f *field) phrase(s string) {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	if isPlain(strings.ReplaceAll(s, " ", "")) && len(quoted) <= maxPlain {
		f.piece(quoted)
		return
	}
	f.encode(s)
}

// isPlain reports whether s is printable ASCII and cannot be taken for an encoded-word.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return !strings.Contains(s, "=?")
}

// encode adds s as encoded-words of whole characters, each at most 75 long, in the shorter of the two encodings.
func (f *field) encode(s string) {
	q := 0
	for i := range len(s) {
		q += qLength(s[i])
	}
	base := base64.StdEncoding.EncodedLen(len(s)) < q
	for s != "" {
		room := lineLength - f.col - 1 - wordFrame
		if room < 12 { // the longest character takes 12 in Q encoding
			f.fold()
			f.buf, f.col = f.buf[:len(f.buf)-1], 0 // piece brings the space itself
			continue
		}
		n := fit(s, room, base)
		f.piece(encodedWord(s[:n], base))
		s = s[n:]
	}
}

// fit returns how many octets of s, in whole characters, are at most room when encoded.
func fit(s string, room int, base bool) int {
	n, size := 0, 0
	for n < len(s) {
		_, w := utf8.DecodeRuneInString(s[n:])
		if base {
			size = base64.StdEncoding.EncodedLen(n + w)
		} else {
			for i := range w {
				size += qLength(s[n+i])
			}
		}
		if size > room {
			break
		}
		n += w
	}
	return n
}

// qLength returns how long an octet is in the Q encoding. What stays as it is may stand in a phrase too (RFC 2047
// section 5, rule 3).
func qLength(c byte) int {
	if c == ' ' || isAlphanumeric(c) || strings.IndexByte("!*+-/", c) >= 0 {
		return 1
	}
	return 3
}

func encodedWord(s string, base bool) string {
	if base {
		return bOpen + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	w := []byte(qOpen)
	for i := range len(s) {
		switch {
		case s[i] == ' ':
			w = append(w, '_')
		case qLength(s[i]) == 1:
			w = append(w, s[i])
		default:
			w = append(w, '=', hexDigits[s[i]>>4], hexDigits[s[i]&15])
		}
	}
	return string(append(w, "?="...))
}

const hexDigits = "0123456789ABCDEF"
