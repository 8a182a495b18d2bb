package audience

import (
	"slices"
	"strconv"
	"strings"
)

// Parse reads a rule as people write it; docs/readers.md describes the language. Errors are Invalid, name the place, and have
// a *SyntaxError in their chain.
func Parse(text string) (Rule, error) {
	tokens, err := lex(text)
	if err != nil {
		return Rule{}, err
	}
	p := &parser{tokens: tokens}
	if p.peek().kind == tokenEnd {
		return Rule{}, wrong(0, "the rule is empty; for all readers of the list write everybody")
	}
	r, err := p.rule(0)
	if err != nil {
		return Rule{}, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return Rule{}, p.unexpected(t, "and, or, or the end of the rule")
	}
	return r, nil
}

type parser struct {
	tokens []token
	next   int
	tests  int
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

// accept takes the next tokens if they are these keywords.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if p.next+i >= len(p.tokens) || !p.tokens[p.next+i].is(w) {
			return false
		}
	}
	p.next += len(words)
	return true
}

// skip takes the next token if it is one of these keywords, which are there for the ear.
func (p *parser) skip(words ...string) {
	if p.peek().is(words...) {
		p.next++
	}
}

func (p *parser) unexpected(t token, want string) error {
	switch t.kind {
	case tokenEnd:
		return wrong(t.at, "the rule ends too early; here belongs %s", want)
	case tokenText:
		return wrong(t.at, "the text %q stands where %s belongs", t.text, want)
	}
	return wrong(t.at, "%q stands where %s belongs", t.text, want)
}

// rule = term { and term } | term { or term }. Both in one row are refused: people do not agree on which of them binds stronger.
func (p *parser) rule(depth int) (Rule, error) {
	first, err := p.term(depth)
	if err != nil {
		return Rule{}, err
	}
	parts, joint := []Rule{first}, ""
	for {
		t := p.peek()
		if !t.is("and", "or") {
			break
		}
		word := strings.ToLower(t.text)
		if joint != "" && joint != word {
			return Rule{}, wrong(t.at, "and and or are mixed; put parentheses around what belongs together")
		}
		joint = word
		p.take()
		next, err := p.term(depth)
		if err != nil {
			return Rule{}, err
		}
		parts = append(parts, next)
	}
	if joint == "or" {
		return or(parts...), nil
	}
	return and(parts...), nil
}

// term = { not } ( "(" rule ")" | test )
func (p *parser) term(depth int) (Rule, error) {
	negated := false
	for p.accept("not") {
		negated = !negated
	}
	open := p.peek()
	var r Rule
	var err error
	if p.accept("(") {
		if depth >= maxDepth {
			return Rule{}, wrong(open.at, "parentheses stand within parentheses more than %d times", maxDepth)
		}
		if r, err = p.rule(depth + 1); err != nil {
			return Rule{}, err
		}
		if t := p.peek(); !p.accept(")") {
			if t.kind == tokenEnd {
				return Rule{}, wrong(open.at, "this parenthesis is not closed")
			}
			return Rule{}, p.unexpected(t, "and, or, or a closing parenthesis")
		}
	} else if r, err = p.test(); err != nil {
		return Rule{}, err
	}
	if negated {
		r = not(r)
	}
	return r, nil
}

const wantTest = "a test, such as supporter, joined in the last 30 days, or city is \"Paris\","

// test reads one question.
func (p *parser) test() (Rule, error) {
	t := p.peek()
	if p.tests++; p.tests > maxTests {
		return Rule{}, wrong(t.at, "this is test number %d; %d is the limit", p.tests, maxTests)
	}
	switch {
	case t.kind == tokenEnd, t.kind == tokenPunct, t.is("and", "or"):
		return Rule{}, p.unexpected(t, wantTest)
	case p.accept("everybody"):
		return everybody(), nil
	case t.kind == tokenWord && t.is("supporter", "supporters"):
		p.take()
		return p.made(t, &Test{Field: fieldSupporter}, false)
	case p.accept("joined"):
		return p.joined(t)
	case p.accept("on", "list"), p.accept("is", "on", "list"):
		return p.onList(t, false)
	case p.accept("not", "on", "list"), p.accept("is", "not", "on", "list"):
		return p.onList(t, true)
	case p.accept("wants"):
		return p.wants(t, false)
	case p.accept("does", "not", "want"):
		return p.wants(t, true)
	case p.accept("was", "sent"):
		return p.sent(t, false)
	case p.accept("was", "not", "sent"):
		return p.sent(t, true)
	case t.is("on", "is", "was", "does"):
		return Rule{}, wrong(t.at, "%q begins no test; write on list NAME, wants topic NAME, was sent 12, or was not sent 12", t.text)
	}
	return p.about(t)
}

