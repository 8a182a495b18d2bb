package campaigns

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// editions returns all editions of the room in order, with their states: "2026-11-22T07:00 draft, …".
func (r *room) editionList() string {
	r.t.Helper()
	var list []string
	if err := r.DB.SelectContext(context.Background(), &list, `SELECT edition || ' ' || state FROM campaigns ORDER BY edition`); err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(list, ", ")
}

func TestPlanOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("")
	r.tick("2026-11-21 03:59")
	if got := r.editionList(); got != "" {
		t.Errorf("planned too early: %s", got)
	}
	r.tick("2026-11-21 04:00") // 05:00 in Paris, two hours before
	if got := r.editionList(); got != "2026-11-21T07:00 draft" {
		t.Errorf("got %s", got)
	}
	c := r.edition("2026-11-21T07:00")
	for what, pair := range map[string][2]*time.Time{
		"opens": {c.OpensAt, ptr(utc(t, "2026-11-21 04:00"))}, "cut-off": {c.CutoffAt, ptr(utc(t, "2026-11-21 05:00"))},
		"approval": {c.ApprovalDue, ptr(utc(t, "2026-11-21 05:45"))}, "send": {c.SendAt, ptr(utc(t, "2026-11-21 06:00"))},
		"expires": {c.ExpiresAt, ptr(utc(t, "2026-11-22 06:00"))},
	} {
		if pair[0] == nil || !pair[0].Equal(*pair[1]) {
			t.Errorf("%s at %v; want %v", what, pair[0], pair[1])
		}
	}
	// SND-35: the machine's clock is set back by an hour, twice over the opening.
	var planned time.Time
	for _, at := range []string{"2026-11-21 04:10", "2026-11-21 03:10", "2026-11-21 04:00", "2026-11-21 04:20"} {
		r.tick(at)
		d, err := r.Digests.Get(t.Context(), "daily")
		if err != nil || d.PlannedTo.Before(planned) {
			t.Errorf("SND-35: planned_to went back from %s to %s, %v", planned, d.PlannedTo, err)
		}
		planned = d.PlannedTo
	}
	if got := r.editionList(); got != "2026-11-21T07:00 draft" {
		t.Errorf("SND-35, clock set back: %s", got)
	}
}

func ptr[T any](v T) *T { return &v }

// SND-35: a change of zone, in either direction and at an awkward moment, never makes an edition twice.
func TestPlanZoneChange(t *testing.T) {
	t.Parallel()
	change := func(r *room, at, zone string) {
		r.set(at)
		if _, err := r.Digests.Update(t.Context(), r.recipe("time_zone = \""+zone+"\""), "test"); err != nil {
			t.Fatal(err)
		}
	}
	sendAt := func(r *room, edition, want string) {
		t.Helper()
		if c := r.edition(edition); c.SendAt == nil || !c.SendAt.Equal(utc(t, want)) {
			t.Errorf("SND-35: %s goes out at %v; want %s", edition, c.SendAt, want)
		}
	}
	t.Run("SND-35 westwards after the send", func(t *testing.T) {
		r := newRoom(t, "2026-11-20 12:00")
		r.digest("time_zone = \"Europe/Paris\"")
		r.tick("2026-11-21 06:30") // Paris has had its edition of the 21st
		change(r, "2026-11-21 08:00", "America/Toronto")
		r.tick("2026-11-21 12:00") // 07:00 in Toronto
		r.tick("2026-11-21 12:30")
		if got := r.editionList(); strings.Count(got, "2026-11-21T07:00") != 1 || strings.Count(got, ",") != 0 {
			t.Errorf("got %s", got)
		}
		r.tick("2026-11-22 10:00")
		sendAt(r, "2026-11-22T07:00", "2026-11-22 12:00")
	})
	t.Run("SND-35 eastwards before the send", func(t *testing.T) {
		r := newRoom(t, "2026-11-20 13:00")
		r.digest("time_zone = \"America/Toronto\"")
		r.tick("2026-11-21 10:30") // the draft for 12:00 UTC is open
		sendAt(r, "2026-11-21T07:00", "2026-11-21 12:00")
		change(r, "2026-11-21 11:00", "Europe/Paris") // where it is past seven already: the edition stays at its time
		r.tick("2026-11-21 11:30")
		sendAt(r, "2026-11-21T07:00", "2026-11-21 12:00")
		r.tick("2026-11-22 04:30")
		if got := r.editionList(); strings.Count(got, "2026-11-21T07:00") != 1 || strings.Count(got, "2026-11-22T07:00") != 1 {
			t.Errorf("got %s", got)
		}
		sendAt(r, "2026-11-22T07:00", "2026-11-22 06:00")
	})
	t.Run("SND-35 a waiting draft follows to a later hour", func(t *testing.T) {
		r := newRoom(t, "2026-11-20 12:00")
		r.digest("time_zone = \"Europe/Paris\"")
		r.tick("2026-11-21 04:30")
		change(r, "2026-11-21 04:40", "America/Toronto")
		sendAt(r, "2026-11-21T07:00", "2026-11-21 12:00")
		r.tick("2026-11-21 10:30")
		if got := r.editionList(); got != "2026-11-21T07:00 draft" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("SND-35 another hour replaces a waiting draft that nobody touched", func(t *testing.T) {
		r := newRoom(t, "2026-11-20 12:00")
		r.digest("")
		r.tick("2026-11-21 04:30")
		if _, err := r.Digests.Update(t.Context(), r.recipe(`schedule = "30 7 * * *"`), "test"); err != nil {
			t.Fatal(err)
		}
		r.tick("2026-11-21 04:31")
		if got := r.editionList(); got != "2026-11-21T07:00 skipped, 2026-11-21T07:30 draft" {
			t.Errorf("got %s", got)
		}
	})
}

// SND-35: through both changes of the clocks, ticking every ten minutes, each edition is made once and at the right moment.
func TestPlanThroughClockChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ zone, from, until, want string }{
		"SND-35 Paris forward":     {"Europe/Paris", "2026-03-28 00:00", "2026-03-30 02:00", "2026-03-28T02:30 01:30, 2026-03-29T02:30 01:00, 2026-03-30T02:30 00:30"},
		"SND-35 Paris back":        {"Europe/Paris", "2026-10-24 00:00", "2026-10-26 03:00", "2026-10-24T02:30 00:30, 2026-10-25T02:30 00:30, 2026-10-26T02:30 01:30"},
		"SND-35 Toronto forward":   {"America/Toronto", "2026-03-07 12:00", "2026-03-09 12:00", "2026-03-08T02:30 07:00, 2026-03-09T02:30 06:30"},
		"SND-35 Lord Howe back":    {"Australia/Lord_Howe", "2026-04-04 00:00", "2026-04-06 00:00", "2026-04-05T02:30 16:00, 2026-04-06T02:30 16:00"},
		"SND-35 Lord Howe forward": {"Australia/Lord_Howe", "2026-10-03 00:00", "2026-10-04 20:00", "2026-10-04T02:30 15:30, 2026-10-05T02:30 15:30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, tc.from)
			r.digest("schedule = \"30 2 * * *\"\n[clock]\nopens = \"0s\"\ncutoff = \"0s\"\napproval_due = \"0s\"")
			r.exec(`UPDATE digests SET time_zone = $1`, tc.zone)
			for at := utc(t, tc.from); at.Before(utc(t, tc.until)); at = at.Add(10 * time.Minute) {
				if _, err := r.plan(t.Context(), at); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			if err := r.DB.SelectContext(t.Context(), &got, `SELECT edition || ' ' || to_char(send_at AT TIME ZONE 'UTC', 'HH24:MI') FROM campaigns ORDER BY send_at`); err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, ", ") != tc.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), tc.want)
			}
		})
	}
}

