package campaigns

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
)

const minimal = `
name = "Morning Briefing"
list = "morning"
[[sections]]
feeds = ["news"]
`

func TestRecipeDefaults(t *testing.T) {
	r, err := ParseRecipe([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := Recipe{Slug: "morning-briefing", Name: "Morning Briefing", List: "morning", Template: "digest", Subject: "{lead}", Preheader: "{also}",
		Frequency: "each",
		Stories:   Stories{Min: 1, Max: 15, TooFew: "skip", Window: Duration(7 * 24 * time.Hour), Repeat: "list"},
		Lead:      Lead{Rule: "first"},
		Sections:  []Section{{Feeds: []string{"news"}, Max: 5, Order: "newest"}},
		Appeal:    Appeal{Place: "none"},
		Clock: Clock{Opens: Duration(2 * time.Hour), Cutoff: Duration(time.Hour), ApprovalDue: Duration(15 * time.Minute), NoApproval: "hold",
			LateBy: Duration(2 * time.Hour), Late: "hold", Expires: Duration(24 * time.Hour), Doubt: "retry"}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got\n%+v\nwant\n%+v", r, want)
	}
	// A zero that is written stands.
	r, err = ParseRecipe([]byte(minimal + "[clock]\napproval_due = \"0m\"\ncutoff = \"0m\"\n"))
	if err != nil || r.Clock.ApprovalDue != 0 || r.Clock.Cutoff != 0 || r.Clock.Opens != Duration(2*time.Hour) {
		t.Errorf("%+v %v", r.Clock, err)
	}
}

func TestRecipeRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ add, want string }{
		"unknown key":               {"[clock]\nopen = \"2h\"\n", "clock.open: there is no such key (line 7)"},
		"unknown key in a section":  {"ordering = \"newest\"\n", "sections.ordering: there is no such key (line 6)"},
		"unknown table":             {"[colours]\nred = 1\n", "colours: there is no such key (line 6)"},
		"syntax":                    {"[clock\n", "line 7"},
		"wrong type":                {"max = \"five\"\n", "line 6"},
		"duration":                  {"[clock]\nopens = \"two hours\"\n", `"two hours" is not a length of time`},
		"negative duration":         {"[clock]\nopens = \"-2h\"\n", `is not a length of time`},
		"order":                     {"order = \"random\"\n", `sections[1].order: "random" is not known; write "newest", "oldest", "feed"`},
		"min above max":             {"max = 2\nmin = 3\n", "sections[1].min: is 3"},
		"twice the same title":      {"title = \"A\"\n[[sections]]\ntitle = \"A\"\n", "sections[2].title"},
		"lead of no section":        {"[lead]\nsection = \"Sport\"\n", "lead.section"},
		"tag rule without a tag":    {"[lead]\nrule = \"tag\"\n", "lead.tag"},
		"too few":                   {"[stories]\ntoo_few = \"wait\"\n", "stories.too_few"},
		"no story":                  {"[stories]\nmin = 0\n", "stories.min"},
		"window":                    {"[stories]\nwindow = \"1m\"\n", "stories.window"},
		"clock out of order":        {"[clock]\ncutoff = \"3h\"\n", "clock.cutoff"},
		"approval before cut-off":   {"[clock]\napproval_due = \"90m\"\n", "clock.approval_due"},
		"late after it has expired": {"[clock]\nlate_by = \"2d\"\n", "clock.late_by"},
		"appeal place":              {"[appeal]\nslug = \"a\"\nplace = \"after 0\"\n", "appeal.place"},
		"appeal without a name":     {"[appeal]\nplace = \"end\"\n", "appeal.slug"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseRecipe([]byte(minimal + tc.add))
			if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
				t.Errorf("got %v; want %q", err, tc.want)
			}
		})
	}
	for top, want := range map[string]string{
		"subject = \"{lead} {sport}\"":         "there is no placeholder {sport}",
		"subject = \"{lead\"":                  "subject: has a brace",
		"subject = \"a\\r\\nBcc: b\"":          "subject: must be one line", // MSG-21
		"subject = \"a \\u202E b\"":            "U+202E",
		"intro = \"Dear {nam},\"":              "intro: there is no placeholder {nam}", // MSG-35
		"schedule = \"@every 5m\"":             "schedule:",
		"schedule = \"CRON_TZ=UTC * * * * *\"": "schedule: must not name a time zone",
		"time_zone = \"Mars/Olympus\"":         "time_zone:",
		"skip = [\"2026-02-30\"]":              "skip:",
		"skip = [\"13-01\"]":                   "skip:",
		"template = \"story\"":                 "template:",
		"slug = \"Morning Briefing\"":          "slug:",
		"list = \"\"":                          "list:",
	} {
		text := top + "\n" + minimal
		if strings.HasPrefix(top, "list") {
			text = strings.Replace(minimal, `list = "morning"`, top, 1)
		}
		_, err := ParseRecipe([]byte(text))
		if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), want) {
			t.Errorf("%s: got %v; want %q", top, err, want)
		}
	}
}

