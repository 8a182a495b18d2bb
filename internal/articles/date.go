package articles

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// noon is the hour of a date that names none: so the day stays the same in nearly every zone it may be shown in.
const noon = 12

// ParseDate reads a date as feeds, pages and people write it: RFC 3339, RFC 822 with its many mistakes, "June 3, 2026
// 8.12am EDT", "3 juin 2026 à 8h12", "Mittwoch, 3. Juni 2026", "2 hours ago". Of "published … updated …" it takes the
// first. zone applies where none is named (nil: UTC), now where a year is missing. ok is false for what is no date, and for
// 03/06/2026, which can be read two ways.
func ParseDate(s string, zone *time.Location, now time.Time) (t time.Time, ok bool) {
	t, _, ok = scanDate(s, zone, now)
	return t, ok
}

// dateLine is ParseDate for a line of text: it must say nothing else.
func dateLine(s string, zone *time.Location, now time.Time) (time.Time, bool) {
	if len(s) > 160 || !strings.ContainsAny(s, "0123456789") && !undated.MatchString(s) {
		return time.Time{}, false
	}
	t, rest, ok := scanDate(s, zone, now)
	if !ok {
		return time.Time{}, false
	}
	for _, w := range rest {
		_, month := months[w]
		if !fillers[w] && !weekdays[w] && !month && !(len(w) <= 4 && strings.Trim(w, "0123456789") == "") {
			return time.Time{}, false
		}
	}
	return t, true
}

// scanDate returns the moment that s names and the words that had no part in it. Text with two labelled dates is parted
// at the labels: publication counts before an update.
func scanDate(s string, zone *time.Location, now time.Time) (time.Time, []string, bool) {
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "")
	}
	s = fold(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, clean(s)))
	if zone == nil {
		zone = time.UTC
	}
	var best time.Time
	rank := 9 // 0 published, 1 without a label, 2 updated
	var rest []string
	for _, part := range labelled(s) {
		t, left, ok := scanOne(part.text, zone, now)
		rest = append(rest, left...)
		if ok && part.rank < rank {
			best, rank = t, part.rank
		}
	}
	return best, rest, rank < 9
}

type labelledPart struct {
	rank int
	text string
}

// labelled parts s before each label.
func labelled(s string) []labelledPart {
	low := strings.ToLower(s)
	if len(low) != len(s) {
		return []labelledPart{{1, s}}
	}
	ranks := map[int]int{}
	for rank, labels := range map[int][]string{0: publishedLabels, 2: updatedLabels} {
		for _, l := range labels {
			for from := 0; ; {
				i := strings.Index(low[from:], l)
				if i < 0 {
					break
				}
				ranks[from+i] = rank
				from += i + len(l)
			}
		}
	}
	var out []labelledPart
	rank, start := 1, 0
	for i := range len(s) {
		if r, ok := ranks[i]; ok {
			if i > start {
				out = append(out, labelledPart{rank, s[start:i]})
			}
			rank, start = r, i
		}
	}
	return append(out, labelledPart{rank, s[start:]})
}

func scanOne(s string, zone *time.Location, now time.Time) (time.Time, []string, bool) {
	if m := relative.FindStringSubmatchIndex(s); m != nil {
		n, err := strconv.Atoi(s[m[2]:m[3]])
		if err != nil {
			n = 1
		}
		unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[m[4]]|0x20]
		return now.Add(-time.Duration(n) * unit), words(blank(s, m)), true
	}
	p := dateParts{}
	if m := dayName.FindStringSubmatchIndex(s); m != nil {
		d := now.In(zone)
		if yesterdays[strings.ToLower(s[m[2]:m[3]])] {
			d = d.AddDate(0, 0, -1)
		}
		p.year, p.month, p.day = d.Year(), int(d.Month()), d.Day()
		rest := p.timeOfDay(blank(s, m[2:4]))
		t, ok := p.moment(zone)
		return t, words(rest), ok
	}
	rest, ok := s, false
	if rest, ok = p.numeric(s); !ok {
		rest = s
	}
	rest = p.timeOfDay(rest)
	if !ok {
		rest, ok = p.inWords(rest, now)
	}
	if !ok {
		return time.Time{}, words(s), false
	}
	t, ok := p.moment(zone)
	return t, words(rest), ok
}
