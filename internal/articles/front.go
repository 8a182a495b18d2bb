package articles

import (
	"cmp"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// front takes the front matter in.
func (p *plain) front(m map[string]any, o Overrides) error {
	if len(m) == 0 {
		return nil
	}
	get := func(keys ...string) string {
		for _, k := range keys {
			if v := scalar(m[k]); v != "" {
				return v
			}
		}
		return ""
	}
	s := &p.story
	s.Title = get("title", "headline")
	s.Dek = get("dek", "deck", "standfirst", "subtitle", "description", "summary", "excerpt", "lead", "lede")
	s.URL = cmp.Or(get("url", "link", "canonical", "canonical_url", "permalink", "source", "source_url"), s.URL)
	s.Language = get("language", "lang", "locale")
	for _, k := range []string{"author", "authors", "byline", "by"} {
		p.authors = mergeAuthors(p.authors, frontAuthors(m[k]))
	}
	if len(p.authors) > 0 {
		a := &p.authors[0]
		a.Title = cmp.Or(a.Title, get("author_title", "role", "job_title"))
		a.Institution = cmp.Or(a.Institution, get("institution", "affiliation", "organization", "organisation"))
		a.Bio = cmp.Or(a.Bio, get("bio", "author_bio", "about_author"))
	}
	if d := get("date", "published", "published_at", "publish_date", "pubdate", "datetime", "date_published"); d != "" {
		t, ok := ParseDate(d, o.Zone, o.Now)
		if !ok {
			return errs.Field("date", "the date %q of the front matter is not understood; write it like 2026-11-22 08:30 or 22 November 2026", cut(line(d, 80), 80))
		}
		p.setDate(t, false)
	}
	cats := frontList(m["categories"])
	s.Section = get("section", "category", "rubric", "desk")
	if s.Section == "" && len(cats) > 0 {
		s.Section, cats = cats[0], cats[1:]
	}
	s.Tags = append(append(append(cats, frontList(m["tags"])...), frontList(m["keywords"])...), frontList(m["topics"])...)
	p.frontImage(m, get)
	p.frontAppeal(m["appeal"])
	return nil
}

func (p *plain) frontImage(m map[string]any, get func(...string) string) {
	img := render.Image{Alt: get("alt", "image_alt"), Caption: get("caption", "image_caption", "photo_caption"),
		Credit: get("credit", "image_credit", "photo_credit", "photographer")}
	for _, k := range []string{"image", "photo", "cover", "featured_image", "hero", "thumbnail", "lead_image"} {
		switch v := m[k].(type) {
		case string:
			img.URL = cmp.Or(img.URL, v)
		case map[string]any:
			img.URL = cmp.Or(img.URL, scalar(v["url"]), scalar(v["src"]), scalar(v["image"]))
			img.Alt = cmp.Or(img.Alt, scalar(v["alt"]))
			img.Caption = cmp.Or(img.Caption, scalar(v["caption"]), scalar(v["title"]))
			img.Credit = cmp.Or(img.Credit, scalar(v["credit"]), scalar(v["photographer"]))
			img.Width, img.Height = pixels(scalar(v["width"])), pixels(scalar(v["height"]))
		}
	}
	if img != (render.Image{}) {
		img.URL = absolute(p.base(), img.URL)
		if caption := img.Caption; caption != "" && img.Credit == "" {
			img.Caption = ""
			captioned(&img, caption)
		}
		img.Credit = trimCredit(img.Credit)
		p.story.Image = &img
	}
}

// frontAppeal reads an appeal that the front matter spells out.
func (p *plain) frontAppeal(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	a := &ParsedAppeal{Heading: scalar(m["heading"]), Body: cmp.Or(scalar(m["body"]), scalar(m["text"])),
		Button: scalar(m["button"]), URL: cmp.Or(scalar(m["url"]), scalar(m["link"]))}
	if *a != (ParsedAppeal{}) {
		p.appeal = a
	}
}

// frontAuthors reads authors: a byline, a list of them, or tables with name, title, institution and bio.
func frontAuthors(v any) []render.Author {
	switch v := v.(type) {
	case string:
		return parseByline(v)
	case []any:
		var out []render.Author
		for _, e := range v {
			out = mergeAuthors(out, frontAuthors(e))
		}
		return out
	case map[string]any:
		a := render.Author{Name: scalar(v["name"]), Title: cmp.Or(scalar(v["title"]), scalar(v["role"]), scalar(v["job_title"])),
			Institution: cmp.Or(scalar(v["institution"]), scalar(v["affiliation"]), scalar(v["organization"]), scalar(v["organisation"])),
			Bio:         cmp.Or(scalar(v["bio"]), scalar(v["about"]))}
		if a.Name == "" {
			return nil
		}
		if a.Title == "" && a.Institution == "" {
			if parsed := parseByline(a.Name); len(parsed) == 1 {
				return mergeAuthors(parsed, []render.Author{{Name: parsed[0].Name, Bio: a.Bio}})
			}
		}
		return []render.Author{a}
	}
	return nil
}

func scalar(v any) string {
	s, _ := v.(string)
	return strings.TrimSpace(s)
}

// frontList reads a list of strings, or one string with commas.
func frontList(v any) []string {
	switch v := v.(type) {
	case string:
		return strings.Split(v, ",")
	case []any:
		var out []string
		for _, e := range v {
			if s := scalar(e); s != "" {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
