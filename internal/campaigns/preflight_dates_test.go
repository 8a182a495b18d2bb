package campaigns

import (
	"testing"
	"time"
)

// Days of the week against their dates, in English and French. 23 November 2026 is a Monday.
func TestWrongDays(t *testing.T) {
	t.Parallel()
	about := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"The council meets on Monday 23 November.":                "",
		"The council meets on Tuesday 23 November.":               "2026-11-23",
		"on Tuesday, November 23rd, at nine":                      "2026-11-23",
		"on Tuesday, November 23, 2021, at nine":                  "", // that year it was one
		"Mon Nov 23":                                              "",
		"Wed. 23rd of Nov.":                                       "2026-11-23",
		"friday the 1st of january":                               "", // 2027, which is nearer
		"Saturday 1 January":                                      "2027-01-01",
		"Le conseil se réunit lundi 23 novembre":                  "",
		"Le conseil se réunit mardi 23 novembre 2026.":            "2026-11-23",
		"jeudi 1er janvier 2026":                                  "",
		"VENDREDI 1ER JANVIER 2026":                               "2026-01-01",
		"samedi 5 décembre":                                       "",
		"dimanche, 5 décembre":                                    "2026-12-05",
		"lundi 15 août 2027":                                      "2027-08-15",
		"dimanche 15 août 2027":                                   "",
		"Monday and Tuesday 23 and 24 November":                   "", // the first number has no month behind it
		"The Sun set at Sea on 31 February":                       "",
		"Sunday 31 February is a joke, and Monday 0 May is none":  "",
		"Monday morning, 23 copies sold in November":              "",
		"Tuesday\n23 November":                                    "2026-11-23",
		"from Monday 23 November to Friday 28 November, at eight": "2026-11-28",
		"Monument 23 November":                                    "",
		"Sunday 29 February 2028, a Tuesday":                      "2028-02-29",
	} {
		got := ""
		for _, w := range wrongDays(text, about) {
			got += w.is.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
}
