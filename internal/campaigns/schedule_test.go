package campaigns

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"mailer/internal/errs"
)

// slots returns the firings of a schedule in [from, until).
func slots(t *testing.T, spec, zone string, from, until time.Time) []Slot {
	t.Helper()
	s, err := ParseSchedule(spec, zone)
	if err != nil {
		t.Fatal(err)
	}
	var list []Slot
	for at := from.Add(-time.Nanosecond); ; {
		slot, ok := s.Next(at)
		if !ok || !slot.At.Before(until) {
			return list
		}
		if !slot.At.After(at) {
			t.Fatalf("Next(%s) went back to %s", at, slot.At)
		}
		list, at = append(list, slot), slot.At
	}
}

// SND-35: the clocks change in both directions, in zones that do it at different hours and by different amounts.
func TestScheduleClockChange(t *testing.T) {
	utc := func(s string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for name, tc := range map[string]struct {
		spec, zone, from, until string
		want                    []string // nominal = moment in UTC
	}{
		"SND-35 Paris, gap 2 to 3": {"30 2 * * *", "Europe/Paris", "2026-03-28 00:00", "2026-03-31 00:00", []string{
			"2026-03-28T02:30 = 2026-03-28 01:30", "2026-03-29T02:30 = 2026-03-29 01:00", "2026-03-30T02:30 = 2026-03-30 00:30"}},
		"SND-35 Paris, overlap 2 to 3": {"30 2 * * *", "Europe/Paris", "2026-10-24 00:00", "2026-10-27 00:00", []string{
			"2026-10-24T02:30 = 2026-10-24 00:30", "2026-10-25T02:30 = 2026-10-25 00:30", "2026-10-26T02:30 = 2026-10-26 01:30"}},
		"SND-35 Paris, morning keeps its hour": {"0 7 * * *", "Europe/Paris", "2026-03-28 00:00", "2026-03-30 12:00", []string{
			"2026-03-28T07:00 = 2026-03-28 06:00", "2026-03-29T07:00 = 2026-03-29 05:00", "2026-03-30T07:00 = 2026-03-30 05:00"}},
		"SND-35 Toronto, gap 2 to 3": {"15 2 * * *", "America/Toronto", "2026-03-07 12:00", "2026-03-09 12:00", []string{
			"2026-03-08T02:15 = 2026-03-08 07:00", "2026-03-09T02:15 = 2026-03-09 06:15"}},
		"SND-35 Toronto, overlap 1 to 2": {"15 1 * * *", "America/Toronto", "2026-10-31 12:00", "2026-11-02 12:00", []string{
			"2026-11-01T01:15 = 2026-11-01 05:15", "2026-11-02T01:15 = 2026-11-02 06:15"}},
		"SND-35 Lord Howe, gap of 30 minutes": {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00", "2026-10-05 00:00", []string{
			"2026-10-04T02:15 = 2026-10-03 15:30", "2026-10-05T02:15 = 2026-10-04 15:15"}},
		"SND-35 Lord Howe, overlap of 30 minutes": {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04 00:00", "2026-04-06 00:00", []string{
			"2026-04-05T01:45 = 2026-04-04 14:45", "2026-04-06T01:45 = 2026-04-05 15:15"}},
		"SND-35 Havana, midnight does not exist": {"0 0 * * *", "America/Havana", "2026-03-07 12:00", "2026-03-09 12:00", []string{
			"2026-03-08T00:00 = 2026-03-08 05:00", "2026-03-09T00:00 = 2026-03-09 04:00"}},
		"SND-35 Apia left out a whole day": {"0 9 * * *", "Pacific/Apia", "2011-12-29 12:00", "2011-12-31 12:00", []string{
			// 30 December did not exist: its edition is due as 31 December begins.
			"2011-12-29T09:00 = 2011-12-29 19:00", "2011-12-30T09:00 = 2011-12-30 10:00", "2011-12-31T09:00 = 2011-12-30 19:00"}},
		"SND-35 several times in one gap are one": {"0,15,30,45 2 * * *", "Europe/Paris", "2026-03-29 00:00", "2026-03-30 00:00", []string{
			"2026-03-29T02:45 = 2026-03-29 01:00"}},
		"SND-35 a time in the gap and one just behind it are one": {"*/30 2,3 * * *", "Europe/Paris", "2026-03-29 00:00", "2026-03-30 00:00", []string{
			"2026-03-29T03:00 = 2026-03-29 01:00", "2026-03-29T03:30 = 2026-03-29 01:30"}},
		"SND-35 hourly through an overlap": {"0 * * * *", "Europe/Paris", "2026-10-24 23:30", "2026-10-25 03:30", []string{
			// 02:00 the second time (01:00 UTC) is not an edition of its own.
			"2026-10-25T02:00 = 2026-10-25 00:00", "2026-10-25T03:00 = 2026-10-25 02:00", "2026-10-25T04:00 = 2026-10-25 03:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range slots(t, tc.spec, tc.zone, utc(tc.from), utc(tc.until)) {
				got = append(got, s.Nominal+" = "+s.At.UTC().Format("2006-01-02 15:04"))
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"":                                      "is empty",
		"   ":                                   "is empty",
		"@every 1h":                             "not accepted",
		"@daily":                                "not accepted",
		"TZ=UTC 0 7 * * *":                      "time zone",
		"CRON_TZ=UTC":                           "time zone",
		"CRON_TZ=UTC 0 7 * * *":                 "time zone",
		"0 7 * *":                               "not understood",
		"0 0 7 * * *":                           "not understood",
		"0 24 * * *":                            "not understood",
		"0 7 * * 8":                             "not understood",
		"0 7 * * 1,,2":                          "empty place",
		", 7 * * *":                             "empty place",
		"0 7 30 2 *":                            "never comes",
		"0 7 31 4,6,9,11 *":                     "never comes",
		strings.Repeat("1,", 150) + "1 7 * * *": "longer",
	} {
		_, err := ParseSchedule(spec, "Europe/Paris")
		if errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "schedule: ") {
			t.Errorf("ParseSchedule(%q) = %v; want one that says %q", spec, err, want)
		}
	}
	for _, zone := range []string{"", "Local", "Europe/Nowhere", "../etc/passwd"} {
		if _, err := ParseSchedule("0 7 * * *", zone); errs.KindOf(err) != errs.Invalid || !strings.HasPrefix(err.Error(), "time_zone: ") {
			t.Errorf("zone %q: %v", zone, err)
		}
	}
	for _, spec := range []string{"0 7 29 2 *", "0 7 1-7 * MON", "*/5 6-9 * jan-mar mon-fri", "0 7 * * ?"} {
		if _, err := ParseSchedule(spec, "Europe/Paris"); err != nil {
			t.Errorf("ParseSchedule(%q): %v", spec, err)
		}
	}
}

