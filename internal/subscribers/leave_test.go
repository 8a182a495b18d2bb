package subscribers

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/outbox"
)

// UNS-07: however often and however much at once, it is one event.
func TestUNS07Parallel(t *testing.T) {
	t.Parallel()
	for name, all := range map[string]bool{"list": false, "all": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newStore(t)
			l := newList(t, s, "daily")
			p := reader(t, s, l.ID, "a@example.org")
			var wg sync.WaitGroup
			changed := make(chan bool, 60)
			leave := func() {
				ok, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: l.ID, Campaign: 7, All: all, Method: MethodOneClick})
				if err != nil {
					t.Error(err)
				}
				changed <- ok
			}
			for range 50 {
				wg.Go(leave)
			}
			wg.Wait()
			for range 10 {
				leave()
			}
			close(changed)
			n := 0
			for ok := range changed {
				if ok {
					n++
				}
			}
			if n != 1 || count(t, d, `SELECT count(*) FROM leaves`) != 1 || count(t, d, `SELECT count(*) FROM consent_log WHERE event LIKE 'unsub%'`) != 1 {
				t.Errorf("%d calls changed something; want one, with one note and one line of evidence", n)
			}
			if len(mailable(t, d, l.ID)) != 0 {
				t.Error("still mailable")
			}
		})
	}
}

