package audience

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"mailer/internal/errs"
)

// kinds of tokens.
type kind uint8

const (
	tokenEnd   kind = iota
	tokenWord       // letters, digits and - _ . in one piece: a keyword, a name, a number, a date
	tokenText       // in quotation marks; text is what stands within
	tokenPunct      // ( ) ,
)

// token is a piece of a rule.
type token struct {
	kind kind
	text string
	at   int // characters before it
}

// is reports whether the token is a keyword, in capitals or not.
func (t token) is(words ...string) bool {
	if t.kind == tokenWord || t.kind == tokenPunct {
		for _, w := range words {
			if strings.EqualFold(t.text, w) {
				return true
			}
		}
	}
	return false
}

// SyntaxError says what is wrong in a rule and where.
type SyntaxError struct {
	At  int    // characters before the place, 0 at the beginning
	Msg string // a sentence without the place
}

// Error names the place as people count, from 1.
func (e *SyntaxError) Error() string { return fmt.Sprintf("at character %d: %s", e.At+1, e.Msg) }

func wrong(at int, format string, args ...any) error {
	e := &SyntaxError{At: at, Msg: fmt.Sprintf(format, args...)}
	return &errs.Error{Kind: errs.Invalid, Field: "rule", Msg: e.Error(), Err: e}
}

// closing are the quotation marks that end a text, by those that begin it. Those of the keyboard can be escaped by \; those that
// word processors make of them are taken as well.
var closing = map[rune]rune{'"': '"', '\'': '\'', '“': '”', '„': '“', '«': '»'}

// lex parts a rule into its pieces; the last one is the end.
func lex(text string) ([]token, error) {
	if !utf8.ValidString(text) {
		return nil, errs.Field("rule", "is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(text); n > MaxText {
		return nil, errs.Field("rule", "has %d characters; %d is the limit", n, MaxText)
	}
	var tokens []token
	runes := []rune(text)
	for i := 0; i < len(runes); {
		c := runes[i]
		switch {
		case unicode.IsSpace(c):
			i++
		case c == '(' || c == ')' || c == ',':
			tokens = append(tokens, token{tokenPunct, string(c), i})
			i++
		case closing[c] != 0:
			t, next, err := quoted(runes, i)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, t)
			i = next
		case inWord(c):
			from := i
			for i < len(runes) && inWord(runes[i]) {
				i++
			}
			tokens = append(tokens, token{tokenWord, string(runes[from:i]), from})
		default:
			return nil, wrong(i, "%q means nothing here; texts with other signs than letters and digits stand in quotation marks", c)
		}
	}
	return append(tokens, token{tokenEnd, "", len(runes)}), nil
}

func inWord(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) || c == '_' || c == '-' || c == '.'
}

// quoted reads a text in quotation marks that begins at from.
func quoted(runes []rune, from int) (token, int, error) {
	end := closing[runes[from]]
	var b strings.Builder
	for i := from + 1; i < len(runes); i++ {
		switch c := runes[i]; {
		case c == '\\' && i+1 < len(runes):
			i++
			b.WriteRune(runes[i])
		case c == end:
			return token{tokenText, b.String(), from}, i + 1, nil
		default:
			b.WriteRune(c)
		}
	}
	return token{}, 0, wrong(from, "this quotation mark is not closed")
}
