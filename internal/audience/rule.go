package audience

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailer/internal/errs"
)

// Limits of one rule.
const (
	MaxText   = 4_000 // characters of a rule as it is written
	maxDepth  = 10    // parentheses within parentheses
	maxTests  = 100   // tests of a rule
	maxValues = 200   // values of one test
	maxValue  = 500   // characters of a value or name
	maxLast   = 50    // of "the last 50 campaigns"
	maxSpan   = 3_650 // of "the last 3650 days", weeks, months or years
)

// Rule is a rule over readers: exactly one of its fields is set. Its JSON is what is stored; Parse and String are the form for
// people. A rule says yes or no of every reader, never "unknown": what a reader has not said is no to every test, so that
// "not" always is the exact complement.
type Rule struct {
	All  []Rule `json:"all,omitempty"` // and
	Any  []Rule `json:"any,omitempty"` // or
	Not  *Rule  `json:"not,omitempty"`
	Test *Test  `json:"test,omitempty"`
}

// Test asks one thing about a reader. Which fields are set depends on Field and Op.
type Test struct {
	Field string `json:"field"`
	Name  string `json:"name,omitempty"` // of the attribute, list or topic
	List  string `json:"list,omitempty"` // that a topic or the last campaigns are of; empty: the list of the send
	Op    string `json:"op,omitempty"`

	Values    []string `json:"values,omitempty"`    // texts, for opIs (one or more: any of them), opContains, opStarts, opEnds
	Number    string   `json:"number,omitempty"`    // for opEquals, opGreater …; of a story, for opStory
	Date      string   `json:"date,omitempty"`      // 2026-11-22, for opOn, opBefore …
	Count     int      `json:"count,omitempty"`     // of Unit, for opLast …; of campaigns, for opAnyOfLast
	Unit      string   `json:"unit,omitempty"`      // day, week, month or year
	Campaigns []int64  `json:"campaigns,omitempty"` // for opAnyOf
}

// Fields that a rule may ask about. There are no others.
const (
	fieldEverybody = "everybody"
	fieldSupporter = "supporter"
	fieldName      = "name"
	fieldLanguage  = "language"
	fieldProvider  = "provider"
	fieldDomain    = "domain"
	fieldFrequency = "frequency"
	fieldAttribute = "attribute"
	fieldJoined    = "joined"
	fieldList      = "list"
	fieldTopic     = "topic"
	fieldSent      = "sent"
)

// Operators. Negations are not among them: "is not" is the Not of opIs.
const (
	opIs       = "is"
	opContains = "contains"
	opStarts   = "starts"
	opEnds     = "ends"
	opSet      = "set"

	opEquals  = "equals" // numbers
	opGreater = "greater"
	opLess    = "less"
	opAtLeast = "at_least"
	opAtMost  = "at_most"

	opOn     = "on" // dates
	opBefore = "before"
	opAfter  = "after"
	opSince  = "since"
	opLast   = "last" // in the last Count Units
	opNext   = "next" // in the next Count Units
	opAgo    = "ago"  // more than Count Units ago

	opAnyOf     = "any_of"      // campaigns by number
	opAnyOfLast = "any_of_last" // the last Count campaigns
	opStory     = "story"       // a story by number, with whatever campaign
)

var (
	textOps   = []string{opIs, opContains, opStarts, opEnds, opSet}
	numberOps = []string{opEquals, opGreater, opLess, opAtLeast, opAtMost}
	dateOps   = []string{opOn, opBefore, opAfter, opSince}
	spanOps   = []string{opLast, opNext, opAgo}
)

// opsOf are the operators that a field takes; none: it is a question by itself.
var opsOf = map[string][]string{
	fieldEverybody: nil,
	fieldSupporter: nil,
	fieldName:      textOps,
	fieldLanguage:  {opIs, opStarts, opSet},
	fieldProvider:  {opIs},
	fieldDomain:    {opIs, opContains, opStarts, opEnds},
	fieldFrequency: {opIs},
	fieldAttribute: slices.Concat(textOps, numberOps, dateOps, spanOps),
	fieldJoined:    slices.Concat(dateOps, []string{opLast, opAgo}),
	fieldList:      nil,
	fieldTopic:     nil,
	fieldSent:      {opAnyOf, opAnyOfLast, opStory},
}

