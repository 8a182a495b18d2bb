package articles

import (
	"strings"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// apply puts the corrections of a person over what was recognised.
func (o Overrides) apply(p *plain) error {
	s := &p.story
	var set []string
	text := func(to *string, value, what string) {
		if value = strings.TrimSpace(value); value != "" {
			*to = value
			set = append(set, what)
		}
	}
	text(&s.Title, o.Title, "headline")
	text(&s.Dek, o.Dek, "dek")
	text(&s.Section, o.Section, "section")
	if o.Author != "" {
		old := p.authors
		if p.authors = parseByline(o.Author); len(p.authors) == 0 {
			p.authors = []render.Author{{Name: o.Author}}
		}
		for i := range p.authors {
			for _, a := range old {
				if strings.EqualFold(a.Name, p.authors[i].Name) {
					p.authors[i] = mergeAuthor(p.authors[i], a)
				}
			}
		}
		set = append(set, "author")
	}
	if o.AuthorTitle != "" || o.Institution != "" {
		if len(p.authors) == 0 {
			return errs.Field("author", "no author is known; name one together with title or institution")
		}
		text(&p.authors[0].Title, o.AuthorTitle, "author's title")
		text(&p.authors[0].Institution, o.Institution, "institution")
	}
	if o.Date != "" {
		t, ok := ParseDate(o.Date, o.Zone, o.Now)
		if !ok {
			return errs.Field("date", "%q is not understood as a date; write it like 2026-11-22 08:30 or 22 November 2026", o.Date)
		}
		s.Published = t.UTC()
		set = append(set, "date")
	}
	if len(o.Tags) > 0 {
		s.Tags = o.Tags
		set = append(set, "tags")
	}
	if o.Image+o.Alt+o.Caption+o.Credit != "" {
		if s.Image == nil {
			s.Image = &render.Image{}
		}
		if o.Image != "" && absolute(nil, o.Image) == "" {
			return errs.Field("image", "%q is not the address of an image: it must begin with https://", cut(o.Image, 200))
		}
		if o.Image != "" && o.Image != s.Image.URL {
			s.Image.Width, s.Image.Height = 0, 0
		}
		text(&s.Image.URL, o.Image, "image")
		text(&s.Image.Alt, o.Alt, "alt")
		text(&s.Image.Caption, o.Caption, "caption")
		text(&s.Image.Credit, o.Credit, "credit")
	}
	if o.URL != "" {
		if absolute(nil, o.URL) == "" {
			return errs.Field("url", "%q is not a web address: it must begin with https://", cut(o.URL, 200))
		}
		text(&s.URL, o.URL, "url")
	}
	if o.Language != "" {
		tag := languageTag(o.Language)
		if tag == "" {
			return errs.Field("language", "%q is not a language tag; one is \"en\" or \"fr-CA\"", cut(o.Language, 40))
		}
		text(&s.Language, tag, "language")
	}
	if len(set) > 0 {
		p.notes = append(p.notes, "set by hand: "+strings.Join(set, ", "))
	}
	return nil
}
