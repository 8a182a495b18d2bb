package feedback_test

import (
	"net"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"mailer/internal/links"
	"mailer/internal/postfixtest"
)

// UNS-14: the recipe of docs/recipes.md with a real Postfix in front: it hands over by LMTP what is for our addresses, refuses other
// recipients itself, and keeps what cannot be taken just now.
func TestUNS14Postfix(t *testing.T) {
	t.Parallel()
	r := newRig(t, true)
	mta := postfixtest.Start(t, postfixtest.LMTP("bounce.paper.org", r.address, `/^[ub]-[a-z2-7]{44,48}@bounce\.paper\.org$/`))
	send := func(to string) error {
		conn, err := net.Dial("tcp", mta.Addr())
		if err != nil {
			t.Fatal(err)
		}
		c, err := smtp.NewClient(conn, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if err := c.Mail("jane@example.org"); err != nil {
			return err
		}
		if err := c.Rcpt(to); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte("From: jane@example.org\r\nSubject: Désabonnement\r\n\r\nplease\r\n")); err != nil {
			return err
		}
		return w.Close()
	}
	until := func(what string, cond func() bool) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for !cond() {
			if time.Now().After(deadline) {
				t.Fatalf("in vain: %s", what)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, to := range []string{"postmaster@bounce.paper.org", "u-short@bounce.paper.org", "jane@bounce.paper.org"} {
		if err := send(to); err == nil {
			t.Errorf("%s was taken", to)
		}
	}
	if err := send(strings.ToUpper(r.leaveAt(r.reader.ID))); err != nil {
		t.Fatal(err)
	}
	until("the reader has left", func() bool { return r.left(r.reader.ID) })
	bounce := "b-" + r.ring.BounceToken(r.ring.Current(), links.Bounce{Campaign: 7, Subscriber: r.reader.ID}) + "@bounce.paper.org"
	if err := send(bounce); err != nil {
		t.Fatal(err)
	}
	until("the bounce is kept", func() bool { return r.count(`SELECT count(*) FROM inbound WHERE kind = 'bounce'`) == 1 })
	r.line.Cut()
	if err := send(bounce); err != nil {
		t.Fatal(err)
	}
	until("postfix keeps what cannot be taken", func() bool { return strings.Contains(mta.Log(), "451 4.3.0") })
}
