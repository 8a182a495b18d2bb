package lang

import (
	"strconv"
	"strings"
	"time"
)

// Date returns the day of t, in the zone that t carries, as a reader writes it: 22 November 2026, 22 novembre 2026.
func (w *Words) Date(t time.Time) string {
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = w.T("date.first")
	}
	return day + " " + name(w.T("date.months"), int(t.Month())-1) + " " + strconv.Itoa(t.Year())
}

// LongDate returns the day of t with its weekday: Sunday 22 November 2026.
func (w *Words) LongDate(t time.Time) string {
	return name(w.T("date.days"), int(t.Weekday())) + " " + w.Date(t)
}

// name returns the i-th word of a list with spaces between.
func name(list string, i int) string {
	return strings.Fields(list)[i]
}
