package audience

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"mailer/internal/errs"
)

// Narrow compiles a rule as a send keeps it to a condition on the row m of mailable, with parameters numbered from first. It
// is what the delivery room narrows an audience by; nil is everybody.
func Narrow(rule []byte, first int) (sql string, args []any, err error) {
	if rule == nil {
		return "true", nil, nil
	}
	f, err := UnmarshalFrozen(rule)
	if err != nil {
		return "", nil, err
	}
	return f.Condition(first)
}

// Condition compiles a frozen rule to a condition on the row m of mailable, with parameters numbered from first. The SQL depends
// on the shape of the rule alone: every name, text, number and date is an argument.
func (f Frozen) Condition(first int) (sql string, args []any, err error) {
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		return "", nil, errs.Wrap(err, errs.Invalid, "the time zone %q of the list is not known here", f.Zone)
	}
	c := &compiler{frozen: f, first: first, at: f.At.In(zone)}
	c.rule(f.Rule, false)
	return c.sql.String(), c.args, c.err
}

type compiler struct {
	frozen Frozen
	first  int
	at     time.Time // in the list's time zone
	sql    strings.Builder
	args   []any
	err    error
}

// arg adds an argument and returns its place in the SQL, with its type: Postgres guesses none.
func (c *compiler) arg(v any, typ string) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(c.first+len(c.args)-1) + "::" + typ
}

// rule writes a rule or its complement. Negation is carried down to the tests: "not (a or b)" is "not a and not b". Thereby
// Postgres sees each EXISTS and NOT EXISTS in a row of ands by itself and can make a join of it.
func (c *compiler) rule(r Rule, negated bool) {
	if r.Not != nil {
		c.rule(*r.Not, !negated)
		return
	}
	if r.Test != nil {
		c.test(r.Test, negated)
		return
	}
	parts, joint := r.All, " AND "
	if r.Any != nil {
		parts, joint = r.Any, " OR "
	}
	if negated {
		joint = map[string]string{" AND ": " OR ", " OR ": " AND "}[joint]
	}
	c.sql.WriteByte('(')
	for i, p := range parts {
		if i > 0 {
			c.sql.WriteString(joint)
		}
		c.rule(p, negated)
	}
	c.sql.WriteByte(')')
}

// test writes a test or its complement. A condition that may be null (of an attribute that is not there) is complemented by IS NOT
// TRUE, so that null counts as no on either side.
func (c *compiler) test(t *Test, negated bool) {
	sql, strict := c.condition(t)
	switch {
	case !negated:
	case strict:
		sql = "NOT " + sql
	default:
		sql += " IS NOT TRUE"
	}
	c.sql.WriteString(sql)
}

// condition returns the SQL of a test, in parentheses or as one expression, and whether it is never null.
func (c *compiler) condition(t *Test) (sql string, strict bool) {
	switch t.Field {
	case fieldEverybody:
		return "true", true
	case fieldSupporter:
		return "m.supporter", true
	case fieldFrequency:
		return "(m.frequency = ANY (" + c.arg(pq.Array(t.Values), "text[]") + "))", true
	case fieldName:
		return c.text("m.name", t)
	case fieldProvider:
		return c.text("m.provider", t)
	case fieldDomain:
		return c.text(`substring(m.wire from '[^@]*$')`, t)
	case fieldLanguage:
		return c.language(t)
	case fieldAttribute:
		return c.attribute("(m.attributes ->> "+c.arg(t.Name, "text")+")", t)
	case fieldJoined:
		from, to := c.bounds(t)
		return c.between("m.joined_at", "timestamptz", from, to), true
	case fieldList:
		return "EXISTS (SELECT FROM subscribed s WHERE s.subscriber_id = m.subscriber_id AND s.list_id = " + c.arg(c.list(t.Name), "bigint") + ")", true
	case fieldTopic:
		return c.topic(t), true
	case fieldSent:
		if t.Op == opStory {
			return c.story(t), true
		}
		return "EXISTS (SELECT FROM sent_to d WHERE d.subscriber_id = m.subscriber_id AND d.campaign_id = ANY (" +
			c.arg(pq.Array(c.campaigns(t)), "bigint[]") + "))", true
	}
	c.fail("the field %q is not known", t.Field)
	return "false", true
}

func (c *compiler) fail(format string, args ...any) {
	if c.err == nil {
		c.err = errs.New(errs.Internal, "a rule cannot be used: "+format, args...)
	}
}

// text compares a text. Capitals make no difference.
func (c *compiler) text(column string, t *Test) (sql string, strict bool) {
	lower := "lower(" + column + ")"
	value := func() string { return "lower(" + c.arg(t.Values[0], "text") + ")" }
	switch t.Op {
	case opSet:
		return "(coalesce(" + column + ", '') <> '')", true
	case opIs:
		if len(t.Values) > 1 {
			return "(" + lower + " IN (SELECT lower(v) FROM unnest(" + c.arg(pq.Array(t.Values), "text[]") + ") v))", false
		}
		return "(" + lower + " = " + value() + ")", false
	case opContains:
		return "(strpos(" + lower + ", " + value() + ") > 0)", false
	case opStarts:
		return "starts_with(" + lower + ", " + value() + ")", false
	case opEnds:
		v := value()
		return "(right(" + lower + ", length(" + v + ")) = " + v + ")", false
	}
	c.fail("%q is no comparison of texts", t.Op)
	return "false", true
}

