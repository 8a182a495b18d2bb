package campaigns

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Days and months as English and French write them. Of the French abbreviations none is taken: mar. is a day and a month.
var (
	dayNames = map[string]time.Weekday{
		"sunday": 0, "monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6,
		"sun": 0, "mon": 1, "tue": 2, "tues": 2, "wed": 3, "thu": 4, "thur": 4, "thurs": 4, "fri": 5, "sat": 6,
		"dimanche": 0, "lundi": 1, "mardi": 2, "mercredi": 3, "jeudi": 4, "vendredi": 5, "samedi": 6,
	}
	monthNames = map[string]time.Month{
		"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9, "october": 10, "november": 11, "december": 12,
		"jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sept": 9, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
		"janvier": 1, "février": 2, "fevrier": 2, "mars": 3, "avril": 4, "mai": 5, "juin": 6, "juillet": 7, "août": 8, "aout": 8, "septembre": 9, "octobre": 10,
		"novembre": 11, "décembre": 12, "decembre": 12,
	}
	// Monday 23 November 2026, Mon. 23rd of Nov, lundi 23 novembre, lundi 1er mars 2027, le mardi, 24 novembre
	dayFirst = dated(`(DAY)\.?,?\s+(?:the\s+|le\s+)?(NUM)(?:st|nd|rd|th|er)?\s+(?:of\s+)?(MONTH)\b\.?(?:,?\s+(\d{4})\b)?`)
	// Monday, November 23rd, 2026; Mon Nov 23
	monthFirst = dated(`(DAY)\.?,?\s+(MONTH)\.?\s+(NUM)(?:st|nd|rd|th)?\b(?:,?\s+(\d{4})\b)?`)
)

func dated(pattern string) *regexp.Regexp {
	days, months := make([]string, 0, len(dayNames)), make([]string, 0, len(monthNames))
	for n := range dayNames {
		days = append(days, n)
	}
	for n := range monthNames {
		months = append(months, n)
	}
	return regexp.MustCompile(`(?i)\b` + strings.NewReplacer("DAY", strings.Join(days, "|"), "MONTH", strings.Join(months, "|"), "NUM", `\d{1,2}`).Replace(pattern))
}

// wrongDay is a date in a text that is not on the day of the week it is said to be.
type wrongDay struct {
	said string // as the text has it
	is   time.Time
}

// wrongDays looks for dates with a day of the week that they do not fall on. Where no year is said it is the one in which the date
// is nearest to about, which is when the text was written. A day that no month has is not meant as a date.
func wrongDays(text string, about time.Time) []wrongDay {
	var found []wrongDay
	look := func(form *regexp.Regexp, day, month int) {
		for _, m := range form.FindAllStringSubmatch(text, -1) {
			weekday, monthOf := dayNames[strings.ToLower(m[1])], monthNames[strings.ToLower(m[month])]
			number, err := strconv.Atoi(m[day])
			if err != nil {
				continue
			}
			date, ok := nearest(m[4], monthOf, number, about)
			if ok && date.Weekday() != weekday {
				found = append(found, wrongDay{strings.TrimRight(strings.Join(strings.Fields(m[0]), " "), ".,"), date})
			}
		}
	}
	look(dayFirst, 2, 3)
	look(monthFirst, 3, 2)
	return found
}

// nearest is the date of a day and a month in the given year, or in the one that brings it nearest to about.
func nearest(year string, month time.Month, day int, about time.Time) (best time.Time, ok bool) {
	from, to := about.Year()-1, about.Year()+1
	if n, err := strconv.Atoi(year); err == nil && n > 0 {
		from, to = n, n
	}
	for y := from; y <= to; y++ {
		t := time.Date(y, month, day, 12, 0, 0, 0, time.UTC)
		if t.Month() == month && day > 0 && (!ok || t.Sub(about).Abs() < best.Sub(about).Abs()) {
			best, ok = t, true
		}
	}
	return best, ok
}

// checkDates compares the days of the week in a text with their dates: in the newsroom's own words it has to be mended or passed
// over; in a story it is worth a look.
func (p *prepared) checkDates(c Campaign, t passage) {
	level, about := Warned, c.CreatedAt
	if c.SendAt != nil {
		about = *c.SendAt
	}
	if t.story != nil {
		level, about = Noted, t.story.Published
	}
	for _, w := range wrongDays(t.text, about) {
		p.at(t.at, level, "weekday", "%s says “%s”, and %s is a %s", t.name, w.said, w.is.Format("2 January 2006"), w.is.Weekday())
	}
}
