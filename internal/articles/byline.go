package articles

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"mailer/internal/render"
)

const (
	maxAuthors = 20   // of one story are kept
	maxByline  = 2000 // octets of a byline are read: twenty authors with all their titles fit
)

var (
	mailAddress = regexp.MustCompile(`<?\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b>?`)
	handle      = regexp.MustCompile(`(^|\s)@\w+`)
	pronouns    = regexp.MustCompile(`(?i)\((?:she|he|they|her|him|elle|il)\b[^)]*\)`)
	bylineCuts  = regexp.MustCompile(`\s*[;|•·\n]\s*|\s+[–—-]\s+|\s+/\s+`)
	conjunction = regexp.MustCompile(`\s+(?:and|And|AND|&|et|und|y|e|och|og|en|with|avec)\s+`)
	attachment  = regexp.MustCompile(`\s+(?:for|of|from|pour|für|at|in|à)\s+`)
	// otherMakers are people named in a byline who did not write.
	otherMakers = regexp.MustCompile(`(?i)^(?:with )?(?:photographs?|photos?|photography|pictures?|illustrations?|illustrated|graphics?|video|audio|` +
		`translated|edited|data|additional reporting|photographies?|traduit|traduction)(?: and \w+)? (?:by|from|de|par) (.+)$`)
	readingTime = regexp.MustCompile(`(?i)\b\d+\s*(?:-\s*)?min(?:ute)?s?\b`)
)

// parseByline reads the names of a byline with what stands beside them: "By Jane Roe, Professor of Law, University of X and
// John Doe (University of Y)". What cannot be told is left with the author before it; nothing is thrown away but dates,
// reading times and mail addresses, and what lies beyond maxByline.
func parseByline(s string) []render.Author {
	s, _ = cutBylinePrefix(line(strings.ReplaceAll(beginning(s, maxByline), "\n", " ; "), maxByline))
	s = pronouns.ReplaceAllString(s, "")
	s = handle.ReplaceAllString(mailAddress.ReplaceAllString(s, ""), "$1")
	if t := strings.TrimSpace(s); strings.HasPrefix(t, "(") && strings.HasSuffix(t, ")") { // "jane@example.org (Jane Roe)"
		s = t[1 : len(t)-1]
	}
	if name, ok := inverted(s); ok {
		return []render.Author{{Name: name}}
	}
	b := byline{}
	for _, part := range bylineCuts.Split(s, -1) {
		if part = trimSegment(part); part == "" || readingTime.MatchString(part) {
			continue
		}
		if _, ok := dateLine(part, nil, time.Unix(0, 0)); ok {
			continue
		}
		if rest, ok := cutBylinePrefix(part); ok {
			part = rest
			b.fresh = true
		}
		b.read(segments(part))
		b.fresh = !b.open()
	}
	return b.finish()
}

// byline is the state while segments are read from left to right.
type byline struct {
	authors []render.Author
	fresh   bool // the next segment may be a name whatever it looks like
}

// open reports whether the last author still lacks a title or an institution.
func (b *byline) open() bool {
	if len(b.authors) == 0 {
		return false
	}
	a := b.authors[len(b.authors)-1]
	return a.Title == "" || a.Institution == ""
}

func (b *byline) read(segs []string) {
	for i := 0; i < len(segs); i++ {
		next := ""
		if i+1 < len(segs) {
			next = segs[i+1]
		}
		seg := trimConjunction(segs[i])
		if left, right, ok := splitConjunction(seg, next); ok {
			b.one(left)
			segs[i] = right
			b.fresh = true
			i--
			continue
		}
		b.one(seg)
	}
}

// one takes one segment in.
func (b *byline) one(seg string) {
	if seg = trimSegment(seg); seg == "" {
		return
	}
	name, inner := splitParenthesis(seg)
	if len(b.authors) == 0 || (b.fresh && segmentKind(name) != roleKind && segmentKind(name) != institutionKind) {
		b.person(name)
		b.fresh = false
	} else {
		b.attach(name)
	}
	for _, s := range segments(inner) {
		b.attach(s)
	}
}

