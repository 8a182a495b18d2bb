package audience

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// String writes a rule in the one form that Parse makes the same rule of.
func (r Rule) String() string {
	var b strings.Builder
	r.write(&b, false)
	return b.String()
}

// write writes a rule; within says that it stands beside others, so that it needs parentheses when it has parts itself.
func (r Rule) write(b *strings.Builder, within bool) {
	switch {
	case r.Test != nil:
		r.Test.write(b, false)
	case r.Not != nil && r.Not.Test != nil:
		r.Not.Test.write(b, true)
	case r.Not != nil:
		b.WriteString("not ")
		r.Not.write(b, true)
	default:
		parts, joint := r.All, " and "
		if r.Any != nil {
			parts, joint = r.Any, " or "
		}
		if within {
			b.WriteByte('(')
		}
		for i, p := range parts {
			if i > 0 {
				b.WriteString(joint)
			}
			p.write(b, true)
		}
		if within {
			b.WriteByte(')')
		}
	}
}

// write writes a test, or its negation.
func (t *Test) write(b *strings.Builder, negated bool) {
	switch t.Field {
	case fieldEverybody, fieldSupporter:
		if negated {
			b.WriteString("not ")
		}
		b.WriteString(t.Field)
	case fieldList:
		b.WriteString(choose(negated, "not on list ", "on list ") + word(t.Name))
	case fieldTopic:
		b.WriteString(choose(negated, "does not want topic ", "wants topic ") + word(t.Name) + t.ofList())
	case fieldSent:
		b.WriteString(choose(negated, "was not sent ", "was sent ") + t.campaigns())
	case fieldJoined:
		if negated {
			b.WriteString("not ")
		}
		b.WriteString("joined " + t.comparison())
	default:
		t.writeAbout(b, negated)
	}
}

func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func (t *Test) ofList() string {
	if t.List == "" {
		return ""
	}
	return " of list " + word(t.List)
}

func (t *Test) campaigns() string {
	switch {
	case t.Op == opStory:
		return "story " + t.Number
	case t.Op == opAnyOfLast && t.Count == 1:
		return "the last campaign" + t.ofList()
	case t.Op == opAnyOfLast:
		return "any of the last " + strconv.Itoa(t.Count) + " campaigns" + t.ofList()
	case len(t.Campaigns) == 1:
		return strconv.FormatInt(t.Campaigns[0], 10)
	}
	ids := make([]string, len(t.Campaigns))
	for i, id := range t.Campaigns {
		ids[i] = strconv.FormatInt(id, 10)
	}
	return "any of " + strings.Join(ids, ", ")
}

// writeAbout writes what is asked of a text field or an attribute.
func (t *Test) writeAbout(b *strings.Builder, negated bool) {
	subject := t.Field
	if t.Field == fieldAttribute {
		subject += " " + word(t.Name)
	}
	is := choose(negated, " is not ", " is ")
	switch t.Op {
	case opSet:
		b.WriteString(subject + is + "set")
	case opIs:
		values := make([]string, len(t.Values))
		for i, v := range t.Values {
			values[i] = quote(v)
		}
		b.WriteString(subject + is + choose(len(values) > 1, "one of ", "") + strings.Join(values, ", "))
	case opContains, opStarts, opEnds:
		verb := map[string][2]string{opContains: {" contains ", " does not contain "}, opStarts: {" starts with ", " does not start with "},
			opEnds: {" ends with ", " does not end with "}}[t.Op]
		b.WriteString(subject + choose(negated, verb[1], verb[0]) + quote(t.Values[0]))
	default:
		b.WriteString(subject + is + t.comparison())
	}
}

// comparison writes a comparison of numbers or dates.
func (t *Test) comparison() string {
	span := func() string {
		return strconv.Itoa(t.Count) + " " + t.Unit + choose(t.Count == 1, "", "s")
	}
	switch t.Op {
	case opEquals:
		return t.Number
	case opGreater:
		return "greater than " + t.Number
	case opLess:
		return "less than " + t.Number
	case opAtLeast:
		return "at least " + t.Number
	case opAtMost:
		return "at most " + t.Number
	case opLast:
		return "in the last " + span()
	case opNext:
		return "in the next " + span()
	case opAgo:
		return "more than " + span() + " ago"
	}
	return t.Op + " " + t.Date // on, before, after, since
}

// word writes a name as it is where that is one piece, else in quotation marks.
func word(s string) string {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return !inWord(c) }) || slices.ContainsFunc(reserved, func(w string) bool { return strings.EqualFold(w, s) }) {
		return quote(s)
	}
	return s
}

// quote writes a text in quotation marks.
func quote(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "")
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
