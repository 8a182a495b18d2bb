package lang

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	t.Parallel()
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	late := time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC).In(copenhagen)
	first := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ got, want string }{
		{For("en").Date(late), "22 November 2026"}, {For("fr").Date(late), "22 novembre 2026"},
		{For("en").LongDate(late), "Sunday 22 November 2026"}, {For("fr").LongDate(late), "dimanche 22 novembre 2026"},
		{For("en").Date(first), "1 January 2027"}, {For("fr").Date(first), "1er janvier 2027"},
		{For("fr").LongDate(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)), "samedi 1er août 2026"},
	} {
		if tc.got != tc.want {
			t.Errorf("date %q; want %q", tc.got, tc.want)
		}
	}
	for _, tag := range Tags {
		if n := len(strings.Fields(For(tag).T("date.months"))); n != 12 {
			t.Errorf("%s has %d months", tag, n)
		}
		if n := len(strings.Fields(For(tag).T("date.days"))); n != 7 {
			t.Errorf("%s has %d days", tag, n)
		}
	}
}

func TestFor(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{"en": "en", "fr": "fr", "fr-CA": "fr", "FR_fr": "fr", " fr ": "fr", "de": "en", "": "en", "fro": "en"} {
		if got := For(tag).Tag(); got != want {
			t.Errorf("For(%q) is %q; want %q", tag, got, want)
		}
	}
	for tag, want := range map[string]string{"en": "ltr", "ar": "rtl", "ar-EG": "rtl", "HE": "rtl", "": "ltr"} {
		if got := DirOf(tag); got != want {
			t.Errorf("DirOf(%q) = %q; want %q", tag, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		tag  string
		n    int
		want string
	}{{"en", 0, "0 others"}, {"en", 1, "1 other"}, {"en", 2, "2 others"}, {"fr", 0, "0 autre"}, {"fr", 1, "1 autre"}, {"fr", 2, "2 autres"}} {
		if got := For(tc.tag).Plural("story.others", tc.n); got != tc.want {
			t.Errorf("%s, %d: %q; want %q", tc.tag, tc.n, got, tc.want)
		}
	}
}

func TestUnknownKey(t *testing.T) {
	t.Parallel()
	if w := For("fr"); w.Has("no.such") || w.T("no.such") != "no.such" {
		t.Error("a key that there is not has a text")
	}
}

var verb = regexp.MustCompile(`%(?:\[\d+\])?[a-z%]`)

// TestLanguagesAgree: every language has every key, with the same places for values in it.
func TestLanguagesAgree(t *testing.T) {
	t.Parallel()
	for _, tag := range Tags {
		words := languages[tag].words
		for key, english := range languages["en"].words {
			text, ok := words[key]
			if !ok {
				t.Errorf("%s.toml lacks %s", tag, key)
				continue
			}
			if a, b := verb.FindAllString(english, -1), verb.FindAllString(text, -1); !slices.Equal(a, b) {
				t.Errorf("%s.toml: %s has the places %v; English has %v", tag, key, b, a)
			}
			if text == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s.toml: %s is empty, or has space around it", tag, key)
			}
		}
		for key := range words {
			if _, ok := languages["en"].words[key]; !ok {
				t.Errorf("%s.toml has %s, which English lacks", tag, key)
			}
		}
	}
}

// TestFrenchSpaces: no sign of two parts stands after a space at which a line may break.
func TestFrenchSpaces(t *testing.T) {
	t.Parallel()
	wrong := regexp.MustCompile(`[ \pL\d][:;?!»]|« `)
	for key, text := range languages["fr"].words {
		if m := wrong.FindString(text); m != "" {
			t.Errorf("%s: %q in %q wants a space that does not break", key, m, text)
		}
	}
	if got := For("fr").T("story.photo", "A : B"); got != "Photo\u00a0: A : B" {
		t.Errorf("%q", got)
	}
}

// uses finds the keys that templates and code ask for: T("key"), Plural("key", say(words, "key", and in templates T "key".
var uses = regexp.MustCompile(`\b(T|Plural|Has|say)[ (](?:\w+, )?"([a-z_]+(?:\.[a-z_]+)+)"`)

// TestEveryKeyIsUsed: no code asks for a word that there is not, and there is no word that nobody asks for.
func TestEveryKeyIsUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := e.Name()
		if e.IsDir() && (strings.HasPrefix(name, ".") && path != root || name == "testdata") {
			return filepath.SkipDir
		}
		ext := filepath.Ext(name)
		if e.IsDir() || ext != ".go" && ext != ".html" && ext != ".txt" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range uses.FindAllStringSubmatch(string(raw), -1) {
			keys := []string{m[2]}
			if m[1] == "Plural" {
				keys = []string{m[2] + ".one", m[2] + ".other"}
			}
			for _, key := range keys {
				used[key] = true
				if !For("en").Has(key) {
					t.Errorf("%s asks for %s, which there is not", path, key)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range languages["en"].words {
		if !used[key] {
			t.Errorf("nobody asks for %s", key)
		}
	}
}