// made checks a test and negates it.
func (p *parser) made(at token, t *Test, negated bool) (Rule, error) {
	if err := t.check(); err != nil {
		return Rule{}, wrong(at.at, "%s", err)
	}
	r := Rule{Test: t}
	if negated {
		r = not(r)
	}
	return r, nil
}

// about reads what is asked of a field or an attribute: subject, operator, operands.
func (p *parser) about(at token) (Rule, error) {
	t := &Test{}
	subject := p.take()
	switch {
	case subject.is(fieldName, fieldLanguage, fieldProvider, fieldDomain, fieldFrequency):
		t.Field = strings.ToLower(subject.text)
	case subject.is(fieldAttribute):
		name := p.take()
		if name.kind != tokenWord && name.kind != tokenText {
			return Rule{}, p.unexpected(name, "the name of an attribute")
		}
		t.Field, t.Name = fieldAttribute, name.text
	default:
		t.Field, t.Name = fieldAttribute, subject.text
	}
	negated, err := p.operator(t)
	if err != nil {
		return Rule{}, err
	}
	return p.made(at, t, negated)
}

const wantOperator = "is, is not, is one of, is set, contains, starts with, ends with, greater than, less than, before, after, or in the last"

// operator reads an operator and what it compares with.
func (p *parser) operator(t *Test) (negated bool, err error) {
	first := p.peek()
	switch {
	case p.accept("contains"):
		t.Op = opContains
		return false, p.value(t)
	case p.accept("starts", "with"):
		t.Op = opStarts
		return false, p.value(t)
	case p.accept("ends", "with"):
		t.Op = opEnds
		return false, p.value(t)
	case p.accept("does", "not"):
		verb := p.take()
		switch {
		case verb.is("contain"):
			t.Op = opContains
		case verb.is("start") && p.accept("with"):
			t.Op = opStarts
		case verb.is("end") && p.accept("with"):
			t.Op = opEnds
		default:
			return false, p.unexpected(verb, "contain, start with or end with")
		}
		return true, p.value(t)
	case p.accept("is"), p.accept("are"):
		negated = p.accept("not")
		switch {
		case p.accept("set"):
			t.Op = opSet
			return negated, nil
		case p.accept("one", "of"):
			t.Op = opIs
			return negated, p.values(t)
		}
		if ok, err := p.comparison(t); ok || err != nil {
			return negated, err
		}
		return negated, p.isValue(t)
	}
	ok, err := p.comparison(t)
	if err == nil && !ok {
		if first.kind == tokenEnd || first.is("and", "or", ")") {
			err = wrong(first.at, "what about %s? Here belongs %s", subjectOf(t), wantOperator)
		} else {
			err = p.unexpected(first, wantOperator)
		}
	}
	return false, err
}

func subjectOf(t *Test) string {
	if t.Field == fieldAttribute {
		return strconv.Quote(t.Name)
	}
	return t.Field
}

