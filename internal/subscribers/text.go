package subscribers

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"mailer/internal/errs"
)

// OneLine returns v in normal form with outer and repeated blanks taken out, fit for a mail header and for a table. It
// refuses what could make a header of its own or turn the reading order around (CWE-93): control characters, line
// separators, direction overrides. limit is in characters.
func OneLine(field, v string, limit int) (string, error) {
	if !utf8.ValidString(v) {
		return "", errs.Field(field, "it contains bytes that are not text")
	}
	v = norm.NFC.String(strings.TrimSpace(v))
	if i := strings.IndexFunc(v, unsafe); i >= 0 {
		return "", errs.Field(field, "it contains a line break or another character that cannot be shown (%U); write it in one line", firstRune(v[i:]))
	}
	if strings.Contains(v, "  ") {
		v = strings.Join(strings.Fields(v), " ")
	}
	if n := utf8.RuneCountInString(v); n > limit {
		return "", errs.Field(field, "it has %d characters; at most %d are allowed", n, limit)
	}
	return v, nil
}

// SomeLines is OneLine for text that may have line breaks, such as a postal address.
func SomeLines(field, v string, limit int) (string, error) {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(v), "\r\n", "\n"), "\n") {
		line, err := OneLine(field, line, limit)
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	v = strings.Join(lines, "\n")
	if n := utf8.RuneCountInString(v); n > limit {
		return "", errs.Field(field, "it has %d characters; at most %d are allowed", n, limit)
	}
	return v, nil
}

// unsafe reports control characters, line and paragraph separators, and the marks that override or embed a direction.
func unsafe(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return false
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// PersonName is a reader's name as it may stand in a greeting. Line breaks, which spreadsheets put into cells, become
// spaces.
func PersonName(v string) (string, error) {
	if strings.ContainsAny(v, "\r\n\t") {
		v = strings.Join(strings.Fields(v), " ")
	}
	return OneLine("name", v, 100)
}

// LanguageTag returns a language tag in its usual form, fr-CA for FR_ca. Empty stays empty.
func LanguageTag(v string) (string, error) {
	v = strings.TrimSpace(v)
	if v == "" {
		return "", nil
	}
	if len(v) <= 35 {
		if tag, err := language.Parse(v); err == nil && tag != language.Und {
			return tag.String(), nil
		}
	}
	return "", errs.Field("language", "it is not a language tag; write en, fr or fr-CA")
}