func TestPlanSkips(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-12-20 12:00")
	r.digest("skip = [\"12-25\", \"2026-12-27\"]\n")
	if err := r.Digests.Skip(t.Context(), "daily", "2026-12-26", "second day of Christmas", "ed"); err != nil {
		t.Fatal(err)
	}
	for _, day := range []string{"24", "25", "26", "27", "28"} {
		r.tick("2026-12-" + day + " 04:30")
	}
	for edition, want := range map[string][2]string{
		"2026-12-25T07:00": {Skipped, "the recipe leaves"}, "2026-12-26T07:00": {Skipped, "second day of Christmas"},
		"2026-12-27T07:00": {Skipped, "the recipe leaves"}, "2026-12-28T07:00": {Draft, ""},
	} {
		r.want(r.edition(edition), want[0], want[1])
	}
	// A day may be taken out while its edition waits already.
	if err := r.Digests.Skip(t.Context(), "daily", "2026-12-28", "strike", "ed"); err != nil {
		t.Fatal(err)
	}
	r.want(r.edition("2026-12-28T07:00"), Skipped, "strike")
	skips, err := r.Digests.Skips(t.Context(), "daily")
	if err != nil || len(skips) != 4 || skips[0].Day != "12-25" || !skips[0].Recipe || skips[2].Day != "2026-12-26" {
		t.Errorf("%v %v", skips, err)
	}
	if err := r.Digests.Unskip(t.Context(), "daily", "2026-12-26", "ed"); err != nil {
		t.Fatal(err)
	}
	for _, day := range []string{"2026-12-26", "2026-12-27", "tomorrow"} {
		if err := r.Digests.Unskip(t.Context(), "daily", day, "ed"); err == nil {
			t.Errorf("%s was taken off twice, or off the recipe", day)
		}
	}
}

// SND-29: two processes on one database tick at the same moments; every edition is made once and launched once.
func TestTwoSchedulers(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("schedule = \"0 * * * *\"\n[stories]\nrepeat = \"allow\"\n[clock]\nopens = \"30m\"\ncutoff = \"20m\"\napproval_due = \"10m\"\nno_approval = \"send\"")
	r.reader("ada@example.com", false)
	for _, title := range []string{"Cranes move", "Ferry late", "Market opens"} {
		r.story(title, "2026-11-20 11:00")
	}
	nodes := []*Service{r.another(), r.another(), r.Service}
	for at := utc(t, "2026-11-20 12:20"); at.Before(utc(t, "2026-11-20 18:30")); at = at.Add(5 * time.Minute) {
		r.clock.Store(at.UnixNano())
		if at.Minute() == 15 { // stories for the next edition
			r.story("News of "+at.Format("1504"), at.Add(-time.Minute).Format("2006-01-02 15:04"))
		}
		var wg sync.WaitGroup
		for _, n := range nodes {
			wg.Go(func() {
				if _, err := n.Tick(t.Context()); err != nil {
					t.Errorf("SND-29: tick at %s: %v", at, err)
				}
			})
		}
		wg.Wait()
	}
	if got := r.number(`SELECT count(*) FROM campaigns WHERE state = 'launched'`); got != 6 {
		t.Errorf("SND-29: %d editions launched; want 6: %s", got, r.editionList())
	}
	if got := r.number(`SELECT count(*) FROM sends`); got != 6 {
		t.Errorf("SND-29: %d sends for 6 editions", got)
	}
	if got := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.launch'`); got != 6 {
		t.Errorf("SND-29: %d launches noted for 6 editions", got)
	}
}
