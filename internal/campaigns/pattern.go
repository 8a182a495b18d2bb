package campaigns

import (
	"regexp"
	"slices"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// The placeholders of subject and preheader patterns. The language is closed: nothing else is interpreted.
var placeholders = []string{"lead", "dek", "also", "date", "list", "count"}

var placeholderRE = regexp.MustCompile(`\{[^{}]*\}`)

// checkPattern refuses placeholders that do not exist and stray braces.
func checkPattern(key, pattern string, limit int) error {
	if err := checkLine(key, pattern, limit); err != nil {
		return err
	}
	for _, p := range placeholderRE.FindAllString(pattern, -1) {
		if !slices.Contains(placeholders, p[1:len(p)-1]) {
			return errs.Field(key, "there is no placeholder %s; there are {%s}", p, strings.Join(placeholders, "}, {"))
		}
	}
	if rest := placeholderRE.ReplaceAllString(pattern, ""); strings.ContainsAny(rest, "{}") {
		return errs.Field(key, "has a brace without its partner")
	}
	return nil
}

// inert takes apart what would read as a placeholder of this or another mail program. Render refuses such a subject, and
// a feed that carries one must not keep a digest from its readers.
var inert = strings.NewReplacer("{", "(", "}", ")", "*|", "*", "|*", "*", "%%", "%")

// expand puts values in the place of placeholders, and makes the result fit for a header: feeds bring anything (MSG-21,
// MSG-36). Values are not looked at again.
func expand(pattern string, values map[string]string) string {
	return message.CleanHeader(placeholderRE.ReplaceAllStringFunc(pattern, func(p string) string { return inert.Replace(values[p[1:len(p)-1]]) }))
}

// clip cuts text to at most limit characters, at the end of a word where there is one, and shows that it did.
func clip(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	cut := string(runes[:limit-1])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 && runes[limit-1] != ' ' {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:–—-") + "…"
}
