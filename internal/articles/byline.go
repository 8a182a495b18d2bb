package articles

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"mailer/internal/render"
)

// maxAuthors of one story are kept.
const maxAuthors = 20

var (
	mailAddress = regexp.MustCompile(`<?\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b>?`)
	handle      = regexp.MustCompile(`(^|\s)@\w+`)
	pronouns    = regexp.MustCompile(`(?i)\((?:she|he|they|her|him|elle|il)\b[^)]*\)`)
	bylineCuts  = regexp.MustCompile(`\s*[;|•·\n]\s*|\s+[–—-]\s+|\s+/\s+`)
	conjunction = regexp.MustCompile(`\s+(?:and|And|AND|&|et|und|y|e|och|og|en|with|avec)\s+`)
	attachment  = regexp.MustCompile(`\s+(?:for|of|from|pour|für|at|in|à)\s+`)
	// otherMakers are people named in a byline who did not write.
	otherMakers = regexp.MustCompile(`(?i)^(?:with )?(?:photographs?|photos?|photography|pictures?|illustrations?|illustrated|graphics?|video|audio|translated|edited|data|additional reporting|photographies?|traduit|traduction)(?: and \w+)? (?:by|from|de|par) (.+)$`)
	readingTime = regexp.MustCompile(`(?i)\b\d+\s*(?:-\s*)?min(?:ute)?s?\b`)
)

