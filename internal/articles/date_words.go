package articles

import (
	"strings"
	"time"
)

// months by the words that newspapers use, without the dot of an abbreviation. Abbreviations that are common words of
// English ("set", "out", "ago") are left out.
var months = wordMap(map[time.Month]string{
	time.January:   "january jan janvier janv januar jänner enero ene gennaio gen janeiro januari",
	time.February:  "february feb février fevrier févr fevr fév februar febrero febbraio febb fevereiro fev februari",
	time.March:     "march mar mars märz maerz mrz marzo março marco maart mrt",
	time.April:     "april apr avril avr abril abr aprile",
	time.May:       "may mai mayo maggio mag maio mei",
	time.June:      "june jun juin juni junio giugno giu junho",
	time.July:      "july jul juillet juil juli julio luglio lug julho",
	time.August:    "august aug août aout agosto augustus",
	time.September: "september sep sept septembre septiembre settembre sett setembro",
	time.October:   "october oct octobre oktober okt octubre ottobre ott outubro",
	time.November:  "november nov novembre noviembre novembro",
	time.December:  "december dec décembre decembre déc dezember dez diciembre dic dicembre dezembro",
})

func wordMap[T comparable](m map[T]string) map[string]T {
	out := make(map[string]T)
	for v, words := range m {
		for w := range strings.FieldsSeq(words) {
			out[w] = v
		}
	}
	return out
}

func wordSet(lists ...string) map[string]bool {
	out := make(map[string]bool)
	for _, l := range lists {
		for w := range strings.FieldsSeq(l) {
			out[w] = true
		}
	}
	return out
}

var weekdays = wordSet(
	"monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun",
	"lundi mardi mercredi jeudi vendredi samedi dimanche lun mer jeu ven sam dim",
	"montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so",
	"lunes martes miércoles jueves viernes sábado domingo lunedì martedì mercoledì giovedì venerdì sabato domenica",
	"segunda-feira terça-feira quarta-feira quinta-feira sexta-feira maandag dinsdag woensdag donderdag vrijdag zaterdag zondag")

// fillers are the other words of a line that is nothing but a date.
var fillers = wordSet(
	"published posted first on at the of in updated update last modified edited date dated issued online filed created originally print edition time",
	"local eastern central mountain pacific atlantic daylight standard summer since ago about edt",
	"publié publie publiée le la à a mis mise jour modifié modifiée en ligne vers heure heures actualisé parution paru date dernière du et",
	"veröffentlicht aktualisiert am um uhr den vom stand zuletzt erschienen geändert",
	"publicado publicada actualizado actualizada el de las a a.m p.m del pubblicato il alle aggiornato ore às atualizado em gepubliceerd op om bijgewerkt h",
	"new min mins minute minutes read reading lecture temps de")

var yesterdays = wordSet("yesterday hier gestern")

// publishedLabels and updatedLabels part a line that says both; the longer come first.
var (
	publishedLabels = []string{"originally published", "first published", "published", "posted", "publiée", "publié", "veröffentlicht", "publicado", "pubblicato", "gepubliceerd"}
	updatedLabels   = []string{"last updated", "last modified", "updated", "modified", "dernière mise à jour", "mise à jour", "mis à jour", "actualisé", "modifié", "zuletzt aktualisiert", "aktualisiert", "actualizado", "aggiornato", "atualizado", "bijgewerkt"}
)

// zones are the abbreviations that stand behind a time, as minutes east of Greenwich. Where one has several meanings it
// is the one that English-language news uses.
var zones = map[string]int{"UTC": 0, "UT": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "BST": 60, "IST": 330, "CET": 60, "CEST": 120, "MEZ": 60,
	"MESZ": 120, "EET": 120, "EEST": 180, "MSK": 180, "SAST": 120, "CAT": 120, "WAT": 60, "EAT": 180, "AST": -240, "ADT": -180, "NST": -210, "NDT": -150,
	"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600,
	"HNE": -300, "HAE": -240, "HNP": -480, "HAP": -420, "BRT": -180, "ART": -180, "GST": 240, "PKT": 300, "NPT": 345, "ICT": 420, "WIB": 420,
	"SGT": 480, "HKT": 480, "PHT": 480, "AWST": 480, "JST": 540, "KST": 540, "ACST": 570, "ACDT": 630, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780}

// clocks are names of a zone that leave summer time open; the date decides.
var clocks = map[string]string{"ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles",
	"EASTERN": "America/New_York", "CENTRAL": "America/Chicago", "MOUNTAIN": "America/Denver", "PACIFIC": "America/Los_Angeles",
	"ATLANTIC": "America/Halifax", "AET": "Australia/Sydney", "UK": "Europe/London"}
