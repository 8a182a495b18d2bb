package inbox_test

import (
	"context"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mailer/internal/errs"
	"mailer/internal/inbox"
	"mailer/internal/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a catcher on a loopback port until the test ends.
func start(t *testing.T, dir string, o inbox.Options) (*inbox.Inbox, string) {
	t.Helper()
	in, err := inbox.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- in.ServeSMTP(ln) }()
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return in, ln.Addr().String()
}

// deliver hands mails over the way the program does.
func deliver(t *testing.T, addr string, to string, msgs ...string) {
	t.Helper()
	r, err := relay.New(relay.Config{URL: "smtp://" + addr + "?tls=none", HelloName: "news.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Quit()
	for _, m := range msgs {
		if res := c.Send(t.Context(), relay.Envelope{From: "b-1@news.example.org", To: to}, []byte(m), nil); res.Kind != relay.Accepted {
			t.Fatalf("%+v", res)
		}
	}
}

const plain = "From: =?utf-8?q?Th=C3=A9r=C3=A8se?= <news@example.org>\r\nTo: a@example.net\r\nSubject: =?utf-8?q?Caf=C3=A9?= today\r\n\r\n..\r\nHello\r\n"

func TestCatch(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "inbox")
	at := time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
	in, addr := start(t, dir, inbox.Options{Now: func() time.Time { return at }})
	deliver(t, addr, "Ann@Example.net", plain, strings.Replace(plain, "today", "tomorrow", 1))
	deliver(t, addr, "bob@example.net", plain)
	check := func(in *inbox.Inbox) {
		t.Helper()
		if n := in.Count(t.Context()); n != 3 {
			t.Fatalf("%d mails", n)
		}
		all := in.Messages()
		if all[0].To != "bob@example.net" || all[1].Subject != "Café tomorrow" || all[2].Subject != "Café today" {
			t.Errorf("order: %+v", all)
		}
		found := in.Find("ann@example.net")
		if len(found) != 2 || found[0].FromName != "Thérèse" || found[0].From != "b-1@news.example.org" || !found[0].Received.Equal(at) ||
			found[1].Size != len(plain) {
			t.Errorf("found: %+v", found)
		}
		if raw, err := in.Raw(found[1].ID); err != nil || string(raw) != plain {
			t.Errorf("raw: %q, %v", raw, err)
		}
	}
	check(in)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listening after Close")
	}
	check(in) // closed for mail, open for reading

	// What a crash leaves behind is cleared away, what people put there is left alone, and numbers go on.
	for name, text := range map[string]string{"00000009-20261122T083000Z.eml.part": "half", "notes.txt": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, addr := start(t, dir, inbox.Options{Now: func() time.Time { return at }})
	check(again)
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 4 {
		t.Errorf("files: %q", files)
	}
	deliver(t, addr, "cy@example.net", plain)
	if m := again.Messages(); m[0].To != "cy@example.net" || m[0].ID <= m[1].ID {
		t.Errorf("%+v", m)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "inbox")
	if _, err := inbox.Open(dir, inbox.Options{Production: true}); errs.KindOf(err) != errs.Denied {
		t.Errorf("in production: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was made in production")
	}
	for _, origin := range []string{"127.0.0.1:80", "http://a/b", "http://a; script-src *", "ftp://a", "http://"} {
		if _, err := inbox.Open(dir, inbox.Options{ImageOrigins: []string{origin}}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
	in, err := inbox.Open(dir, inbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:0", "[::]:0"} {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue // no IPv6 here
		}
		if err := in.ServeSMTP(ln); errs.KindOf(err) != errs.Denied {
			t.Errorf("on %s: %v", addr, err)
		}
		if _, err := ln.Accept(); err == nil {
			t.Errorf("%s is still open", addr)
		}
	}
	in.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := in.ServeSMTP(ln); err != nil { // closed before it began
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in, addr := start(t, dir, inbox.Options{MaxMessage: 2000, Keep: 5})
	c, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, ext := range []string{"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8"} {
		if ok, _ := c.Extension(ext); !ok {
			t.Errorf("%s is not offered", ext)
		}
	}
	if err := c.Mail("a@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("b@example.net"); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "Subject: big\r\n\r\n%s", strings.Repeat("0123456789\r\n", 1000))
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "552") {
		t.Errorf("too big: %v", err)
	}
	if in.Count(t.Context()) != 0 {
		t.Error("it was stored all the same")
	}
	for i := range 8 {
		deliver(t, addr, fmt.Sprintf("%d@example.net", i), plain)
	}
	m := in.Messages()
	if files, _ := filepath.Glob(filepath.Join(dir, "*.eml")); len(m) != 5 || len(files) != 5 || m[4].To != "3@example.net" {
		t.Errorf("%d mails, %d files", len(m), len(files))
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	in, addr := start(t, t.TempDir(), inbox.Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				deliver(t, addr, fmt.Sprintf("%d-%d@example.net", i, j), plain)
				in.Messages()
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, m := range in.Messages() {
		seen[m.ID] = true
	}
	if in.Count(context.Background()) != 80 || len(seen) != 80 {
		t.Errorf("%d mails, %d ids", in.Count(context.Background()), len(seen))
	}
}
