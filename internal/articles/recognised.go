package articles

import (
	"fmt"
	"strings"

	"mailer/internal/render"
)

// recognised tells a person what was taken for what.
func recognised(p Parsed, appealParagraphs int) []string {
	s := p.Story
	var out []string
	say := func(what, value, missing string) {
		switch {
		case value != "":
			out = append(out, what+": "+cut(value, 200))
		case missing != "":
			out = append(out, what+": "+missing)
		}
	}
	say("headline", s.Title, "")
	say("dek", s.Dek, "none found")
	for _, a := range s.Authors {
		say("author", joined(joined(a.Name, a.Title), a.Institution), "")
		say("about "+a.Name, a.Bio, "")
	}
	if len(s.Authors) == 0 {
		say("author", "", "none found")
	}
	date := ""
	if !s.Published.IsZero() {
		date = s.Published.UTC().Format("Monday 2 January 2006, 15:04 UTC")
	}
	say("date", date, "none found")
	say("section", s.Section, "")
	say("tags", strings.Join(s.Tags, ", "), "")
	if i := s.Image; i != nil {
		say("image", i.URL, "its address is not in the text")
		say("alt", i.Alt, "")
		say("caption", i.Caption, "")
		say("credit", i.Credit, "")
	}
	say("url", s.URL, "")
	switch link := render.Link(s.URL); {
	case s.URL == "":
	case link == "":
		out = append(out, "no link: mails cannot lead to this address; they need https:// and the name of a host")
	case strings.HasPrefix(s.URL, "http://") && link != s.URL:
		out = append(out, "link: mails lead to https:// addresses only, here to "+cut(link, 200)+"; see that the story is there too")
	}
	say("language", s.Language, "")
	say("body", bodySummary(s), "none found")
	if a := p.Appeal; a != nil {
		button := "no button found"
		if a.Button != "" {
			button = fmt.Sprintf("button “%s”", a.Button)
		}
		heading := "no heading found"
		if a.Heading != "" {
			heading = fmt.Sprintf("“%s”", cut(a.Heading, 80))
		}
		out = append(out, fmt.Sprintf("appeal: %s, %d %s, %s", heading, appealParagraphs, plural(appealParagraphs, "paragraph"), button))
		say("appeal url", a.URL, "")
	} else {
		say("appeal", "", "none found")
	}
	return out
}

func bodySummary(s render.Story) string {
	if s.BodyHTML == "" {
		return ""
	}
	var parts []string
	for _, c := range []struct{ tag, name string }{{"<p>", "paragraph"}, {"<h", "subhead"}, {"<li>", "point"}, {"<blockquote>", "quote"}, {"<figure>", "picture"}} {
		n := strings.Count(s.BodyHTML, c.tag)
		if c.tag == "<h" {
			n -= strings.Count(s.BodyHTML, "<hr")
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, plural(n, c.name)))
		}
	}
	parts = append(parts, fmt.Sprintf("%d %s", s.Words, plural(s.Words, "word")))
	return strings.Join(parts, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
