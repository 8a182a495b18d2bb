package articles

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	isoDate     = regexp.MustCompile(`\b(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt_ ]|\b)`)
	compactDate = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})(?:[Tt](\d{2})(\d{2})(\d{2})?)?`)
	yearFirst   = regexp.MustCompile(`\b(\d{4})[/.](\d{1,2})[/.](\d{1,2})\b`)
	yearLast    = regexp.MustCompile(`\b(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})\b`)
	clockTime   = regexp.MustCompile(`(?i)\b(\d{1,2})(?:\s?([:.h])\s?(\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?)\s*(am\b|pm\b|[ap]\.\s?m\.?|uhr\b|hrs?\b)?`)
	hourTime    = regexp.MustCompile(`(?i)\b(\d{1,2})\s*(am\b|pm\b|[ap]\.\s?m\.?|h\b|uhr\b)`)
	offset      = regexp.MustCompile(`^\s*\(?(?:UTC|GMT)?\s?([+\-−])(\d{1,2})(?::?(\d{2}))?(?::\d{2})?\b`)
	zoneName    = regexp.MustCompile(`^\s*\(?([A-Z]{1,5}|Eastern|Central|Mountain|Pacific|Atlantic|UK)\b\)?`)
	relative    = regexp.MustCompile(`(?i)\b(\d{1,3}|an?|one)\s+(minute|min|hour|hr|day|week)s?\s+ago\b`)
	undated     = regexp.MustCompile(`(?i)\b(?:ago|yesterday|today|hier|aujourd[’']hui|gestern|heute)\b`)
	dayName     = regexp.MustCompile(`(?i)^\W*(?:\p{L}+\W+){0,2}?\b(yesterday|today|hier|aujourd[’']hui|gestern|heute)(?:$|[\s,:.])`)
	dayMonth    = regexp.MustCompile(`(?i)\b(\d{1,2})(?:st|nd|rd|th|er|º|ª)?\b\.?,?[\s-]*(?:of |de )?(\p{L}+)\.?`)
	monthDay    = regexp.MustCompile(`(?i)(\p{L}+)\.?\s*(\d{1,2})(?:st|nd|rd|th)?\b`)
	fullYear    = regexp.MustCompile(`\b(?:19|20|21)\d{2}\b`)
	shortYear   = regexp.MustCompile(`^[\s,'’-]*(\d{2})\b`)
	wordRun     = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}.-]*`)
)

// dateParts is a date as far as it has been read; day 0 and year 0 are open.
type dateParts struct {
	year, month, day   int
	hour, minute, secs int
	timed              bool
	zone               *time.Location
	clock              string // a zone whose offset depends on the date
}

// numeric reads a date made of digits only and returns s without it.
func (p *dateParts) numeric(s string) (string, bool) {
	num := func(m []int, i int) int {
		n, _ := strconv.Atoi(s[m[2*i]:m[2*i+1]])
		return n
	}
	if m := compactDate.FindStringSubmatchIndex(s); m != nil && (m[1] == len(s) || !isDigit(s[m[1]])) {
		p.year, p.month, p.day = num(m, 1), num(m, 2), num(m, 3)
		if m[8] >= 0 {
			p.hour, p.minute, p.timed = num(m, 4), num(m, 5), true
		}
		rest := blank(s, m)
		if p.timed {
			rest = p.zoneAfter(rest, m[1])
		}
		return rest, true
	}
	for _, re := range []*regexp.Regexp{isoDate, yearFirst} {
		if m := re.FindStringSubmatchIndex(s); m != nil {
			p.year, p.month, p.day = num(m, 1), num(m, 2), num(m, 3)
			return blank(s, m), true
		}
	}
	if m := yearLast.FindStringSubmatchIndex(s); m != nil {
		a, b := num(m, 1), num(m, 3)
		p.year = num(m, 4)
		switch {
		case s[m[4]] == '.' || b <= 12 && a > 12 || a == b: // dots: day first everywhere
			p.day, p.month = a, b
		case a <= 12 && b > 12:
			p.month, p.day = a, b
		default:
			return s, false
		}
		return blank(s, m), true
	}
	return s, false
}

// timeOfDay reads the time and the zone behind it, and returns s without them. A time with a dot needs am, pm, a zone or
// the end of the text behind it, since it may be a number.
func (p *dateParts) timeOfDay(s string) string {
	if p.timed {
		return s
	}
	for _, m := range clockTime.FindAllStringSubmatchIndex(s, -1) {
		half := ""
		if m[10] >= 0 {
			half = strings.ToLower(s[m[10]:m[11]])
		}
		hour, _ := strconv.Atoi(s[m[2]:m[3]])
		minute, _ := strconv.Atoi(s[m[6]:m[7]])
		if s[m[4]] == '.' && half == "" && !endsOrZone(s[m[1]:]) {
			continue
		}
		if h, ok := hour24(hour, half); ok && minute < 60 {
			p.hour, p.minute, p.timed = h, minute, true
			if m[8] >= 0 {
				p.secs, _ = strconv.Atoi(s[m[8]:m[9]])
			}
			return p.zoneAfter(blank(s, m), m[1])
		}
	}
	if m := hourTime.FindStringSubmatchIndex(s); m != nil {
		hour, _ := strconv.Atoi(s[m[2]:m[3]])
		if h, ok := hour24(hour, strings.ToLower(s[m[4]:m[5]])); ok {
			p.hour, p.timed = h, true
			return p.zoneAfter(blank(s, m), m[1])
		}
	}
	return s
}

// endsOrZone reports whether s, what stands behind a time, is nothing or begins with the name of a zone.
func endsOrZone(s string) bool {
	if strings.TrimSpace(s) == "" {
		return true
	}
	m := zoneName.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	_, known := zones[strings.ToUpper(m[1])]
	return known || clocks[strings.ToUpper(m[1])] != ""
}

func hour24(h int, half string) (int, bool) {
	switch {
	case strings.HasPrefix(half, "a"):
		return h % 12, h >= 1 && h <= 12
	case strings.HasPrefix(half, "p"):
		return h%12 + 12, h >= 1 && h <= 12
	}
	return h, h < 24
}

// zoneAfter reads the zone that begins at position at of s, or a little later behind a date ("8:12 Jun 3 2026 EDT" is
// rare and left alone), and returns s without it. blank keeps positions, so that at still holds.
func (p *dateParts) zoneAfter(s string, at int) string {
	tail := s[at:]
	if m := offset.FindStringSubmatchIndex(tail); m != nil {
		h, _ := strconv.Atoi(tail[m[4]:m[5]])
		minutes := 0
		if m[6] >= 0 {
			minutes, _ = strconv.Atoi(tail[m[6]:m[7]])
		}
		if h <= 14 && minutes < 60 {
			total := h*60 + minutes
			if sign := tail[m[2]:m[3]]; sign != "+" {
				total = -total
			}
			p.zone = time.FixedZone("", total*60)
			return s[:at] + strings.Repeat(" ", m[1]) + tail[m[1]:]
		}
	}
	if m := zoneName.FindStringSubmatchIndex(tail); m != nil {
		name := strings.ToUpper(tail[m[2]:m[3]])
		minutes, known := zones[name]
		if p.clock = clocks[name]; known {
			p.zone = time.FixedZone(name, minutes*60)
			if minutes == 0 {
				p.zone = time.UTC
			}
		}
		if known || p.clock != "" {
			return s[:at] + strings.Repeat(" ", m[1]) + tail[m[1]:]
		}
	}
	return s
}

// inWords reads a date whose month is a word and returns s without it.
func (p *dateParts) inWords(s string, now time.Time) (string, bool) {
	found := func(day, word string) bool {
		m, ok := months[strings.ToLower(word)]
		d, _ := strconv.Atoi(day)
		if !ok || d < 1 || d > 31 {
			return false
		}
		p.month, p.day = int(m), d
		return true
	}
	rest, at := s, -1
	for i := 0; i < len(s) && at < 0; {
		m := dayMonth.FindStringSubmatchIndex(s[i:])
		if m == nil {
			break
		}
		if found(s[i+m[2]:i+m[3]], s[i+m[4]:i+m[5]]) {
			rest, at = blank(s, []int{i + m[0], i + m[1]}), i+m[1]
		}
		i += m[3]
	}
	for i := 0; i < len(s) && at < 0; {
		m := monthDay.FindStringSubmatchIndex(s[i:])
		if m == nil {
			break
		}
		if found(s[i+m[4]:i+m[5]], s[i+m[2]:i+m[3]]) {
			rest, at = blank(s, []int{i + m[0], i + m[1]}), i+m[1]
		}
		i += m[3]
	}
	if at < 0 {
		return p.monthOnly(s)
	}
	if m := fullYear.FindStringIndex(rest); m != nil {
		p.year, _ = strconv.Atoi(rest[m[0]:m[1]])
		return blank(rest, m), true
	}
	if m := shortYear.FindStringSubmatchIndex(rest[at:]); m != nil { // "03-Jun-26", RFC 822
		y, _ := strconv.Atoi(rest[at+m[2] : at+m[3]])
		p.year = 2000 + y
		return blank(rest, []int{at, at + m[1]}), true
	}
	left := words(rest)
	for _, w := range left {
		if !fillers[w] && !weekdays[w] {
			return s, false // "on 3 June the council …": a sentence, not a date
		}
	}
	if len(left) == 0 && !p.timed {
		return s, false
	}
	p.year = now.Year()
	if time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC).After(now.AddDate(0, 0, 2)) {
		p.year--
	}
	return rest, true
}

// monthOnly reads "June 2026", when that is all there is, as the first of the month.
func (p *dateParts) monthOnly(s string) (string, bool) {
	w := words(s)
	if len(w) != 2 || !fullYear.MatchString(w[1]) || len(w[1]) != 4 {
		return s, false
	}
	m, ok := months[strings.TrimSuffix(w[0], ".")]
	p.month, p.day = int(m), 1
	p.year, _ = strconv.Atoi(w[1])
	return "", ok
}

// moment puts the parts together; impossible dates are none.
func (p *dateParts) moment(zone *time.Location) (time.Time, bool) {
	if p.year < 1900 || p.year > 2200 || p.month < 1 || p.month > 12 || p.day < 1 || p.hour > 24 || p.minute > 59 || p.secs > 60 {
		return time.Time{}, false
	}
	if p.clock != "" {
		if loc, err := time.LoadLocation(p.clock); err == nil {
			zone = loc
		}
	}
	if p.zone != nil {
		zone = p.zone
	}
	hour := p.hour
	if !p.timed {
		hour = noon
	}
	t := time.Date(p.year, time.Month(p.month), p.day, hour, p.minute, p.secs, 0, zone)
	if !p.timed && t.Day() != p.day || int(time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC).Month()) != p.month {
		return time.Time{}, false // 31 June
	}
	return t, true
}

// blank replaces the match m by spaces, so that positions stay.
func blank(s string, m []int) string {
	return s[:m[0]] + strings.Repeat(" ", m[1]-m[0]) + s[m[1]:]
}

func words(s string) []string {
	var out []string
	for _, w := range wordRun.FindAllString(strings.ToLower(s), -1) {
		out = append(out, strings.TrimRight(w, ".-"))
	}
	return out
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
