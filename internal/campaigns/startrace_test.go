package campaigns

import (
	"testing"
	"time"

	"mailer/internal/errs"
)

// The clock launches a campaign while a person starts it: the person is told that it was started, and it is launched once.
func TestStartAndTheClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		approved bool
		when     string // the clock strikes when the campaign is this
		by       string
	}{
		"before the start is noted":        {true, `state = 'approved' AND checked_at IS NOT NULL`, "an earlier one"},
		"between the check and the launch": {false, `state = 'approved' AND checked_at IS NOT NULL`, "ed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, c := waiting(t, "Cranes move")
			if tc.approved {
				if _, err := r.Approve(t.Context(), c.ID, tc.by, false); err != nil {
					t.Fatal(err)
				}
				r.tick("2026-11-21 05:58") // checked
				r.set("2026-11-21 06:00")
			}
			racing, struck := r.another(), false
			racing.Now = func() time.Time {
				if !struck && r.number(`SELECT count(*) FROM campaigns WHERE id = $1 AND `+tc.when, c.ID) == 1 {
					struck = true
					if rep, err := r.Tick(t.Context()); err != nil || rep.Launched != 1 {
						t.Errorf("the clock: %+v, %v", rep, err)
					}
				}
				return r.now()
			}
			got, err := racing.Start(t.Context(), c.ID, "ed", false)
			if err != nil || got.State != Launched || got.ApprovedBy != tc.by || !struck {
				t.Errorf("started: %s, approved by %s, %v; the clock struck: %t", got.State, got.ApprovedBy, err, struck)
			}
			if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.launch'`); n != 1 {
				t.Errorf("%d launches", n)
			}
		})
	}
	t.Run("started by another between the check and the launch", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move")
		racing, late := r.another(), false
		racing.Now = func() time.Time {
			if !late && r.number(`SELECT count(*) FROM campaigns WHERE id = $1 AND state = 'approved' AND checked_at IS NOT NULL`, c.ID) == 1 {
				late = true
				if _, err := r.Start(t.Context(), c.ID, "another", false); errs.KindOf(err) != errs.Conflict {
					t.Errorf("started once more: %v", err)
				}
			}
			return r.now()
		}
		if got, err := racing.Start(t.Context(), c.ID, "ed", false); err != nil || got.State != Launched || got.ApprovedBy != "ed" || !late {
			t.Errorf("started: %s, approved by %s, %v; the other came: %t", got.State, got.ApprovedBy, err, late)
		}
		if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.start'`); n != 1 {
			t.Errorf("%d starts", n)
		}
	})
	t.Run("changed by a person meanwhile", func(t *testing.T) {
		t.Parallel()
		r, c := waiting(t, "Cranes move")
		racing, held := r.another(), false
		racing.Now = func() time.Time {
			if !held {
				held = true
				if _, err := r.Hold(t.Context(), c.ID, "wait", "another"); err != nil {
					t.Error(err)
				}
			}
			return r.now()
		}
		if _, err := racing.Start(t.Context(), c.ID, "ed", false); errs.KindOf(err) != errs.Conflict {
			t.Errorf("started what was held meanwhile: %v", err)
		}
	})
}
