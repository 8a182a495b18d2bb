package campaigns

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/links"
)

// proofTo sends a proof to somebody who may approve and returns the token in it.
func (r *room) proofTo(id int64, address string) string {
	r.t.Helper()
	if n, err := r.Reviews.SendProofs(r.t.Context(), id, ProofRequest{Addresses: []string{address}}, "ed"); err != nil || n != 1 {
		r.t.Fatalf("%d proofs, %v", n, err)
	}
	mails := r.outbox("proof")
	text, html, err := parts([]byte(mails[len(mails)-1]))
	if err != nil {
		r.t.Fatal(err)
	}
	_, rest, ok := strings.Cut(text, "https://news.example.org/approve/")
	token, _, _ := strings.Cut(rest, "\n")
	if !ok || !strings.Contains(html, "https://news.example.org/approve/"+token) {
		r.t.Fatalf("no link to approve in the proof of %s:\n%s", address, text)
	}
	return token
}

// A proof's link is for one person, one campaign and one content, and for three days.
func TestApproveByLink(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	r.editors("ines@example.com", "jonas@example.com")
	token := r.proofTo(c.ID, "Ines@Example.com")
	before := r.get(c.ID)
	l, err := r.Reviews.OpenLink(t.Context(), token)
	if err != nil || !l.MayApprove || !l.MayHold || l.Who != "ines@example.com" || l.Campaign.ID != c.ID {
		t.Fatalf("%v, %+v", err, l)
	}
	if after := r.get(c.ID); after.Version != before.Version || after.State != before.State {
		t.Error("opening the link changed the campaign")
	}
	why := func(what, want string) {
		t.Helper()
		l, err := r.Reviews.OpenLink(t.Context(), token)
		if err != nil || l.MayApprove || !strings.Contains(l.Why, want) {
			t.Errorf("%s: %v, %q", what, err, l.Why)
		}
		if _, err := r.Reviews.ApproveByLink(t.Context(), token, Assent{Who: "somebody else", Force: true}); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), want) {
			t.Errorf("%s: approved: %v", what, err)
		}
		if now := r.get(c.ID); now.State == Approved && now.ApprovedBy == "ines@example.com" {
			t.Errorf("%s: it was approved", what)
		}
	}
	t.Run("changed content", func(t *testing.T) {
		r.subject(c.ID, "Cranes!", "ed")
		why("changed", "changed since this proof was sent")
		r.subject(c.ID, "Cranes move", "ed") // as it was: the same content again
		if l, err := r.Reviews.OpenLink(t.Context(), token); err != nil || !l.MayApprove {
			t.Errorf("the same content again: %v, %q", err, l.Why)
		}
	})
	t.Run("changed audience", func(t *testing.T) {
		r.segment("supporters", "supporter")
		if _, err := r.Edit(t.Context(), c.ID, Edit{Version: r.get(c.ID).Version, Segments: &[]string{"supporters"}}, "ed"); err != nil {
			t.Fatal(err)
		}
		why("another audience", "changed since this proof was sent")
		if _, err := r.Edit(t.Context(), c.ID, Edit{Version: r.get(c.ID).Version, Segments: &[]string{}}, "ed"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("no editor any more", func(t *testing.T) {
		r.editors("jonas@example.com")
		why("no editor any more", "may not approve")
		if _, err := r.Reviews.HoldByLink(t.Context(), token, ""); errs.KindOf(err) != errs.Conflict {
			t.Errorf("held by who may not: %v", err)
		}
		r.editors("ines@example.com", "jonas@example.com")
	})
	t.Run("forged", func(t *testing.T) {
		sent := r.number(`SELECT max(id) FROM proofs`)
		r.exec(`INSERT INTO proofs (campaign_id, address, content_hash, may_approve, sent_by, sent_at) SELECT campaign_id, 'reader@example.com', content_hash, false, 'ed', sent_at FROM proofs WHERE id = $1`, sent)
		key := r.Ring.Current()
		for what, bad := range map[string]string{"nothing": "", "cut": token[:20], "another campaign": r.Ring.ApproveToken(key, links.Approve{Proof: sent, Campaign: c.ID + 1, Issued: r.now()}),
			"no such proof": r.Ring.ApproveToken(key, links.Approve{Proof: sent + 99, Campaign: c.ID, Issued: r.now()}),
			"of a reader":   r.Ring.ApproveToken(key, links.Approve{Proof: sent + 1, Campaign: c.ID, Issued: r.now()}),
			"view":          r.Ring.ViewToken(key, links.View{Campaign: c.ID})} {
			for door, try := range map[string]func() error{
				"open":    func() error { _, err := r.Reviews.OpenLink(t.Context(), bad); return err },
				"approve": func() error { _, err := r.Reviews.ApproveByLink(t.Context(), bad, Assent{}); return err },
				"hold":    func() error { _, err := r.Reviews.HoldByLink(t.Context(), bad, ""); return err },
			} {
				if err := try(); errs.KindOf(err) != errs.NotFound || !strings.Contains(errs.Public(err), "This link is not valid") {
					t.Errorf("%s a link to %s: %v", door, what, err)
				}
			}
		}
	})
	t.Run("approves", func(t *testing.T) {
		got, err := r.Reviews.ApproveByLink(t.Context(), token, Assent{Who: "somebody else"})
		if err != nil || got.State != Approved || got.ApprovedBy != "ines@example.com" {
			t.Fatalf("%v: %s by %s", err, got.State, got.ApprovedBy)
		}
		if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.approve' AND actor = 'ines@example.com'`); n != 1 {
			t.Errorf("SEC-25: %d entries of the audit log", n)
		}
		if _, err := r.Reviews.ApproveByLink(t.Context(), token, Assent{}); errs.KindOf(err) != errs.Conflict {
			t.Errorf("approved twice: %v", err)
		}
	})
	t.Run("holds, also what was changed since", func(t *testing.T) {
		r.subject(c.ID, "Cranes move!", "ed")
		got, err := r.Reviews.HoldByLink(t.Context(), token, "the mayor has called")
		if err != nil || got.State != Held || got.Reason != "held by ines@example.com: the mayor has called" {
			t.Errorf("%v: %s, %s", err, got.State, got.Reason)
		}
	})
	t.Run("expired", func(t *testing.T) {
		r.exec(`UPDATE proofs SET sent_at = sent_at - interval '72 hours'`)
		why("after three days", "expired")
		if _, err := r.Reviews.HoldByLink(t.Context(), token, ""); errs.KindOf(err) != errs.Conflict {
			t.Errorf("held after three days: %v", err)
		}
	})
}

// An approval on the desk is for what stood there.
func TestApproveWhatWasSeen(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	seen := ContentOf(c)
	r.subject(c.ID, "Cranes!", "another")
	for what, try := range map[string]func(Assent) error{
		"approve": func(a Assent) error { _, err := r.Reviews.Approve(t.Context(), c.ID, a); return err },
		"start":   func(a Assent) error { _, err := r.Reviews.Start(t.Context(), c.ID, a); return err },
	} {
		if err := try(Assent{Who: "ed", Content: seen}); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "changed since you looked") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := r.Reviews.Approve(t.Context(), c.ID, Assent{Who: "ed", Content: ContentOf(r.get(c.ID))}); err != nil {
		t.Error(err)
	}
}

// An approval that lapsed because its list was changed is told, and can be given anew before the clock finds it.
func TestApproveAnew(t *testing.T) {
	t.Parallel()
	r, c := approved(t, "Cranes move")
	if l, err := r.Reviews.Look(t.Context(), c.ID); err != nil || l.Stale != "" {
		t.Fatalf("%v, %q", err, l.Stale)
	}
	r.exec(`UPDATE lists SET from_name = 'Somebody Else'`)
	if l, err := r.Reviews.Look(t.Context(), c.ID); err != nil || !strings.Contains(l.Stale, "what its list says of itself was changed") {
		t.Fatalf("%v, %q", err, l.Stale)
	}
	if got, err := r.Approve(t.Context(), c.ID, "ines", false); err != nil || got.ApprovedBy != "ines" {
		t.Fatalf("%v, by %s", err, got.ApprovedBy)
	}
	if _, err := r.Approve(t.Context(), c.ID, "jonas", false); errs.KindOf(err) != errs.Conflict {
		t.Errorf("approved twice: %v", err)
	}
	r.tick("2026-11-21 05:58")
	r.tick("2026-11-21 06:00")
	r.want(r.get(c.ID), Launched, "")
}

// MSG-39: proofs to several people and to a group, each once; the link to approve stands only in those of people who may.
func TestProofsToGroups(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	r.editors("ines@example.com")
	g, err := r.Reviews.SaveGroup(t.Context(), ProofGroup{Name: " Night  desk ", Addresses: []string{"ines@example.com; law@example.com\nINES@example.com"}}, "ed")
	if err != nil || g.Name != "Night desk" || !slices.Equal(g.Addresses, []string{"ines@example.com", "law@example.com"}) {
		t.Fatalf("%v: %+v", err, g)
	}
	if _, err := r.Reviews.SaveGroup(t.Context(), ProofGroup{Name: "Night desk", Addresses: []string{"a@example.com"}}, "ed"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("the same name again: %v", err)
	}
	if n, err := r.Reviews.SendProofs(t.Context(), c.ID, ProofRequest{Addresses: []string{"law@example.com, guest@example.com"}, Group: g.ID}, "ed"); err != nil || n != 3 {
		t.Fatalf("%d proofs, %v", n, err)
	}
	for _, eml := range r.outbox("proof") {
		h := header(t, eml)
		mine := strings.Contains(h.Get("To"), "ines@example.com")
		if got := strings.Contains(eml, "/approve/"); got != mine || h.Get("List-Unsubscribe") != "" || !strings.HasPrefix(h.Get("Subject"), "[Proof] ") {
			t.Errorf("MSG-39: to %s: link to approve: %t", h.Get("To"), got)
		}
	}
	if n := len(r.outbox("proof")); n != 3 {
		t.Errorf("%d proofs", n)
	}
	other := r.number(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('evening', 'Evening', 'x', 'news@example.org', 'example.org') RETURNING id`)
	r.exec(`UPDATE proof_groups SET list_id = $1`, other)
	for what, req := range map[string]ProofRequest{"nobody": {}, "no address": {Addresses: []string{"ines@example.com, nonsense"}}, "a group of another list": {Group: g.ID},
		"too many": {Addresses: []string{strings.Join(numbered(51), ",")}}} {
		if _, err := r.Reviews.SendProofs(t.Context(), c.ID, req, "ed"); errs.KindOf(err) != errs.Invalid && errs.KindOf(err) != errs.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 6 { // mail to readers by way of proofs
		_, err = r.Reviews.SendProofs(t.Context(), c.ID, ProofRequest{Addresses: numbered(50)}, "ed")
	}
	if errs.KindOf(err) != errs.Conflict {
		t.Errorf("more than 300 in an hour: %v", err)
	}
	if err := r.Reviews.RemoveGroup(t.Context(), g.ID, "ed"); err != nil {
		t.Error(err)
	}
	if err := r.Reviews.RemoveGroup(t.Context(), g.ID, "ed"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("removed twice: %v", err)
	}
}

func numbered(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("person%d@example.com", i))
	}
	return list
}

// Who may approve is reminded once of each deadline, when the list says, and not while stories still come in.
func TestReminder(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move") // due at 05:45
	r.editors("ines@example.com", "jonas@example.com")
	second := r.another()
	second.Approvers = r.Approvers
	remind := func(at string, want int) {
		t.Helper()
		r.set(at)
		for _, process := range []*Service{r.Service, second} {
			n, err := process.Reviews.Chores(t.Context())
			if err != nil || n != want {
				t.Errorf("%s: %d reminded, %v; want %d", at, n, err, want)
			}
			want = 0 // once
		}
	}
	if err := r.Reviews.SetSettings(t.Context(), r.list.ID, ReviewSettings{Reminder: 10}, "ed"); err != nil {
		t.Fatal(err)
	}
	remind("2026-11-21 05:34", 0)
	remind("2026-11-21 05:35", 2)
	remind("2026-11-21 05:40", 0)
	mails := r.outbox("letter")
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	h := header(t, mails[0])
	text, _, err := parts([]byte(mails[0]))
	if err != nil || h.Get("Subject") != "To approve: Cranes move" || h.Get("List-Unsubscribe") != "" || h.Get("Auto-Submitted") != "auto-generated" ||
		!strings.Contains(text, "06:45 on Saturday 21 November (Europe/Paris)") || !strings.Contains(text, fmt.Sprintf("https://news.example.org/admin/campaigns/%d/review", c.ID)) ||
		!strings.Contains(text, "it is held") {
		t.Errorf("%v %v\n%s", err, h, text)
	}
	// Another deadline is reminded of anew; an approved campaign is not.
	if _, err := r.Schedule(t.Context(), c.ID, utc(t, "2026-11-21 10:00"), "ed"); err != nil {
		t.Fatal(err)
	}
	remind("2026-11-21 09:40", 2)
	if _, err := r.Schedule(t.Context(), c.ID, utc(t, "2026-11-21 11:00"), "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Approve(t.Context(), c.ID, "ines@example.com", false); err != nil {
		t.Fatal(err)
	}
	remind("2026-11-21 10:44", 0)
	r.subject(c.ID, "Cranes!", "ed")
	if err := r.Reviews.SetSettings(t.Context(), r.list.ID, ReviewSettings{Reminder: 0}, "ed"); err != nil {
		t.Fatal(err)
	}
	remind("2026-11-21 10:44", 0)
	if err := r.Reviews.SetSettings(t.Context(), r.list.ID, ReviewSettings{Reminder: 60}, "ed"); err != nil {
		t.Fatal(err)
	}
	r.exec(`UPDATE campaigns SET cutoff_at = $1`, utc(t, "2026-11-21 10:44").Add(time.Minute))
	remind("2026-11-21 10:44", 0)
	remind("2026-11-21 10:45", 0) // the deadline itself is over
	r.exec(`UPDATE campaigns SET approval_due_at = $1`, utc(t, "2026-11-21 10:46"))
	remind("2026-11-21 10:45", 2)
}

// SEC-26: a link to approve that somebody kept does not overrule another person who has held the campaign since.
func TestLinkAfterHold(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	r.editors("ines@example.com", "jonas@example.com")
	kept := r.proofTo(c.ID, "ines@example.com")
	if _, err := r.Reviews.ApproveByLink(t.Context(), kept, Assent{Force: true}); err != nil {
		t.Fatal(err)
	}
	r.clock.Add(int64(time.Minute))
	if _, err := r.Hold(t.Context(), c.ID, "the numbers are wrong", "jonas@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reviews.ApproveByLink(t.Context(), kept, Assent{Force: true}); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "held by jonas@example.com") {
		t.Errorf("the link from before: %v", err)
	}
	r.want(r.get(c.ID), Held, "the numbers are wrong")
	r.clock.Add(int64(time.Minute))
	if _, err := r.Reviews.ApproveByLink(t.Context(), r.proofTo(c.ID, "ines@example.com"), Assent{Force: true}); err != nil {
		t.Errorf("that of a proof from after it: %v", err)
	}
}
