package campaigns

import (
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
)

// A campaign that is cancelled within its undo window has mailed nobody: its stories are as new as before.
func TestCancelWithinUndoWindow(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	ctx := t.Context()
	if _, err := r.SetCaution(ctx, c.ID, CautionChange{UndoWindow: ptr(time.Hour)}, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(ctx, c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	c, err := r.Cancel(ctx, c.ID, "", "ada")
	if err != nil || c.LaunchedAt != nil {
		t.Fatalf("%v, %+v", err, c)
	}
	r.want(c, Cancelled, "cancelled by ada")
	if n := r.number(`SELECT count(*) FROM sends`); n != 0 {
		t.Errorf("%d sends of a launch that never was", n)
	}
	if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.cancel' AND actor = 'ada'`); n != 1 {
		t.Errorf("%d entries in the audit log", n)
	}
}

// A launch within its undo window is taken back completely: the campaign is held with its approval, and goes out once it is
// scheduled or started again. After the window it is refused with a sentence.
func TestUndo(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	ctx := t.Context()
	if _, err := r.Undo(ctx, c.ID, "ed"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("undone before its launch: %v", err)
	}
	if _, err := r.SetCaution(ctx, c.ID, CautionChange{UndoWindow: ptr(time.Hour)}, "ed"); err != nil {
		t.Fatal(err)
	}
	c, err := r.Start(ctx, c.ID, "ed", false)
	if err != nil || c.State != Launched || *c.UndoSeconds != 3600 {
		t.Fatalf("%v, %+v", err, c)
	}
	if c, err = r.Undo(ctx, c.ID, "ada"); err != nil || c.LaunchedAt != nil || c.Send != nil || c.SendState != "" {
		t.Fatalf("%v, %+v", err, c)
	}
	r.want(c, Held, "the launch was taken back by ada")
	if n := r.number(`SELECT count(*) FROM sends`) + r.number(`SELECT count(*) FROM messages`); n != 0 {
		t.Errorf("%d rows of a launch that was taken back", n)
	}
	if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.undo' AND actor = 'ada'`); n != 1 {
		t.Errorf("%d entries in the audit log", n)
	}
	// The clock leaves it alone.
	r.tick("2026-11-21 06:30")
	r.want(r.get(c.ID), Held, "")
	// Its approval stands: a new time is all it takes.
	at := r.now().Add(10 * time.Minute)
	if c, err = r.Schedule(ctx, c.ID, at, "ed"); err != nil {
		t.Fatal(err)
	}
	r.want(c, Approved, "")
	r.tick(at.Format("2006-01-02 15:04"))
	r.want(r.get(c.ID), Launched, "")
	r.exec(`UPDATE sends SET undo_until = clock_timestamp()`)
	_, err = r.Undo(ctx, c.ID, "ed")
	if errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "the undo window") || !strings.Contains(errs.Public(err), "ended at") {
		t.Errorf("undone after the window: %v", err)
	}
	r.want(r.get(c.ID), Launched, "")
	r.exec(`UPDATE sends SET undo_until = NULL`)
	if _, err = r.Undo(ctx, c.ID, "ed"); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "without an undo window") {
		t.Errorf("undone without a window: %v", err)
	}
	if _, err := r.SetCaution(ctx, c.ID, CautionChange{FirstSlice: ptr(1.0)}, "ed"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("changed after the launch: %v", err)
	}
}

// A campaign is launched as carefully as it says itself, else as the service is set.
func TestCaution(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		service Caution
		own     CautionChange
		want    string
	}{
		"nothing":       {Caution{}, CautionChange{}, "-|0|0"},
		"service":       {Caution{30 * time.Second, 1, 5 * time.Minute}, CautionChange{}, "30|1|300"},
		"own":           {Caution{}, CautionChange{ptr(time.Minute), ptr(2.5), ptr(time.Minute), nil}, "60|2.5|60"},
		"own says none": {Caution{30 * time.Second, 1, 5 * time.Minute}, CautionChange{ptr(time.Duration(0)), ptr(0.0), nil, nil}, "-|0|300"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, c := waiting(t, "Cranes move")
			r.Caution = tc.service
			if tc.own != (CautionChange{}) {
				if _, err := r.SetCaution(t.Context(), c.ID, tc.own, "ed"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.Start(t.Context(), c.ID, "ed", false); err != nil {
				t.Fatal(err)
			}
			var got string
			if err := r.DB.GetContext(t.Context(), &got, `SELECT coalesce(round(extract(epoch FROM undo_until - created_at))::text, '-') || '|' || slice_percent || '|' || slice_wait FROM sends`); err != nil || got != tc.want {
				t.Errorf("launched with %s; want %s (%v)", got, tc.want, err)
			}
		})
	}
	r, c := waiting(t, "Cranes move")
	for name, ch := range map[string]CautionChange{"window": {UndoWindow: ptr(2 * time.Hour)}, "slice": {FirstSlice: ptr(80.0)}, "wait": {SliceWait: ptr(-time.Second)}} {
		if _, err := r.SetCaution(t.Context(), c.ID, ch, "ed"); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// SND-31: a campaign that was due before the database was found to be restored may have gone out already: it is held for a
// person, who can start it all the same.
func TestDueBeforeRestore(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	if _, err := r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 05:58")
	r.exec(`UPDATE database_eras SET timeline = 'another'`) // what a backup of elsewhere brings
	rep := r.tick("2026-11-21 06:00")
	if rep.Launched != 0 || rep.Held != 1 {
		t.Errorf("the tick: %+v", rep)
	}
	r.want(r.get(c.ID), Held, "this database was restored from a backup or failed over to a copy")
	if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'database.restored'`); n != 1 {
		t.Errorf("%d entries in the audit log", n)
	}
	r.exec(`UPDATE database_eras SET began_at = '2026-11-21 06:00:30Z'`)
	r.set("2026-11-21 06:05")
	if c, err := r.Start(t.Context(), c.ID, "ed", false); err != nil || c.State != Launched {
		t.Errorf("started by a person: %v, %s", err, c.State)
	}
}
