package subscribers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/errs"
)

// found goes through all pages.
func found(t *testing.T, s *Store, q Find) (addresses []string) {
	t.Helper()
	for range 1000 {
		page, err := s.Search().Find(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		for _, h := range page.Hits {
			addresses = append(addresses, h.Address)
		}
		if q.After = page.Next; q.After == "" {
			return addresses
		}
	}
	t.Fatalf("%+v has no end", q)
	return nil
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	daily, weekly := newList(t, s, "daily"), newList(t, s, "weekly")
	for i, p := range []struct{ address, name string }{
		{"ada@example.org", "Ada Lovelace"}, {"adam@example.org", "Émile Zola"}, {"bob@example.org", "Ada Byron"}, {"carol@example.org", "ADA LOVELACE"},
		{"dan_x@example.org", "100% Dan"}, {"danx@example.org", "Dan's \\ \"mother\""}, {"eve@example.org", ""},
	} {
		list := daily
		if i%2 == 1 {
			list = weekly
		}
		if _, err := s.Add(t.Context(), AddRequest{Address: p.address, Name: p.name, ListID: list.ID, Confirmed: true, Source: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.SuppressAddress(t.Context(), "bob@example.org", ReasonManual, "", "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(t.Context(), AddRequest{Address: "pending@example.org", ListID: daily.ID, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		q    Find
		want string
	}{
		"everybody":          {Find{}, "pending eve danx dan_x carol bob adam ada"},
		"address, then name": {Find{Text: "ada"}, "ada adam bob carol"},
		"one address":        {Find{Text: " ADA@Example.org "}, "ada"},
		"name in capitals":   {Find{Text: "ADA L"}, "ada carol"},
		"accents":            {Find{Text: "Émi"}, "adam"},
		"like signs":         {Find{Text: "dan_"}, "dan_x"},
		"per cent":           {Find{Text: "%"}, ""},
		"quotation":          {Find{Text: "Dan's"}, "danx"},
		"injection":          {Find{Text: "' OR 1=1 --"}, ""},
		"list":               {Find{Lists: []int64{weekly.ID}}, "danx carol adam"},
		"text and list":      {Find{Text: "ada", Lists: []int64{weekly.ID}}, "adam carol"},
		"no list":            {Find{Lists: []int64{}}, ""},
		"pending":            {Find{State: Pending}, "pending"},
		"pending elsewhere":  {Find{State: Pending, Lists: []int64{weekly.ID}}, ""},
		"suppressed":         {Find{State: StateSuppressed}, "bob"},
		"suppressed here":    {Find{State: StateSuppressed, Lists: []int64{weekly.ID}}, ""},
	} {
		for _, limit := range []int{1, 2, 50} {
			tc.q.Limit = limit
			var got []string
			for _, a := range found(t, s, tc.q) {
				local, _, _ := strings.Cut(a, "@")
				got = append(got, local)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("%s, %d at once: %v; want %s", name, limit, got, tc.want)
			}
		}
	}
	hits, err := s.Search().Find(t.Context(), Find{Text: "bob"})
	if err != nil || len(hits.Hits) != 1 || len(hits.Hits[0].On) != 1 || hits.Hits[0].On[0].List != "daily" || !slices.Equal(hits.Hits[0].Suppressed, []string{ReasonManual}) {
		t.Errorf("bob: %+v, %v", hits, err)
	}
	// SEC-09: what is no state and no place in the list is refused, and changes nothing.
	for _, q := range []Find{{State: "confirmed'"}, {State: "x"}, {After: "x"}, {After: "n:1; DROP TABLE subscribers"}, {After: "m:a\x1fb"}, {After: "z:1"}, {After: "a:\x00"},
		{Text: "a\x00b"}, {Text: strings.Repeat("a", 300)}, {Text: "ada", After: "n:5"}} {
		if got, err := s.Search().Find(t.Context(), q); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%+v: %+v, %v", q, got, err)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM subscribers`); n != 8 {
		t.Errorf("%d readers", n)
	}
}

// A page looks at so many readers and no more, however rare those are who are meant.
func TestSearchWindow(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	const n = searchWindow + 500
	if _, err := d.ExecContext(t.Context(), `
		WITH p AS (INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, sha256(a::bytea), 'other' FROM (SELECT 'r' || lpad(i::text, 6, '0') || '@example.org' AS a FROM generate_series(1, $1) i) x RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, $2, 'confirmed', 'x', now() FROM p`, n, l.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET state = 'pending', confirmed_at = NULL WHERE subscriber_id = (SELECT min(id) FROM subscribers)`); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "r"} {
		page, err := s.Search().Find(t.Context(), Find{Text: text, State: Confirmed, Lists: []int64{l.ID + 1}})
		if err != nil || len(page.Hits) != 0 || page.Looked != searchWindow || page.Next == "" {
			t.Errorf("%q: %d of %d, next %q, %v", text, len(page.Hits), page.Looked, page.Next, err)
		}
		if got := found(t, s, Find{Text: text, State: Pending}); len(got) != 1 || got[0] != "r000001@example.org" {
			t.Errorf("%q, pending: %v", text, got)
		}
	}
	if got := found(t, s, Find{Text: "r", State: Confirmed, Limit: 200}); len(got) != n-1 || !slices.IsSorted(got) {
		t.Errorf("%d confirmed", len(got))
	}
}

// SEC-09: a search can change nothing, and one that takes too long is given up.
func TestSEC09SearchIsBounded(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	err := readOnly(t.Context(), d, 50*time.Millisecond, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(t.Context(), `SELECT pg_sleep(60)`)
		return err
	})
	if errs.KindOf(err) != errs.Unavailable || !strings.Contains(errs.Public(err), "narrower") {
		t.Errorf("a search that takes a minute: %v", err)
	}
	err = readOnly(t.Context(), d, time.Minute, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO address_key (fingerprint) VALUES ('x')`)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a search that writes: %v", err)
	}
	if _, err := s.Search().Find(t.Context(), Find{}); err != nil {
		t.Errorf("the connection is of no use any more: %v", err)
	}
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"a": "b", "ab": "ac", "a\U0010ffff": "b", "\ud7ff": "\ue000", "é": "ê", "": "\U0010ffff"} {
		if got := following(prefix); got != want {
			t.Errorf("following(%q) = %q; want %q", prefix, got, want)
		}
		if p := following(prefix); prefix != "" && (prefix+"zz" >= p || prefix >= p) {
			t.Errorf("%q is not below %q", prefix, p)
		}
	}
}
