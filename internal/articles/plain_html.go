package articles

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// bodyHTML writes the body of a story from plain text, notes at its end.
func bodyHTML(list []unit, notes []string) string {
	var b strings.Builder
	points := pointsOf(list)
	for i := 0; i < len(list); {
		u := list[i]
		switch {
		case divider.MatchString(u.text):
			if i > 0 && i+1 < len(list) {
				b.WriteString("<hr>\n")
			}
			i++
		case bulleted.MatchString(u.text) && (i+1 < len(list) && bulleted.MatchString(list[i+1].text) || i > 0 && bulleted.MatchString(list[i-1].text)):
			i += writeList(&b, list[i:], bulleted, 1, "<ul>", "</ul>")
		case points[i] == asItem:
			m := numbered.FindStringSubmatch(u.text)
			open := "<ol>"
			if m[1] != "1" {
				open = `<ol start="` + m[1] + `">`
			}
			n := 1
			for i+n < len(list) && points[i+n] == asItem {
				n++
			}
			i += writeList(&b, list[i:i+n], numbered, 2, open, "</ol>")
		case points[i] == asHeading:
			b.WriteString("<h2>" + html.EscapeString(numberedTitle(u.text)) + "</h2>\n")
			i++
		case isQuote(list, i):
			b.WriteString("<blockquote><p>" + inlineHTML(strings.TrimPrefix(u.text, "> ")) + "</p>")
			if m := attributed.FindStringSubmatch(list[i+1].text); m != nil {
				b.WriteString("<p>— " + html.EscapeString(m[1]) + "</p>")
				i++
			}
			b.WriteString("</blockquote>\n")
			i++
		case isSubhead(list, i):
			b.WriteString("<h2>" + html.EscapeString(strings.TrimRight(strings.TrimLeft(u.text, "# "), " ")) + "</h2>\n")
			i++
		default:
			b.WriteString("<p>" + inlineHTML(u.text) + "</p>\n")
			i++
		}
	}
	for _, n := range notes {
		b.WriteString("<p><em>" + inlineHTML(n) + "</em></p>\n")
	}
	return b.String()
}

func writeList(b *strings.Builder, list []unit, re *regexp.Regexp, group int, open, end string) int {
	b.WriteString(open)
	n := 0
	for _, u := range list {
		m := re.FindStringSubmatch(u.text)
		if m == nil {
			break
		}
		b.WriteString("<li>" + inlineHTML(m[group]) + "</li>")
		n++
	}
	b.WriteString(end + "\n")
	return n
}

// inlineHTML escapes a text and makes links of the addresses in it.
func inlineHTML(s string) string {
	var b strings.Builder
	at := 0
	for _, m := range urlInText.FindAllStringIndex(s, -1) {
		u := html.EscapeString(s[m[0]:m[1]])
		b.WriteString(html.EscapeString(s[at:m[0]]) + `<a href="` + u + `">` + u + `</a>`)
		at = m[1]
	}
	b.WriteString(html.EscapeString(s[at:]))
	return b.String()
}

// What a numbered unit is.
type point int

const (
	noPoint   point = iota
	asItem          // of a list
	asHeading       // above paragraphs, its number with it
	asText          // a paragraph that begins with its number
)

// pointsOf decides what the numbered units are. They must count up, 1, 2, 3; else a number is just a number. Where
// paragraphs stand between them they are headings if they are short, and where none do they are the items of a list.
func pointsOf(list []unit) map[int]point {
	var at []int
	want := 0
	for i, u := range list {
		m := numbered.FindStringSubmatch(u.text)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || want > 0 && n != want || want == 0 && n > 1 && !counts(list, i, n) {
			continue
		}
		want = n + 1
		at = append(at, i)
	}
	out := map[int]point{}
	if len(at) < 2 {
		return out
	}
	for k, i := range at {
		adjacent := k > 0 && at[k-1] == i-1 || k+1 < len(at) && at[k+1] == i+1
		m := numbered.FindStringSubmatch(list[i].text)
		switch {
		case adjacent:
			out[i] = asItem
		case len(strings.Fields(m[2])) <= 16 && utf8.RuneCountInString(m[2]) <= 120 && i+1 < len(list):
			out[i] = asHeading
		default:
			out[i] = asText
		}
	}
	return out
}

// counts reports whether a count that begins with n > 1 goes on later.
func counts(list []unit, i, n int) bool {
	for _, u := range list[i+1:] {
		if m := numbered.FindStringSubmatch(u.text); m != nil && m[1] == strconv.Itoa(n+1) {
			return true
		}
	}
	return false
}

// numberedTitle writes a heading with its number, "1. Title", without the full stop at its end.
func numberedTitle(s string) string {
	m := numbered.FindStringSubmatch(s)
	title := m[2]
	if strings.HasSuffix(title, ".") && !strings.HasSuffix(title, "..") && strings.Count(title, ". ") == 0 {
		title = strings.TrimSuffix(title, ".")
	}
	return m[1] + ". " + title
}

// isQuote reports whether unit i is set off as a quotation: marked by ">", or in quotation marks with a line below that
// says whose words they are.
func isQuote(list []unit, i int) bool {
	if strings.HasPrefix(list[i].text, "> ") && i+1 < len(list) {
		return true
	}
	if i+1 >= len(list) || !attributed.MatchString(list[i+1].text) || len(strings.Fields(list[i+1].text)) > 14 || strings.HasSuffix(list[i+1].text, ".") {
		return false
	}
	t := list[i].text
	return strings.HasPrefix(t, "“") || strings.HasPrefix(t, `"`) || strings.HasPrefix(t, "«")
}

// isSubhead reports whether unit i is a heading within the story: a short line that ends nothing, above a paragraph.
func isSubhead(list []unit, i int) bool {
	u := list[i]
	if u.head || strings.HasPrefix(u.text, "## ") || roman.MatchString(u.text) && i+1 < len(list) {
		return true
	}
	if i+1 >= len(list) || !u.short(12) || utf8.RuneCountInString(u.text) > 90 || !startsUpper(strings.TrimLeft(u.text, "0123456789. ")) {
		return false
	}
	if last, _ := utf8.DecodeLastRuneInString(u.text); strings.ContainsRune(".,:;”»…", last) {
		return false
	}
	next := list[i+1]
	return next.words() >= 12 || next.words() >= 5 && endsSentence(next.text) || numbered.MatchString(next.text) || bulleted.MatchString(next.text)
}