// parseByline reads the names of a byline with what stands beside them: "By Jane Roe, Professor of Law, University of X and
// John Doe (University of Y)". What cannot be told is left with the author before it; nothing is thrown away but dates,
// reading times and mail addresses.
func parseByline(s string) []render.Author {
	s, _ = cutBylinePrefix(line(strings.ReplaceAll(s, "\n", " ; "), 2000))
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

// inverted turns "Roe, Jane", as libraries write, round.
func inverted(s string) (string, bool) {
	segs := segments(s)
	if len(segs) != 2 || segs[0] == "" || segs[1] == "" {
		return "", false
	}
	surname, given := strings.Fields(segs[0]), strings.Fields(segs[1])
	if len(surname) > 2 || len(given) > 2 || !isPerson(segs[0], 1) || !isPerson(segs[1], 1) || len(surname) == 2 && !nameParticles[surname[0]] ||
		segmentKind(segs[1]) != unknownKind && segmentKind(segs[1]) != personKind {
		return "", false
	}
	return segs[1] + " " + segs[0], true
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

// nameCase writes a name that stands in capitals, as pages like to set bylines, the way names are written.
func nameCase(s string) string {
	f := strings.Fields(s)
	if len(f) < 2 || s != strings.ToUpper(s) || s == strings.ToLower(s) || !isPerson(s, 2) {
		return s
	}
	for i, w := range f {
		low := []rune(strings.ToLower(w))
		up := true
		for j, r := range low {
			if up {
				low[j] = unicode.ToUpper(r)
			}
			up = r == '-' || r == '.' || (r == '\'' || r == '’') && j == 1 || j == 1 && string(low[:2]) == "Mc"
		}
		f[i] = string(low)
		if i > 0 && nameParticles[strings.ToLower(w)] && strings.ToLower(w) != "mac" {
			f[i] = strings.ToLower(w)
		}
	}
	return strings.Join(f, " ")
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

// bylineLine reads a line that is a byline and nothing else: one that begins with "By" or the like and goes on with
// names, or a name followed by a title or an institution.
func bylineLine(s string) ([]render.Author, bool) {
	rest, prefixed := cutBylinePrefix(s)
	if len(s) > 400 || rest == "" || strings.HasSuffix(rest, "?") || strings.HasSuffix(rest, "!") || !prefixed && (strings.HasSuffix(rest, ".") || strings.Contains(rest, ". ") && lastSentenceEnd(rest) > 0) {
		return nil, false
	}
	authors := parseByline(rest)
	if len(authors) == 0 {
		return nil, false
	}
	described := 0
	for _, a := range authors {
		if !isPerson(a.Name, 2) && !(prefixed && (isPerson(a.Name, 1) || isDesk(a.Name))) {
			return nil, false
		}
		if a.Title != "" && segmentKind(a.Title) == roleKind || a.Institution != "" && institutionWord(a.Institution) >= 0 {
			described++
		}
		if len(strings.Fields(a.Title+" "+a.Institution)) > 30 {
			return nil, false
		}
	}
	return authors, prefixed || described > 0
}

// isDesk reports whether a byline names no person but a desk or an agency: "The Associated Press", "Harbour News staff".
func isDesk(s string) bool {
	low := strings.ToLower(s)
	if len(strings.Fields(s)) > 6 {
		return false
	}
	return institutionWord(s) >= 0 || strings.HasSuffix(low, "staff") || strings.HasSuffix(low, "board") || strings.HasSuffix(low, "team") ||
		strings.HasSuffix(low, "desk") || strings.HasSuffix(low, "rédaction") || strings.HasSuffix(low, "editors")
}

// cutBylinePrefix takes "By", "Par:" and the like, or a label with a colon, off s and reports whether there was one.
func cutBylinePrefix(s string) (string, bool) {
	s = strings.TrimSpace(s)
	low := strings.ToLower(s)
	if len(low) != len(s) {
		return s, false
	}
	for _, p := range bylinePrefixes {
		if rest, ok := strings.CutPrefix(low, p); ok && rest != "" && strings.ContainsAny(rest[:1], ": \u00a0") {
			tail := strings.TrimLeft(s[len(p):], ": \u00a0")
			// A prefix in lower case may be a word of a sentence; only a name behind it makes it one.
			if tail == "" || (s[0] == low[0] && !strings.HasPrefix(rest, ":") && !isPerson(firstSegment(tail), 2)) {
				return s, false
			}
			return tail, true
		}
	}
	if label, rest, ok := strings.Cut(s, ":"); ok && bylineLabels[strings.ToLower(strings.TrimSpace(label))] {
		return strings.TrimSpace(rest), true
	}
	return s, false
}

func firstSegment(s string) string {
	seg := s
	if segs := segments(s); len(segs) > 0 {
		seg = segs[0]
	}
	return conjunction.Split(seg, 2)[0]
}

// segments parts s at its commas, those in parentheses excepted.
func segments(s string) []string {
	var out []string
	depth, start := 0, 0
	for i, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case (r == ',' || r == '、' || r == '，') && depth <= 0:
			out = append(out, strings.TrimSpace(s[start:i]))
			start = i + len(string(r))
		}
	}
	return append(out, strings.TrimSpace(s[start:]))
}

func trimSegment(s string) string {
	s = strings.Trim(strings.TrimSpace(s), ",;:|•· \u00a0")
	if strings.HasSuffix(s, ".") && !postNominals[strings.ToLower(s)] && strings.Count(s, ".") == 1 && len(s) > 4 && s[len(s)-3] != ' ' {
		s = strings.TrimSuffix(s, ".")
	}
	return s
}

func trimConjunction(s string) string {
	for _, w := range []string{"and ", "& ", "et ", "und ", "with "} {
		if rest, ok := strings.CutPrefix(s, w); ok {
			return rest
		}
	}
	return s
}

// trimArticle takes "the" off an institution when it stands in lower case; "The Harbour" may be called that.
func trimArticle(s string) string {
	return strings.TrimPrefix(strings.TrimSpace(s), "the ")
}

func splitParenthesis(s string) (outer, inner string) {
	i := strings.IndexByte(s, '(')
	if i <= 0 || !strings.HasSuffix(s, ")") {
		return s, ""
	}
	return strings.TrimSpace(s[:i]), strings.TrimSuffix(s[i+1:], ")")
}

// splitConjunction parts a segment at an "and" that joins two people, and not two fields of one professor. next is the
// segment that follows.
func splitConjunction(seg, next string) (left, right string, ok bool) {
	for _, m := range conjunction.FindAllStringIndex(seg, -1) {
		l, r := strings.TrimSpace(seg[:m[0]]), strings.TrimSpace(seg[m[1]:])
		head := r
		if more := conjunction.FindStringIndex(r); more != nil {
			head = r[:more[0]]
		}
		head, _ = splitParenthesis(head)
		if a := attachment.FindStringIndex(head); a != nil {
			head = head[:a[0]]
		}
		lp, _ := splitParenthesis(l)
		switch {
		case isPerson(lp, 1) && isPerson(head, 1):
			return l, r, true
		case !isPerson(head, 2):
			continue
		case segmentKind(lp) == roleKind && strings.ContainsAny(l, " ") && (strings.Contains(l, " of ") || strings.Contains(l, " in ") || strings.Contains(l, " de ")):
			// "Professor of Law and John Doe": a person when a title or nothing follows, a field when an institution does.
			if k := segmentKind(next); next == "" || k == roleKind {
				return l, r, true
			}
		case segmentKind(lp) != unknownKind || attachment.MatchString(l):
			return l, r, true
		}
	}
	return "", "", false
}

// splitAt parts "Professor of Law at the University of X".
func splitAt(seg string) (title, place string, ok bool) {
	for _, w := range []string{" at ", " with ", " à l’", " à l'", " à la ", " à ", " an der ", " am ", " en la ", " of the ", " for the ", " for ", " of "} {
		i := strings.LastIndex(seg, w)
		if w == " at " || w == " à " {
			i = strings.Index(seg, w)
		}
		if i <= 0 {
			continue
		}
		l, r := seg[:i], trimArticle(seg[i+len(w):])
		if !hasWord(l, roleWords) || institutionWord(l) >= 0 || w == " of " && !strings.Contains(strings.ToLower(r), "universit") ||
			w == " of the " && !strings.Contains(strings.ToLower(r), "universit") {
			continue
		}
		named := (w == " at " || w == " with ") && startsUpper(r) && len(strings.Fields(r)) <= 5
		if segmentKind(r) == institutionKind || named {
			return l, r, true
		}
	}
	return "", "", false
}

// roleFirst parts "Staff writer Jane Roe" and "Columnist Jane Roe".
func roleFirst(seg string) (title, name string, ok bool) {
	f := strings.Fields(seg)
	for n := 2; n <= 3 && n < len(f); n++ {
		title, name = strings.Join(f[:len(f)-n], " "), strings.Join(f[len(f)-n:], " ")
		if isPerson(name, 2) && roleWords[strings.ToLower(f[len(f)-n-1])] {
			return title, name, true
		}
	}
	return "", "", false
}

// roleLast parts "Jane Roe Environment correspondent".
func roleLast(seg string) (name, title string, ok bool) {
	f := strings.Fields(seg)
	n := 2
	if len(f) > 3 && (len(strings.Trim(f[1], ".")) == 1 || nameParticles[f[1]]) {
		n = 3
	}
	if len(f) <= n || len(f) > 9 {
		return "", "", false
	}
	name, title = strings.Join(f[:n], " "), strings.Join(f[n:], " ")
	return name, title, isPerson(name, 2) && segmentKind(title) == roleKind && !hasVerb(title)
}

// kinds of segments.
type kind int

const (
	unknownKind kind = iota
	personKind
	roleKind
	institutionKind
	suffixKind
)

func segmentKind(s string) kind {
	low := strings.ToLower(strings.TrimSpace(s))
	if low == "" {
		return unknownKind
	}
	if postNominals[low] {
		return suffixKind
	}
	if institutionNames[strings.ReplaceAll(strings.TrimPrefix(low, "the "), " ", "_")] {
		return institutionKind
	}
	if special.MatchString(s) {
		return roleKind
	}
	role, place := firstWord(s, roleWords), institutionWord(s)
	f := strings.Fields(low)
	switch {
	case role >= 0 && (place < 0 || role < place):
		return roleKind
	case role >= 0 && roleWords[strings.Trim(f[len(f)-1], ".,")]: // News Editor, University Librarian
		return roleKind
	case place >= 0:
		return institutionKind
	case isPerson(s, 2):
		return personKind
	case strings.HasPrefix(s, "The ") || len(f) == 1 && strings.ToUpper(s) == s && len(s) >= 2 && len(s) <= 8:
		return institutionKind
	}
	return unknownKind
}

// firstWord returns the position of the first word of s that is in set, counted in words, or -1.
func firstWord(s string, set map[string]bool) int {
	for i, w := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '-' && r != '&'
	}) {
		if set[w] {
			return i
		}
	}
	return -1
}

