package articles

import (
	"strings"
	"unicode"
)

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
		case i == 0 && honorifics[low] && len(f) > 1:
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
