package audience

import (
	"slices"
	"strconv"
)

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
	if p.accept("story") {
		v := p.take()
		t.Op, t.Number = opStory, v.text
		if v.kind != tokenWord || !storyRE.MatchString(v.text) {
			return Rule{}, p.unexpected(v, "the number of a story")
		}
		return p.made(at, t, negated)
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
