package campaigns

import (
	"testing"
	"time"
)

func TestScheduleWords(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"0 7 * * 1-5":         "Monday to Friday at 07:00",
		"30 6 * * *":          "every day at 06:30",
		"0 9 * * 6":           "Saturday at 09:00",
		"5 17 * * 1,3":        "Monday and Wednesday at 17:05",
		"0 7 * * 5,6,0":       "Friday to Sunday at 07:00",
		"0 7 * * 0,1,2":       "Monday, Tuesday and Sunday at 07:00",
		"0 7 1 * *":           "by the rule 0 7 1 * *",
		"0 7,17 * * *":        "by the rule 0 7,17 * * *",
		"0 7 * * MON,TUE,WED": "Monday to Wednesday at 07:00",
		"":                    "by hand only",
		"*/5 * * * *":         "by the rule */5 * * * *",
	} {
		if got := ScheduleWords(spec); got != want {
			t.Errorf("%q is %q; want %q", spec, got, want)
		}
	}
}

// Whatever days and time a person picks, the form shows them again, and the schedule is due then.
func TestWeeklyThereAndBack(t *testing.T) {
	t.Parallel()
	for n := 1; n < 1<<7; n++ {
		w := Weekly{At: "07:05"}
		for i, d := range week {
			if n&(1<<i) != 0 {
				w.Days = append(w.Days, d)
			}
		}
		back, ok := WeeklyOf(w.Spec())
		if !ok || !same(back, w) {
			t.Errorf("%v becomes %q and then %v", w, w.Spec(), back)
		}
		slots, err := NextSlots(w.Spec(), "Europe/Paris", time.Date(2026, 3, 23, 0, 0, 0, 0, time.UTC), len(w.Days))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range slots { // the clocks change within
			if s.At.Weekday() != w.Days[i] || s.At.Format("15:04") != "07:05" {
				t.Errorf("%q is due at %s", w.Spec(), s.At)
			}
		}
	}
	for _, w := range []Weekly{{At: "07:00"}, {Days: week, At: "25:00"}, {Days: week}} {
		if _, err := ParseSchedule(w.Spec(), "UTC"); err == nil {
			t.Errorf("%v is taken for a schedule", w)
		}
	}
}
