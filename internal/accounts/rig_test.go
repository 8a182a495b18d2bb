package accounts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/accounts"
	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// rig is the room on a database of the test's own, with a clock that tests move.
type rig struct {
	*testing.T
	*accounts.Service
	db   *sqlx.DB
	ring *links.Ring
	now  time.Time
}

const password = "seven quiet herons at dawn"

func newRig(t *testing.T) *rig {
	t.Helper()
	ring, err := links.NewRing(strings.Repeat("secret--", 5), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, db: dbtest.Open(t), ring: ring, now: time.Now()}
	r.Service = r.another()
	return r
}

// another is the room in another process, or after a restart.
func (r *rig) another() *accounts.Service {
	return accounts.New(accounts.Deps{DB: r.db, Ring: r.ring, Lists: subscribers.NewStore(r.db, r.ring), BaseURL: "https://desk.example.org", Now: func() time.Time { return r.now }})
}

// person makes an account. Without a password it costs no hashing.
func (r *rig) person(email, password string, grants ...accounts.Grant) accounts.Account {
	r.Helper()
	a, err := r.People.Create(r.Context(), accounts.Person{Email: email, Password: password, Grants: grants}, "test")
	if err != nil {
		r.Fatal(err)
	}
	return a
}

func (r *rig) count(query string, args ...any) (n int) {
	r.Helper()
	if err := r.db.GetContext(r.Context(), &n, query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return n
}

func (r *rig) exec(stmt string, args ...any) {
	r.Helper()
	if _, err := r.db.ExecContext(r.Context(), stmt, args...); err != nil {
		r.Fatalf("%s: %v", stmt, err)
	}
}
