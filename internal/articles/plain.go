package articles

import (
	"net/url"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// plain reads a story from text as a person gets it by copying a published page. It goes by what lines look like and
// where they stand; each decision is noted for the person who will check it.
type plain struct {
	lineReader
	people
	units []unit

	story  render.Story
	appeal *ParsedAppeal
	asked  int      // paragraphs of the appeal
	notes  []string // lines of Recognised that are made on the way
	left   []string // what was left out, shortened
	body   []unit
	note   []string // disclosures, kept at the end
	dated  int      // how sure the date is: 1 an update, 2 the publication
}

// maxUnits of a text are read: paragraphs, or lines where every line is one.
const maxUnits = 5000

func newPlain(o Overrides) *plain {
	p := &plain{lineReader: lineReader{o.Zone, o.Now}, people: people{last: -1}}
	p.story.URL = o.URL
	return p
}

// parsePlain reads a story from plain text.
func parsePlain(text string, o Overrides) (*plain, error) {
	p := newPlain(o)
	p.units = unitsOf(p.cutMenu(text), p.now)
	if len(p.units) == 0 {
		return nil, errs.New(errs.Invalid, "the file has no text")
	}
	if len(p.units) > maxUnits {
		return nil, errs.New(errs.Invalid, "the file has more than %d paragraphs, which no article has", maxUnits)
	}
	rest, err := p.cutAppeal(p.header(), o)
	if err != nil {
		return nil, err
	}
	p.body = p.middle(rest)
	p.language()
	p.story.BodyHTML = render.SanitizeBody(bodyHTML(p.body, p.note), nil)
	return p, nil
}

// cutAppeal takes off the end of the text what is no part of the story: first what belongs to the page, then the appeal,
// then what of the page stood before that.
func (p *plain) cutAppeal(units []unit, o Overrides) ([]unit, error) {
	units = p.tail(units)
	var found appealFound
	ok := false
	switch {
	case o.NoAppeal:
	case o.AppealFrom != "":
		if found, ok = appealFrom(units, o.AppealFrom); !ok {
			return nil, errs.Field("appeal-from", "no paragraph begins with %q", cut(o.AppealFrom, 80))
		}
	default:
		found, ok = findAppeal(units, 1)
	}
	if !ok {
		return p.signed(units), nil
	}
	p.appeal, p.asked = &found.ParsedAppeal, found.paragraphs
	return p.signed(p.tail(units[:found.from])), nil
}

// base is the address that links of the file are relative to, or nil.
func (p *plain) base() *url.URL {
	if u, err := url.Parse(p.story.URL); err == nil && u.Host != "" {
		return u
	}
	return nil
}

// appealFrom makes an appeal of all from the paragraph on that begins with start.
func appealFrom(units []unit, start string) (appealFound, bool) {
	start = strings.ToLower(fold(start))
	for i, u := range units {
		if start != "" && strings.HasPrefix(strings.ToLower(u.text), start) {
			return readAppeal(units, i, len(units)), true
		}
	}
	return appealFound{}, false
}

// setDate keeps the moment a story was published rather than when it was changed.
func (p *plain) setDate(t time.Time, update bool) {
	rank := 2
	if update {
		rank = 1
	}
	if rank > p.dated {
		p.story.Published, p.dated = t.UTC(), rank
	}
}

// drop notes what was left out of the story.
func (p *plain) drop(text string) {
	p.left = append(p.left, cut(text, 70))
}

// parsed puts the result together.
func (p *plain) parsed() (Parsed, error) {
	p.story.Authors = p.authors
	out := Parsed{Story: tidy(p.story), Appeal: p.appeal}
	if out.Story.Title == "" {
		return Parsed{}, errs.Field("title", "no headline was found in the file; give it one")
	}
	if i := out.Story.Image; i != nil && *i == (render.Image{}) {
		out.Story.Image = nil
	}
	out.Recognised = append(recognised(out, p.asked), p.notes...)
	if len(p.left) > 0 {
		out.Recognised = append(out.Recognised, "left out: "+strings.Join(p.left, " | "))
	}
	return out, nil
}