// language compares the language that a reader gets: their own choice, else the list's. fr means fr-CA too.
func (c *compiler) language(t *Test) (sql string, strict bool) {
	if t.Op == opSet {
		return "(m.language <> '')", true
	}
	tag := "lower(coalesce(nullif(m.language, ''), " + c.arg(c.frozen.Language, "text") + "))"
	if t.Op == opStarts {
		return "starts_with(" + tag + ", lower(" + c.arg(t.Values[0], "text") + "))", true
	}
	return "EXISTS (SELECT FROM unnest(" + c.arg(pq.Array(t.Values), "text[]") + ") v WHERE starts_with(" + tag + " || '-', lower(v) || '-'))", true
}

// Attributes are texts. One that does not look like a number or a date is none; the look is tested before the cast.
const (
	asNumber = `(CASE WHEN %[1]s ~ '^\s*[-+]?[0-9]{1,15}([.][0-9]{1,15})?\s*$' THEN %[1]s::numeric END)`
	asDate   = `(CASE WHEN %[1]s ~ '^\s*[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])($|[^0-9])' THEN left(ltrim(%[1]s), 10) END COLLATE "C")`
)

func (c *compiler) attribute(value string, t *Test) (sql string, strict bool) {
	number := map[string]string{opEquals: "=", opGreater: ">", opLess: "<", opAtLeast: ">=", opAtMost: "<="}[t.Op]
	switch {
	case number != "":
		return "(" + fmt.Sprintf(asNumber, value) + " " + number + " " + c.arg(t.Number, "numeric") + ")", false
	case t.Op == opIs || t.Op == opContains || t.Op == opStarts || t.Op == opEnds || t.Op == opSet:
		return c.text(value, t)
	}
	// Days are compared as they are written, 2026-01-31, which is their order; a 31st of February harms nobody.
	from, to := c.days(t)
	return c.between(fmt.Sprintf(asDate, value), "text", from, to), false
}

// between writes from <= column < to; a bound that is nil is left out.
func (c *compiler) between(column, typ string, from, to any) string {
	var parts []string
	if from != nil {
		parts = append(parts, column+" >= "+c.arg(from, typ))
	}
	if to != nil {
		parts = append(parts, column+" < "+c.arg(to, typ))
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// back returns the moment so many units of the calendar before the rule was frozen; negative: after.
func (c *compiler) back(n int, unit string) time.Time {
	switch unit {
	case "week":
		return c.at.AddDate(0, 0, -7*n)
	case "month":
		return c.at.AddDate(0, -n, 0)
	case "year":
		return c.at.AddDate(-n, 0, 0)
	}
	return c.at.AddDate(0, 0, -n)
}

// bounds returns the moments between which a test of a time says yes: from is in, to is not; nil: there is no such bound.
func (c *compiler) bounds(t *Test) (from, to any) {
	switch t.Op {
	case opLast:
		return c.back(t.Count, t.Unit), nil
	case opAgo:
		return nil, c.back(t.Count, t.Unit)
	}
	day, err := time.ParseInLocation(time.DateOnly, t.Date, c.at.Location())
	if err != nil {
		c.fail("%q is no date", t.Date)
	}
	next := day.AddDate(0, 0, 1)
	switch t.Op {
	case opBefore:
		return nil, day
	case opAfter:
		return next, nil
	case opSince:
		return day, nil
	}
	return day, next
}

// days is bounds for days without an hour. "In the last 7 days" includes today, "in the next 7 days" too.
func (c *compiler) days(t *Test) (from, to any) {
	day := func(moment time.Time, plus int) any { return moment.AddDate(0, 0, plus).Format(time.DateOnly) }
	switch t.Op {
	case opLast:
		return day(c.back(t.Count, t.Unit), 0), day(c.at, 1)
	case opNext:
		return day(c.at, 0), day(c.back(-t.Count, t.Unit), 1)
	case opAgo:
		return nil, day(c.back(t.Count, t.Unit), 0)
	}
	from, to = c.bounds(t)
	for _, v := range []*any{&from, &to} {
		if moment, ok := (*v).(time.Time); ok {
			*v = day(moment, 0)
		}
	}
	return from, to
}

// topic asks whether a topic was not switched off: of the list of the send, or of another that the reader is on.
func (c *compiler) topic(t *Test) string {
	mask, ok := c.frozen.Topics[t.List][t.Name]
	if !ok {
		c.fail("the topic %q was not resolved", t.Name)
	}
	if t.List == "" {
		return "(m.topics_off & " + c.arg(mask, "bigint") + " = 0)"
	}
	return "EXISTS (SELECT FROM subscribed s WHERE s.subscriber_id = m.subscriber_id AND s.list_id = " + c.arg(c.list(t.List), "bigint") +
		" AND s.topics_off & " + c.arg(mask, "bigint") + " = 0)"
}

func (c *compiler) list(slug string) int64 {
	id, ok := c.frozen.Lists[slug]
	if !ok {
		c.fail("the list %q was not resolved", slug)
	}
	return id
}

// campaigns returns those that a test of past campaigns means.
// story asks for deliveries of campaigns that carried it, as far as the reader's copy had it in.
func (c *compiler) story(t *Test) string {
	campaigns, ok := c.frozen.Stories[t.Number]
	if !ok {
		c.fail("the campaigns of a story were not resolved")
	}
	return "EXISTS (SELECT FROM carried_stories k JOIN sent_to d ON d.campaign_id = k.campaign_id AND d.groups & k.groups = k.groups WHERE k.article_id = " +
		c.arg(t.Number, "bigint") + " AND k.campaign_id = ANY (" + c.arg(pq.Array(campaigns), "bigint[]") + ") AND d.subscriber_id = m.subscriber_id)"
}

func (c *compiler) campaigns(t *Test) []int64 {
	if t.Op == opAnyOf {
		return t.Campaigns
	}
	ids, ok := c.frozen.Last[t.List]
	if !ok {
		c.fail("the last campaigns were not resolved")
	}
	return ids[:min(t.Count, len(ids))]
}