// UNS-17: when, how, which list, which campaign.
func TestUNS17Evidence(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l, other := newList(t, s, "daily"), newList(t, s, "weekly")
	p := reader(t, s, l.ID, "a@example.org")
	reader(t, s, other.ID, "a@example.org")
	for _, r := range []LeaveRequest{
		{Subscriber: p.ID, List: l.ID, Campaign: 7, Method: MethodOneClick, Network: "192.0.2.0/24"},
		{Subscriber: p.ID, List: l.ID, Campaign: 8, Method: MethodForm, All: true},
		{Subscriber: p.ID, List: other.ID, Method: MethodAdmin},
	} {
		if _, err := s.Leave(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Suppress(t.Context(), d, p.ID, ReasonComplaint, "abuse", 9); err != nil {
		t.Fatal(err)
	}
	log, err := s.ConsentLog(t.Context(), p.ID)
	if err != nil || len(log) != 6 {
		t.Fatalf("log %+v, %v", log, err)
	}
	if c := log[2]; c.Event != "unsubscribed" || c.Method != "one-click" || *c.ListID != l.ID || *c.CampaignID != 7 || c.Network == "" || time.Since(c.At) > time.Minute {
		t.Errorf("list: %+v", c)
	}
	if c := log[3]; c.Event != "unsubscribed_all" || c.Method != "form" || c.ListID != nil || *c.CampaignID != 8 || c.Source != "daily" {
		t.Errorf("all: %+v", c)
	}
	if c := log[4]; c.Event != "unsubscribed" || c.Method != "admin" || *c.ListID != other.ID || c.CampaignID != nil {
		t.Errorf("admin: %+v", c)
	}
	if c := log[5]; c.Event != "suppressed" || c.Method != "complaint" || c.ListID != nil || *c.CampaignID != 9 || c.Source != ReasonComplaint {
		t.Errorf("complaint: %+v", c)
	}
}

func TestUndo(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	one, two := newList(t, s, "one"), newList(t, s, "two")
	p := reader(t, s, one.ID, "a@example.org")
	reader(t, s, two.ID, "a@example.org")
	token := LeaveRequest{Subscriber: p.ID, List: one.ID, Campaign: 7, Method: MethodForm}
	leave := func(r LeaveRequest) {
		t.Helper()
		if ok, err := s.Leave(t.Context(), r); err != nil || !ok {
			t.Fatalf("Leave(%+v) = %v, %v", r, ok, err)
		}
	}
	undo := func(r LeaveRequest, want bool) {
		t.Helper()
		page, err := s.Leaving(t.Context(), r)
		if err != nil || page.Undo != want {
			t.Errorf("the page offers undo: %v, %v; want %v", page.Undo, err, want)
		}
		if ok, err := s.Undo(t.Context(), r); err != nil || ok != want {
			t.Errorf("Undo(%+v) = %v, %v; want %v", r, ok, err, want)
		}
	}
	undo(token, false) // nothing to undo
	leave(token)
	other := token
	other.Campaign = 8
	undo(other, false) // UNS-20: not what another token did
	undo(token, true)
	if stateOf(t, s, p.ID, one.ID) != Confirmed || len(mailable(t, d, one.ID)) != 1 {
		t.Error("not as it was")
	}
	undo(token, false)

	all := token
	all.All = true
	leave(token)
	leave(all)
	if len(mailable(t, d, two.ID)) != 0 {
		t.Error("still mailable for the other list")
	}
	undo(token, true) // both acts
	if len(mailable(t, d, one.ID)) != 1 || len(mailable(t, d, two.ID)) != 1 {
		t.Error("not as it was")
	}
	want := "added/admin added/admin unsubscribed/form undone/form unsubscribed/form unsubscribed_all/form undone/form undone/form"
	if got := events(t, s, p.ID); got != want {
		t.Errorf("consent log %q; want %q", got, want)
	}

	// UNS-20: for 24 hours.
	leave(token)
	now := time.Now().Add(24*time.Hour + time.Minute)
	s.Now = func() time.Time { return now }
	undo(token, false)
	s.Now = time.Now

	// What an admin did stays.
	admin := LeaveRequest{Subscriber: p.ID, List: two.ID, Campaign: 7, Method: MethodAdmin}
	leave(admin)
	undo(admin, false)
}

func TestUndoRestoresPending(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l := newList(t, s, "daily")
	added, err := s.Add(t.Context(), AddRequest{Address: "a@example.org", ListID: l.ID, Method: MethodForm})
	if err != nil {
		t.Fatal(err)
	}
	r := LeaveRequest{Subscriber: added.Subscriber.ID, List: l.ID, Method: MethodForm}
	if _, err := s.Leave(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Undo(t.Context(), r); err != nil || !ok || stateOf(t, s, r.Subscriber, l.ID) != Pending {
		t.Errorf("Undo = %v, %v, state %s; an undo must not confirm anybody", ok, err, stateOf(t, s, r.Subscriber, l.ID))
	}
}

// UNS-20: an undo lifts no suppression but its own.
func TestUNS20UndoLiftsNothingElse(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{ReasonComplaint, ReasonHardBounce, ReasonManual, ReasonLegal} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s, d := newStore(t)
			l := newList(t, s, "daily")
			p := reader(t, s, l.ID, "a@example.org")
			r := LeaveRequest{Subscriber: p.ID, List: l.ID, Campaign: 7, Method: MethodForm, All: true}
			if _, err := s.Leave(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if err := s.Suppress(t.Context(), d, p.ID, reason, "", 7); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Undo(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if len(mailable(t, d, l.ID)) != 0 {
				t.Error("mailable after the undo")
			}
		})
	}
}

func TestLeaveUnknown(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	if _, err := d.ExecContext(t.Context(), `DELETE FROM subscribers`); err != nil { // erased
		t.Fatal(err)
	}
	for _, all := range []bool{false, true} {
		r := LeaveRequest{Subscriber: p.ID, List: l.ID, All: all, Method: MethodOneClick}
		if _, err := s.Leave(t.Context(), r); errs.KindOf(err) != errs.NotFound {
			t.Errorf("Leave: %v", err)
		}
		if _, err := s.Undo(t.Context(), r); errs.KindOf(err) != errs.NotFound {
			t.Errorf("Undo: %v", err)
		}
		if _, err := s.Leaving(t.Context(), r); errs.KindOf(err) != errs.NotFound {
			t.Errorf("Leaving: %v", err)
		}
	}
	if count(t, d, `SELECT count(*) FROM suppressions`)+count(t, d, `SELECT count(*) FROM leaves`) != 0 {
		t.Error("something was written")
	}
}

func TestSuppress(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	for range 3 { // a repeat is one event
		err := db.InTx(t.Context(), d, func(tx *sqlx.Tx) error {
			return s.Suppress(t.Context(), tx, p.ID, ReasonHardBounce, "550 5.1.1 no such user \x00\xff", 7)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, want := events(t, s, p.ID), "added/admin suppressed/bounce"; got != want {
		t.Errorf("consent log %q; want %q", got, want)
	}
	if count(t, d, `SELECT count(*) FROM recent_leaves WHERE subscriber_id = $1 AND list_id IS NULL`, p.ID) != 1 || len(mailable(t, d, l.ID)) != 0 {
		t.Error("want one note for the permits, and nobody mailable")
	}
	if err := s.Suppress(t.Context(), d, 999, ReasonComplaint, "", 7); err != nil {
		t.Errorf("somebody who was erased: %v", err)
	}
	if err := s.Suppress(t.Context(), d, p.ID, ReasonUnsubscribed, "", 7); errs.KindOf(err) != errs.Invalid {
		t.Errorf("unsubscribed is no outside reason: %v", err)
	}
	got, err := s.Suppressions(t.Context(), 0, 10)
	if err != nil || len(got) != 1 || *got[0].Address != "a@example.org" || *got[0].CampaignID != 7 || got[0].Detail != "550 5.1.1 no such user ?" {
		t.Errorf("Suppressions = %+v, %v", got, err)
	}
	if person, _, err := s.Get(t.Context(), p.ID); err != nil || len(person.Suppressed) != 1 || person.Suppressed[0] != ReasonHardBounce {
		t.Errorf("Get: %+v, %v", person, err)
	}
	c, err := s.Counts(t.Context(), l.ID)
	if err != nil || c.Confirmed != 1 || c.Suppressed != 1 || c.Mailable != 0 {
		t.Errorf("Counts = %+v, %v", c, err)
	}
}

func TestSuppressAddress(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	for _, address := range []string{"A@EXAMPLE.org", "stranger@example.org"} {
		for i := range 2 {
			changed, err := s.SuppressAddress(t.Context(), address, ReasonManual, "asked by telephone", "ada")
			if err != nil || changed != (i == 0) {
				t.Errorf("SuppressAddress(%s) = %v, %v", address, changed, err)
			}
		}
	}
	if got, want := events(t, s, p.ID), "added/admin suppressed/admin"; got != want {
		t.Errorf("consent log %q; want %q", got, want)
	}
	if len(mailable(t, d, l.ID)) != 0 || count(t, d, `SELECT count(*) FROM audit_log WHERE actor = 'ada' AND action = 'suppression.add'`) != 2 {
		t.Error("want nobody mailable and two lines in the audit log")
	}
	for address, want := range map[string]errs.Kind{"nobody@example.org": errs.NotFound, "stranger@example.org": errs.OK, "a@example.org": errs.OK} {
		if err := s.Unsuppress(t.Context(), address, "asked again", "ada"); errs.KindOf(err) != want {
			t.Errorf("Unsuppress(%s): %v", address, err)
		}
	}
	if len(mailable(t, d, l.ID)) != 1 {
		t.Error("not mailable again")
	}
	// Nobody lifts complaints, bounces, demands, and what the reader chose.
	for _, reason := range []string{ReasonComplaint, ReasonHardBounce, ReasonLegal} {
		address := reason + "@example.org"
		if _, err := s.SuppressAddress(t.Context(), address, reason, "", "ada"); err != nil {
			t.Fatal(err)
		}
		if err := s.Unsuppress(t.Context(), address, "", "ada"); errs.KindOf(err) != errs.Conflict {
			t.Errorf("Unsuppress of a %s: %v", reason, err)
		}
	}
	if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: l.ID, All: true, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	if err := s.Unsuppress(t.Context(), "a@example.org", "", "ada"); errs.KindOf(err) != errs.Conflict || len(mailable(t, d, l.ID)) != 0 {
		t.Errorf("Unsuppress of who left all: %v", err)
	}
}

func TestPruneLeaves(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: l.ID, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.PruneLeaves(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("pruned %d, %v of what is young", n, err)
	}
	if n, err := s.PruneLeaves(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 || count(t, d, `SELECT count(*) FROM leaves`) != 0 {
		t.Errorf("pruned %d, %v", n, err)
	}
}

// Of some people, those who may not be mailed for a list are noted anew, for a send that is opened again after the notes were pruned.
func TestNoteGone(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	stays, leaves := reader(t, s, l.ID, "a@example.org"), reader(t, s, l.ID, "b@example.org")
	if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: leaves.ID, List: l.ID, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PruneLeaves(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	const erased = 4711
	if err := s.NoteGone(t.Context(), d, l.ID, []int64{stays.ID, leaves.ID, erased}); err != nil {
		t.Fatal(err)
	}
	var noted []int64
	if err := d.SelectContext(t.Context(), &noted, `SELECT subscriber_id FROM leaves WHERE list_id = $1 ORDER BY 1`, l.ID); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(noted, []int64{leaves.ID, erased}) {
		t.Errorf("noted %v, want %v", noted, []int64{leaves.ID, erased})
	}
}

// Who leaves, or must not be mailed, is not asked to confirm by a mail that still waits; mails of other lists and people stay.
func TestLeaveWithdrawsTheConfirmMail(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		act  func(s *Store, d *sqlx.DB, r LeaveRequest) error
		left string
	}{
		"list": {func(s *Store, _ *sqlx.DB, r LeaveRequest) error { _, err := s.Leave(t.Context(), r); return err }, "p:b q:a"},
		"all": {func(s *Store, _ *sqlx.DB, r LeaveRequest) error {
			r.All = true
			_, err := s.Leave(t.Context(), r)
			return err
		}, "q:a"},
		"complaint": {func(s *Store, d *sqlx.DB, r LeaveRequest) error {
			return s.Suppress(t.Context(), d, r.Subscriber, ReasonComplaint, "", 0)
		}, "q:a"},
		"by hand": {func(s *Store, _ *sqlx.DB, _ LeaveRequest) error {
			_, err := s.SuppressAddress(t.Context(), "p@example.org", ReasonManual, "", "tester")
			return err
		}, "q:a"},
		"an address of nobody": {func(s *Store, _ *sqlx.DB, _ LeaveRequest) error {
			_, err := s.SuppressAddress(t.Context(), "nobody@example.org", ReasonManual, "", "tester")
			return err
		}, "p:a p:b q:a"},
		"a repeat, after a new sign-up": {func(s *Store, d *sqlx.DB, r LeaveRequest) error {
			if _, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = now() WHERE subscriber_id = $1`, r.Subscriber); err != nil {
				return err
			}
			_, err := s.Leave(t.Context(), r)
			return err
		}, "p:a p:b q:a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newStore(t)
			lists := map[string]int64{"a": newList(t, s, "daily").ID, "b": newList(t, s, "weekly").ID}
			people := map[string]int64{}
			for _, who := range []string{"p:a", "p:b", "q:a"} {
				person, list, _ := strings.Cut(who, ":")
				added, err := s.Add(t.Context(), AddRequest{Address: person + "@example.org", ListID: lists[list], Method: MethodForm})
				if err != nil {
					t.Fatal(err)
				}
				people[person] = added.Subscriber.ID
				m := outbox.Mail{DedupeKey: ConfirmKey(added.Subscriber.ID, lists[list]) + "1", Kind: "confirm", EnvelopeFrom: "b@example.org", Recipient: who, Data: []byte("x")}
				if err := outbox.Enqueue(t.Context(), d, m); err != nil {
					t.Fatal(err)
				}
			}
			if err := tc.act(s, d, LeaveRequest{Subscriber: people["p"], List: lists["a"], Method: MethodForm}); err != nil {
				t.Fatal(err)
			}
			var left []string
			if err := d.SelectContext(t.Context(), &left, `SELECT recipient FROM outbox ORDER BY recipient`); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(left, " "); got != tc.left {
				t.Errorf("mails that wait: %s; want %s", got, tc.left)
			}
		})
	}
}
