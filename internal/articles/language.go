package articles

import (
	"strings"
)

// stopWords tell languages apart.
var stopWords = map[string]map[string]bool{
	"en": wordSet("the of and to in that is was for it with as on are this by be have from at which they were not but has their an would there we been"),
	"fr": wordSet("le la les des et est une dans que qui pour sur pas par plus avec sont il elle ce cette ces aux du ne se mais ont être nous leur"),
	"de": wordSet("der die das und ist nicht ein eine den dem mit auf für von sich auch es an als werden wird sind im aus bei nach wie oder haben"),
	"es": wordSet("el los las de que y en un una por con para es del se no su al lo más pero como sus le ya fue ha muy son está"),
	"it": wordSet("il di che e la un per è non sono con una del della dei nel alla più come anche ma ha le gli si questo"),
	"pt": wordSet("de que não uma para com os um por mais as dos como mas ao ele das à seu sua ou quando muito nos já está são"),
	"nl": wordSet("de het een van en is dat op te zijn met voor niet aan er om ook als bij maar uit nog wordt naar dan door zij"),
}

// language guesses the language of the story by its small words, where enough of them leave no doubt.
func (p *plain) language() {
	if p.story.Language != "" {
		return
	}
	var b strings.Builder
	for _, u := range p.body {
		b.WriteString(u.text + " ")
	}
	p.story.Language = guessLanguage(p.story.Title + " " + p.story.Dek + " " + b.String())
}

func guessLanguage(text string) string {
	count, total := map[string]int{}, 0
	for _, w := range strings.FieldsFunc(strings.ToLower(cut(text, 20000)), func(r rune) bool { return strings.ContainsRune(" ’'.,;:!?()«»“”\"\n\u00a0", r) }) {
		total++
		for l, set := range stopWords {
			if set[w] {
				count[l]++
			}
		}
	}
	best, second := "", 0
	for l, n := range count {
		if best == "" || n > count[best] {
			best = l
		}
	}
	for l, n := range count {
		if l != best {
			second = max(second, n)
		}
	}
	if best == "" || count[best] < 5 || count[best]*10 < second*14 || count[best]*12 < total {
		return ""
	}
	return best
}
