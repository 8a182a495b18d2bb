package transfer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/subscribers"
)

// A batch that is large enough is merged in several transactions; what is said of it is the same.
func TestImportDivided(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	const n = 3000
	for i := range 20 {
		if _, err := s.SuppressAddress(t.Context(), fmt.Sprintf("reader%d@example.org", i*10), subscribers.ReasonComplaint, "", "ada"); err != nil {
			t.Fatal(err)
		}
	}
	var file strings.Builder
	file.WriteString("email,name,status\n")
	for i := range n {
		fmt.Fprintf(&file, "reader%d@example.org,First,\n", i)
	}
	for i := range 100 { // again: the later row counts
		fmt.Fprintf(&file, "READER%d@example.org,Second,\n", n-1-i)
	}
	for i := range 50 { // unless one of the two says that the person left
		fmt.Fprintf(&file, "gone%d@example.org,,unsubscribed\nGONE%d@example.org,,\nnot an address\n", i, i)
	}
	report := doImport(t, s, l.ID, file.String())
	want := ImportProgress{Rows: n + 100 + 150, Added: n - 20, Suppressed: 20, OptedOut: 50, Duplicates: 150, Rejected: 50}
	if report.ImportProgress != want {
		t.Errorf("counts %+v; want %+v", report.ImportProgress, want)
	}
	if len(report.Barred) != 20 || !slices.IsSortedFunc(report.Barred, func(a, b RowNote) int { return int(a.Line - b.Line) }) || report.Barred[19].Line != 192 {
		t.Errorf("barred: %v", report.Barred)
	}
	if got := count(t, d, `SELECT count(*) FROM mailable`); got != n-20 {
		t.Errorf("%d mailable; want %d", got, n-20)
	}
	if got := count(t, d, `SELECT count(*) FROM subscribers WHERE name = 'Second' AND address LIKE 'READER%'`); got != 100 {
		t.Errorf("the later row counted for %d of 100", got)
	}
	if got := count(t, d, `SELECT count(*) FROM consent_log WHERE event = 'imported'`); got != n-20 {
		t.Errorf("%d notes of consent; want %d", got, n-20)
	}
	if got := count(t, d, `SELECT count(*) FROM imports WHERE rows = $1 AND added = $2 AND duplicates = 150 AND rejected = 50`, want.Rows, want.Added); got != 1 {
		t.Error("the record of the import is not right")
	}
}

// Each person is in one lane, whatever the batch.
func TestDivide(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 5000} {
		for _, lanesNow := range []int{1, lanes} {
			b := &batch{}
			for i := range n {
				b.add(stagedRow{Address: subscribers.Address{Canonical: fmt.Sprint(i)}, Hash: []byte{byte(i / 2)}})
			}
			b.divide(lanesNow)
			seen := map[string]bool{}
			for i, rows := range b.parts {
				for _, r := range rows {
					seen[r.Address.Canonical] = true
					if lanesNow > 1 && int(r.Hash[0]%lanes) != i || lanesNow == 1 && i > 0 {
						t.Errorf("%d rows: %s is in lane %d of %d", n, r.Address.Canonical, i, lanesNow)
					}
				}
			}
			if len(seen) != n {
				t.Errorf("%d rows: %d in %d lanes", n, len(seen), lanesNow)
			}
		}
	}
}

// Somebody who signs up while the import is about to make the same person is one person, and the import goes on.
func TestImportMeetsSignUp(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	const address = "ada@example.org"
	tx := d.MustBeginTx(t.Context(), nil)
	defer func() { _ = tx.Rollback() }()
	var id int64
	err := tx.GetContext(t.Context(), &id, `INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name)
		VALUES ($1, $1, $1, $2, 'other', 'Ada') RETURNING id`, address, s.ring.AddressHash(address))
	if err == nil {
		_, err = tx.ExecContext(t.Context(), `INSERT INTO subscriptions (subscriber_id, list_id, state, source) VALUES ($1, $2, 'pending', 'form')`, id, l.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	done := importing(t, s, l.ID, "email,name\n"+address+",\nbob@example.org,Bob\n")
	untilSomebodyWaits(t, d)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != "{Rows:2 Added:1 Updated:1 Unchanged:0 Suppressed:0 OptedOut:0 Duplicates:0 Rejected:0} <nil>" {
		t.Error(got)
	}
	if got := count(t, d, `SELECT count(*) FROM subscriptions WHERE state = 'confirmed'`); got != 2 {
		t.Errorf("%d confirmed; want 2", got)
	}
}

// importing imports beside the test and tells what came of it.
func importing(t *testing.T, s *rig, list int64, file string) <-chan string {
	done := make(chan string, 1)
	go func() {
		r, err := s.Import(t.Context(), ImportRequest{ListID: list, Source: "x", R: strings.NewReader(file), Confirmed: true}, nil)
		done <- fmt.Sprintf("%+v %v", r.ImportProgress, err)
	}()
	return done
}

// untilSomebodyWaits waits until a transaction of this database waits for another one.
func untilSomebodyWaits(t *testing.T, d *sqlx.DB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		if count(t, d, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
}

// Two imports of the same people into two lists at once end, and nobody is there twice.
func TestImportsAtOnce(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	lists := []subscribers.List{newList(t, s, "daily"), newList(t, s, "weekly")}
	const n = 3000
	file := people(n)
	var all []<-chan string
	for _, l := range lists {
		all = append(all, importing(t, s, l.ID, file))
	}
	for _, done := range all {
		if got := <-done; got != "{Rows:3000 Added:3000 Updated:0 Unchanged:0 Suppressed:0 OptedOut:0 Duplicates:0 Rejected:0} <nil>" {
			t.Error(got)
		}
	}
	if got := count(t, d, `SELECT count(*) FROM subscribers`); got != n {
		t.Errorf("%d people; want %d", got, n)
	}
	if got := count(t, d, `SELECT count(*) FROM mailable`); got != 2*n {
		t.Errorf("%d mailable; want %d", got, 2*n)
	}
}
