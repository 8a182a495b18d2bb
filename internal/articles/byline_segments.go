package articles

import (
	"strings"
	"unicode"
)

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

func joined(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || a == b || strings.HasSuffix(a, ", "+b):
		return a
	}
	return a + ", " + b
}
