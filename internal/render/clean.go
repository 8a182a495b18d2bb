package render

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"mailer/internal/message"
)

// Longest texts of the places where a feed may put one, in characters.
const (
	maxTitle     = 240
	maxDek       = 200
	maxLongDek   = 500 // in a mail of one story
	maxCaption   = 400
	maxCredit    = 140
	maxAlt       = 240
	maxName      = 90
	maxRole      = 160
	maxBio       = 600
	maxSection   = 80
	maxParagraph = 1000     // of a letter
	maxRaw       = 16 << 10 // octets of a single line that are looked at at all
	maxAuthors   = 6        // named in a byline; the rest are counted
	shortestLine = 40       // of a preheader
	longestLine  = 110
)

// plainLine makes one line, at most most characters long, of plain text from outside: white space collapsed, control
// characters and direction overrides removed, in NFC. It is text and stays text: escaping is the template's.
func plainLine(s string, most int) string {
	if len(s) > maxRaw {
		s = strings.ToValidUTF8(s[:maxRaw], "")
	}
	return cut(message.CleanHeader(s), most)
}

// wordedLine is plainLine for words of ours, whose no-break spaces stay: French has them before a colon.
func wordedLine(s string, most int) string {
	const noBreak = "\u00a0"
	if len(s) > maxRaw {
		s = strings.ToValidUTF8(s[:maxRaw], "")
	}
	parts := strings.Split(s, noBreak)
	for i, part := range parts {
		parts[i] = message.CleanHeader(part)
	}
	return cut(strings.Join(parts, noBreak), most)
}

// cut shortens s to most characters, at the end of a word where there is one near, and says so by an ellipsis.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	runes := []rune(s)[:most-1]
	end := len(runes)
	for end > len(runes)*2/3 && !unicode.IsSpace(runes[end-1]) {
		end--
	}
	if end == len(runes)*2/3 {
		end = len(runes) // no space near: a script without them
	}
	for end > 0 && (unicode.IsSpace(runes[end-1]) || strings.ContainsRune(",;:–—-(\u200d", runes[end-1]) || unicode.Is(unicode.Mn, runes[end-1])) {
		end--
	}
	return string(runes[:end]) + "…"
}

// direction returns the direction of the first character of s that has a strong one, or fallback.
func direction(s, fallback string) string {
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam, unicode.Samaritan, unicode.Mandaic):
			return "rtl"
		case unicode.IsLetter(r):
			return "ltr"
		}
	}
	return fallback
}
