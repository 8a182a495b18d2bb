package campaigns

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"mailer/internal/errs"
)

// nominalLayout is how an edition is named: the local time an editor would say, without an offset.
const nominalLayout = "2006-01-02T15:04"

// Schedule says when the editions of a digest are due: a cron spec of five fields, read in the wall-clock time of a zone.
//
// robfig/cron parses the spec and finds the next matching wall-clock time. It is asked in UTC, where every wall-clock time
// exists once, and the answer is then placed in the zone here, because its own handling of the days on which clocks change
// leaves editions out. So a time that does not exist fires at the first moment after the gap, and one that occurs twice
// fires at its first occurrence.
type Schedule struct {
	spec cron.Schedule
	zone *time.Location
}

// Slot is one firing of a schedule.
type Slot struct {
	Nominal string    // local time without offset, 2026-11-22T07:00; the key of the edition
	At      time.Time // when it is due, in the schedule's zone
}

// Day returns the nominal calendar day, 2026-11-22.
func (s Slot) Day() string { return s.Nominal[:len("2006-01-02")] }

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// ParseSchedule reads a cron spec of five fields (minute, hour, day of month, month, day of week) for an IANA time zone.
// Descriptors (@daily, @every 1h) and zone prefixes (TZ=, CRON_TZ=) are refused: the first have no wall-clock time, and a
// digest has its own zone. Errors are Invalid, of field schedule or time_zone.
func ParseSchedule(spec, zone string) (*Schedule, error) {
	loc, err := loadZone(zone)
	if err != nil {
		return nil, err
	}
	const example = `; write five fields, such as "0 7 * * 1-5" for 07:00 from Monday to Friday`
	trimmed := strings.TrimSpace(spec)
	switch {
	case trimmed == "":
		return nil, errs.Field("schedule", "is empty"+example)
	case len(trimmed) > 200:
		return nil, errs.Field("schedule", "is longer than 200 characters")
	case strings.HasPrefix(trimmed, "@"):
		return nil, errs.Field("schedule", "%q is not accepted"+example, trimmed)
	case strings.Contains(trimmed, "TZ="):
		return nil, errs.Field("schedule", "must not name a time zone; the digest's time_zone does")
	}
	// An empty member, as in "0 7 * * 1,,3" or ",", is dropped silently by the parser.
	for field := range strings.FieldsSeq(trimmed) {
		for member := range strings.SplitSeq(field, ",") {
			if member == "" {
				return nil, errs.Field("schedule", "%q has an empty place between commas"+example, field)
			}
		}
	}
	parsed, err := cronParser.Parse(trimmed)
	if err != nil {
		return nil, errs.Field("schedule", "is not understood: %s"+example, err)
	}
	s := &Schedule{spec: parsed, zone: loc}
	// Forty years hold every combination of date and weekday; cron itself gives up after five.
	if s.nextWall(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errs.Field("schedule", "%q never comes", trimmed)
	}
	return s, nil
}

// loadZone refuses "Local" and "", which depend on the machine.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errs.Field("time_zone", "must name a zone, such as Europe/Paris")
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, errs.Field("time_zone", "there is no zone %q; use a name such as Europe/Paris", name)
	}
	return loc, nil
}

// Next returns the first slot that is due after the given moment; ok is false when there is none in sight. Several
// wall-clock times that fall into one gap are one slot, which bears the latest of their names.
func (s *Schedule) Next(after time.Time) (slot Slot, ok bool) {
	// Wall-clock times up to that of after are due at or before after, so the search begins behind it. When clocks have
	// just been set back, some times behind it were due the first time round; those are passed over.
	wall := asWall(after.In(s.zone))
	var at time.Time
	for {
		if wall = s.nextWall(wall); wall.IsZero() {
			return Slot{}, false
		}
		if at = place(wall, s.zone); at.After(after) {
			break
		}
	}
	for {
		next := s.nextWall(wall)
		if next.IsZero() || !place(next, s.zone).Equal(at) {
			return Slot{Nominal: wall.Format(nominalLayout), At: at}, true
		}
		wall = next
	}
}

// nextWall returns the next matching wall-clock time, told in UTC, or zero when there is none within forty years.
func (s *Schedule) nextWall(wall time.Time) time.Time {
	for range 8 { // cron looks five years ahead at a time; 29 February may be eight away, and with a weekday forty
		if next := s.spec.Next(wall); !next.IsZero() {
			return next
		}
		wall = wall.AddDate(5, 0, 0)
	}
	return time.Time{}
}

// asWall returns the wall-clock reading of t as a moment in UTC.
func asWall(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// place returns the moment at which clocks in the zone show the wall-clock time: the first of two when it occurs twice,
// and the first moment after the gap when it does not occur at all.
func place(wall time.Time, zone *time.Location) time.Time {
	// Walk the zone's periods of constant offset, from one that surely ends before: no offset reaches 26 hours.
	for t := wall.Add(-26 * time.Hour).In(zone); ; {
		_, offset := t.Zone()
		start, end := t.ZoneBounds()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		switch {
		case at.Before(start): // clocks jumped over it when this period began
			return start
		case end.IsZero() || at.Before(end):
			return at
		}
		t = end
	}
}
