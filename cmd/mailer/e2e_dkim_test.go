package main

import (
	"bytes"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	verifier "github.com/emersion/go-msgauth/dkim"

	"mailer/internal/smtptest"
)

// TestDKIMOnTheWire sends a campaign and a confirm mail the whole way, and has an independent verifier look at what the relay
// was given, with the records as a name server has them.
func TestDKIMOnTheWire(t *testing.T) {
	for _, kind := range []string{"rsa", "ed25519", "both"} {
		t.Run(kind, func(t *testing.T) {
			const doubted = "reader0@example.org"
			taken := false
			r := newRig(t, smtptest.On(smtptest.Recorded, func(e smtptest.Event) smtptest.Action {
				if e.To == doubted && !taken { // taken, and the answer lost: it is sent once more
					taken = true
					return smtptest.Drop()
				}
				return smtptest.Go()
			}))
			k := &keyring{t: t, zone: newZone(t)}
			r.set("MAILER_DKIM_DIR", filepath.Join(t.TempDir(), "keys"))
			k.env = r.env
			keys := k.make("news.example.org", "--kind", kind)
			k.publish(keys...)
			k.run(0, "dkim", "use", "news.example.org", "--server", k.zone.address)
			id := r.launch(3)
			r.run("subscribers", "add", "pending@example.org", "--list", "weekly")
			if got := r.run("lists", "show", "weekly")["dkim"]; fmt.Sprint(got) == "[]" {
				t.Errorf("lists show: %v", got)
			}
			r.serve()
			d := r.database()
			r.until("a mail in doubt", func() bool { return value[int](t, d, `SELECT count(*) FROM retries`) == 1 })
			// Other keys sign by the time of the retry.
			k.publish(k.make("news.example.org", "--kind", "rsa")...)
			k.run(0, "dkim", "use", "news.example.org", "--server", k.zone.address)
			r.done(d, id)
			r.mailTo("pending@example.org", func(letter) bool { return true })
			w := &signedWire{t: t, zone: k.zone, signatures: len(keys)}
			copies := map[string][]byte{}
			for _, e := range r.relay.Ledger() {
				if first := copies[e.To]; first != nil && !bytes.Equal(first, e.Data) {
					t.Errorf("MSG-05: the copies to %s differ:\n%s\n%s", e.To, first, e.Data)
				}
				copies[e.To] = e.Data
				w.verified(e)
			}
			if n := r.relay.Len(); len(copies) != 4 || n != 5 {
				t.Errorf("%d mails to %d readers; want one copy more than readers", n, len(copies))
			}
			w.altered(copies["reader1@example.org"])
		})
	}
}

type signedWire struct {
	t          *testing.T
	zone       *zone
	signatures int
}

// verify returns what the verifier says of each signature.
func (w *signedWire) verify(data []byte) []*verifier.Verification {
	w.t.Helper()
	found, err := verifier.VerifyWithOptions(bytes.NewReader(data), &verifier.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		w.zone.mu.Lock()
		defer w.zone.mu.Unlock()
		return w.zone.records[name], nil
	}})
	if err != nil || len(found) != w.signatures {
		w.t.Fatalf("%d signatures, %v; want %d of\n%s", len(found), err, w.signatures, data)
	}
	return found
}

func (w *signedWire) passes(what string, data []byte, want bool) {
	w.t.Helper()
	for _, v := range w.verify(data) {
		if (v.Err == nil) != want {
			w.t.Errorf("%s: the signature verifies: %v (%v); want %v\n%s", what, v.Err == nil, v.Err, want, data)
		}
	}
}

