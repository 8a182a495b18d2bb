package audience

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mailer/internal/errs"
)

// What is wrong is said where it is.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		at  int
		msg string
	}{
		``:                                      {0, "the rule is empty"},
		`supporter supporter`:                   {10, `"supporter" stands where and, or, or the end`},
		`supporter and`:                         {13, "ends too early"},
		`supporter and or city is x`:            {14, "a test"},
		`supporter and city is x or a is b`:     {24, "and and or are mixed"},
		`(supporter`:                            {0, "not closed"},
		`supporter)`:                            {9, `")" stands where`},
		`suporter`:                              {8, `what about "suporter"?`},
		`suporter and city is x`:                {9, `what about "suporter"?`},
		`city = Paris`:                          {5, `'=' means nothing here`},
		`city is New York`:                      {8, `in quotation marks: "New York"`},
		`city is "Paris`:                        {8, "quotation mark is not closed"},
		`city is ""`:                            {8, "a text is empty"},
		`city is one of a b`:                    {15, "quotation marks"},
		`city is one of a,`:                     {17, "a text"},
		`city is one of (a, b`:                  {15, "not closed"},
		`city is and`:                           {8, `"and" stands where a text belongs`},
		`city does not have x`:                  {14, "contain, start with or end with"},
		`city greater than ten`:                 {18, "a number"},
		`age more than 9 ago`:                   {16, `"ago" stands where`},
		`joined`:                                {6, "in the last"},
		`joined in the last week`:               {19, "a whole number"},
		`joined in the last 0 days`:             {19, "a whole number"},
		`joined in the last 9 moons`:            {21, "days, weeks, months or years"},
		`joined more than 9 days`:               {23, "ago"},
		`joined greater than 5`:                 {0, "joined cannot be asked like that"},
		`joined in the next 3 days`:             {0, "joined cannot be asked like that"},
		`joined before 2026-02-30`:              {14, "a date"},
		`renews before "2026-01-01"`:            {14, "a date"},
		`language contains f`:                   {0, "language cannot be asked like that"},
		`frequency is daily`:                    {0, "each or weekly"},
		`provider is set`:                       {0, "provider cannot be asked"},
		`name greater than 3`:                   {0, "name cannot be asked"},
		`on weekly`:                             {0, `"on" begins no test`},
		`on list Weekly`:                        {8, "not the short name of a list"},
		`wants sport`:                           {6, "topic"},
		`wants topic sport of weekly`:           {18, "and, or, or the end"},
		`was sent`:                              {8, "the number of a campaign"},
		`was sent 12, 13`:                       {11, "any of 12, 13"},
		`was sent 0`:                            {9, "the number of a campaign"},
		`was sent the last 3 campaigns`:         {18, "any of the last 3 campaigns"},
		`was sent any of the last 51 campaigns`: {25, "between 1 and 50"},
		"city is \"a\x00b\"":                    {8, "invisible"},
		"city is \"a\u202eb\"":                  {8, "invisible"},
		`é is x; drop`:                          {6, `';' means nothing`}, // counted in characters
	} {
		_, err := Parse(text)
		var se *SyntaxError
		if !errors.As(err, &se) || se.At != want.at || !strings.Contains(se.Msg, want.msg) {
			t.Errorf("%q: %v; want %q at %d", text, err, want.msg, want.at)
		}
		if err != nil && (errs.KindOf(err) != errs.Invalid || !strings.HasPrefix(errs.Public(err), "rule: at character ")) {
			t.Errorf("%q: the public sentence is %q", text, errs.Public(err))
		}
	}
}

