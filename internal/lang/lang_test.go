package lang

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
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

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([a-z%])`)

// places returns the verb of each value that a text takes, by the place of the value: %[2]s says it, %s is the next one.
func places(text string) map[int]string {
	at, next := map[int]string{}, 1
	for _, m := range verb.FindAllStringSubmatch(text, -1) {
		if m[2] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		at[next] = m[2]
		next++
	}
	return at
}

// TestLanguagesAgree: every language has every key, with places for the same values in it.
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
			if a, b := places(english), places(text); !maps.Equal(a, b) {
				t.Errorf("%s.toml: %s has the places %v; English has %v", tag, key, b, a)
			}
			if text == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s.toml: %s is empty, or has space around it", tag, key)
			}
			// Typographic signs, which a mail program does not make of typed ones.
			if strings.ContainsAny(text, `'"`) {
				t.Errorf("%s.toml: %s has a typewriter's ' or \" in %q; use ’, “ ” or « »", tag, key, text)
			}
		}
		for key := range words {
			if _, ok := languages["en"].words[key]; !ok {
				t.Errorf("%s.toml has %s, which English lacks", tag, key)
			}
		}
	}
}

// sameInFrench are the texts that are the same in both languages, by key.
var sameInFrench = []string{"archive.pages"}

// TestFrenchIsFrench: nothing was left in English.
func TestFrenchIsFrench(t *testing.T) {
	t.Parallel()
	english := regexp.MustCompile(`(?i)(?:^|\PL)(the|and|you|your|we|our|this|that|with|from|will|have|has|is|are|was|not|email|click|link|please|subscribe[ds]?|unsubscribe[ds]?)(?:\PL|$)`)
	for key, text := range languages["fr"].words {
		if text == languages["en"].words[key] && strings.ContainsFunc(verb.ReplaceAllString(text, ""), unicode.IsLetter) && !slices.Contains(sameInFrench, key) {
			t.Errorf("fr.toml: %s is %q, as in English", key, text)
		}
		if m := english.FindString(text); m != "" {
			t.Errorf("fr.toml: %s has the English word %q in %q", key, m, text)
		}
	}
	for _, key := range sameInFrench {
		if languages["fr"].words[key] != languages["en"].words[key] {
			t.Errorf("%s is not the same in both languages any more", key)
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
