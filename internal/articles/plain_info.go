package articles

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isInfo reports whether a line says what somebody is or where he works, and nothing else: "Professor of Law, University
// of X".
func isInfo(l string) bool {
	if endsSentence(l) && !strings.HasSuffix(l, ".") || strings.Count(l, ". ") > 0 || len(strings.Fields(l)) > 24 || !startsUpper(l) && !isRole(firstSegment(l)) {
		return false
	}
	if special.MatchString(l) {
		return true
	}
	if creditLabel.MatchString(l) || strings.Contains(l, ":") || slashPair.MatchString(l) {
		return false
	}
	known := 0
	for _, part := range bylineCuts.Split(strings.TrimSuffix(l, "."), -1) {
		for _, s := range segments(part) {
			switch segmentKind(s) {
			case roleKind:
				if !isRole(s) {
					return false
				}
				known++
			case institutionKind:
				// In French only the first word has a capital: "Département de science politique".
				head, _, _ := strings.Cut(strings.ToLower(s), " ")
				if !properName(s) && !(lowerInstitutions[head] && len(strings.Fields(s)) <= 9 && !hasVerb(s)) {
					return false
				}
				if institutionWord(s) >= 0 || institutionNames[strings.ReplaceAll(strings.ToLower(s), " ", "_")] {
					known++
				}
			case personKind:
				if known == 0 {
					return false
				}
			case suffixKind:
			default:
				if len(strings.Fields(s)) > 5 || hasVerb(s) {
					return false
				}
			}
		}
	}
	return known > 0 && (!strings.HasSuffix(l, ".") || known > 1)
}

// connectors are the small words within names and titles.
var connectors = wordSet("of the for and in at on to with de la le les des du d’ l’ à au aux en et sur y del los las der die das den des für und von im am zu & al emeritus emerita")

// properName reports whether s is written as a name is: every word with a capital, small connecting ones excepted.
func properName(s string) bool {
	for w := range strings.FieldsSeq(s) {
		r, _ := utf8.DecodeRuneInString(strings.TrimLeft(w, "(“\"‘’'"))
		elided := strings.HasPrefix(w, "d’") || strings.HasPrefix(w, "l’") || strings.HasPrefix(w, "d'") || strings.HasPrefix(w, "l'")
		if unicode.IsLower(r) && !elided && !connectors[strings.ToLower(w)] && !lowerInstitutions[w] {
			return false
		}
	}
	return s != ""
}

// roleAdjectives follow a role in other languages than English.
var roleAdjectives = wordSet("agrégé agrégée adjoint adjointe titulaire associé associée invité invitée émérite principal principale indépendant indépendante " +
	"postdoctoral postdoctorale contractuel contractuelle permanent permanente spécial spéciale politique scientifique culturel culturelle économique " +
	"titular asociado asociada adjunto adjunta senior junior large")

// isRole reports whether s is built like the title of a person: what stands before the role goes with it, and behind it
// comes nothing, a connecting word, another role or a name. "Students march for free buses" is a headline.
func isRole(s string) bool {
	f := strings.Fields(s)
	at := -1
	for i, w := range f {
		low := strings.ToLower(strings.Trim(w, ".,()"))
		if roleWords[low] {
			at = i
			if i+1 < len(f) {
				next := strings.ToLower(strings.Trim(f[i+1], ".,()"))
				r, _ := utf8.DecodeRuneInString(f[i+1])
				if !connectors[next] && !roleWords[next] && !fieldWords[next] && !roleAdjectives[next] && !unicode.IsUpper(r) && !strings.HasPrefix(next, "d’") && !strings.HasPrefix(next, "d'") {
					return false
				}
			}
			continue
		}
		if r, _ := utf8.DecodeRuneInString(w); at < 0 && unicode.IsLower(r) && !fieldWords[low] && !connectors[low] && i > 0 && len(f) > 4 {
			return false
		}
	}
	return at >= 0 && at <= 5 && !hasVerb(s)
}

// special is what stands below the name of one who does not belong to the paper.
var special = regexp.MustCompile(`^(?:Special to|Special for|Contributed to|For) (?:[Tt]he )?\p{Lu}[\p{L}’' &-]{2,40}$`)

// verbs make a line a sentence.
var verbs = wordSet("is are was were be been being has have had march marches find finds vote votes do does did will would can could may might must shall should says said say tells told asks asked makes made takes took gets got " +
	"goes went comes came finds found gives gave faces faced wants wanted needs needed warns warned shows showed reveals plans planned calls called seeks opens closes fights fought wins won loses lost cuts " +
	"est sont était étaient sera a ont avait dit disent fait font peut peuvent doit doivent va vont ist sind war waren hat haben wird werden kann können muss müssen sagt sagen how why what when where who")

func hasVerb(s string) bool { return firstWord(s, verbs) >= 0 }