// TestRecipeDocs keeps docs/recipes.md true: its example is accepted, comes back from the database as it was, and has
// every key there is.
func TestRecipeDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```toml\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("no example")
	}
	r, err := ParseRecipe(block[1])
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := recipeOf(data)
	if err != nil || !reflect.DeepEqual(r, again) {
		t.Errorf("through the database: %v\n%+v\n%+v", err, r, again)
	}
	var keys func(t reflect.Type)
	keys = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("toml")
			if !regexp.MustCompile(`(?m)^\[?\[?` + key + `\b`).Match(block[1]) {
				t.Errorf("the example lacks %s", key)
			}
			if !strings.Contains(string(page), "`"+key+"`") && !strings.Contains(string(page), "."+key+"`") && !strings.Contains(string(page), "`"+key+".") {
				t.Errorf("the page does not explain %s", key)
			}
			switch ft := f.Type; {
			case ft.Kind() == reflect.Struct:
				keys(ft)
			case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
				keys(ft.Elem())
			}
		}
	}
	keys(reflect.TypeFor[Recipe]())
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]string{"2h": "2h", "90m": "1h30m", "7d": "7d", "1d12h": "36h", "24h": "1d", "0m": "0s", "45m": "45m", "30s": "30s"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err != nil || d.String() != want {
			t.Errorf("%s = %s, %v; want %s", in, d, err, want)
		}
		var back Duration
		if err := back.UnmarshalText([]byte(d.String())); err != nil || back != d {
			t.Errorf("%s came back as %s, %v", d, back, err)
		}
	}
	for _, in := range []string{"", "d", "-1d", "1.5d", "7 days", "1h1d", "5", "+5m", "9999999d", "d5m", "1d-2h"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q was accepted as %s", in, d)
		}
	}
}

func TestExpand(t *testing.T) {
	got := expand("{list}: {lead}", map[string]string{"list": "Morning", "lead": "A {date} of\r\nBcc: x\u202e and\u00a0{{more}} *|X|*"})
	if got != "Morning: A (date) of Bcc: x and ((more)) *X*" { // MSG-21, MSG-36
		t.Errorf("got %q", got)
	}
	if got := clip("One two three four", 14); got != "One two three…" {
		t.Errorf("got %q", got)
	}
	if got := clip("名前名前名前名前", 5); got != "名前名前…" {
		t.Errorf("got %q", got)
	}
}

func FuzzParseRecipe(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + "[clock]\nopens = \"1d\"\n[lead]\nrule = \"tag\"\ntag = \"x\"\n"))
	f.Add([]byte("subject = \"{lead} {}\"\nskip = [\"12-25\"]\n" + minimal))
	f.Add([]byte("[[sections]]\n\"x\" = 1\n[sections.y]\n=\n"))
	f.Add([]byte("name = '''\n[clock]\n'''\nlist = \"a\"\nschedule = \"0 7 * * *\"\n[[sections]]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRecipe(text)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatal(err)
			}
			return
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := recipeOf(data)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(data) {
			t.Fatalf("%v\n%s\n%s", err, data, second)
		}
	})
}
