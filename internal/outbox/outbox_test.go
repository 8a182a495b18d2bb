package outbox_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/errs"
	"mailer/internal/outbox"
)

func mail(key string) outbox.Mail {
	return outbox.Mail{DedupeKey: key, Kind: "proof", EnvelopeFrom: "bounce@example.org", Recipient: "editor@example.org", Data: []byte("Subject: x\r\n\r\nx\r\n")}
}

func claim(t *testing.T, d *sqlx.DB, n int, lease time.Duration) []outbox.Queued {
	t.Helper()
	got, err := outbox.Claim(t.Context(), d, n, lease)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return got
}

func TestEnqueue(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for range 2 { // a repeat is no error and no second mail
		if err := outbox.Enqueue(t.Context(), d, mail("a")); err != nil {
			t.Fatalf("Enqueue: %v", err)
		}
	}
	for name, broken := range map[string]outbox.Mail{
		"no key":       {Kind: "proof", Recipient: "a@example.org", Data: []byte("x")},
		"no recipient": {DedupeKey: "x", Kind: "proof", Data: []byte("x")},
		"no data":      {DedupeKey: "x", Kind: "proof", Recipient: "a@example.org"},
		"unknown kind": {DedupeKey: "x", Kind: "spam", Recipient: "a@example.org", Data: []byte("x")},
	} {
		if err := outbox.Enqueue(t.Context(), d, broken); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := claim(t, d, 10, time.Minute)
	if len(got) != 1 || got[0].Recipient != "editor@example.org" || got[0].Attempts != 1 || string(got[0].Data) != "Subject: x\r\n\r\nx\r\n" {
		t.Errorf("claimed: %+v", got)
	}
}

// A claim holds until its lease ends; who comes too late cannot undo what happened since, but an acceptance always counts.
func TestClaim(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for _, k := range []string{"a", "b", "c"} {
		if err := outbox.Enqueue(t.Context(), d, mail(k)); err != nil {
			t.Fatal(err)
		}
	}
	first := claim(t, d, 2, time.Minute)
	if len(first) != 2 || len(claim(t, d, 5, time.Minute)) != 1 || len(claim(t, d, 5, time.Minute)) != 0 {
		t.Fatalf("mails were claimed twice, or not: %+v", first)
	}
	if err := outbox.Defer(t.Context(), d, first[0], 0, "450 later"); err != nil {
		t.Fatal(err)
	}
	again := claim(t, d, 5, time.Minute)
	if len(again) != 1 || again[0].ID != first[0].ID || again[0].Attempts != 2 {
		t.Fatalf("after Defer: %+v", again)
	}
	if err := outbox.Defer(t.Context(), d, again[0], time.Hour, "450 later"); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, d, 5, time.Minute); len(got) != 0 {
		t.Errorf("claimed before it is due: %+v", got)
	}
	if err := outbox.Finish(t.Context(), d, first[0], false, "550 too late"); err != nil { // an old claim's failure
		t.Fatal(err)
	}
	state := func(id int64) (s string) {
		if err := d.GetContext(t.Context(), &s, `SELECT state FROM outbox WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got := state(first[0].ID); got != "queued" {
		t.Errorf("a failure of an old claim made it %s", got)
	}
	if err := outbox.Finish(t.Context(), d, first[0], true, "250 ok"); err != nil {
		t.Fatal(err)
	}
	if got := state(first[0].ID); got != "accepted" {
		t.Errorf("an acceptance of an old claim made it %s", got)
	}
	if err := outbox.Finish(t.Context(), d, first[1], false, "550 no"); err != nil {
		t.Fatal(err)
	}
	if got := state(first[1].ID); got != "failed" {
		t.Errorf("a failure made it %s", got)
	}
	if n, err := outbox.Prune(t.Context(), d, time.Now().Add(-time.Hour), 10); n != 0 || err != nil {
		t.Errorf("Prune took %d young ones, %v", n, err)
	}
	if n, err := outbox.Prune(t.Context(), d, time.Now().Add(time.Second), 10); n != 2 || err != nil {
		t.Errorf("Prune took %d, %v; want the two that ended", n, err)
	}
}

// Seen counts by the beginning of the key, whatever characters stand in it.
func TestSeen(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for _, k := range []string{"confirm:1:a", "confirm:1:b", "confirm:10:a", "proof:1", "confirm_1:x", "confirm%1:x"} {
		if err := outbox.Enqueue(t.Context(), d, mail(k)); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string]int{"confirm:1:": 2, "confirm:": 3, "confirm:2:": 0, "confirm%": 1, "confirm_": 1, "": 6} {
		n, newest, err := outbox.Seen(t.Context(), d, prefix)
		if err != nil || n != want || (want > 0) != (time.Since(newest) < time.Hour) {
			t.Errorf("Seen(%q) = %d, %v, %v; want %d", prefix, n, newest, err, want)
		}
	}
}

// A mail that is withdrawn does not go out, not even when it was claimed before, and leaves no trace that would keep the next
// one back.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for _, k := range []string{"confirm:1:2:a", "confirm:1:3:a", "confirm:1:22:a", "confirm:11:2:a", "proof:1:2:"} {
		if err := outbox.Enqueue(t.Context(), d, mail(k)); err != nil {
			t.Fatal(err)
		}
	}
	claimed := claim(t, d, 1, time.Minute) // the oldest
	begin := func() bool {
		t.Helper()
		ok, err := outbox.Begin(t.Context(), d, claimed[0], time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !begin() {
		t.Error("a mail that was claimed cannot be begun")
	}
	if err := outbox.Withdraw(t.Context(), d, "confirm:1:2:"); err != nil {
		t.Fatal(err)
	}
	if begin() {
		t.Error("a mail that was withdrawn is begun all the same")
	}
	if n, _, err := outbox.Seen(t.Context(), d, "confirm:1:2:"); n != 0 || err != nil {
		t.Errorf("%d are still seen, %v", n, err)
	}
	rest := claim(t, d, 10, time.Minute)
	if len(rest) != 4 {
		t.Fatalf("%d mails wait; want the 4 of others", len(rest))
	}
	byKey := func(key string) outbox.Queued {
		t.Helper()
		var id int64
		if err := d.GetContext(t.Context(), &id, `SELECT id FROM outbox WHERE dedupe_key = $1`, key); err != nil {
			t.Fatal(err)
		}
		return rest[slices.IndexFunc(rest, func(m outbox.Queued) bool { return m.ID == id })]
	}
	// What ended is what happened, and stays.
	if err := outbox.Finish(t.Context(), d, byKey("confirm:1:3:a"), true, "250 ok"); err != nil {
		t.Fatal(err)
	}
	if err := outbox.Withdraw(t.Context(), d, "confirm:"); err != nil {
		t.Fatal(err)
	}
	if n, _, err := outbox.Seen(t.Context(), d, "confirm:"); n != 1 || err != nil {
		t.Errorf("%d are seen, %v; want the one that was accepted", n, err)
	}
	// A claim that ran out and was taken over is nobody's to begin but the new holder's.
	last := byKey("proof:1:2:")
	if _, err := d.ExecContext(t.Context(), `UPDATE outbox SET lease_until = now() - interval '1 second' WHERE id = $1`, last.ID); err != nil {
		t.Fatal(err)
	}
	if again := claim(t, d, 1, time.Minute); len(again) != 1 || again[0].ID != last.ID {
		t.Fatalf("claimed again: %+v", again)
	}
	if ok, err := outbox.Begin(t.Context(), d, last, time.Minute); ok || err != nil {
		t.Errorf("the former holder begins: %v, %v", ok, err)
	}
}
