package message

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"mailer/internal/errs"
)

// CheckHeader says whether value may stand in a header field: valid UTF-8 without line ends, control characters, line
// separators and characters that override or isolate the direction of writing (they make one name look like another). The
// error is of kind Invalid and names field. It is for names, subjects and whatever else a person or a feed supplies.
func CheckHeader(field, value string) error {
	if !utf8.ValidString(value) {
		return errs.Field(field, "is not valid UTF-8; save it as UTF-8 and try again")
	}
	for _, r := range value {
		switch {
		case r == '\r' || r == '\n':
			return errs.Field(field, "contains a line end; write it on one line")
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return errs.Field(field, "contains the control character U+%04X; take it out", r)
		case overridesDirection(r):
			return errs.Field(field, "contains U+%04X, which changes the direction of writing; take it out", r)
		}
	}
	return nil
}

// CleanHeader makes a foreign text, such as a feed's headline, fit for a header field: line ends and control characters
// become spaces, direction overrides go, runs of white space become one space, and the text is in NFC.
func CleanHeader(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case overridesDirection(r):
			return -1
		case unicode.IsControl(r) || unicode.IsSpace(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return norm.NFC.String(strings.Join(strings.Fields(s), " "))
}

// overridesDirection reports the embeddings, overrides and isolates of UAX #9. The implicit marks (LRM, RLM, ALM), which
// Hebrew and Arabic headlines need for their punctuation, are not among them.
func overridesDirection(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// CheckAddress says whether s may stand in From or Reply-To: one address of ASCII letters (domains as A-labels), at
// most 254 octets. The error is of kind Invalid and names field.
func CheckAddress(field, s string) error {
	if reason := addressFault(s, false); reason != "" {
		return errs.Field(field, "is not a mail address (%s); write it like news@example.org", reason)
	}
	return nil
}

// addressFault says what is wrong with an addr-spec of RFC 5321, or nothing. international lets the local part have
// characters beyond ASCII (RFC 6532).
func addressFault(s string, international bool) string {
	at := strings.LastIndexByte(s, '@')
	switch {
	case len(s) > 254:
		return "it is longer than 254 octets"
	case at < 1:
		return "something before and after an @ is needed"
	case at > 64:
		return "the part before the @ is longer than 64 octets"
	case !isDomain(s[at+1:]):
		return "the part after the @ is not a domain"
	case s[0] == '"' && isQuotedString(s[:at]), isDotAtom(s[:at], international):
		return ""
	}
	return "the part before the @ has characters that may not stand there"
}

// isAtomText reports whether c is an atext octet of RFC 5322 section 3.2.3.
func isAtomText(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// isDotAtom reports whether s is a dot-atom-text, with any printable character beyond ASCII where international is set.
func isDotAtom(s string, international bool) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		switch {
		case r == utf8.RuneError:
			return false
		case r >= utf8.RuneSelf:
			if !international || !unicode.IsPrint(r) || overridesDirection(r) {
				return false
			}
		case r != '.' && !isAtomText(byte(r)):
			return false
		}
	}
	return true
}

// isQuotedString reports whether s is a quoted-string of printable ASCII (RFC 5321 section 4.1.2).
func isQuotedString(s string) bool {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == '"':
			return false
		case c == '\\':
			if i++; i == len(s)-1 || s[i] < ' ' || s[i] > '~' {
				return false
			}
		}
	}
	return true
}

// isDomain reports whether s is a domain of letters, digits and hyphens.
func isDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	label := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if label == 0 || s[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case c == '-' && label == 0:
			return false
		case !isAlphanumeric(c) && c != '-':
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0 && s[len(s)-1] != '-'
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isToken reports whether s is made of the characters of base64url and base32, and short enough for one line.
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// isMessageID reports whether s may stand between the angle brackets of a Message-ID (RFC 5322 section 3.6.4).
func isMessageID(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && len(s) <= 250 && isDotAtom(s[:at], false) && isDomain(s[at+1:])
}

// isFieldName reports whether s is the name of an extra header field: "X-" and letters, digits and hyphens.
func isFieldName(s string) bool {
	if len(s) < 3 || len(s) > 60 || !strings.EqualFold(s[:2], "X-") {
		return false
	}
	for i := 2; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}
