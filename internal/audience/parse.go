package audience

import "strings"

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