// TestScheduleLeapDay: 29 February is found across the eight years around 2100, which is no leap year.
func TestScheduleLeapDay(t *testing.T) {
	s, err := ParseSchedule("0 7 29 2 *", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	slot, ok := s.Next(time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC))
	if !ok || slot.Nominal != "2104-02-29T07:00" {
		t.Errorf("got %v %v", slot, ok)
	}
}

// TestScheduleProperty compares Next with a walk over every minute of two years, for random specs and zones (SND-35).
// The walk knows nothing of offsets: it looks at what clocks show, minute by minute.
func TestScheduleProperty(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	rnd := rand.New(rand.NewPCG(35, 2026))
	zones := []string{"Europe/Paris", "America/Toronto", "Australia/Lord_Howe", "Pacific/Apia", "UTC", "America/Havana", "Asia/Kathmandu"}
	for range rounds {
		spec, zone := randomSpec(rnd), zones[rnd.IntN(len(zones))]
		t.Run(spec+" "+zone, func(t *testing.T) {
			s, err := ParseSchedule(spec, zone)
			if err != nil {
				t.Skip("never comes")
			}
			from := time.Date(2025+rnd.IntN(3), time.Month(1+rnd.IntN(12)), 1, 0, 0, 0, 0, time.UTC)
			if rnd.IntN(4) == 0 {
				from = time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC) // the year Apia changed sides
			}
			want := walk(s, from, from.AddDate(2, 0, 0))
			got := slots(t, spec, zone, from, from.AddDate(2, 0, 0))
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) || got[i].Nominal != want[i].Nominal || !got[i].At.Equal(want[i].At) {
					t.Fatalf("firing %d of %d and %d:\ngot  %v\nwant %v", i, len(got), len(want), at(got, i), at(want, i))
				}
			}
			oracle(t, spec, s, from, got)
		})
	}
}

func at(list []Slot, i int) any {
	if i < len(list) {
		return fmt.Sprintf("%s at %s", list[i].Nominal, list[i].At)
	}
	return "none"
}

