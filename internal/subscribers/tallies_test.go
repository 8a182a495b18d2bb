package subscribers

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// The numbers of a list are those of its rows at every moment, whatever has happened to it and whether it was gathered up yet.
func TestTallies(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	daily, weekly := newList(t, s, "daily"), newList(t, s, "weekly")
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	tallies := NewTallies(d, func() time.Time { return now })
	exact := func(after string) {
		t.Helper()
		all, err := tallies.All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []List{daily, weekly} {
			c, err := s.Counts(t.Context(), l.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got := all[l.ID]; got.Pending != c.Pending || got.Confirmed != c.Confirmed || got.Unsubscribed != c.Unsubscribed {
				t.Fatalf("after %s %s has %+v; its rows are %+v", after, l.Slug, got, c)
			}
		}
	}
	exact("nothing")
	var people []Subscriber
	for i := range 6 {
		p := reader(t, s, daily.ID, fmt.Sprintf("reader%d@example.org", i))
		people = append(people, p)
	}
	if _, err := s.Add(t.Context(), AddRequest{Address: "waits@example.org", ListID: daily.ID, Source: "test"}); err != nil {
		t.Fatal(err)
	}
	exact("sign-ups")
	if err := tallies.Gather(t.Context()); err != nil {
		t.Fatal(err)
	}
	exact("gathering")
	leave := func(p Subscriber) {
		t.Helper()
		if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: daily.ID, Method: MethodForm}); err != nil {
			t.Fatal(err)
		}
	}
	leave(people[0])
	leave(people[1])
	if _, err := s.Undo(t.Context(), LeaveRequest{Subscriber: people[1].ID, List: daily.ID, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	exact("two leaves, one taken back")
	erase(t, s, d, people[2])
	exact("an erasure")
	// What an import does: many rows by one statement, some of them known.
	exec(t, d, `INSERT INTO subscribers (address, canonical, wire, address_hash, provider) SELECT n || '@x.org', n || '@x.org', n || '@x.org', decode(md5(n::text), 'hex'), 'other' FROM generate_series(1, 500) n`)
	exec(t, d, `INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at, unsubscribed_at)
		SELECT s.id, l, CASE WHEN s.id % 5 = 0 THEN 'unsubscribed' ELSE 'confirmed' END, 'import', now(), CASE WHEN s.id % 5 = 0 THEN now() END
		FROM subscribers s, (VALUES (1), (2)) v(l) ON CONFLICT (subscriber_id, list_id) DO UPDATE SET state = excluded.state, unsubscribed_at = excluded.unsubscribed_at, confirmed_at = now()`)
	exact("an import")
	var both sync.WaitGroup
	for range 3 {
		both.Go(func() {
			if err := tallies.Gather(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	leave(people[3])
	both.Wait()
	exact("gathering by several at once")
	if err := tallies.Gather(t.Context()); err != nil {
		t.Fatal(err)
	}
	days, err := tallies.Days(t.Context(), daily.ID, time.Now().AddDate(0, 0, -2), time.Now().AddDate(0, 0, 2))
	if err != nil || len(days) == 0 {
		t.Fatalf("days %+v, %v", days, err)
	}
	var joins, leaves, erased, signups int64
	for _, day := range days {
		joins, leaves, erased, signups = joins+day.Joins, leaves+day.Leaves, erased+day.Erased, signups+day.Signups
	}
	tally, err := tallies.Of(t.Context(), daily.ID)
	if last := days[len(days)-1].Total; err != nil || last != tally.Confirmed || erased != 1 || signups != 1 || joins-leaves-erased != tally.Confirmed || leaves < 3 {
		t.Errorf("the days say %d joined, %d left, %d were erased, %d asked, and %d are left; the tally %+v, %v", joins, leaves, erased, signups, last, tally, err)
	}
}

// Who is suppressed, and why, is looked up apart; and a day is the list's own.
func TestTalliesLook(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	exec(t, d, `UPDATE lists SET time_zone = 'Pacific/Auckland'`)
	tallies := NewTallies(d, time.Now)
	for i := range 4 {
		reader(t, s, l.ID, fmt.Sprintf("reader%d@example.org", i))
	}
	exec(t, d, `UPDATE subscribers SET supporter = true WHERE canonical IN ('reader0@example.org', 'reader3@example.org')`)
	for address, reason := range map[string]string{"reader0@example.org": ReasonComplaint, "reader1@example.org": ReasonHardBounce, "nobody@example.org": ReasonManual} {
		if _, err := s.SuppressAddress(t.Context(), address, reason, "", "ed"); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, d, `UPDATE list_changes SET at = '2026-11-22 12:30Z'`) // half past one in the morning of the next day
	for _, err := range []error{tallies.Gather(t.Context()), tallies.Look(t.Context())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := s.Counts(t.Context(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tallies.Of(t.Context(), l.ID)
	if err != nil || got.Suppressed != c.Suppressed || got.Readers() != c.Mailable || got.Supporters != c.Supporters || got.Supporters != 1 ||
		got.Reasons[ReasonComplaint] != 1 || got.Reasons[ReasonHardBounce] != 1 || len(got.Reasons) != 2 || got.LookedAt == nil {
		t.Errorf("%+v; the rows are %+v, %v", got, c, err)
	}
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	days, err := tallies.Days(t.Context(), l.ID, day, day)
	if err != nil || len(days) != 1 || days[0].Joins != 4 || days[0].Total != 4 || days[0].Day.Format(time.DateOnly) != "2026-11-23" {
		t.Errorf("the day in Auckland: %+v, %v", days, err)
	}
	if days, err = tallies.Days(t.Context(), l.ID, day.AddDate(0, 0, -1), day.AddDate(0, 0, -1)); err != nil || len(days) != 0 {
		t.Errorf("the day before: %+v, %v", days, err)
	}
}

func exec(t testing.TB, d *sqlx.DB, q string) {
	t.Helper()
	if _, err := d.ExecContext(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

func erase(t testing.TB, s *Store, d *sqlx.DB, p Subscriber) {
	t.Helper()
	id, err := s.Records().Find(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func(tx *sqlx.Tx) error{
		func(tx *sqlx.Tx) error { return s.Records().Bar(t.Context(), tx, id) },
		func(tx *sqlx.Tx) error { return s.Records().Erase(t.Context(), tx, id, false) },
	} {
		if err := db.InTx(t.Context(), d, step); err != nil {
			t.Fatal(err)
		}
	}
}
