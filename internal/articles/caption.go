package articles

import (
	"regexp"
	"strings"
	"unicode"

	"mailer/internal/render"
)

// agencies are names that stand in a photo credit; matched as whole words.
var agencies = regexp.MustCompile(`\b(?:AP|AP Photo|Associated Press|Reuters|REUTERS|AFP|Agence France-Presse|Getty(?: Images)?|GETTY|CP|CP PHOTO|Canadian Press|CANADIAN PRESS|` +
	`La Presse canadienne|LA PRESSE CANADIENNE|PA(?: Wire| Media| Images)?|Press Association|EPA(?:-EFE)?|EFE|dpa|DPA|ANSA|LaPresse|Xinhua|TASS|Sputnik|Kyodo|Jiji|Yonhap|AAP|` +
	`Shutterstock|iStock(?:photo)?|Alamy|Unsplash|Pexels|Pixabay|Freepik|Flickr|Wikimedia(?: Commons)?|Wikipedia|Creative Commons|CC[ -]BY(?:-[A-Z]+)*|CC0|Public [Dd]omain|Domaine public|` +
	`NASA|ESA|NOAA|USGS|Copernicus|Planet Labs|Maxar|Bloomberg|ZUMA(?: Press)?|SIPA|Sipa(?: USA)?|NurPhoto|Anadolu(?: Agency)?|Hans Lucas|MaxPPP|MAXPPP|Abaca|Belga|Keystone|ANP|NTB|Ritzau|` +
	`Lehtikuva|Adobe Stock|Depositphotos|Rex|Magnum(?: Photos)?|Redux|Polaris|SOPA(?: Images)?|LightRocket|Corbis|Bettmann|Hulton Archive|Handout|HANDOUT|Supplied|Submitted|Provided|[Pp]hotos? (?:submitted|supplied|provided|courtesy)|(?:File|Stock|Handout|Submitted|Supplied) [Pp]hotos?|Author provided|Fourni par l’auteur|` +
	`Library of Congress|National Archives|Twitter|Instagram|YouTube|Facebook|Imago|imago|Picture Alliance|picture alliance|ullstein bild|Science Photo Library|SPL)\b`)

// agencyOnly are credits that stand alone without a photographer.
var agencyTail = regexp.MustCompile(`(?i)\b(?:via|courtesy of|courtesy|provided by|supplied by|handout from|avec l’aimable autorisation de)\b`)

var (
	creditLabel = regexp.MustCompile(`(?i)^(?:photo(?:graph|graphy|graphe|graphie|s)?|image|picture|pic|credit|crédits?|foto|bild|illustration|source)(?:\s+(?:credit|crédits?|courtesy|by|de|von|courtesy of))*\s*(?::|\bby\b|\s©|^©)\s*|^(?:photo(?:graph)?|picture|image|illustration)s?\s+(?:by|courtesy of|courtesy|de|von)\s+|^crédits?\s+photos?\s*:?\s*|^©\s*`)
	labelInside = regexp.MustCompile(`(?i)(?:^|[\s(|–—])((?:photo(?:graph|graphe|s)?|image|picture|credit|crédits?|foto|bild|illustration)(?:\s+(?:credits?|crédits?|courtesy|by|de|photos?))*\s*(?::|\bby\b|©)\s*|photo courtesy of |©\s*|courtesy of )`)
	parenTail   = regexp.MustCompile(`^(.*?)\s*[(\[]([^()\[\]]{2,160})[)\]]\.?$`)
	sentenceEnd = regexp.MustCompile(`[.!?…][”"’»)]*\s+`)
	slashPair   = regexp.MustCompile(`^\p{Lu}[\p{L}\p{M}.’' -]*\s?/\s?[\p{Lu}@][\p{L}\p{M}\d.,_’'/ -]*$`)
	slashTail   = regexp.MustCompile(`(?:^|\s)((?:\p{Lu}[\p{L}\p{M}.’'-]*\s){0,3}\p{Lu}[\p{L}\p{M}.’'-]*\s?/\s?\p{Lu}[\p{L}\p{M}.’'/ -]*)$`)
)

