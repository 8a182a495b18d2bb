package articles

import (
	"strings"

	"mailer/internal/render"
)

// bylineLine reads a line that is a byline and nothing else: one that begins with "By" or the like and goes on with
// names, or a name followed by a title or an institution.
func bylineLine(s string) ([]render.Author, bool) {
	rest, prefixed := cutBylinePrefix(s)
	if len(s) > 400 || rest == "" || strings.HasSuffix(rest, "?") || strings.HasSuffix(rest, "!") {
		return nil, false
	}
	if !prefixed && (strings.HasSuffix(rest, ".") || lastSentenceEnd(rest) > 0) {
		return nil, false
	}
	if f := strings.Fields(rest); !prefixed && (len(f) < 2 || len(f) > 60 || !nameWord(f[0]) || !nameWord(f[1]) && !nameParticles[f[1]]) {
		return nil, false // most lines of a story end here
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