// comparison reads a comparison of numbers or dates, if there is one.
func (p *parser) comparison(t *Test) (bool, error) {
	switch {
	case p.accept("before"):
		return true, p.date(t, opBefore)
	case p.accept("after"):
		return true, p.date(t, opAfter)
	case p.accept("since"):
		return true, p.date(t, opSince)
	case p.accept("on"):
		return true, p.date(t, opOn)
	case p.accept("in", "the", "last"), p.accept("within", "the", "last"), p.accept("in", "last"), p.accept("within"):
		return true, p.span(t, opLast, "")
	case p.accept("in", "the", "next"), p.accept("within", "the", "next"), p.accept("in", "next"):
		return true, p.span(t, opNext, "")
	case p.accept("greater", "than"):
		return true, p.number(t, opGreater)
	case p.accept("at", "least"):
		return true, p.number(t, opAtLeast)
	case p.accept("at", "most"):
		return true, p.number(t, opAtMost)
	case p.accept("more", "than"):
		if p.spanFollows() {
			return true, p.span(t, opAgo, "ago")
		}
		return true, p.number(t, opGreater)
	case p.accept("less", "than"):
		if p.spanFollows() {
			return true, p.span(t, opLast, "ago")
		}
		return true, p.number(t, opLess)
	}
	return false, nil
}

// spanFollows reports that the number that follows is one of days, weeks, months or years.
func (p *parser) spanFollows() bool {
	return p.next+1 < len(p.tokens) && unitOf(p.tokens[p.next+1]) != ""
}

func unitOf(t token) string {
	for _, u := range units {
		if t.is(u, u+"s") {
			return u
		}
	}
	return ""
}

// reserved words do not stand for themselves as a value: they would make a rule read other than it is meant.
var reserved = []string{"and", "or", "not", "is", "set", "one", "of", "contains", "contain", "starts", "ends", "with", "before", "after",
	"since", "on", "in", "within", "greater", "less", "more", "than", "at", "the", "was", "wants", "everybody", "attribute"}

// value reads one text.
func (p *parser) value(t *Test) error {
	v := p.take()
	switch {
	case v.kind == tokenText:
	case v.kind == tokenWord && !v.is(reserved...):
		// Two words in a row are one text that lacks its quotation marks.
		if next := p.peek(); next.kind == tokenWord && !next.is("and", "or") {
			return wrong(v.at, "a text of several words stands in quotation marks: \"%s %s\"", v.text, next.text)
		}
	default:
		return p.unexpected(v, "a text")
	}
	if err := checkValue(v.text); err != nil {
		return wrong(v.at, "%s", err)
	}
	t.Values = append(t.Values, v.text)
	return nil
}

// values reads texts with commas between them, with or without parentheses around them.
func (p *parser) values(t *Test) error {
	open := p.peek()
	inside := p.accept("(")
	for {
		if len(t.Values) == maxValues {
			return wrong(p.peek().at, "there are more than %d values", maxValues)
		}
		if err := p.value(t); err != nil {
			return err
		}
		if !p.accept(",") {
			break
		}
	}
	if inside && !p.accept(")") {
		return wrong(open.at, "this parenthesis is not closed")
	}
	return nil
}

// isValue reads what stands behind "is": a number or a date without quotation marks is compared as such, where the field has
// numbers and dates; anything else is a text.
func (p *parser) isValue(t *Test) error {
	v := p.peek()
	if v.kind == tokenWord && t.Field == fieldAttribute {
		switch {
		case numberRE.MatchString(v.text):
			return p.number(t, opEquals)
		case isDate(v.text):
			return p.date(t, opOn)
		}
	}
	t.Op = opIs
	return p.value(t)
}

func (p *parser) number(t *Test, op string) error {
	v := p.take()
	if v.kind != tokenWord || !numberRE.MatchString(v.text) {
		return p.unexpected(v, "a number, such as 5 or 3.14,")
	}
	t.Op, t.Number = op, v.text
	return nil
}

func (p *parser) date(t *Test, op string) error {
	v := p.take()
	if v.kind != tokenWord || !isDate(v.text) {
		return p.unexpected(v, "a date, such as 2026-01-31,")
	}
	t.Op, t.Date = op, v.text
	return nil
}

// span reads a length of time, and the word that has to follow it.
func (p *parser) span(t *Test, op, then string) error {
	v := p.take()
	n, err := strconv.Atoi(v.text)
	if v.kind != tokenWord || err != nil || n < 1 || n > maxSpan {
		return p.unexpected(v, "a whole number between 1 and "+strconv.Itoa(maxSpan))
	}
	u := p.take()
	unit := unitOf(u)
	if unit == "" {
		return p.unexpected(u, "days, weeks, months or years")
	}
	if then != "" {
		if t := p.peek(); !p.accept(then) {
			return p.unexpected(t, then)
		}
	}
	t.Op, t.Count, t.Unit = op, n, unit
	return nil
}