// walk finds the firings by brute force: at each minute it asks which wall-clock minutes have been reached or jumped over
// since the highest reading so far, and fires once if any of them matches.
func walk(s *Schedule, from, until time.Time) []Slot {
	spec := s.spec.(*cron.SpecSchedule)
	const star = 1 << 63 // set by the parser where a field is open; crontab(5): two narrowed day fields mean either
	matches := func(w time.Time) bool {
		has := func(bits uint64, n int) bool { return bits&(1<<n) != 0 }
		dom, dow := has(spec.Dom, w.Day()), has(spec.Dow, int(w.Weekday()))
		day := dom || dow
		if spec.Dom&star != 0 || spec.Dow&star != 0 {
			day = dom && dow
		}
		return has(spec.Minute, w.Minute()) && has(spec.Hour, w.Hour()) && has(spec.Month, int(w.Month())) && day
	}
	// Wall-clock readings that were reached before from are not due again, even if clocks were set back just then.
	var high time.Time
	for t := from.Add(-48 * time.Hour); t.Before(from); t = t.Add(time.Minute) {
		if w := asWall(t.In(s.zone)); w.After(high) {
			high = w
		}
	}
	var list []Slot
	var now time.Time
	for t := from; t.Before(until); t = t.Add(time.Minute) {
		if now = now.Add(time.Minute); t.Minute()%15 == 0 { // clocks change on the quarter of an hour
			now = asWall(t.In(s.zone))
		}
		var name string
		for w := high.Add(time.Minute); !w.After(now); w = w.Add(time.Minute) {
			if high = w; matches(w) {
				name = w.Format(nominalLayout)
			}
		}
		if name != "" {
			list = append(list, Slot{name, t})
		}
	}
	return list
}

// oracle compares the firings with robfig/cron's own handling of zones, on days when clocks do not change.
func oracle(t *testing.T, spec string, s *Schedule, from time.Time, got []Slot) {
	t.Helper()
	theirs, err := cronParser.Parse("CRON_TZ=" + s.zone.String() + " " + spec)
	if err != nil {
		t.Fatal(err)
	}
	quiet := func(at time.Time) bool {
		_, a := at.Add(-24 * time.Hour).In(s.zone).Zone()
		_, b := at.Add(24 * time.Hour).In(s.zone).Zone()
		return a == b
	}
	for i, slot := range got {
		before := from.Add(-time.Second)
		if i > 0 {
			before = got[i-1].At
		}
		if quiet(before) && quiet(slot.At) {
			// Between the two, clocks may have changed and cron may have found another time on such a day.
			if next := theirs.Next(before); !next.Equal(slot.At) && quiet(next) {
				t.Fatalf("after %s: %s, but cron says %s", before, slot.At, next)
			}
		}
	}
}

func randomSpec(rnd *rand.Rand) string {
	field := func(low, high int) string {
		n := func() int { return low + rnd.IntN(high-low+1) }
		switch rnd.IntN(5) {
		case 0:
			return "*"
		case 1:
			return fmt.Sprintf("*/%d", 1+rnd.IntN(high))
		case 2:
			a, b := n(), n()
			return fmt.Sprintf("%d-%d", min(a, b), max(a, b))
		case 3:
			return fmt.Sprintf("%d,%d,%d", n(), n(), n())
		}
		return fmt.Sprint(n())
	}
	month := "*"
	if rnd.IntN(3) == 0 {
		month = field(1, 12)
	}
	dom := "*"
	if rnd.IntN(2) == 0 {
		dom = field(1, 31)
	}
	minute := fmt.Sprintf("%d,%d", rnd.IntN(60), rnd.IntN(60))
	if rnd.IntN(3) == 0 {
		minute = fmt.Sprintf("*/%d", 10+rnd.IntN(30))
	}
	return strings.Join([]string{minute, field(0, 4), dom, month, field(0, 6)}, " ")
}

func FuzzParseSchedule(f *testing.F) {
	for _, spec := range []string{"0 7 * * 1-5", "*/15 * * * *", "CRON_TZ=UTC 0 7 * * *", "@every 1s", "0 0 29 2 1", "1,2,3 */99 ? jan sun", "0 7 31 2 *"} {
		f.Add(spec, "Europe/Paris")
	}
	f.Fuzz(func(t *testing.T, spec, zone string) {
		s, err := ParseSchedule(spec, zone)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatal(err)
			}
			return
		}
		now := time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)
		for range 3 {
			slot, ok := s.Next(now)
			if ok && !slot.At.After(now) {
				t.Fatalf("Next(%s) = %s", now, slot.At)
			}
			if !ok {
				return
			}
			now = slot.At
		}
	})
}
