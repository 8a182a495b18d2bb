package transfer

import (
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

type owner = subscribers.Store

// rig is this room and the one that it brings people to.
type rig struct {
	*owner
	*Store
	ring *links.Ring
}

func newStore(t testing.TB) (*rig, *sqlx.DB) {
	t.Helper()
	d := dbtest.Open(t)
	ring, err := links.NewRing("first"+strings.Repeat("-", 40), nil)
	if err != nil {
		t.Fatal(err)
	}
	subs := subscribers.NewStore(d, ring)
	return &rig{subs, NewStore(d, subs), ring}, d
}

func newList(t testing.TB, s *rig, slug string) subscribers.List {
	t.Helper()
	l, err := s.CreateList(t.Context(), subscribers.List{Slug: slug, Name: "The " + slug, FromAddress: "news@paper.org"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// reader adds a confirmed reader.
func reader(t testing.TB, s *rig, list int64, address string) subscribers.Subscriber {
	t.Helper()
	added, err := s.Add(t.Context(), subscribers.AddRequest{Address: address, ListID: list, Confirmed: true, Source: "test"})
	if err != nil || added.State != subscribers.Confirmed {
		t.Fatalf("Add(%s) = %+v, %v", address, added, err)
	}
	return added.Subscriber
}

// events returns the consent log of a person as words.
func events(t testing.TB, s *rig, person int64) string {
	t.Helper()
	log, err := s.ConsentLog(t.Context(), person)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, c := range log {
		words = append(words, c.Event+"/"+c.Method)
	}
	return strings.Join(words, " ")
}

func mailable(t testing.TB, d *sqlx.DB, list int64) []string {
	t.Helper()
	var got []string
	if err := d.SelectContext(t.Context(), &got, `SELECT address FROM mailable WHERE list_id = $1 ORDER BY address`, list); err != nil {
		t.Fatal(err)
	}
	return got
}

func count(t testing.TB, d *sqlx.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := d.GetContext(t.Context(), &n, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}
