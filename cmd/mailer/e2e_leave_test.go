package main

import (
	"bufio"
	"fmt"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"mailer/internal/dbtest"
)

var takesMail = regexp.MustCompile(`taken in" address=(127\.0\.0\.1:\d+) lmtp=true`)

// The whole program: a mail names the address that unsubscribes, and a mail to that does so (UNS-14, MSG-07). A one-click POST while the
// database is away is answered 200, survives a kill -9, and comes about at the next start before anything is sent (UNS-11).
func TestLeavingEndToEnd(t *testing.T) {
	r := newRig(t)
	d, _, line := dbtest.OpenLine(t)
	r.set("MAILER_DATABASE_URL", line.URL)
	r.set("MAILER_HOME", t.TempDir())
	r.set("MAILER_INBOUND_LISTEN", "lmtp://127.0.0.1:0")
	id := r.launch(4)
	p := r.serve()
	address := p.address()
	r.done(d, id)
	link := func(to string) (header, post, local string) {
		l := r.mailTo(to, func(letter) bool { return true })
		header = l.header.Get("List-Unsubscribe")
		found := regexp.MustCompile(`^<https://news\.example\.org(/u/[\w-]+)>, <mailto:(u-[a-z2-7]{48}@[a-z.]+)>$`).FindStringSubmatch(header)
		if found == nil {
			t.Fatalf("MSG-07: List-Unsubscribe: %s", header)
		}
		return header, "http://" + address + found[1], found[2]
	}

	var inbound string
	r.until("mail is taken in", func() bool {
		if found := takesMail.FindStringSubmatch(p.said()); found != nil {
			inbound = found[1]
		}
		return inbound != ""
	})
	_, _, leaveAt := link("reader0@example.org")
	if _, err := mail.ParseAddress(leaveAt); err != nil {
		t.Errorf("MSG-07: %s: %v", leaveAt, err)
	}
	lmtp(t, inbound, strings.ToUpper(leaveAt))
	if got := r.subscription("reader0@example.org"); got != "unsubscribed" {
		t.Errorf("UNS-14: after the mail the reader is %s", got)
	}

	_, post, _ := link("reader1@example.org")
	line.Cut()
	if body := page(t, "POST", post, "List-Unsubscribe=One-Click"); !strings.Contains(body, "Recorded") {
		t.Errorf("UNS-11: %s", body)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	line.Restore()
	if got := r.subscription("reader1@example.org"); got != "confirmed" {
		t.Fatalf("UNS-11: it is %s before the next start: this test tests nothing", got)
	}
	before := r.relay.Len()
	story := value[int64](t, d, `SELECT min(id) FROM articles`)
	second := r.campaign(fmt.Sprint(story))
	r.run("campaigns", "start", second, "--yes")
	r.serve()
	r.done(d, second)
	var to []string
	for _, e := range r.relay.Ledger()[before:] {
		to = append(to, e.To)
	}
	got := strings.Join(to, " ")
	if len(to) != 2 || strings.Contains(got, "reader0@") || strings.Contains(got, "reader1@") {
		t.Errorf("UNS-11: after the crash mails went to %v", to)
	}
	if n := value[int](t, d, `SELECT count(*) FROM consent_log WHERE event = 'unsubscribed' AND method IN ('one-click', 'mailto')`); n != 2 {
		t.Errorf("UNS-17: %d lines of evidence", n)
	}
}

// lmtp hands over a mail as Postfix does.
func lmtp(t *testing.T, address, to string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for _, line := range []string{"", "LHLO mx.example.org\r\n", "MAIL FROM:<reader0@example.org>\r\n", "RCPT TO:<" + to + ">\r\n", "DATA\r\n", "Subject: unsubscribe\r\n\r\n.\r\n"} {
		if _, err := fmt.Fprint(conn, line); err != nil {
			t.Fatal(err)
		}
		for {
			reply, err := in.ReadString('\n')
			if err != nil || reply[0] != '2' && reply[0] != '3' {
				t.Fatalf("%q: %q, %v", line, reply, err)
			}
			if reply[3] == ' ' {
				break
			}
		}
	}
}
