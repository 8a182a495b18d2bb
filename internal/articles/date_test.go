package articles

import (
	"testing"
	"time"
	_ "time/tzdata"
)

var testNow = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

func TestParseDate(t *testing.T) {
	t.Parallel()
	toronto, err := time.LoadLocation("America/Toronto")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		// feeds
		"2026-06-03T08:12:00-04:00":               "2026-06-03T12:12:00Z",
		"2026-06-03T08:12:00Z":                    "2026-06-03T08:12:00Z",
		"2026-06-03T08:12:00.123456Z":             "2026-06-03T08:12:00Z",
		"2026-06-03T08:12+02":                     "2026-06-03T06:12:00Z",
		"2026-06-03 08:12:00 UTC":                 "2026-06-03T08:12:00Z",
		"2026-06-03":                              "2026-06-03T12:00:00Z",
		"2026/06/03 08:12":                        "2026-06-03T08:12:00Z",
		"20260603T081200Z":                        "2026-06-03T08:12:00Z",
		"20260603":                                "2026-06-03T12:00:00Z",
		"Wed, 03 Jun 2026 08:12:00 GMT":           "2026-06-03T08:12:00Z",
		"Wed, 03 Jun 2026 08:12:00 -0400":         "2026-06-03T12:12:00Z",
		"Wed, 3 Jun 2026 08:12:00 EDT":            "2026-06-03T12:12:00Z",
		"Wed, 3 Jun 26 08:12 EST":                 "2026-06-03T13:12:00Z",
		"Wednesday, 03-Jun-26 08:12:00 GMT":       "2026-06-03T08:12:00Z",
		"Wed Jun  3 08:12:00 2026":                "2026-06-03T08:12:00Z",
		"Wed Jun 03 2026 08:12:00 GMT-0700 (PDT)": "2026-06-03T15:12:00Z",
		"Thu, 03 Jun 2026 08:12:00 GMT":           "2026-06-03T08:12:00Z", // wrong weekday
		"Wed, 03 June 2026 08:12:00 +0000":        "2026-06-03T08:12:00Z",
		"Wed,03 Jun 2026 08:12:00 +0000":          "2026-06-03T08:12:00Z",
		"mer, 03 juin 2026 08:12:00 +0200":        "2026-06-03T06:12:00Z",
		"03.06.2026 08:12":                        "2026-06-03T08:12:00Z",
		"23/06/2026":                              "2026-06-23T12:00:00Z",
		"06/23/2026 8:12 PM":                      "2026-06-23T20:12:00Z",
		// people
		"Published: June 3, 2026 8.12am EDT":                                  "2026-06-03T12:12:00Z",
		"Published: June 3, 2026 8.12am EDT Updated: June 4, 2026 9.01pm EDT": "2026-06-03T12:12:00Z",
		"Updated: June 4, 2026 9.01pm EDT Published: June 3, 2026 8.12am EDT": "2026-06-03T12:12:00Z",
		"Updated June 4, 2026":                      "2026-06-04T12:00:00Z",
		"3 June 2026":                               "2026-06-03T12:00:00Z",
		"Wednesday 3 June 2026 08.12 BST":           "2026-06-03T07:12:00Z",
		"Wed 3 Jun 2026 08:12 BST":                  "2026-06-03T07:12:00Z",
		"Wednesday, June 3rd, 2026 at 8:12 a.m. ET": "2026-06-03T12:12:00Z",
		"Jan. 5, 2026, 5 p.m. ET":                   "2026-01-05T22:00:00Z",
		"Sept. 9, 2026":                             "2026-09-09T12:00:00Z",
		"June 3, 2026 12:05 a.m. UTC":               "2026-06-03T00:05:00Z",
		"June 3, 2026 12:05pm":                      "2026-06-03T12:05:00Z",
		"Posted on the 3rd of June 2026":            "2026-06-03T12:00:00Z",
		"Publié le 3 juin 2026 à 8h12":              "2026-06-03T08:12:00Z",
		"Publié le 1er août 2026 à 18 h 05":         "2026-08-01T18:05:00Z",
		"mercredi 3 juin 2026":                      "2026-06-03T12:00:00Z",
		"Publié : 3 juin 2026, 8h12 CEST":           "2026-06-03T06:12:00Z",
		"Mittwoch, 3. Juni 2026, 8:12 Uhr":          "2026-06-03T08:12:00Z",
		"miércoles, 3 de junio de 2026":             "2026-06-03T12:00:00Z",
		"Wed, June 3":                               "2026-06-03T12:00:00Z",
		"Published December 3":                      "2025-12-03T12:00:00Z",
		"June 2026":                                 "2026-06-01T12:00:00Z",
		"2 hours ago":                               "2026-11-22T13:00:00Z",
		"Publié hier à 18h04":                       "2026-11-21T18:04:00Z",
		"Today, 9:15 a.m.":                          "2026-11-22T09:15:00Z",
		"Published a day ago":                       "2026-11-21T15:00:00Z",
		"June\u00a03,\u00a02026":                    "2026-06-03T12:00:00Z",
		"3 June 2026 08:12 UTC+2":                   "2026-06-03T06:12:00Z",
	} {
		got, ok := ParseDate(in, nil, testNow)
		if !ok || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("ParseDate(%q) = %v, %v; want %s", in, got.UTC().Format(time.RFC3339), ok, want)
		}
		if _, ok := dateLine(in, nil, testNow); !ok && in != "Wed Jun 03 2026 08:12:00 GMT-0700 (PDT)" {
			t.Errorf("dateLine(%q) is none", in)
		}
	}
	if got, ok := ParseDate("3 June 2026 at 8:12", toronto, testNow); !ok || got.UTC().Hour() != 12 {
		t.Errorf("in Toronto: %v, %v", got, ok)
	}
	for _, in := range []string{"", "yesterday’s news", "03/06/2026", "31 June 2026", "2026-13-01", "June", "0000-00-00T00:00:00Z",
		"The council met 12 times", "Room 101", "8.12am", "32 May 2026"} {
		if got, ok := ParseDate(in, nil, testNow); ok {
			t.Errorf("ParseDate(%q) = %v; want none", in, got)
		}
	}
	for _, in := range []string{"The council met on June 3, 2026.", "On 3 June the harbour closed", "A storm in June 2026", "Yesterday the harbour closed", "Donate today", "June 3 changed everything"} {
		if got, ok := dateLine(in, nil, testNow); ok {
			t.Errorf("dateLine(%q) = %v; want none", in, got)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"Published: June 3, 2026 8.12am EDT", "2026-06-03T08:12:00Z", "Publié le 1er août 2026 à 18 h 05", "3.6.2026", "2 hours ago", "é 3 mai"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := ParseDate(s, nil, testNow); ok && (got.Year() < 1899 || got.Year() > 2201) {
			t.Fatalf("%q gives %v", s, got)
		}
		dateLine(s, nil, testNow)
	})
}
