package subscribers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// changeTo begins a change of address and confirms it at both.
func changeTo(t *testing.T, s *Store, d *sqlx.DB, person, list int64, address string) AddressChange {
	t.Helper()
	c := begin(t, s, d, person, list, address)
	for _, fresh := range []bool{true, false} {
		var err error
		if c, err = s.AddressChanges().Confirm(t.Context(), person, c.ID, fresh, "192.0.2.0/24"); err != nil {
			t.Fatal(err)
		}
	}
	if c.Status(true, s.Now()) != ChangeDone {
		t.Fatalf("after both: %+v", c)
	}
	return c
}

func begin(t *testing.T, s *Store, d *sqlx.DB, person, list int64, address string) (c AddressChange) {
	t.Helper()
	err := db.InTx(t.Context(), d, func(tx *sqlx.Tx) (err error) {
		c, err = s.AddressChanges().BeginTx(t.Context(), tx, person, list, address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAddressChange(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	now := time.Now()
	s.Now = func() time.Time { return now }
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "Old@example.org")
	first := begin(t, s, d, p.ID, l.ID, "first@example.net")
	c := begin(t, s, d, p.ID, l.ID, "New@Example.NET")
	if _, err := s.AddressChanges().Find(t.Context(), p.ID, first.ID); errs.KindOf(err) != errs.NotFound {
		t.Errorf("the wish before is still there: %v", err)
	}
	if _, err := s.AddressChanges().Find(t.Context(), p.ID+1, c.ID); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a stranger's token names it: %v", err)
	}
	confirm := func(fresh bool) string {
		t.Helper()
		c, err := s.AddressChanges().Confirm(t.Context(), p.ID, c.ID, fresh, "")
		if err != nil {
			t.Fatal(err)
		}
		return c.Status(fresh, s.Now())
	}
	address := func() string {
		p, _, err := s.Get(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		return p.Address + " " + p.Canonical + " " + p.Wire
	}
	if got := confirm(true) + confirm(true); got != ChangeWaiting+ChangeWaiting || !strings.HasPrefix(address(), "Old@example.org") {
		t.Errorf("after the new address twice: %s, %s", got, address())
	}
	now = now.Add(ChangeWithin + time.Minute)
	if got := confirm(false); got != ChangeLate || !strings.HasPrefix(address(), "Old@example.org") {
		t.Errorf("a day later: %s, %s", got, address())
	}
	now = now.Add(-time.Hour)
	if got := confirm(false); got != ChangeDone || address() != "New@Example.NET new@example.net New@example.net" {
		t.Errorf("after both: %s, %s", got, address())
	}
	var hash []byte
	if err := d.GetContext(t.Context(), &hash, `SELECT address_hash FROM subscribers WHERE id = $1`, p.ID); err != nil || string(hash) != string(s.ring.AddressHash("new@example.net")) {
		t.Errorf("the hash is not that of the new address (%v)", err)
	}
	if got := events(t, s, p.ID); !strings.HasSuffix(got, "address_changed/preferences") {
		t.Errorf("evidence: %s", got)
	}
	if n := count(t, d, `SELECT count(*) FROM consent_log WHERE source LIKE '%old@%' OR source LIKE '%Old@%'`); n != 0 {
		t.Error("the evidence has the address itself, which an erasure would not find")
	}
	// A second wish that was begun before the first was done is void.
	late := begin(t, s, d, p.ID, l.ID, "third@example.net")
	changed := changeTo(t, s, d, p.ID, l.ID, "fourth@example.net")
	if late.ID == changed.ID {
		t.Fatal("one wish for two")
	}
	err := db.InTx(t.Context(), d, func(tx *sqlx.Tx) error {
		for _, bad := range []string{"FOURTH@example.net", "no address", ""} {
			if _, err := s.AddressChanges().BeginTx(t.Context(), tx, p.ID, l.ID, bad); errs.KindOf(err) != errs.Invalid {
				return fmt.Errorf("%q: %w", bad, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if n, err := s.PruneAddressChanges(t.Context(), now.Add(24*time.Hour)); err != nil || n != 2 {
		t.Errorf("%d pruned, %v; want the two that are done", n, err)
	}
}

// What stops mail to a person goes along with them; what stops mail to the mailbox stays with it.
func TestAddressChangeSuppressed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after string // reasons at the old address, and at the new one before the change
		want          string // at the new one after it
		mailable      int
	}{
		"nothing":                          {"", "", "", 1},
		"a complaint goes along":           {"complaint", "", "complaint", 0},
		"a legal demand goes along":        {"legal", "", "legal", 0},
		"all mail left goes along":         {"unsubscribed", "", "unsubscribed", 0},
		"a dead mailbox stays":             {"hard_bounce", "", "", 1},
		"a complaint at the new one holds": {"", "complaint", "complaint", 0},
		"all mail left there, agreed anew": {"", "unsubscribed", "", 1},
		"all mail left at both":            {"unsubscribed", "unsubscribed", "unsubscribed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newStore(t)
			l := newList(t, s, "daily")
			p := reader(t, s, l.ID, "old@example.org")
			for address, reason := range map[string]string{"old@example.org": c.before, "new@example.net": c.after} {
				if reason == "" {
					continue
				}
				if _, err := d.ExecContext(t.Context(), `INSERT INTO suppressions (address_hash, address, reason) VALUES ($1, $2, $3)`, s.ring.AddressHash(address), address, reason); err != nil {
					t.Fatal(err)
				}
			}
			if change := begin(t, s, d, p.ID, l.ID, "new@example.net"); change.Reachable != (c.after != "complaint") {
				t.Errorf("reachable: %v", change.Reachable)
			}
			changeTo(t, s, d, p.ID, l.ID, "new@example.net")
			got, _, err := s.Get(t.Context(), p.ID)
			if err != nil || strings.Join(got.Suppressed, " ") != c.want {
				t.Errorf("suppressed because of %v, %v; want %q", got.Suppressed, err, c.want)
			}
			if n := len(mailable(t, d, l.ID)); n != c.mailable {
				t.Errorf("%d mailable; want %d", n, c.mailable)
			}
			if c.before != "" && count(t, d, `SELECT count(*) FROM suppressions WHERE address = 'old@example.org'`) != 1 {
				t.Error("the old address is not suppressed any more")
			}
			if count(t, d, fmt.Sprintf(`SELECT count(*) FROM leaves WHERE subscriber_id = %d AND list_id IS NULL`, p.ID)) == 0 {
				t.Error("running sends are not told to look again")
			}
		})
	}
}

// Of two readers who are one person the newer act on each list counts; the links of both work.
func TestAddressChangeMerges(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	var lists []List
	for i := range 6 {
		lists = append(lists, newList(t, s, fmt.Sprintf("list-%d", i)))
	}
	add := func(address string, list int, state string, days int) int64 {
		t.Helper()
		p := reader(t, s, lists[list].ID, address)
		_, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET state = $3, confirmed_at = CASE WHEN $3 <> 'pending' THEN now() - $4 * interval '1 day' END,
			unsubscribed_at = CASE WHEN $3 = 'unsubscribed' THEN now() - $4 * interval '1 day' END WHERE subscriber_id = $1 AND list_id = $2`, p.ID, lists[list].ID, state, days)
		if err != nil {
			t.Fatal(err)
		}
		return p.ID
	}
	var p, q int64
	for i, states := range [][2]string{ // of the reader who changes the address, and of the one who has it already, with the days since
		{"confirmed 5", ""}, {"", "confirmed 5"}, {"confirmed 5", "unsubscribed 3"}, {"unsubscribed 5", "confirmed 3"}, {"confirmed 5", "pending 1"}, {"pending 1", "confirmed 5"},
	} {
		for j, address := range []string{"p@example.org", "q@example.net"} {
			var state string
			var days int
			if _, err := fmt.Sscan(states[j], &state, &days); err != nil {
				continue
			}
			if id := add(address, i, state, days); j == 0 {
				p = id
			} else {
				q = id
			}
		}
	}
	if _, err := d.ExecContext(t.Context(), `UPDATE subscribers SET name = 'Quinn', supporter = true, attributes = '{"city": "Leeds"}' WHERE id = $1`, q); err != nil {
		t.Fatal(err)
	}
	changeTo(t, s, d, p, lists[0].ID, "q@example.net")
	for i, want := range []string{Confirmed, Confirmed, Unsubscribed, Confirmed, Confirmed, Confirmed} {
		if got := stateOf(t, s, p, lists[i].ID); got != want {
			t.Errorf("list %d: %s; want %s", i, got, want)
		}
	}
	got, _, err := s.Get(t.Context(), p)
	if err != nil || got.Name != "Quinn" || !got.Supporter || got.Attributes["city"] != "Leeds" || got.Canonical != "q@example.net" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := s.Get(t.Context(), q); errs.KindOf(err) != errs.NotFound {
		t.Errorf("there are two still: %v", err)
	}
	if n := count(t, d, fmt.Sprintf(`SELECT count(*) FROM leaves WHERE subscriber_id = %d`, q)); n == 0 {
		t.Error("running sends to the other number are not told to look again")
	}
	// UNS-09: the leave link of the number that went acts for the reader.
	if changed, err := s.Leave(t.Context(), LeaveRequest{Subscriber: q, List: lists[1].ID, Method: MethodOneClick}); err != nil || !changed {
		t.Errorf("the old link: %v, %v", changed, err)
	}
	if got := stateOf(t, s, p, lists[1].ID); got != Unsubscribed {
		t.Errorf("after the old link: %s", got)
	}
	// Again to a third one: both numbers lead to it.
	r := reader(t, s, lists[0].ID, "r@example.net").ID
	changeTo(t, s, d, r, lists[0].ID, "q@example.net")
	for _, id := range []int64{p, q} {
		if now, err := s.Became(t.Context(), d, id); err != nil || now != r {
			t.Errorf("%d became %d, %v; want %d", id, now, err, r)
		}
	}
}
