package articles

import (
	"slices"
	"strings"

	"mailer/internal/render"
)

// BylineText writes a byline as people edit it: an author a line, "Jane Roe, Professor of Law, University of X".
func BylineText(authors []render.Author) string {
	lines := make([]string, len(authors))
	for i, a := range authors {
		lines[i] = authorLine(a)
	}
	return strings.Join(lines, "\n")
}

func authorLine(a render.Author) string {
	parts := slices.DeleteFunc([]string{a.Name, a.Title, a.Institution}, func(s string) bool { return s == "" })
	return strings.Join(parts, ", ")
}

// ReadByline reads what a person made of BylineText(was). A line that stands there as before is the author as before, whatever is in it; what
// is known of an author beyond the line, such as a biography, stays with the name. Nothing written is thrown away: a line that cannot be
// understood is a name.
func ReadByline(text string, was []render.Author) []render.Author {
	authors := []render.Author{}
	for l := range strings.Lines(beginning(text, maxByline)) {
		if l = line(l, maxShort*3); l == "" || len(authors) == maxAuthors {
			continue
		}
		if i := slices.IndexFunc(was, func(a render.Author) bool { return authorLine(a) == l }); i >= 0 {
			authors = append(authors, was[i])
			continue
		}
		read := parseByline(l)
		if len(read) == 0 {
			read = []render.Author{{Name: l}}
		}
		for _, a := range read {
			if i := slices.IndexFunc(was, func(o render.Author) bool { return strings.EqualFold(o.Name, a.Name) }); i >= 0 {
				a.Bio = was[i].Bio
			}
			authors = append(authors, a)
		}
	}
	return authors[:min(len(authors), maxAuthors)]
}
