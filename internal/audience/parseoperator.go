package audience

import "strconv"

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