// institutionWord returns the position of the first word of s that makes it an institution, or -1.
func institutionWord(s string) int {
	for i, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '-' && r != '&' }) {
		low := strings.ToLower(w)
		if institutionWords[low] && (w != low || lowerInstitutions[low]) {
			return i
		}
	}
	return -1
}

func hasWord(s string, set map[string]bool) bool { return firstWord(s, set) >= 0 }

// isPerson reports whether s has the shape of a person's name of at least least words: capitals, particles, initials, and
// none of the words that make it something else.
func isPerson(s string, least int) bool {
	f := strings.Fields(s)
	if len(f) == 0 || len(f) > 6 || strings.ContainsAny(s, "()[]0123456789:;!?/\"“”«»@&…") {
		return false
	}
	if institutionNames[strings.ToLower(strings.Join(f, "_"))] {
		return false
	}
	names := 0
	for i, w := range f {
		low := strings.ToLower(strings.Trim(w, ".,"))
		switch {
		case i == 0 && (low == "dr" || low == "prof" || low == "professor" || low == "sir" || low == "dame" || low == "mr" || low == "mrs" || low == "ms" || low == "rev" || low == "lord" || low == "lady") && len(f) > 1:
			continue
		case i > 0 && (nameParticles[w] || strings.HasPrefix(w, "d’") || strings.HasPrefix(w, "d'") || strings.HasPrefix(w, "al-") || strings.HasPrefix(w, "el-")):
			continue
		case postNominals[low] && i > 0:
			continue
		case roleWords[low] || institutionWords[low] || fieldWords[low] || notNames[low]:
			return false
		}
		if !nameWord(w) {
			return false
		}
		names++
		if r := []rune(w); len(r) >= 2 && unicode.In(r[0], unicode.Han, unicode.Hangul, unicode.Katakana) {
			names++ // written without a space
		}
	}
	return names >= least
}

// nameWord reports whether w is one word of a name: a capital (or a letter of a script without capitals), then letters,
// apostrophes, hyphens and dots.
func nameWord(w string) bool {
	w = strings.TrimRight(w, ",")
	for i, r := range w {
		switch {
		case i == 0 && !(unicode.IsUpper(r) || unicode.IsTitle(r) || unicode.In(r, unicode.Lo)):
			return (strings.HasPrefix(w, "d’") || strings.HasPrefix(w, "d'") || strings.HasPrefix(w, "o’")) && len(w) > 4
		case unicode.IsLetter(r) || unicode.IsMark(r) || r == '\'' || r == '’' || r == '-' || r == '‑':
		case r == '.' && len([]rune(w)) <= 8:
		default:
			return false
		}
	}
	return w != ""
}

func joined(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || a == b || strings.HasSuffix(a, ", "+b):
		return a
	}
	return a + ", " + b
}
