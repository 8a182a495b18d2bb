package smtptest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/smtp"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/smtptest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mail = "Message-ID: <1@example.org>\r\nSubject: x\r\n\r\n..dot\r\nend\r\n"

// dialogue writes everything at once and returns what came back until the relay closed.
func dialogue(t *testing.T, r *smtptest.Relay, in string) string {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, in); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(out)
}

const transaction = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + mail + ".\r\n"

func TestPipelined(t *testing.T) {
	t.Parallel()
	r := smtptest.Start(t, smtptest.Lenient())
	out := dialogue(t, r, "EHLO c.test\r\n"+strings.Repeat(transaction, 3)+"QUIT\r\n")
	if n := strings.Count(out, "queued as"); n != 3 {
		t.Fatalf("%d accepted:\n%s", n, out)
	}
	l := r.Ledger()
	want := strings.Replace(mail, "..dot", ".dot", 1)
	if len(l) != 3 || l[2].From != "a@example.org" || l[2].To != "b@example.net" || string(l[2].Data) != want ||
		l[2].MessageID != "1@example.org" || l[0].QueueID == l[1].QueueID {
		t.Fatalf("ledger %+v", l)
	}
	// What came before the greeting's EHLO was answered is itself pipelining without leave.
	if v := r.Violations(); len(v) != 1 || !strings.Contains(v[0], "PIPELINING is not offered") {
		t.Fatalf("violations %q", v)
	}
}

func TestViolations(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"bare LF":     {"MAIL FROM:<a@b.c>\r\nRCPT TO:<b@b.c>\r\nDATA\r\na\nb\r\n.\r\nQUIT\r\n", "bare LF"},
		"bare CR":     {"MAIL FROM:<a@b.c>\r\nRCPT TO:<b@b.c>\r\nDATA\r\na\rb\r\n.\r\nQUIT\r\n", "bare CR"},
		"8 bit":       {"MAIL FROM:<a@b.c>\r\nRCPT TO:<b@b.c>\r\nDATA\r\n\xc3\xa9\r\n.\r\nQUIT\r\n", "8-bit"},
		"long line":   {"MAIL FROM:<a@b.c>\r\nRCPT TO:<b@b.c>\r\nDATA\r\n" + strings.Repeat("x", 999) + "\r\n.\r\nQUIT\r\n", "1001 octets"},
		"parameter":   {"MAIL FROM:<a@b.c> RET=FULL\r\nQUIT\r\n", "not offered"},
		"nested MAIL": {"MAIL FROM:<a@b.c>\r\nMAIL FROM:<a@b.c>\r\nQUIT\r\n", "within a transaction"},
		"verb":        {"HALLO\r\nQUIT\r\n", "unknown command"},
		"no brackets": {"MAIL FROM:a@b.c\r\nQUIT\r\n", "MAIL that is none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smtptest.Start(t, smtptest.Lenient())
			dialogue(t, r, "EHLO c.test\r\n"+tc.in)
			if v := strings.Join(r.Violations(), "\n"); !strings.Contains(v, tc.want) {
				t.Fatalf("violations %q do not name %q", v, tc.want)
			}
		})
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	gate := smtptest.NewGate()
	r := smtptest.Start(t, smtptest.Lenient(),
		smtptest.On(smtptest.RcptTo, smtptest.For("no@example.net", smtptest.Reply("550-5.1.1 no\n550 5.1.1 such user"))),
		smtptest.On(smtptest.MailFrom, smtptest.First(1, smtptest.Reply("451 later"))),
		smtptest.On(smtptest.Recorded, gate.Hook(smtptest.Raw("250 fine\n").ThenDrop())),
	)
	go func() { <-gate.Reached(); gate.Open() }()
	out := dialogue(t, r, "EHLO c.test\r\nMAIL FROM:<a@example.org>\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<no@example.net>\r\n"+
		"RCPT TO:<b@example.net>\r\nDATA\r\n"+mail+".\r\n")
	for _, want := range []string{"451 later\r\n", "550-5.1.1 no\r\n550 5.1.1 such user\r\n", "354 ", "250 fine\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	if r.Len() != 1 {
		t.Errorf("%d entries", r.Len())
	}
	r.Clear()
	r.On(smtptest.Dot, smtptest.Always(smtptest.Drop()))
	if out := dialogue(t, r, "EHLO c.test\r\n"+transaction); strings.Contains(out, "queued") || r.Len() != 1 {
		t.Errorf("dropped at the dot, yet %d entries and %q", r.Len(), out)
	}
}

func TestTLSAndAuth(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]smtptest.Option{
		"starttls": {smtptest.StartTLS(), smtptest.Auth("u", "p w/ä")},
		"implicit": {smtptest.ImplicitTLS(), smtptest.Auth("u", "p w/ä")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smtptest.Start(t, opts...)
			u, err := url.Parse(r.URL())
			if err != nil {
				t.Fatal(err)
			}
			pass, _ := u.User.Password()
			cfg := &tls.Config{ServerName: "127.0.0.1", RootCAs: r.RootCAs()}
			var c *smtp.Client
			if u.Scheme == "smtps" {
				tc, err := tls.Dial("tcp", u.Host, cfg)
				if err != nil {
					t.Fatal(err)
				}
				c, err = smtp.NewClient(tc, "127.0.0.1")
				if err != nil {
					t.Fatal(err)
				}
			} else {
				if c, err = smtp.Dial(u.Host); err != nil {
					t.Fatal(err)
				}
				if err := c.StartTLS(cfg); err != nil {
					t.Fatal(err)
				}
			}
			defer c.Close()
			if err := c.Mail("a@example.org"); err == nil || !strings.Contains(err.Error(), "530") {
				t.Fatalf("MAIL before AUTH: %v", err)
			}
			if err := c.Auth(smtp.PlainAuth("", u.User.Username(), "wrong", "127.0.0.1")); err == nil {
				t.Fatal("wrong password was taken")
			}
			if u.Scheme == "smtps" { // net/smtp hangs up after a refusal: one more connection for the right password
				return
			}
			c2, err := smtp.Dial(u.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer c2.Close()
			if err := c2.StartTLS(cfg); err != nil {
				t.Fatal(err)
			}
			if err := c2.Auth(smtp.PlainAuth("", u.User.Username(), pass, "127.0.0.1")); err != nil {
				t.Fatal(err)
			}
			for _, cmd := range r.Commands() {
				if strings.HasPrefix(cmd, "AUTH") && cmd != "AUTH PLAIN" {
					t.Fatalf("credentials in the list of commands: %q", cmd)
				}
			}
		})
	}
}

func TestLedgerFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	const conns, each = 8, 20
	r := smtptest.Start(t, smtptest.Lenient(), smtptest.LedgerFile(path, true), smtptest.Ledger(smtptest.KeepSum))
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			dialogue(t, r, "EHLO c.test\r\n"+strings.Repeat(transaction, each)+"QUIT\r\n")
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Wait(ctx, conns*each); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	w.WriteString(`{"from":"cut by a cra`)
	w.Flush()
	f.Close()
	entries, err := smtptest.ReadLedger(path)
	if err != nil || len(entries) != conns*each || entries[0].Sum == "" || entries[0].MessageID != "1@example.org" {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if l := r.Ledger(); l[0].Data != nil {
		t.Fatal("a ledger of sums keeps data")
	}
}