// joined reads when the reader joined the list of the send.
func (p *parser) joined(at token) (Rule, error) {
	t := &Test{Field: fieldJoined}
	first := p.peek()
	ok, err := p.comparison(t)
	if err != nil {
		return Rule{}, err
	}
	if !ok {
		return Rule{}, p.unexpected(first, "in the last, more than, before, after, since or on")
	}
	return p.made(at, t, false)
}

// slug reads the short name of something.
func (p *parser) slug(of string) (string, error) {
	v := p.take()
	if v.kind != tokenWord && v.kind != tokenText {
		return "", p.unexpected(v, "the short name of a "+of)
	}
	if !isSlug(v.text) {
		return "", wrong(v.at, "%q is not the short name of a %s", v.text, of)
	}
	return v.text, nil
}

func (p *parser) onList(at token, negated bool) (Rule, error) {
	name, err := p.slug("list")
	if err != nil {
		return Rule{}, err
	}
	return p.made(at, &Test{Field: fieldList, Name: name}, negated)
}

// ofList reads "of list NAME", if it is there.
func (p *parser) ofList() (string, error) {
	if !p.accept("of", "list") {
		return "", nil
	}
	return p.slug("list")
}

func (p *parser) wants(at token, negated bool) (Rule, error) {
	if t := p.peek(); !p.accept("topic") {
		return Rule{}, p.unexpected(t, "topic")
	}
	name, err := p.slug("topic")
	if err != nil {
		return Rule{}, err
	}
	list, err := p.ofList()
	if err != nil {
		return Rule{}, err
	}
	return p.made(at, &Test{Field: fieldTopic, Name: name, List: list}, negated)
}

// sent reads which campaigns the reader was sent.
func (p *parser) sent(at token, negated bool) (Rule, error) {
	t := &Test{Field: fieldSent, Op: opAnyOf}
	several := p.accept("any", "of")
	if several && (p.accept("the", "last") || p.accept("last")) {
		return p.sentLast(at, t, negated)
	}
	if p.accept("the", "last") || p.accept("last") {
		if v := p.peek(); !v.is("campaign") {
			return Rule{}, p.unexpected(v, "campaign; for several write any of the last 3 campaigns")
		}
		p.take()
		t.Op, t.Count = opAnyOfLast, 1
		return p.sentOf(at, t, negated)
	}
	p.skip("campaign", "campaigns")
	for {
		v := p.take()
		id, err := strconv.ParseInt(v.text, 10, 64)
		if v.kind != tokenWord || err != nil || id < 1 {
			return Rule{}, p.unexpected(v, "the number of a campaign")
		}
		if !slices.Contains(t.Campaigns, id) {
			t.Campaigns = append(t.Campaigns, id)
		}
		if comma := p.peek(); !comma.is(",") {
			break
		} else if !several {
			return Rule{}, wrong(comma.at, "for several campaigns write any of 12, 13")
		}
		p.take()
	}
	slices.Sort(t.Campaigns)
	return p.made(at, t, negated)
}

func (p *parser) sentLast(at token, t *Test, negated bool) (Rule, error) {
	v := p.take()
	n, err := strconv.Atoi(v.text)
	if v.kind != tokenWord || err != nil || n < 1 || n > maxLast {
		return Rule{}, p.unexpected(v, "a whole number between 1 and "+strconv.Itoa(maxLast))
	}
	if w := p.peek(); !w.is("campaign", "campaigns") {
		return Rule{}, p.unexpected(w, "campaigns")
	}
	p.take()
	t.Op, t.Count = opAnyOfLast, n
	return p.sentOf(at, t, negated)
}

func (p *parser) sentOf(at token, t *Test, negated bool) (r Rule, err error) {
	if t.List, err = p.ofList(); err != nil {
		return Rule{}, err
	}
	return p.made(at, t, negated)
}
