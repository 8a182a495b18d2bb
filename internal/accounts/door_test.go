package accounts_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/errs"
)

// SEC-01: a wrong password costs the same work and gets the same answer, whether there is such an account, one without a password,
// one that is disabled, or none. It counts bytes, since argon2's memory is its work: this test is not parallel.
func TestSEC01SameWork(t *testing.T) {
	r := newRig(t)
	r.person("ines@example.org", password)
	r.person("invited@example.org", "")
	gone := r.person("gone@example.org", password)
	r.person("owner@example.org", password, accounts.Grant{Role: accounts.Owner})
	if err := r.People.Disable(t.Context(), gone.ID, "test"); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct{ email, password string }{
		{"ines@example.org", "not this"}, {"invited@example.org", ""}, {"invited@example.org", "not this"}, {"gone@example.org", password},
		{"nobody@example.org", "not this"}, {"", ""}, {"INES@example.org", password + " "},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := r.Door.Password(t.Context(), try.email, try.password, "198.51.100.0/24")
		runtime.ReadMemStats(&after)
		if errs.KindOf(err) != errs.Denied || errs.Public(err) != "the address and the password do not belong together" {
			t.Errorf("%s: %v", try.email, err)
		}
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n < 19 || n > 30 {
			t.Errorf("%s: %d MiB were allocated; hashing a password takes 19", try.email, n)
		}
	}
	if _, err := r.Door.Password(t.Context(), " Ines@Example.org ", password, "198.51.100.0/24"); err != nil {
		t.Errorf("the right password: %v", err)
	}
}

// SEC-01: after ten wrong passwords of one person from one network nothing is taken from there, for whoever it is, not even the
// right one, by no process; from elsewhere it is.
func TestSEC01Lock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.person("ines@example.org", password)
	const here, elsewhere = "198.51.100.0/24", "203.0.113.0/24"
	for _, email := range []string{"ines@example.org", "nobody@example.org"} {
		for i := range 10 {
			if _, err := r.Door.Password(t.Context(), email, "wrong", here); errs.Public(err) != "the address and the password do not belong together" {
				t.Fatalf("try %d of %s: %v", i, email, err)
			}
		}
		_, err := r.another().Door.Password(t.Context(), email, password, here)
		if errs.KindOf(err) != errs.Denied || errs.Public(err) != "this was tried too often; wait 15 min before you try again" {
			t.Errorf("%s after ten tries, with the right password, after a restart: %v", email, err)
		}
	}
	if _, err := r.Door.Password(t.Context(), "ines@example.org", password, elsewhere); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	// The counts outlast a crash of Postgres, which empties unlogged tables.
	if n := r.count(`SELECT count(*) FROM pg_class WHERE relname = 'login_tries' AND relpersistence = 'p'`); n != 1 {
		t.Error("the counts are not kept through a crash")
	}
	r.exec(`UPDATE login_tries SET until = until - interval '15 minutes'`)
	if _, err := r.Door.Password(t.Context(), "ines@example.org", password, here); err != nil {
		t.Errorf("after a quarter of an hour: %v", err)
	}
}

// SEC-01: strangers who try one person's password all day long keep them out elsewhere, and not where they were logged in lately.
func TestSEC01LockedOutByOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.person("ines@example.org", password)
	const desk, hotel = "198.51.100.0/24", "203.0.113.0/24"
	r.exec(`INSERT INTO sessions (token_hash, account_id, data, network, browser, expires_at) VALUES ('\x01', $1, '{}', $2, '', now() + interval '1 day')`, a.ID, desk)
	for range 10 {
		if _, err := r.Door.Password(t.Context(), "ines@example.org", "wrong", "192.0.2.0/24"); err == nil {
			t.Fatal("a wrong password was taken")
		}
	}
	// Nine more quarters of an hour.
	r.exec(`UPDATE login_tries SET n = CASE WHEN until > now() + interval '2 hours' THEN 100 ELSE 0 END`)
	if _, err := r.Door.Password(t.Context(), "ines@example.org", password, hotel); errs.KindOf(err) != errs.Denied {
		t.Errorf("after a hundred wrong ones, from elsewhere: %v", err)
	}
	if _, err := r.Door.Password(t.Context(), "ines@example.org", password, desk); err != nil {
		t.Errorf("from where she was logged in: %v", err)
	}
	for i := range 11 {
		_, err := r.Door.Password(t.Context(), "ines@example.org", "wrong", desk)
		if full := errs.Public(err) != "the address and the password do not belong together"; full != (i == 10) {
			t.Errorf("wrong try %d from there: %v", i, err)
		}
	}
}

// SEC-01: guesses that come at the same time are counted too, and one network cannot try many people.
func TestSEC01Together(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var tried atomic.Int64
	var group sync.WaitGroup
	for range 25 {
		group.Go(func() {
			if _, err := r.Door.Password(t.Context(), "ines@example.org", "wrong", "192.0.2.0/24"); errs.Public(err) == "the address and the password do not belong together" {
				tried.Add(1)
			}
		})
	}
	group.Wait()
	if tried.Load() != 10 {
		t.Errorf("%d passwords were tried; want 10", tried.Load())
	}
	r.exec(`UPDATE login_tries SET n = 100 WHERE n >= 10`) // the network's count: as if it had tried a hundred people
	if _, err := r.Door.Password(t.Context(), "another@example.org", "wrong", "192.0.2.0/24"); errs.Public(err) == "the address and the password do not belong together" {
		t.Error("the network goes on with another person")
	}
}
