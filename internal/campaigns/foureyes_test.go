package campaigns

import (
	"strings"
	"testing"

	"mailer/internal/errs"
)

// SEC-26: with four eyes whoever changed a campaign since its last approval cannot let it go out alone, at no door.
func TestFourEyes(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) (*room, Campaign) {
		r, c := waiting(t, "Cranes move", "Ferry late")
		r.editors("ines@example.com", "JONAS@example.com")
		if err := r.Reviews.SetFourEyes(t.Context(), r.list.ID, true, "owner@example.com"); err != nil {
			t.Fatal(err)
		}
		return r, c
	}
	// alone tries every door in the name of somebody, and wants all of them shut.
	alone := func(r *room, id int64, who string) {
		r.t.Helper()
		proof := r.proofTo(id, who)
		for door, try := range map[string]func() error{
			"approve": func() error { _, err := r.Approve(r.t.Context(), id, who, true); return err },
			"approve, typed": func() error {
				_, err := r.Reviews.Approve(r.t.Context(), id, Assent{Who: strings.ToUpper(who), Force: true, Readers: "1"})
				return err
			},
			"start": func() error { _, err := r.Start(r.t.Context(), id, who, true); return err },
			"start, typed": func() error {
				_, err := r.Reviews.Start(r.t.Context(), id, Assent{Who: who, Force: true, Readers: "1"})
				return err
			},
			"the link in a proof": func() error { _, err := r.Reviews.ApproveByLink(r.t.Context(), proof, Assent{Force: true}); return err },
		} {
			if err := try(); errs.KindOf(err) != errs.Denied || !strings.Contains(errs.Public(err), "four eyes") || !strings.Contains(errs.Public(err), "switched off") {
				r.t.Errorf("SEC-26: %s by %s: %v", door, who, err)
			}
		}
		if now := r.get(id); now.State == Approved || now.State == Launched {
			r.t.Errorf("SEC-26: it is %s", now.State)
		}
		if n := r.number(`SELECT count(*) FROM sends`); n != 0 {
			r.t.Errorf("SEC-26: %d sends", n)
		}
	}
	t.Run("one changed it", func(t *testing.T) {
		t.Parallel()
		r, c := setUp(t)
		r.subject(c.ID, "Cranes!", "ines@example.com")
		alone(r, c.ID, "ines@example.com")
		if got, err := r.Approve(t.Context(), c.ID, "jonas@example.com", false); err != nil || got.State != Approved {
			t.Fatalf("another: %v", err)
		}
		// What was approved by another may be started by anybody, and stays the other's approval.
		got, err := r.Start(t.Context(), c.ID, "ines@example.com", false)
		if err != nil || got.State != Launched || got.ApprovedBy != "jonas@example.com" {
			t.Errorf("started after the approval of another: %v, %s, approved by %s", err, got.State, got.ApprovedBy)
		}
	})
	t.Run("changed again after the approval", func(t *testing.T) {
		t.Parallel()
		r, c := setUp(t)
		r.subject(c.ID, "Cranes!", "ines@example.com")
		if _, err := r.Approve(t.Context(), c.ID, "jonas@example.com", false); err != nil {
			t.Fatal(err)
		}
		r.subject(c.ID, "Cranes!!", "ines@example.com")
		if now := r.get(c.ID); now.State != Draft || now.ApprovedBy != "" {
			t.Errorf("the approval has not lapsed: %s, by %s", now.State, now.ApprovedBy)
		}
		alone(r, c.ID, "ines@example.com")
	})
	t.Run("both changed it", func(t *testing.T) {
		t.Parallel()
		r, c := setUp(t)
		r.subject(c.ID, "Cranes!", "ines@example.com")
		r.subject(c.ID, "Cranes!!", "jonas@example.com")
		alone(r, c.ID, "ines@example.com")
		r.subject(c.ID, "Cranes?", "jonas@example.com") // Ines agreed to something else
		if _, err := r.Approve(t.Context(), c.ID, "jonas@example.com", false); errs.KindOf(err) != errs.Denied {
			t.Errorf("SEC-26: an agreement to what it was before: %v", err)
		}
		got, err := r.Approve(t.Context(), c.ID, "ines@example.com", false)
		if err != nil || got.State != Approved {
			t.Errorf("both agree to the same: %v", err)
		}
		if n := r.number(`SELECT (SELECT count(*) FROM campaign_hands) + (SELECT count(*) FROM campaign_signatures)`); n != 0 {
			t.Errorf("%d hands and signatures are left over", n)
		}
	})
	t.Run("whoever made it by hand", func(t *testing.T) {
		t.Parallel()
		r, c := setUp(t)
		made, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: storiesIn(c.Blocks)["Ferry late"].ArticleID}, "ines@example.com")
		if err != nil {
			t.Fatal(err)
		}
		alone(r, made.ID, "ines@example.com")
	})
	t.Run("nobody changed it", func(t *testing.T) {
		t.Parallel()
		r, c := setUp(t)
		if _, err := r.Approve(t.Context(), c.ID, "ines@example.com", false); err != nil {
			t.Error(err)
		}
	})
	t.Run("by the clock", func(t *testing.T) {
		t.Parallel()
		r := newRoom(t, "2026-11-20 12:00")
		r.digest("[clock]\nno_approval = \"send\"")
		r.story("Cranes move", "2026-11-21 03:00")
		r.reader("ada@example.com", false)
		if err := r.Reviews.SetFourEyes(t.Context(), r.list.ID, true, "owner"); err != nil {
			t.Fatal(err)
		}
		r.tick("2026-11-21 05:00")
		r.subject(r.edition("2026-11-21T07:00").ID, "Cranes!", "ines@example.com")
		r.tick("2026-11-21 06:00")
		r.want(r.edition("2026-11-21T07:00"), Held, "it was changed by ines@example.com")
	})
	t.Run("the words of a recipe", func(t *testing.T) {
		t.Parallel()
		r := newRoom(t, "2026-11-20 12:00")
		r.editors("ines@example.com", "jonas@example.com")
		if err := r.Reviews.SetFourEyes(t.Context(), r.list.ID, true, "owner"); err != nil {
			t.Fatal(err)
		}
		rec := r.recipe("intro = \"Send me money.\"\n[clock]\nno_approval = \"send\"")
		if _, err := r.Digests.Create(t.Context(), rec, "ines@example.com"); err != nil {
			t.Fatal(err)
		}
		// The audit log goes by the clock of the database.
		r.exec(`ALTER TABLE audit_log DISABLE TRIGGER USER`)
		r.exec(`UPDATE audit_log SET at = '2026-11-20 12:00Z' WHERE action = 'digest.create'`)
		r.story("Cranes move", "2026-11-21 03:00")
		r.story("Ferry late", "2026-11-22 03:00")
		r.reader("ada@example.com", false)
		r.tick("2026-11-21 05:00")
		r.tick("2026-11-21 06:00")
		first := r.edition("2026-11-21T07:00")
		r.want(first, Held, "it was changed by ines@example.com")
		alone(r, first.ID, "ines@example.com")
		if _, err := r.Start(t.Context(), first.ID, "jonas@example.com", true); err != nil {
			t.Fatal(err)
		}
		// Somebody else has let the recipe go out: from now on the clock does.
		r.tick("2026-11-22 05:00")
		r.tick("2026-11-22 06:00")
		r.want(r.edition("2026-11-22T07:00"), Launched, "")
	})
	t.Run("switched off", func(t *testing.T) {
		t.Parallel()
		r, c := setUp(t)
		r.subject(c.ID, "Cranes!", "ines@example.com")
		if err := r.Reviews.SetFourEyes(t.Context(), r.list.ID, false, "owner@example.com"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Approve(t.Context(), c.ID, "ines@example.com", false); err != nil {
			t.Error(err)
		}
		if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'list.four_eyes' AND actor = 'owner@example.com' AND subject = 'list morning'`); n != 2 {
			t.Errorf("SEC-25: %d entries of the audit log", n)
		}
	})
}
