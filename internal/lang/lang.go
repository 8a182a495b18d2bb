// Package lang holds every fixed word that a reader sees, in mails and on the public pages: one file per language, dates
// and plurals included. English is complete by test; a word missing elsewhere falls back to it.
package lang

import (
	"embed"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed *.toml
var files embed.FS

// Tags are the languages there are, English first.
var Tags = []string{"en", "fr"}

var languages = load()

// Words are the words of one language.
type Words struct {
	tag     string
	words   map[string]string
	english map[string]string
}

func load() map[string]*Words {
	all := make(map[string]*Words, len(Tags))
	for _, tag := range Tags {
		raw, err := files.ReadFile(tag + ".toml")
		if err != nil {
			panic(fmt.Sprintf("lang: %v", err)) // embedded: can only fail in a build that no test has seen
		}
		var tree map[string]any
		if err := toml.Unmarshal(raw, &tree); err != nil {
			panic(fmt.Sprintf("lang: %s.toml: %v", tag, err))
		}
		w := &Words{tag: tag, words: make(map[string]string)}
		flatten("", tree, w.words)
		if tag == "fr" {
			for key, text := range w.words {
				w.words[key] = frenchSpaces.Replace(text)
			}
		}
		all[tag] = w
	}
	for _, w := range all {
		w.english = all["en"].words
	}
	return all
}

// frenchSpaces keeps the signs of two parts, and quotation marks, on the line of their words.
var frenchSpaces = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " ?", "\u00a0?", " !", "\u00a0!", "« ", "«\u00a0", " »", "\u00a0»")

// flatten turns the tables of a file into keys with dots.
func flatten(prefix string, tree map[string]any, into map[string]string) {
	for name, value := range tree {
		switch v := value.(type) {
		case string:
			into[prefix+name] = v
		case map[string]any:
			flatten(prefix+name+".", v, into)
		default:
			panic(fmt.Sprintf("lang: %s%s is not a text", prefix, name))
		}
	}
}

// For returns the words of the language that fits tag (BCP 47, "fr-CA") best, and English where none does.
func For(tag string) *Words {
	if w, ok := languages[primary(tag)]; ok {
		return w
	}
	return languages["en"]
}

// Speaks reports whether there are words of the language of tag, so that For does not fall back to English.
func Speaks(tag string) bool {
	return strings.TrimSpace(tag) != "" && strings.EqualFold(primary(tag), For(tag).tag)
}

// primary is the first part of a language tag, in small letters.
func primary(tag string) string {
	p, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(tag)), "_", "-"), "-")
	return p
}

// Has reports whether key names a word, in English at least.
func (w *Words) Has(key string) bool {
	_, ok := w.english[key]
	return ok
}

// T returns the text of key with args in the places that the text marks as fmt does. A key without text gives the key
// itself; a test sees to it that none is used.
func (w *Words) T(key string, args ...any) string {
	text, ok := w.words[key]
	if !ok {
		if text, ok = w.english[key]; !ok {
			return key
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Plural returns the text of key for the number n, which the text may show as %d: key.one or key.other, by the rule of
// the language.
func (w *Words) Plural(key string, n int) string {
	form := ".other"
	if n == 1 || n == 0 && w.tag == "fr" {
		form = ".one"
	}
	return w.T(key+form, n)
}

// Tag returns the language as BCP 47 has it.
func (w *Words) Tag() string { return w.tag }

// Dir returns the direction of the language's script as HTML has it: ltr or rtl.
func (w *Words) Dir() string { return DirOf(w.tag) }

// rtl are the languages written from right to left.
var rtl = map[string]bool{"ar": true, "arc": true, "ckb": true, "dv": true, "fa": true, "he": true, "ks": true, "ps": true,
	"sd": true, "syr": true, "ug": true, "ur": true, "yi": true}

// DirOf returns the direction of the script that the language of tag is written in, whether or not we have its words.
func DirOf(tag string) string {
	if rtl[primary(tag)] {
		return "rtl"
	}
	return "ltr"
}