// splitCaption parts the text below a photo into what it shows and who made it: "… (AP Photo/Jane Roe)", "… Reuters/John
// Doe", "… Photo: A/B", "… Jane Roe/AFP via Getty Images". strong says that the credit can hardly be anything else.
func splitCaption(s string) (caption, credit string, strong bool) {
	s = fold(s)
	if m := parenTail.FindStringSubmatch(s); m != nil {
		if ok, sure := isCredit(m[2]); ok {
			caption = m[1]
			if c, more, yes := splitCaption(caption); yes && c != "" && len(more) < 60 { // "… Jane Roe (CC BY)"
				return c, more + ", " + trimCredit(m[2]), true
			}
			return caption, trimCredit(m[2]), sure
		}
	}
	if loc := labelInside.FindAllStringSubmatchIndex(s, -1); loc != nil {
		m := loc[len(loc)-1]
		head, tail := strings.TrimRight(s[:m[2]], " (|–—"), s[m[3]:]
		if n := len(strings.Fields(tail)); n > 0 && n <= 12 && !sentenceEnd.MatchString(tail+" ") && startsUpper(tail) && endsSentence(head) {
			return head, trimCredit(s[m[2]:]), true
		}
	}
	if i := lastSentenceEnd(s); i > 0 {
		if ok, sure := isCredit(s[i:]); ok && sure {
			return strings.TrimSpace(s[:i]), trimCredit(s[i:]), true
		}
	}
	if m := slashTail.FindStringSubmatchIndex(s); m != nil && len(strings.Fields(s[m[2]:])) <= 10 && agencies.MatchString(s[m[2]:]) {
		return strings.TrimRight(s[:m[2]], " –—-|,"), trimCredit(s[m[2]:]), true
	}
	if m := agencies.FindAllStringIndex(s, -1); m != nil { // "THE CANADIAN PRESS/Jane Roe" without a full stop before it
		at := m[0][0]
		tail := s[at:]
		if the := strings.ToLower(s[max(0, at-4):at]); the == "the " {
			at -= 4
		}
		if strings.Contains(tail, "/") && slashPair.MatchString(tail) && len(strings.Fields(tail)) <= 8 {
			return strings.TrimRight(s[:at], " –—-|,"), trimCredit(s[at:]), true
		}
	}
	return s, "", false
}

// isCredit reports whether s is a photo credit, and whether it can hardly be anything else.
func isCredit(s string) (ok, sure bool) {
	s = strings.Trim(fold(s), " .,()[]")
	n := len(strings.Fields(s))
	if n == 0 || n > 14 || len(s) > 160 {
		return false, false
	}
	bare := creditLabel.ReplaceAllString(s, "")
	if bare != s && bare != "" {
		return true, true
	}
	if !startsUpper(s) && !agencies.MatchString(s) {
		return agencyTail.MatchString(s), agencyTail.MatchString(s)
	}
	if slashPair.MatchString(s) && !lowerHeavy(s) {
		return true, true
	}
	if agencyTail.MatchString(s) && !lowerHeavy(s) {
		return true, true
	}
	if loc := agencies.FindStringIndex(s); loc != nil {
		// The agency is all there is, or stands beside a name: "Reuters", "Jane Roe, AFP", "AP Photo Jane Roe".
		rest := strings.Trim(agencies.ReplaceAllString(s, ""), " ,/–—-.&|")
		rest = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(rest, "THE"), "The"), "the")
		rest = strings.Trim(rest, " ,/–—-.|")
		if rest == "" || isPerson(rest, 1) || !lowerHeavy(rest) && len(strings.Fields(rest)) <= 5 {
			return true, true
		}
		return false, false
	}
	return isPerson(s, 2), false
}

// lowerHeavy reports whether more words of s begin in lower case than a credit has.
func lowerHeavy(s string) bool {
	lower := 0
	for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return unicode.IsSpace(r) || r == '/' }) {
		if r := []rune(w)[0]; unicode.IsLower(r) && !nameParticles[w] && w != "via" && w != "for" && w != "and" && w != "by" && w != "of" && w != "the" {
			lower++
		}
	}
	return lower > 1
}

// trimCredit takes the label, the brackets and the full stop off a credit.
func trimCredit(s string) string {
	s = strings.Trim(fold(s), " .,()[]|–—")
	if strings.Count(s, "(") != strings.Count(s, ")") { // "(Jane Roe), CC BY"
		s = strings.NewReplacer("(", "", ")", "").Replace(s)
	}
	if t := strings.TrimSpace(creditLabel.ReplaceAllString(s, "")); t != "" {
		s = t
	}
	return cut(strings.Trim(s, " .,"), maxShort)
}

// lastSentenceEnd returns where the text after the last full stop begins, or 0. Initials and short titles end nothing.
func lastSentenceEnd(s string) int {
	m := sentenceEnd.FindAllStringIndex(s, -1)
	for i := len(m) - 1; i >= 0; i-- {
		before := s[:m[i][0]]
		word := before[strings.LastIndexAny(before, " \u00a0")+1:]
		if s[m[i][0]] == '.' && (len([]rune(word)) == 1 || abbreviations[strings.ToLower(word)]) {
			continue
		}
		return m[i][1]
	}
	return 0
}

// abbreviations end with a full stop that ends no sentence.
var abbreviations = wordSet("dr mr mrs ms prof st mt gen sen rep gov sgt lt col jr sr vs no nos jan feb mar apr jun jul aug sep sept oct nov dec inc ltd co u.s u.k d.c")

func startsUpper(s string) bool {
	for _, r := range s {
		if unicode.IsLetter(r) {
			return !unicode.IsLower(r)
		}
		if !unicode.IsSpace(r) && r != '©' && r != '@' && r != '“' && r != '"' {
			return false
		}
	}
	return false
}

func endsSentence(s string) bool {
	s = strings.TrimRight(s, " \u00a0”\"’»)")
	return s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "…")
}

// captioned fills caption and credit of img from one text, as far as they are empty.
func captioned(img *render.Image, text string) {
	caption, credit, _ := splitCaption(text)
	if img.Caption == "" {
		img.Caption = line(caption, maxCaption)
	}
	if img.Credit == "" {
		img.Credit = line(credit, maxShort)
	}
}
