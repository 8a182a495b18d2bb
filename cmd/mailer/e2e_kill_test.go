package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mailer/internal/smtptest"
)

// MSG-05: the relay took a mail and was gone before it answered. The second copy, by another process with another secret and
// in another time zone, after the list was renamed, is the same to the octet, in the same envelope.
func TestMSG05SecondCopyIsTheSame(t *testing.T) {
	const to = "basil@example.org"
	r := newRig(t, smtptest.On(smtptest.Recorded, smtptest.For(to, smtptest.Drop())))
	d := r.database()
	r.set("TZ", "America/Toronto")
	story := r.list("email,name\nada@example.org,Ada\nbasil@example.org,Basil\ncleo@example.org,Cleo\n")
	id := r.campaign(story)
	r.run("campaigns", "start", id, "--yes")
	p := r.serve()
	r.until("the others have their mail, and one is in doubt", func() bool {
		return value[int](t, d, `SELECT count(*) FROM delivery_state WHERE campaign_id = $1 AND state = 'accepted'`, id) == 2 &&
			value[int](t, d, `SELECT count(*) FROM outcomes WHERE campaign_id = $1 AND kind = 'doubt'`, id) == 1
	})
	p.signal(syscall.SIGTERM)
	if status := p.ends(20 * time.Second); status != 0 {
		t.Fatalf("status %d:\n%s", status, p.said())
	}
	if n := r.copies(to); n != 1 {
		t.Fatalf("%d copies before the second try", n)
	}
	r.relay.Clear()
	r.set("MAILER_OLD_SECRETS", r.get("MAILER_SECRET"))
	r.set("MAILER_SECRET", "another-secret-of-more-than-32-characters")
	r.set("TZ", "Pacific/Auckland")
	r.run("lists", "update", "weekly", "--name", "The Fortnightly", "--from-name", "The Fortnightly", "--time-zone", "Asia/Kolkata")
	p = r.serve()
	defer func() {
		if t.Failed() {
			t.Logf("%v\n%s", r.balance(id), p.said())
		}
	}()
	r.done(d, id)
	var copies []smtptest.Entry
	for _, e := range r.relay.Ledger() {
		if e.To == to {
			copies = append(copies, e)
		}
	}
	if len(copies) != 2 {
		t.Fatalf("%d copies", len(copies))
	}
	a, b := copies[0], copies[1]
	if a.MailLine != b.MailLine || a.From != b.From || a.MessageID != b.MessageID || a.MessageID == "" {
		t.Errorf("another envelope:\n%s %s\n%s %s", a.MailLine, a.MessageID, b.MailLine, b.MessageID)
	}
	if !bytes.Equal(a.Data, b.Data) {
		t.Errorf("other octets:\n%s\n----\n%s", a.Data, b.Data)
	}
	// What is begun now has the new name and the new secret: the change was one.
	next := r.campaign(story)
	r.run("campaigns", "start", next, "--yes")
	l := r.mailTo(to, func(l letter) bool { return l.MessageID != a.MessageID })
	if !strings.Contains(l.header.Get("From"), "Fortnightly") || !strings.HasSuffix(l.header.Get("Date"), "+0530") {
		t.Errorf("the next campaign: From %s, Date %s", l.header.Get("From"), l.header.Get("Date"))
	}
}

// SND-36, SND-37: killed without a word in the middle of a send, and started again. Nobody is left out, nobody but those in
// doubt has a second copy, and the report is what one counts in the database.
func TestSND37Killed(t *testing.T) {
	const connections, readers, dead = 4, 160, 20
	var dots atomic.Int64
	gate := smtptest.NewGate()
	hold := gate.Hook(smtptest.Go())
	r := newRig(t, smtptest.On(smtptest.Recorded, func(e smtptest.Event) smtptest.Action {
		if dots.Add(1) > dead {
			return hold(e) // taken, and never answered
		}
		return smtptest.Go()
	}))
	r.set("MAILER_CONNECTIONS", fmt.Sprint(connections))
	d := r.database()
	// Readers at as many providers as there are connections: those at one provider are one connection's work.
	csv, address := "email\n", func(i int) string {
		return fmt.Sprintf("reader%d@%s", i, []string{"gmail.com", "outlook.com", "yahoo.com", "example.org"}[i%connections])
	}
	for i := range readers {
		csv += address(i) + "\n"
	}
	id := r.campaign(r.list(csv))
	r.run("campaigns", "start", id, "--yes")
	p := r.serve()
	r.until("every connection waits for a reply", func() bool { return r.relay.Len() == dead+connections })
	p.signal(syscall.SIGKILL)
	p.ends(20 * time.Second)
	gate.Open()
	counted := func() map[string]float64 {
		var rows []struct {
			State string
			N     float64
		}
		if err := d.Select(&rows, `SELECT state, count(*) AS n FROM delivery_state WHERE campaign_id = $1 GROUP BY state`, id); err != nil {
			t.Fatal(err)
		}
		states := map[string]float64{}
		for _, row := range rows {
			states[row.State] = row.N
		}
		return states
	}
	same := func(when string) map[string]any {
		b := r.run("campaigns", "report", id)["balance"].(map[string]any)
		r.adds(b)
		states, sum := counted(), 0.0
		for _, state := range []string{"queued", "claimed", "accepted", "deferred", "failed", "suppressed", "cancelled", "expired", "unknown"} {
			sum += states[state]
			if b[state] != states[state] {
				t.Errorf("%s: %v are %s by the report, %v by counting", when, b[state], state, states[state])
			}
		}
		if sum != b["audience"] {
			t.Errorf("%s: audience %v, counted %v", when, b["audience"], sum)
		}
		return b
	}
	// The lease of the dead is over at once; 30 s of waiting would show nothing more.
	if _, err := d.Exec(`UPDATE chunks SET lease_until = clock_timestamp() - interval '1 second' WHERE lease_until IS NOT NULL`); err != nil {
		t.Fatal(err)
	}
	if b := same("after the kill"); b["state"] != "running" || b["audience"] != float64(readers) {
		t.Errorf("after the kill: %v", b)
	}
	r.serve()
	r.done(d, id)
	b := same("at the end")
	if b["state"] != "done" || b["accepted"] != float64(readers) {
		t.Errorf("at the end: %v", b)
	}
	if n := value[int](t, d, `SELECT (SELECT count(*) FROM retries) + (SELECT count(*) FROM chunks WHERE closed_at IS NULL)`); n != 0 {
		t.Errorf("%d rows are open", n)
	}
	if n := value[int](t, d, `SELECT count(*) FROM outcomes WHERE campaign_id = $1 AND kind = 'doubt'`, id); n == 0 || n > connections {
		t.Errorf("%d doubts with %d connections", n, connections)
	}
	copies := map[string]int{}
	for _, e := range r.relay.Ledger() {
		copies[e.To]++
	}
	extra := 0
	for i := range readers {
		if copies[address(i)] == 0 {
			t.Errorf("%s got nothing", address(i))
		}
		extra += max(0, copies[address(i)]-1)
	}
	if extra > connections || extra != r.relay.Len()-readers {
		t.Errorf("%d copies too many with %d connections; %d mails to %d readers", extra, connections, r.relay.Len(), readers)
	}
}