// verified checks one mail as the relay was given it.
func (w *signedWire) verified(e smtptest.Entry) {
	t := w.t
	t.Helper()
	l := read(t, e)
	covers := []string{"From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"}
	if isBulk(l) {
		covers = append(covers, "Feedback-ID")
	}
	from, err := mail.ParseAddress(l.header.Get("From"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range w.verify(e.Data) {
		if v.Err != nil { // MSG-09
			t.Errorf("MSG-09: the mail to %s: %v", e.To, v.Err)
		}
		for _, name := range covers {
			if !slices.ContainsFunc(v.HeaderKeys, func(s string) bool { return strings.EqualFold(s, name) }) {
				t.Errorf("MSG-09: h= lacks %s: %v", name, v.HeaderKeys)
			}
		}
		if own := organisation(t, from.Address); organisation(t, "@"+v.Domain) != own || organisation(t, e.From) != own {
			t.Errorf("MSG-03: From %s, d=%s, MAIL FROM %s", from.Address, v.Domain, e.From)
		}
		if date, err := l.header.Date(); err != nil || !v.Time.Equal(date) || !v.Expiration.IsZero() {
			t.Errorf("t=%v x=%v, and the mail is of %v", v.Time, v.Expiration, date)
		}
	}
	for _, s := range l.header["Dkim-Signature"] {
		if regexp.MustCompile(`(?:^|;)\s*l=`).MatchString(s) {
			t.Errorf("MSG-09: it has l=: %s", s)
		}
	}
}

// altered changes a mail on its way and looks whether its signatures notice.
func (w *signedWire) altered(data []byte) {
	t := w.t
	head, body, ok := bytes.Cut(data, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no header:\n%s", data)
	}
	field := regexp.MustCompile(`(?m)^List-Unsubscribe:(\r\n)? <https://[^>]+>`)
	if !field.Match(head) {
		t.Fatalf("no List-Unsubscribe:\n%s", head)
	}
	join := func(head, body []byte) []byte { return slices.Concat(head, []byte("\r\n\r\n"), body) }
	with := func(line string) []byte { return slices.Concat([]byte(line+"\r\n"), data) }
	t.Run("MSG-10", func(t *testing.T) {
		w := &signedWire{t, w.zone, w.signatures}
		for what, changed := range map[string][]byte{
			"another List-Unsubscribe":       join(field.ReplaceAll(head, []byte("List-Unsubscribe: <https://evil.example/u/x>")), body),
			"a second List-Unsubscribe":      with("List-Unsubscribe: <https://evil.example/u/x>"),
			"a second List-Unsubscribe-Post": with("List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
			"a second From":                  with("From: bank@example.org"),
			"a second Subject":               with("Subject: You have won"),
			"a second Date":                  with("Date: Mon, 23 Nov 2026 07:00:00 +0000"),
			"a second To":                    with("To: x@example.org"),
			"a second Reply-To":              with("Reply-To: x@evil.example"),
			"a second Content-Type":          with("Content-Type: text/plain"),
			"a second From below":            join(slices.Concat(head, []byte("\r\nFrom: bank@example.org")), body),
			"another body":                   join(head, bytes.Replace(body, []byte("ninety"), []byte("eighty"), 1)),
			"a longer body":                  slices.Concat(data, []byte("One more thing\r\n")),
			"another Subject":                bytes.Replace(data, []byte("\r\nSubject: "), []byte("\r\nSubject: Not "), 1),
			"two words of the body made one": join(head, bytes.Replace(body, []byte("clock has"), []byte("clockhas"), 1)),
			"without its List-Id":            regexp.MustCompile(`(?m)^List-Id:.*\r\n( .*\r\n)*`).ReplaceAll(data, nil),
		} {
			if bytes.Equal(changed, data) {
				t.Fatalf("%s: nothing was changed", what)
			}
			w.passes(what, changed, false)
		}
	})
	t.Run("MSG-11", func(t *testing.T) {
		w := &signedWire{t, w.zone, w.signatures}
		refolded := regexp.MustCompile(`(?m)^(From|Subject|Date|Content-Type): (\S+) `).ReplaceAll(head, []byte("$1:\r\n\t $2 \r\n  "))
		upper := regexp.MustCompile(`(?m)^(From|To|Subject|List-Id):`).ReplaceAllFunc(head, bytes.ToUpper)
		for what, changed := range map[string][]byte{
			"refolded":                   join(refolded, body),
			"names in capitals":          join(upper, body),
			"space at the ends of lines": join(bytes.ReplaceAll(head, []byte("\r\n"), []byte(" \t\r\n")), bytes.ReplaceAll(body, []byte("\r\n"), []byte("  \r\n"))),
			"space doubled":              join(head, bytes.ReplaceAll(body, []byte(" "), []byte(" \t "))),
			"empty lines at the end":     slices.Concat(data, []byte("\r\n \r\n\r\n")),
			"fields of servers on top":   with("Received: from a by b\r\nX-Spam: no"),
		} {
			if bytes.Equal(changed, data) {
				t.Fatalf("%s: nothing was changed", what)
			}
			w.passes(what, changed, true)
		}
	})
}

// A list whose domain has no key here is sent as before: unsigned by us, and lists show and campaigns preflight say who has to
// sign.
func TestLeftToTheRelay(t *testing.T) {
	r := newRig(t)
	k := &keyring{t: t, zone: newZone(t)}
	r.set("MAILER_DKIM_DIR", filepath.Join(t.TempDir(), "keys"))
	k.env = r.env
	k.make("other.example.org")
	k.run(0, "dkim", "use", "other.example.org", "--unchecked")
	id := r.launch(1)
	if got := r.run("lists", "show", "weekly")["dkim"]; fmt.Sprint(got) != "[]" {
		t.Errorf("lists show: %v", got)
	}
	k.says(k.run(0, "lists", "show", "weekly"), "left to the relay; to sign here: mailer dkim new news.example.org")
	k.says(k.run(0, "campaigns", "show", r.campaign("1")), "noted: mail from news.example.org is not signed here (DKIM): the relay must sign it")
	r.run("subscribers", "add", "x@example.org", "--list", "weekly")
	r.serve()
	r.done(r.database(), id)
	r.mailTo("x@example.org", func(letter) bool { return true })
	for _, e := range r.relay.Ledger() {
		if bytes.Contains(e.Data, []byte("DKIM-Signature")) {
			t.Errorf("it is signed:\n%s", e.Data)
		}
	}
	if _, err := os.Stat(r.get("MAILER_DKIM_DIR")); err != nil {
		t.Error(err)
	}
}
