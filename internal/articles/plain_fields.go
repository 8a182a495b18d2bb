package articles

import (
	"strings"
	"time"

	"mailer/internal/render"
)

// fields are labels that a person may write before a value, "Dek: …", and what they mean.
var fields = fieldNames(map[string]string{
	"title":    "title|headline|titre|subject",
	"dek":      "dek|deck|standfirst|subtitle|subhead|summary|chapô|sous-titre",
	"date":     "date",
	"section":  "section|rubrique|topic",
	"tags":     "tags|topics|keywords|filed under|mots-clés|étiquettes|more on|sujets",
	"caption":  "caption|photo caption|légende",
	"credit":   "photo credit|credit|crédit|crédit photo|image credit",
	"alt":      "alt|alt text",
	"image":    "image|image url|photo url",
	"url":      "url|link|lien|source url|original url|original article",
	"language": "language|langue",
	"info":     "institution|affiliation|position|author title|job title",
})

func fieldNames(m map[string]string) map[string]string {
	out := map[string]string{}
	for field, labels := range m {
		for l := range strings.SplitSeq(labels, "|") {
			out[l] = field
		}
	}
	return out
}

// labelledField reads "Label: value" with a label that says which field the value is.
func labelledField(l string) (field, value string, ok bool) {
	label, value, found := strings.Cut(l, ":")
	if !found || len(label) > 30 {
		return "", "", false
	}
	field, ok = fields[strings.ToLower(strings.TrimSpace(label))]
	value = strings.TrimSpace(value)
	switch {
	case !ok || value == "":
		return "", "", false
	case field == "url" || field == "image":
		return field, value, absolute(nil, value) != ""
	case field == "language":
		return field, value, languageTag(value) != ""
	case field == "date":
		_, ok = ParseDate(value, nil, time.Unix(0, 0))
		return field, value, ok
	case field == "info" || field == "credit":
		return field, value, len(strings.Fields(value)) <= 16 && !hasVerb(value)
	case field == "section" || field == "tags":
		return field, value, len(strings.Fields(value)) <= 25 && !strings.HasSuffix(value, ".")
	}
	return field, value, true
}

// setField takes a labelled value in; a field that is set already stays.
func (p *plain) setField(field, value string) {
	s := &p.story
	set := func(to *string) {
		if *to == "" {
			*to = value
		}
	}
	switch field {
	case "title":
		if s.Title != "" && len(s.Authors) > 0 { // "Author: … Title: Professor of Law"
			p.infos = append(p.infos, value)
		}
		set(&s.Title)
	case "info":
		p.infos = append(p.infos, value)
	case "dek":
		set(&s.Dek)
	case "date":
		if t, ok := ParseDate(value, p.zone, p.now); ok {
			p.setDate(t, false)
		}
	case "section":
		set(&s.Section)
	case "tags":
		s.Tags = append(s.Tags, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' || r == '|' })...)
	case "caption":
		captioned(p.image(), value)
	case "credit":
		set(&p.image().Credit)
		p.image().Credit = trimCredit(p.image().Credit)
	case "alt":
		set(&p.image().Alt)
	case "image":
		set(&p.image().URL)
	case "url":
		set(&s.URL)
	case "language":
		set(&s.Language)
	}
}

func (p *plain) image() *render.Image {
	if p.story.Image == nil {
		p.story.Image = &render.Image{}
	}
	return p.story.Image
}

func (p *plain) link(s string) {
	u := strings.Trim(s, "<> ")
	switch {
	case isPictureURL(u):
		if p.image().URL == "" {
			p.image().URL = u
		}
	case p.story.URL == "":
		p.story.URL = u
	}
}

func isPictureURL(u string) bool {
	low := strings.ToLower(u)
	if i := strings.IndexAny(low, "?#"); i >= 0 {
		low = low[:i]
	}
	for _, e := range []string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"} {
		if strings.HasSuffix(low, e) {
			return true
		}
	}
	return false
}
