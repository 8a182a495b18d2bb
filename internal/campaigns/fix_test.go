package campaigns

import (
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/smtptest"
)

// A fix says other words to the same readers: who gets which part stays as it was settled at the launch. An editor puts it in place, the
// archive has it from then on, and what is gone is gone.
func TestFixOfCampaign(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	courts := r.topic("courts")
	rec, err := ParseRecipe([]byte("name = \"Daily\"\nlist = \"morning\"\nschedule = \"0 7 * * *\"" + strings.ReplaceAll(courtsAndSport, `topic = "sport"`, "")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Digests.Create(t.Context(), rec, "test"); err != nil {
		t.Fatal(err)
	}
	r.story("Cranes move", "2026-11-21 04:00")
	r.in("Courts", "Judge speaks", "2026-11-21 03:30")
	r.tick("2026-11-21 05:00")
	id := r.edition("2026-11-21T07:00").ID
	r.readerOn(r.list.ID, "all@example.com", 0, "each")
	r.readerOn(r.list.ID, "no-courts@example.com", courts.Mask(), "each")
	fixes := NewFixes(r.Service)
	if _, err := fixes.Open(t.Context(), id); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a fix of what was not launched: %v", err)
	}
	s := smtptest.Start(t)
	r.start(id)
	fix, err := fixes.Open(t.Context(), id)
	if err != nil || fix.ID != 0 || len(fix.Blocks) == 0 {
		t.Fatalf("%v, %+v", err, fix)
	}
	if _, err := fixes.Release(t.Context(), id, Assent{Who: "ed"}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("released without a fix: %v", err)
	}
	// Words only.
	shorter := fix
	shorter.Blocks = fix.Blocks[1:]
	if _, err := fixes.Write(t.Context(), shorter, "writer"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a block less: %v", err)
	}
	say := func(from, to string) {
		t.Helper()
		for i := range fix.Blocks {
			for j := range fix.Blocks[i].Stories {
				st := &fix.Blocks[i].Stories[j]
				st.Title, st.Dek = strings.ReplaceAll(st.Title, from, to), strings.ReplaceAll(st.Dek, from, to)
			}
		}
		fix.Subject, fix.Preheader = strings.ReplaceAll(fix.Subject, from, to), strings.ReplaceAll(fix.Preheader, from, to)
		old := fix
		if fix, err = fixes.Write(t.Context(), fix, "writer"); err != nil {
			t.Fatal(err)
		}
		if _, err := fixes.Write(t.Context(), old, "another"); errs.KindOf(err) != errs.Conflict {
			t.Errorf("written over what somebody else wrote: %v", err)
		}
	}
	say("Judge speaks", "Judge TK")
	look, err := fixes.Look(t.Context(), id)
	if err != nil || !look.Reach.More || look.Reach.Readers != 0 {
		t.Fatalf("%v, %+v", err, look.Reach)
	}
	if _, err := fixes.Release(t.Context(), id, Assent{Who: "ed", Content: look.Content}); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), "TK") {
		t.Errorf("released with TK in it: %v", err)
	}
	say("Judge TK", "Judge retires")
	say("Cranes move", "Cranes stay")
	if _, err := fixes.Release(t.Context(), id, Assent{Who: "ed", Content: look.Content}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("released what was not looked at: %v", err)
	}
	if look, err = fixes.Look(t.Context(), id); err != nil || !strings.Contains(look.HTML, "Judge retires") {
		t.Fatal(err, look.HTML)
	}
	if err := r.Reviews.SetFourEyes(t.Context(), r.list.ID, true, "owner"); err != nil {
		t.Fatal(err)
	}
	if _, err := fixes.Release(t.Context(), id, Assent{Who: "writer", Content: look.Content}); errs.KindOf(err) != errs.Denied {
		t.Errorf("SEC-26: released with two eyes: %v", err)
	}
	// Nor by a comma of a colleague.
	fix.Preheader = "And a comma, too"
	if fix, err = fixes.Write(t.Context(), fix, "colleague"); err != nil || fix.EditedBy != "colleague" {
		t.Fatal(err, fix.EditedBy)
	}
	if look, err = fixes.Look(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"WRITER", "colleague"} {
		if _, err := fixes.Release(t.Context(), id, Assent{Who: who, Content: look.Content}); errs.KindOf(err) != errs.Denied {
			t.Errorf("SEC-26: a fix with words of %s was released by them: %v", who, err)
		}
	}
	if _, err := fixes.Release(t.Context(), id, Assent{Who: "ed", Content: look.Content}); err != nil {
		t.Fatal(err)
	}
	r.wantSent(r.mail(s, "Cranes move", "Cranes stay", "From the courts", "Judge speaks", "Judge retires"), map[string]string{
		"all@example.com":       "Cranes stay, From the courts, Judge retires",
		"no-courts@example.com": "Cranes stay",
	})
	for _, e := range s.Ledger() {
		if !strings.Contains(string(e.Data), "Subject: Cranes stay") {
			t.Errorf("%s has another subject", e.To)
		}
	}
	if page, err := r.Delivery.WebPage(t.Context(), id); err != nil || !strings.Contains(page, "Judge retires") || strings.Contains(page, "Judge speaks") {
		t.Errorf("the web page: %v", err)
	}
	c := r.get(id)
	if c.Subject != "Cranes stay" || c.State != Launched || !strings.Contains(headlines(c.Blocks), "Judge retires") {
		t.Errorf("%s, %s: %s", c.State, c.Subject, headlines(c.Blocks))
	}
	done, err := fixes.Released(t.Context(), id)
	if err != nil || len(done) != 1 || done[0].ReleasedBy != "ed" || *done[0].Reached != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	// Too late for the next one.
	if fix, err = fixes.Open(t.Context(), id); err != nil || fix.ID != 0 || fix.Subject != "Cranes stay" {
		t.Fatalf("%v, %+v", err, fix)
	}
	fix.Subject = "Cranes go after all"
	if _, err := fixes.Write(t.Context(), fix, "writer"); err != nil {
		t.Fatal(err)
	}
	if look, err = fixes.Look(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := fixes.Release(t.Context(), id, Assent{Who: "ed", Content: look.Content}); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "nobody left") {
		t.Errorf("after the end: %v", err)
	}
	if c := r.get(id); c.Subject != "Cranes stay" {
		t.Errorf("a refused fix changed the campaign to %q", c.Subject)
	}
	if err := fixes.Drop(t.Context(), id, "ed"); err != nil {
		t.Fatal(err)
	}
	if fix, err = fixes.Open(t.Context(), id); err != nil || fix.ID != 0 {
		t.Errorf("%v, %+v", err, fix)
	}
}

func headlines(blocks []render.Block) string {
	var all []string
	for _, st := range storiesOf(blocks) {
		all = append(all, st.Title)
	}
	return strings.Join(all, ", ")
}
