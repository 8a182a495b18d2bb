package desk

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/render"
)

// nameOf names a block for whoever does not see it.
func nameOf(it campaigns.Item) string {
	b := it.Block
	kind := strings.ToLower(kindNames[b.Kind])
	quote := func(s string) string { return kind + " “" + cut(oneLine(s), 50) + "”" }
	switch {
	case b.Kind == render.KindStory && len(b.Stories) > 0:
		return quote(b.Stories[0].Title)
	case b.Title != "":
		return quote(b.Title)
	case b.Kind == render.KindText && b.Text != "":
		return quote(b.Text)
	case b.Kind == render.KindAppeal && b.Appeal != nil:
		return quote(b.Appeal.Heading)
	case b.Kind == render.KindSponsor && b.Sponsor != nil && b.Sponsor.Name != "":
		return quote(b.Sponsor.Name)
	}
	return kind
}

// originalsOf returns the originals of what was rewritten of a story.
func originalsOf(st campaigns.ItemStory) (list []original) {
	o := st.Original
	for _, f := range st.Differs {
		switch f {
		case "title":
			list = append(list, original{f, "headline", o.Title})
		case "dek":
			list = append(list, original{f, "dek", cmp.Or(o.Dek, "none")})
		case "authors":
			list = append(list, original{f, "byline", cmp.Or(oneLine(strings.ReplaceAll(articles.BylineText(o.Authors), "\n", "; ")), "none")})
		case "section":
			list = append(list, original{f, "label", cmp.Or(o.Section, "none")})
		case "url":
			list = append(list, original{f, "link", cmp.Or(o.URL, "none")})
		case "image":
			text := "none"
			if o.Image != nil {
				text = cmp.Or(o.Image.Caption, o.Image.Alt, o.Image.URL)
			}
			list = append(list, original{f, "photo", text})
		}
	}
	return list
}

// under is the line below a story: who wrote it, and what is there to know of its photo.
func under(st campaigns.ItemStory) string {
	var names []string
	for _, a := range st.Authors {
		names = append(names, a.Name)
	}
	parts := []string{cmp.Or(strings.Join(names, ", "), "No byline")}
	switch {
	case st.Image == nil:
		parts = append(parts, "no photo")
	case st.Image.Alt == "":
		parts = append(parts, "photo without a description")
	case st.Image.Credit == "":
		parts = append(parts, "photo without a credit")
	default:
		parts = append(parts, "photo: "+cut(st.Image.Credit, 40))
	}
	return strings.Join(parts, " · ")
}

// nominal is an edition's time within a campaign's name.
var nominal = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d\b`)

// called returns the name of a campaign with the time of its edition as people write it.
func called(name string) string {
	return nominal.ReplaceAllStringFunc(name, func(s string) string {
		t, err := time.Parse("2006-01-02T15:04", s)
		if err != nil {
			return s
		}
		return t.Format("Mon 2 Jan, 15:04")
	})
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimSpace(string(r[:n-1])) + "…"
	}
	return s
}