var (
	units       = []string{"day", "week", "month", "year"}
	frequencies = []string{"each", "weekly"}

	slugRE   = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	numberRE = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,15})?$`)
	storyRE  = regexp.MustCompile(`^[1-9][0-9]{0,14}$`)
)

// everybody is the rule that says yes of every reader.
func everybody() Rule { return Rule{Test: &Test{Field: fieldEverybody}} }

// and returns the rule that wants all of the given ones; of none, everybody.
func and(rules ...Rule) Rule {
	return join(rules, func(r Rule) []Rule { return r.All }, func(l []Rule) Rule { return Rule{All: l} })
}

// And returns the rule that wants both.
func (r Rule) And(other Rule) Rule {
	if r.Test != nil && r.Test.Field == fieldEverybody {
		return other
	}
	return and(r, other)
}

// or returns the rule that wants any of the given ones.
func or(rules ...Rule) Rule {
	return join(rules, func(r Rule) []Rule { return r.Any }, func(l []Rule) Rule { return Rule{Any: l} })
}

// join flattens rules of the same kind into one, so that a rule has one form whatever its parentheses.
func join(rules []Rule, parts func(Rule) []Rule, whole func([]Rule) Rule) Rule {
	var flat []Rule
	for _, r := range rules {
		if p := parts(r); p != nil {
			flat = append(flat, p...)
		} else {
			flat = append(flat, r)
		}
	}
	switch len(flat) {
	case 0:
		return everybody()
	case 1:
		return flat[0]
	}
	return whole(flat)
}

// not returns the complement of a rule.
func not(r Rule) Rule {
	if r.Not != nil {
		return *r.Not
	}
	return Rule{Not: &r}
}

// UnmarshalRule reads a rule as it is stored, and checks it as Parse does: JSON from elsewhere is no way around the language.
func UnmarshalRule(data []byte) (Rule, error) {
	var r Rule
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Rule{}, errs.Wrap(err, errs.Invalid, "rule: it is not the JSON of a rule")
	}
	if _, err := d.Token(); err != io.EOF {
		return Rule{}, errs.Field("rule", "something follows its JSON")
	}
	if err := r.check(); err != nil {
		return Rule{}, err
	}
	if r = r.normal(); r.groups() > maxDepth+1 {
		return Rule{}, errs.Field("rule", "it is nested too deeply; %d levels are the limit", maxDepth)
	}
	return r, nil
}

// marshal returns the JSON of a rule.
func (r Rule) marshal() ([]byte, error) {
	data, err := json.Marshal(r)
	return data, errs.Wrap(err, errs.Internal, "keep the rule")
}

// normal returns the same rule in the form that Parse gives it.
func (r Rule) normal() Rule {
	each := func(list []Rule) []Rule {
		out := make([]Rule, len(list))
		for i, sub := range list {
			out[i] = sub.normal()
		}
		return out
	}
	switch {
	case r.All != nil:
		return and(each(r.All)...)
	case r.Any != nil:
		return or(each(r.Any)...)
	case r.Not != nil:
		return not(r.Not.normal())
	}
	return r
}

// groups counts how many ands and ors stand within each other.
func (r Rule) groups() int {
	deepest := 0
	for _, sub := range slices.Concat(r.All, r.Any) {
		deepest = max(deepest, sub.groups())
	}
	if r.Not != nil {
		return r.Not.groups()
	}
	if r.Test != nil {
		return 0
	}
	return deepest + 1
}

// check refuses a rule that Parse could not have made.
func (r Rule) check() error {
	tests := 0
	if err := r.checkParts(&tests); err != nil {
		return errs.Field("rule", "%s", err)
	}
	return nil
}

func (r Rule) checkParts(tests *int) error {
	set := 0
	for _, list := range [][]Rule{r.All, r.Any} {
		if list == nil {
			continue
		}
		set++
		if len(list) < 2 {
			return fmt.Errorf(`"and" and "or" join two tests or more`)
		}
		for _, sub := range list {
			if err := sub.checkParts(tests); err != nil {
				return err
			}
		}
	}
	if r.Not != nil {
		set++
		if err := r.Not.checkParts(tests); err != nil {
			return err
		}
	}
	if r.Test != nil {
		set++
		if *tests++; *tests > maxTests {
			return fmt.Errorf("it has more than %d tests", maxTests)
		}
		if err := r.Test.check(); err != nil {
			return err
		}
	}
	if set != 1 {
		return fmt.Errorf("each part is one of all, any, not and test")
	}
	return nil
}

// check refuses a test that the language does not have, with a sentence that fits behind a position.
func (t *Test) check() error {
	ops, known := opsOf[t.Field]
	switch {
	case !known:
		return fmt.Errorf("there is no field %q", t.Field)
	case len(ops) == 0 && t.Op != "" || len(ops) > 0 && !slices.Contains(ops, t.Op):
		return fmt.Errorf("%s cannot be asked like that%s", t.Field, t.hint())
	}
	if err := t.checkName(); err != nil {
		return err
	}
	return t.checkOperands()
}

// hint names the ways in which a field can be asked.
func (t *Test) hint() string {
	return map[string]string{
		fieldName:      "; write is, contains, starts with, ends with or is set",
		fieldLanguage:  "; write language is fr",
		fieldProvider:  "; write provider is google",
		fieldDomain:    "; write domain is example.org, contains, starts with or ends with",
		fieldFrequency: "; write frequency is each or frequency is weekly",
		fieldJoined:    "; write joined in the last 30 days, more than 90 days ago, or before, after, since or on 2026-01-31",
	}[t.Field]
}

func (t *Test) checkName() error {
	named := t.Field == fieldAttribute || t.Field == fieldList || t.Field == fieldTopic
	switch {
	case named != (t.Name != ""):
		return fmt.Errorf("%s lacks its name", t.Field)
	case t.Field == fieldAttribute:
		if err := checkValue(t.Name); err != nil {
			return err
		}
	case named && !isSlug(t.Name):
		return fmt.Errorf("%q is not the short name of a %s", t.Name, t.Field)
	}
	switch {
	case t.List == "":
	case t.Field != fieldTopic && t.Op != opAnyOfLast:
		return fmt.Errorf("%s is not of a list", t.Field)
	case !isSlug(t.List):
		return fmt.Errorf("%q is not the short name of a list", t.List)
	}
	return nil
}

// checkOperands sees to it that a test has what its operator needs, and nothing else.
func (t *Test) checkOperands() error {
	var want Test
	switch {
	case slices.Contains([]string{opIs, opContains, opStarts, opEnds}, t.Op):
		want.Values = t.Values
		if len(t.Values) == 0 || len(t.Values) > maxValues || t.Op != opIs && len(t.Values) > 1 {
			return fmt.Errorf("a test has between 1 and %d values, and only “is one of” has several", maxValues)
		}
		for _, v := range t.Values {
			if err := checkValue(v); err != nil {
				return err
			}
			if t.Field == fieldFrequency && !slices.Contains(frequencies, v) {
				return fmt.Errorf("frequency is each or weekly, not %q", v)
			}
		}
	case slices.Contains(numberOps, t.Op):
		want.Number = t.Number
		if !numberRE.MatchString(t.Number) {
			return fmt.Errorf("%q is not a number; write 5, -2 or 3.14", t.Number)
		}
	case slices.Contains(dateOps, t.Op):
		want.Date = t.Date
		if !isDate(t.Date) {
			return fmt.Errorf("%q is not a date; write 2026-01-31", t.Date)
		}
	case slices.Contains(spanOps, t.Op):
		want.Count, want.Unit = t.Count, t.Unit
		if t.Count < 1 || t.Count > maxSpan || !slices.Contains(units, t.Unit) {
			return fmt.Errorf("a span of time is between 1 and %d days, weeks, months or years", maxSpan)
		}
	case t.Op == opAnyOf:
		want.Campaigns = t.Campaigns
		if len(t.Campaigns) == 0 || len(t.Campaigns) > maxValues || slices.ContainsFunc(t.Campaigns, func(id int64) bool { return id < 1 }) {
			return fmt.Errorf("a test names between 1 and %d campaigns, by their numbers", maxValues)
		}
	case t.Op == opStory:
		want.Number = t.Number
		if !storyRE.MatchString(t.Number) {
			return fmt.Errorf("a test names one story, by its number")
		}
	case t.Op == opAnyOfLast:
		want.Count = t.Count
		if t.Count < 1 || t.Count > maxLast {
			return fmt.Errorf("“the last campaigns” are between 1 and %d", maxLast)
		}
	}
	if len(want.Values) != len(t.Values) || want.Number != t.Number || want.Date != t.Date || want.Count != t.Count || want.Unit != t.Unit ||
		len(want.Campaigns) != len(t.Campaigns) {
		return fmt.Errorf("%s has something that does not belong to it", t.Field)
	}
	return nil
}

// checkValue refuses a text that cannot be compared with or that no person could see.
func checkValue(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("a text is empty; for what a reader has not said write “is not set”")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, hidden):
		return fmt.Errorf("a text contains invisible characters; take them out")
	case utf8.RuneCountInString(s) > maxValue:
		return fmt.Errorf("a text has more than %d characters", maxValue)
	}
	return nil
}

// hidden reports controls and the characters that turn the direction of writing.
func hidden(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control) || c == 0x2028 || c == 0x2029
}

// IsSlug reports whether a text has the form of the short name of a segment.
func IsSlug(s string) bool { return isSlug(s) }

func isSlug(s string) bool { return len(s) <= 50 && slugRE.MatchString(s) }

func isDate(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Year() >= 1900 && t.Year() < 2200
}
