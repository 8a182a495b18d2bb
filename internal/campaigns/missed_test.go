package campaigns

import (
	"strings"
	"testing"

	"mailer/internal/errs"
)

// SND-34: a send time missed by more than the grace asks a person; by less it is made up for; of several only the newest counts.
func TestMissed(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T, clock string) *room {
		r := newRoom(t, "2026-11-20 12:00")
		r.digest("[clock]\nno_approval = \"send\"\n" + clock)
		r.reader("ada@example.com", false)
		r.story("Cranes move", "2026-11-21 03:00")
		r.tick("2026-11-21 03:30")
		return r
	}
	t.Run("SND-34 an hour late is sent", func(t *testing.T) {
		t.Parallel()
		r := setup(t, "")
		if rep := r.tick("2026-11-21 07:00"); rep.Launched != 1 {
			t.Errorf("%+v: %s", rep, r.edition("2026-11-21T07:00").Reason)
		}
		r.want(r.edition("2026-11-21T07:00"), Launched, "")
	})
	t.Run("SND-34 three hours late is held", func(t *testing.T) {
		t.Parallel()
		r := setup(t, "")
		r.tick("2026-11-21 09:00")
		c := r.edition("2026-11-21T07:00")
		r.want(c, Held, "missed: it was due at 2026-11-21 07:00, 3h ago, which is more than 2h")
		if len(titles(c)) != 1 {
			t.Errorf("whoever is to decide sees %v", titles(c))
		}
		r.tick("2026-11-21 09:10")
		if n := r.number(`SELECT count(*) FROM sends`); n != 0 {
			t.Errorf("%d sends", n)
		}
		// Approving a stale edition is not sending it; that must be said.
		if _, err := r.Approve(t.Context(), c.ID, "ed", false); errs.KindOf(err) != errs.Conflict || !strings.Contains(err.Error(), "its time has passed") {
			t.Errorf("approve: %v", err)
		}
		if c, err := r.Start(t.Context(), c.ID, "ed", false); err != nil || c.State != Launched || c.ApprovedBy != "ed" {
			t.Errorf("start: %v, %s", err, c.State)
		}
	})
	t.Run("SND-34 approved, then the service was away", func(t *testing.T) {
		t.Parallel()
		r := setup(t, "")
		r.tick("2026-11-21 05:10")
		c := r.edition("2026-11-21T07:00")
		if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
			t.Fatal(err)
		}
		r.tick("2026-11-21 08:01")
		r.want(r.get(c.ID), Held, "missed")
		// A person gives it another time: the approval was for this content and stands.
		c, err := r.Schedule(t.Context(), c.ID, utc(t, "2026-11-21 09:00"), "ed")
		if err != nil || c.State != Approved {
			t.Fatalf("%v, %s", err, c.State)
		}
		r.tick("2026-11-21 08:59")
		r.tick("2026-11-21 09:00")
		r.want(r.get(c.ID), Launched, "")
	})
	t.Run("SND-34 the recipe says skip", func(t *testing.T) {
		t.Parallel()
		r := setup(t, "late = \"skip\"")
		r.tick("2026-11-21 09:00")
		r.want(r.edition("2026-11-21T07:00"), Skipped, "missed")
	})
	t.Run("SND-34 the recipe says send", func(t *testing.T) {
		t.Parallel()
		r := setup(t, "late = \"send\"")
		r.tick("2026-11-21 09:00")
		r.want(r.edition("2026-11-21T07:00"), Launched, "")
	})
	t.Run("SND-34 of three only the newest", func(t *testing.T) {
		t.Parallel()
		r := setup(t, "late_by = \"3h\"")
		r.tick("2026-11-21 04:10") // the first one's draft is open when the service goes away
		r.story("Ferry late", "2026-11-22 03:00")
		r.story("Market opens", "2026-11-23 03:00")
		r.tick("2026-11-23 07:30")
		r.want(r.edition("2026-11-21T07:00"), Expired, "")
		r.want(r.edition("2026-11-22T07:00"), Skipped, "a newer edition was due since")
		r.want(r.edition("2026-11-23T07:00"), Launched, "")
		if got := titles(r.edition("2026-11-23T07:00")); len(got) != 3 {
			t.Errorf("the newest carries all that is new: %v", got)
		}
	})
	t.Run("SND-34 hourly, the one before is superseded", func(t *testing.T) {
		t.Parallel()
		r := newRoom(t, "2026-11-20 12:00")
		r.digest("schedule = \"0 * * * *\"\n[clock]\nno_approval = \"send\"\nopens = \"2h\"")
		r.reader("ada@example.com", false)
		r.story("Cranes move", "2026-11-20 10:30")
		r.tick("2026-11-20 12:30") // drafts of 14:00, 15:00 (Paris)
		r.tick("2026-11-20 14:30")
		r.want(r.edition("2026-11-20T14:00"), Skipped, "a newer edition was due before this one could go")
		r.want(r.edition("2026-11-20T15:00"), Launched, "")
	})
	t.Run("SND-34 a year away", func(t *testing.T) {
		t.Parallel()
		r := setup(t, "")
		r.tick("2027-12-01 09:30")
		if n := r.number(`SELECT count(*) FROM campaigns`); n > maxMissed+1 {
			t.Errorf("%d editions noted", n)
		}
		if n := r.number(`SELECT count(*) FROM campaigns WHERE state NOT IN ('skipped', 'held', 'expired')`); n != 0 {
			t.Errorf("%s", r.editionList())
		}
	})
}

func TestNobodyApproves(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string][2]string{"hold": {Held, "nobody approved it by 2026-11-21 06:45"}, "skip": {Skipped, "nobody approved it by 2026-11-21 06:45"}, "send": {Approved, ""}} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, "2026-11-20 12:00")
			r.digest("[clock]\nno_approval = \"" + policy + "\"")
			r.story("Cranes move", "2026-11-21 03:00")
			r.tick("2026-11-21 04:00")
			r.tick("2026-11-21 05:44")
			r.want(r.edition("2026-11-21T07:00"), InReview, "")
			r.tick("2026-11-21 05:45")
			r.want(r.edition("2026-11-21T07:00"), want[0], want[1])
			r.tick("2026-11-22 06:00") // a day later, whatever was left of it
			if c := r.edition("2026-11-21T07:00"); policy == "hold" {
				r.want(c, Expired, "nobody decided before it expired (nobody approved it")
			}
		})
	}
}
