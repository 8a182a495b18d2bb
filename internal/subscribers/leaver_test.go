package subscribers

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/spool"
)

// A reader whose row another transaction holds, who is only pending, who is not there or who has become somebody else does not hold up
// those whose wishes come at the same time, and is served in the end.
func TestLeaveTogether(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	var plain []int64
	for i := range 30 {
		plain = append(plain, reader(t, s, l.ID, fmt.Sprintf("r%d@example.org", i)).ID)
	}
	locked, merged := reader(t, s, l.ID, "locked@example.org").ID, int64(987_654)
	into := reader(t, s, l.ID, "into@example.org").ID
	pending, err := s.Add(t.Context(), AddRequest{Address: "pending@example.org", ListID: l.ID, Method: MethodForm})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Exec(`INSERT INTO merged_subscribers (id, into_id) VALUES ($1, $2)`, merged, into); err != nil {
		t.Fatal(err)
	}
	tx, err := d.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SELECT FROM subscriptions WHERE subscriber_id = $1 FOR UPDATE`, locked); err != nil {
		t.Fatal(err)
	}
	leave := func(id int64) error {
		_, err := s.Leave(t.Context(), LeaveRequest{Subscriber: id, List: l.ID, Campaign: 7, Method: MethodOneClick})
		return err
	}
	var others, slow sync.WaitGroup
	var errLocked error
	slow.Go(func() { errLocked = leave(locked) })
	for _, id := range append(plain, pending.Subscriber.ID, merged) {
		others.Go(func() {
			if err := leave(id); err != nil {
				t.Errorf("%d: %v", id, err)
			}
		})
	}
	others.Go(func() {
		if err := leave(123_456); errs.KindOf(err) != errs.NotFound {
			t.Errorf("nobody: %v", err)
		}
	})
	others.Wait() // with the row still locked
	if n := count(t, d, `SELECT count(*) FROM subscriptions WHERE state <> 'unsubscribed'`); n != 1 {
		t.Errorf("%d are left beside the one that is locked", n-1)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	slow.Wait()
	if errLocked != nil || count(t, d, `SELECT count(*) FROM subscriptions WHERE state <> 'unsubscribed'`) != 0 ||
		count(t, d, `SELECT count(*) FROM consent_log WHERE event = 'unsubscribed'`) != 33 || count(t, d, `SELECT count(*) FROM leaves`) != 33 {
		t.Errorf("the locked one: %v", errLocked)
	}
}

// UNS-11: what a stranger types into a form while a wish is kept does not make it void; what the reader confirms does.
func TestKeptWishSignUp(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l, other := newList(t, s, "daily"), newList(t, s, "weekly")
	for _, c := range []struct {
		who           string
		all, confirms bool
		form          int64 // the list that somebody signs the address up to
		mailable      int
	}{
		{"one@example.org", false, false, l.ID, 0},
		{"all@example.org", true, false, other.ID, 0},
		{"back@example.org", true, true, other.ID, 2},
		{"both@example.org", false, true, l.ID, 1},
	} {
		p := reader(t, s, l.ID, c.who)
		// Consent that is only implied asks anew, so that a sign-up is noted.
		if _, err := d.Exec(`UPDATE subscriptions SET expires_at = now() + interval '1 year' WHERE subscriber_id = $1`, p.ID); err != nil {
			t.Fatal(err)
		}
		asked := time.Now()
		if _, err := s.Add(t.Context(), AddRequest{Address: c.who, ListID: c.form, Method: MethodForm}); err != nil {
			t.Fatal(err)
		}
		if c.confirms {
			if _, err := s.Confirm(t.Context(), ConfirmRequest{Subscriber: p.ID, List: c.form, Issued: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: l.ID, All: c.all, Method: MethodForm, At: asked}); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := d.Get(&n, `SELECT count(*) FROM mailable WHERE subscriber_id = $1`, p.ID); err != nil || n != c.mailable {
			t.Errorf("%s is mailed for %d lists, %v; want %d", c.who, n, err, c.mailable)
		}
	}
	// A sign-up that waits for its confirmation goes on waiting.
	p, err := s.Add(t.Context(), AddRequest{Address: "new@example.org", ListID: l.ID, Method: MethodForm})
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.Subscriber.ID, List: l.ID, Method: MethodForm, At: time.Now().Add(-time.Minute)}); err != nil || changed {
		t.Errorf("%v, %v: an older wish to leave undoes a new sign-up", changed, err)
	}
}

// UNS-11: thousands of kept wishes come about in a moment and in their order, also those that the common statement cannot take; what means
// nobody any more is passed over, and what was cut or is no wish does not stand in the way.
func TestDrain(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l, other := newList(t, s, "daily"), newList(t, s, "weekly")
	sp, err := spool.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sp.Close)
	v := NewLeaver(s, sp, slog.New(slog.DiscardHandler))
	keep := func(a LeaveAct) {
		t.Helper()
		a.At, a.Campaign, a.Method = time.Now(), 7, MethodForm
		if a.List == 0 {
			a.List = l.ID
		}
		if _, err := v.keep(a); err != nil {
			t.Fatal(err)
		}
	}
	const n = 1500
	if _, err := d.Exec(`
		WITH people AS (
			INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, decode(md5(a), 'hex'), 'other' FROM (SELECT 'reader' || i || '@example.org' AS a FROM generate_series(1, $1::int) i) x RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, $2, 'confirmed', 'test', now() - interval '1 day' FROM people`, n, l.ID); err != nil {
		t.Fatal(err)
	}
	var ids []int64
	if err := d.Select(&ids, `SELECT id FROM subscribers ORDER BY id`); err != nil {
		t.Fatal(err)
	}
	back, again, both, all, weekly := reader(t, s, l.ID, "back@example.org"), reader(t, s, l.ID, "again@example.org"), reader(t, s, l.ID, "both@example.org"), reader(t, s, l.ID, "all@example.org"), reader(t, s, l.ID, "less@example.org")
	reader(t, s, other.ID, "both@example.org")
	ask := func(id int64, do string) LeaveAct {
		return LeaveAct{Do: do, LeaveRequest: LeaveRequest{Subscriber: id}}
	}
	for i, id := range ids {
		keep(ask(id, DoLeave))
		switch i {
		case 10:
			keep(ask(back.ID, DoLeave))
		case 20:
			keep(ask(back.ID, DoUndo))
			keep(ask(999_999, DoLeave))
			keep(ask(999_999, DoPause))
			keep(ask(999_999, DoUndo))
			if err := sp.Append([]byte("no wish")); err != nil {
				t.Fatal(err)
			}
		case 600:
			keep(ask(again.ID, DoLeave))
			keep(ask(again.ID, DoUndo))
			keep(ask(again.ID, DoLeave))
		case 700:
			a := ask(both.ID, DoLeave)
			a.Others = []int64{other.ID}
			keep(a)
			a = ask(all.ID, DoLeave)
			a.All = true
			keep(a)
			keep(ask(weekly.ID, DoWeekly))
			keep(ask(weekly.ID, DoPause))
		}
	}
	done, err := v.Drain(t.Context())
	if err != nil || sp.Pending() != 0 || done != n+13 {
		t.Fatalf("%d done, %d pending, %v", done, sp.Pending(), err)
	}
	var left []int64
	if err := d.Select(&left, `SELECT subscriber_id FROM mailable`); err != nil || len(left) != 1 || left[0] != back.ID {
		t.Errorf("mail goes to %v, %v; want %d, who undid it", left, err, back.ID)
	}
	if count(t, d, `SELECT count(*) FROM subscriptions WHERE frequency = 'weekly' AND paused_until > now()`) != 1 {
		t.Error("what was chosen did not come about")
	}
}

// Who opens a page and goes away at once says nothing about the database: others are served as ever.
func TestPageGivenUp(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l := newList(t, s, "daily")
	who := reader(t, s, l.ID, "jane@example.org")
	sp, err := spool.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sp.Close)
	leaver := NewLeaver(s, sp, slog.New(slog.DiscardHandler))
	r := LeaveRequest{Subscriber: who.ID, List: l.ID, Campaign: 7, Method: MethodForm}
	if _, err := leaver.Page(t.Context(), r); err != nil { // which remembers the list
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := leaver.Page(gone, r); errs.KindOf(err) != errs.Unavailable {
		t.Fatalf("%v: the test does not test what it says", err)
	}
	if done, err := leaver.Do(t.Context(), LeaveAct{Do: DoLeave, LeaveRequest: r}); err != nil || !done.Changed || done.Recorded {
		t.Errorf("%+v, %v; want it done at once", done, err)
	}
}