// What may be written in several ways is one rule.
func TestParseSame(t *testing.T) {
	t.Parallel()
	for canonical, others := range map[string][]string{
		`attribute city is "Paris"`:                            {`city is Paris`, `"city" is 'Paris'`, `CITY is x or everybody`[:0] + `attribute city IS “Paris”`, `((city is «Paris»))`},
		`attribute city is not one of "a", "b"`:                {`not city is one of a, b`, `not (city is one of (a,b))`},
		`supporter and not on list weekly and was sent 3`:      {`supporter and (is not on list weekly and was sent campaign 3)`, `SUPPORTER AND NOT ON LIST weekly AND WAS SENT 3`},
		`supporter or attribute age is greater than 3`:         {`supporter or (age more than 3)`},
		`not (supporter or wants topic sport)`:                 {`not ((supporter) or not does not want topic sport)`},
		`not joined in the last 2 weeks`:                       {`not joined within 2 weeks`},
		`was sent any of 12, 13`:                               {`was sent any of 13, 12, 13`},
		`not supporter`:                                        {`not not not supporter`},
		`attribute "is" is "5" and attribute 2nd is at most 5`: {`attribute is is "5" and "2nd" at most 5`},
	} {
		for _, text := range append(others, canonical) {
			r, err := Parse(text)
			if err != nil || r.String() != canonical {
				t.Errorf("%q is %q (%v); want %q", text, r, err, canonical)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := func(part, joint string, n int) string {
		return strings.TrimSuffix(strings.Repeat(part+joint, n), joint)
	}
	for name, tc := range map[string]struct{ ok, wrong string }{
		"tests":  {many("supporter", " or ", 100), many("supporter", " or ", 101)},
		"depth":  {strings.Repeat("(", 10) + "supporter" + strings.Repeat(")", 10), strings.Repeat("(", 11) + "supporter" + strings.Repeat(")", 11)},
		"values": {"city is one of " + many("a", ",", 200), "city is one of " + many("a", ",", 201)},
		"value":  {`city is "` + strings.Repeat("é", 500) + `"`, `city is "` + strings.Repeat("é", 501) + `"`},
		"text":   {"supporter" + strings.Repeat(" ", MaxText-9), "supporter" + strings.Repeat(" ", MaxText-8)},
	} {
		if _, err := Parse(tc.ok); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Parse(tc.wrong); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: over the limit: %v", name, err)
		}
	}
	deep := `{"test":{"field":"supporter"}}`
	for range 12 {
		deep = `{"all":[{"any":[` + deep + `,{"test":{"field":"everybody"}}]},{"test":{"field":"everybody"}}]}`
	}
	if _, err := UnmarshalRule([]byte(deep)); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a deep rule in JSON: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`supporter and joined within 90 days and not (city is "Paris" or attribute plan is one of "basic", "free") and was sent 12`,
		`not (on list a or wants topic b of list c) and was not sent any of the last 3 campaigns of list d`, `a is "x\"y\\" or b greater than -3.5`,
		`joined on 2026-01-31 or renews in the next 2 weeks`, `city does not start with 'l''x' or domain ends with ".org"`, `“a” is «b»`, `((((`, `not not`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		// As people read it and as it is kept, it is the same rule.
		if written := r.String(); len([]rune(written)) <= MaxText {
			again, err := Parse(written)
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Fatalf("%q was written as %q, which is %v (%v)", text, written, again, err)
			}
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := UnmarshalRule(data)
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%q was kept as %s, which is %v (%v)", text, data, again, err)
		}
	})
}

// What the page for people shows is the language: every example is understood, and there is one for every field and operator.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/readers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(page), "### The language of rules")
	part, _, _ = strings.Cut(part, "\n## ")
	spans := regexp.MustCompile("(?m)`([^`\n]+)`|^(supporter and .*)$").FindAllStringSubmatch(part, -1)
	if len(spans) < 60 {
		t.Fatalf("only %d examples were found", len(spans))
	}
	asked := map[string]bool{}
	for _, span := range spans {
		text := span[1] + span[2]
		if strings.ContainsAny(text, "…*%@\\") || !strings.Contains(text, " ") && !slices.Contains([]string{"everybody", "supporter"}, text) || strings.Contains(text, " or c") || strings.HasPrefix(text, "rule: ") {
			continue // a sign, a word, or what is no rule
		}
		r, err := Parse(text)
		if err != nil {
			if r, err = Parse("city " + text); err != nil && !slices.Contains([]string{`"New York"`, "of list evening", "does not contain", "starts with", "does not start with", "ends with", "does not end with"}, text) {
				t.Errorf("`%s`: %v", text, err)
			}
		}
		_ = r.each(func(test *Test) error {
			asked[test.Field], asked[test.Op] = true, true
			return nil
		})
	}
	for field, ops := range opsOf {
		for _, name := range append([]string{field}, ops...) {
			if !asked[name] {
				t.Errorf("there is no example of %s", name)
			}
		}
	}
}
