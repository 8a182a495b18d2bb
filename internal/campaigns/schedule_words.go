package campaigns

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Weekly is a schedule as most are: at one time of some days of the week.
type Weekly struct {
	Days []time.Weekday // in order, Monday first
	At   string         // 07:00
}

// week is the days in the order in which newsrooms count them.
var week = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

// Spec returns the schedule as a recipe has it. Without a day, or with a time that is none, the result is not a schedule, and refused as such.
func (w Weekly) Spec() string {
	at, err := time.Parse("15:04", w.At)
	if err != nil || len(w.Days) == 0 {
		return strings.TrimSpace(w.At) + " on no day"
	}
	days := "*"
	if len(w.Days) < len(week) {
		var list []string
		for _, d := range week {
			if slices.Contains(w.Days, d) {
				list = append(list, strconv.Itoa(int(d)))
			}
		}
		if days = strings.Join(list, ","); days == "1,2,3,4,5" {
			days = "1-5"
		}
	}
	return fmt.Sprintf("%d %d * * %s", at.Minute(), at.Hour(), days)
}

// WeeklyOf reads a schedule that is a time of some days of the week; ok is false for any other.
func WeeklyOf(spec string) (w Weekly, ok bool) {
	f := strings.Fields(spec)
	if len(f) != 5 || f[2] != "*" || f[3] != "*" {
		return w, false
	}
	minute, err1 := strconv.Atoi(f[0])
	hour, err2 := strconv.Atoi(f[1])
	if err1 != nil || err2 != nil || minute < 0 || minute > 59 || hour < 0 || hour > 23 {
		return w, false
	}
	sched, err := ParseSchedule(spec, "UTC")
	if err != nil {
		return w, false
	}
	// What the days mean, whichever way they are written: the parser says it best.
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second) // a Monday comes next
	for range week {
		next := sched.nextWall(at)
		if next.After(time.Date(2024, 1, 7, 23, 59, 59, 0, time.UTC)) {
			break
		}
		w.Days = append(w.Days, next.Weekday())
		at = next
	}
	w.At = fmt.Sprintf("%02d:%02d", hour, minute)
	return w, true
}

// ScheduleWords says a schedule for people: Monday to Friday at 07:00. One that is not so simple stays as it is written.
func ScheduleWords(spec string) string {
	if spec == "" {
		return "by hand only"
	}
	w, ok := WeeklyOf(spec)
	if !ok {
		return "by the rule " + spec
	}
	names := make([]string, len(w.Days))
	for i, d := range w.Days {
		names[i] = d.String()
	}
	switch n := len(w.Days); {
	case n == len(week):
		return "every day at " + w.At
	case n > 2 && slices.Equal(w.Days, week[slices.Index(week, w.Days[0]):][:n]):
		return names[0] + " to " + names[n-1] + " at " + w.At
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " at " + w.At
	}
	return names[0] + " at " + w.At
}