// person begins a new author. "Jane Roe for Harbour News" and "Jane Roe, in Berlin" lose what is not the name.
func (b *byline) person(seg string) {
	a := render.Author{Name: seg}
	if !isPerson(seg, 1) && len(b.authors) < maxAuthors {
		if m := attachment.FindStringIndex(seg); m != nil && isPerson(seg[:m[0]], 1) {
			a.Name = seg[:m[0]]
			if rest := trimArticle(seg[m[1]:]); strings.TrimSpace(seg[m[0]:m[1]]) != "in" {
				a.Institution = rest
			}
		} else if title, name, ok := roleFirst(seg); ok {
			a.Name, a.Title = name, title
		} else if name, title, ok := roleLast(seg); ok {
			a.Name, a.Title = name, title
		}
	}
	if len(b.authors) < maxAuthors {
		b.authors = append(b.authors, a)
	}
}

// attach gives a segment to the last author, or makes it the next one.
func (b *byline) attach(seg string) {
	if seg = trimSegment(seg); seg == "" {
		return
	}
	if name, ok := cutBylinePrefix(seg); ok {
		b.person(name)
		return
	}
	if otherMakers.MatchString(seg) {
		return
	}
	a := &b.authors[len(b.authors)-1]
	switch segmentKind(seg) {
	case suffixKind:
		a.Name += ", " + seg
		if s := strings.ToLower(strings.TrimRight(seg, ".")); s == "jr" || s == "sr" || strings.Trim(s, "iv") == "" {
			a.Name = strings.TrimSuffix(a.Name, ", "+seg) + " " + seg
		}
	case roleKind:
		if title, place, ok := splitAt(seg); ok {
			a.Title, a.Institution = joined(a.Title, title), joined(a.Institution, place)
			return
		}
		a.Title = joined(a.Title, seg)
	case institutionKind:
		a.Institution = joined(a.Institution, trimArticle(seg))
	case personKind:
		if a.Institution != "" && len(strings.Fields(seg)) == 1 {
			a.Institution = joined(a.Institution, seg) // University of California, Berkeley
			return
		}
		b.person(seg)
	default:
		if r := []rune(seg)[0]; a.Institution == "" && unicode.IsLower(r) {
			a.Title = joined(a.Title, seg)
		} else {
			a.Institution = joined(a.Institution, trimArticle(seg))
		}
	}
}

func (b *byline) finish() []render.Author {
	b.distribute()
	var out []render.Author
	seen := map[string]int{}
	for _, a := range b.authors {
		a.Name, a.Title, a.Institution = line(nameCase(a.Name), maxShort), line(a.Title, maxShort), line(a.Institution, maxShort)
		key := strings.ToLower(a.Name)
		if key == "" || genericAuthors[key] || !strings.ContainsFunc(key, unicode.IsLetter) {
			continue
		}
		if i, ok := seen[key]; ok {
			out[i] = mergeAuthor(out[i], a)
			continue
		}
		seen[key] = len(out)
		out = append(out, a)
	}
	return out
}

// distribute parts "Jane Roe, John Doe, University of X, Westmark College", where names are followed by as many
// institutions.
func (b *byline) distribute() {
	n := len(b.authors)
	if n < 2 || b.authors[n-1].Title != "" {
		return
	}
	places := segments(b.authors[n-1].Institution)
	if len(places) != n {
		return
	}
	for i, p := range places {
		if segmentKind(p) != institutionKind || i < n-1 && (b.authors[i].Institution != "" || b.authors[i].Title != "") {
			return
		}
	}
	for i, p := range places {
		b.authors[i].Institution = p
	}
}

// mergeAuthor fills what a lacks from b.
func mergeAuthor(a, b render.Author) render.Author {
	if a.Title == "" {
		a.Title = b.Title
	}
	if a.Institution == "" {
		a.Institution = b.Institution
	}
	if a.Bio == "" {
		a.Bio = b.Bio
	}
	return a
}

// mergeAuthors adds more to list; one who is there already is completed instead.
func mergeAuthors(list, more []render.Author) []render.Author {
next:
	for _, m := range more {
		for i := range list {
			if strings.EqualFold(list[i].Name, m.Name) {
				list[i] = mergeAuthor(list[i], m)
				continue next
			}
		}
		if len(list) < maxAuthors {
			list = append(list, m)
		}
	}
	return list
}
