package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/wneessen/go-mail/smtp"
)

func TestEnhanced(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5.1.1 no": "5.1.1", "4.7.1": "4.7.1", "2.0.0\tOk": "2.0.0", "5.7.515 access": "5.7.515", "5.1.1\nno": "5.1.1",
		"no (#5.1.1)": "5.1.1", "sorry (#4.2.1) and #5.5.5": "4.2.1", "# 5.1.1": "",
		"3.1.1 no": "", "5.1 no": "", "5..1 no": "", "5.1.1111 no": "", "5.1.1.1 an address": "", "5.1.": "", "": "", "5": "", "10.0.0.1": "",
		"5.1.1)": "5.1.1", "5.7.1x": "5.7.1",
	} {
		if got := enhanced([]byte(text)); got != want {
			t.Errorf("enhanced(%q) = %q; want %q", text, got, want)
		}
	}
}

func TestQueueID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Ok: queued as 4XkQw12n9Vz3Q":                                                            "4XkQw12n9Vz3Q", // Postfix
		"OK id=1tQwEr-0000000AbCd-2xYz":                                                          "1tQwEr-0000000AbCd-2xYz",
		"OK ids=3f1c9b7a8e5d4c20b1a09f8e7d6c5b4a":                                                "3f1c9b7a8e5d4c20b1a09f8e7d6c5b4a", // KumoMTA
		"x9A1B2c3 Message accepted for delivery":                                                 "x9A1B2c3",                         // Sendmail, OpenSMTPD
		"ok 1790000000 qp 4711":                                                                  "1790000000-qp-4711",               // qmail
		"OK  1790000000 d9443c01a7336-2a1b3c4d5e6si123.77 - gsmtp":                               "d9443c01a7336-2a1b3c4d5e6si123.77",
		"Ok 0100018f1a2b3c4d-5e6f7a8b-0000-000000":                                               "0100018f1a2b3c4d-5e6f7a8b-0000-000000",
		"<abc@news.example.org> [InternalId=4711, Hostname=mx.example] Queued mail for delivery": "4711",
		"Message Queued (0C5B7D9E-1F2A.1)":                                                       "",
		"Thank you":                                                                              "", "": "", "Ok": "", "OK queued": "", "rapid=fire": "",
		"Ok: queued as <" + strings.Repeat("a", 300) + ">": strings.Repeat("a", 100),
	} {
		if got := queueID(text); got != want {
			t.Errorf("queueID(%q) = %q; want %q", text, got, want)
		}
	}
}

// A reply may come in any pieces, and a piece of one never counts as a whole.
func TestReplyInPieces(t *testing.T) {
	t.Parallel()
	const whole = "250-2.0.0 first\r\n250 2.0.0 last\r\n354 next\r\n"
	for name, rd := range map[string]bool{"at once": false, "byte by byte": true} {
		p := replies{br: bufio.NewReader(strings.NewReader(whole))}
		if rd {
			p.br = bufio.NewReader(iotest.OneByteReader(strings.NewReader(whole)))
		}
		for i, want := range []string{"250 first last", "354 next"} {
			r, err := p.read()
			if got := strings.TrimSpace(strings.Join([]string{string('0' + rune(r.code/100)), clean(r.text)}, "")); err != nil || r.broken ||
				got != want[:1]+want[4:] {
				t.Errorf("%s, reply %d: %+v, %v", name, i, r, err)
			}
		}
	}
	for cut := range len("250-2.0.0 first\r\n250 2.0.0 last\r\n") {
		p := replies{br: bufio.NewReader(strings.NewReader(whole[:cut]))}
		r, err := p.read()
		switch {
		case cut < 3 && err == nil:
			t.Errorf("%q was read as %+v", whole[:cut], r)
		case cut >= 3 && (err != nil || r.code != 250 || !r.broken):
			t.Errorf("%q: %+v, %v", whole[:cut], r, err)
		}
	}
}

// Clear text goes to this machine only, whatever a name leads to.
func TestClearTextStaysHere(t *testing.T) {
	t.Parallel()
	ip := otherAddress(t)
	ln, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Skip(err)
	}
	defer ln.Close()
	for url, refused := range map[string]bool{
		"smtp://u:secret@localhost?tls=none":              true,
		"smtp://localhost?tls=none":                       true,
		"smtp://u:secret@localhost?tls=none&insecure=yes": true,
		"smtp://localhost?tls=none&insecure=yes":          false,
		"smtp://u:secret@localhost":                       false, // STARTTLS comes first
	} {
		r, err := New(Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		w := new(wire)
		_, err = w.dial(context.Background(), context.Background(), r, "tcp", ln.Addr().String())
		if errors.Is(err, errNotLoopback) != refused {
			t.Errorf("%s: %v", url, err)
		}
		w.close()
	}
}

// go-mail asks for our credentials only when TLS is on; should it ever ask earlier, it gets none.
func TestLoginNeedsTLS(t *testing.T) {
	t.Parallel()
	r, err := New(Config{URL: "smtp://user:secret@mail.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	l := &login{relay: r, wire: new(wire)}
	if mech, b, err := l.Start(&smtp.ServerInfo{Name: "mail.example.org", Auth: []string{"PLAIN"}}); err == nil || mech != "" || b != nil {
		t.Errorf("%s %q, %v", mech, b, err)
	}
	if _, b, err := l.Start(&smtp.ServerInfo{Name: "mail.example.org", TLS: true, Auth: []string{"plain"}}); err != nil || string(b) != "\x00user\x00secret" {
		t.Errorf("%q, %v", b, err)
	}
}

func otherAddress(t *testing.T) string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "550 5.1.1 no\n", "354", "25", "250-\r\n", "421 \xff\r\n", "220-" + strings.Repeat("x", 5000) + "\r\n220 y\r\n",
		"250-a\r\n550 b\r\n", "\r\n\r\n", "250-a\r\nb\r\n250 c\r\n", "554 5.7.1 \u202eevil\u2028\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p := replies{br: bufio.NewReader(bytes.NewReader(in))}
		for {
			r, err := p.read()
			if err != nil {
				if r.code != 0 {
					t.Fatalf("%d and %v", r.code, err)
				}
				return
			}
			if r.code < 200 || r.code > 599 || len(r.text) > maxReplyText+1 {
				t.Fatalf("%d, %d bytes", r.code, len(r.text))
			}
			text := clean(r.text)
			if !utf8.ValidString(text) || len(text) > MaxText || strings.ContainsAny(text, "\r\n\x00\x1b") {
				t.Fatalf("%q", text)
			}
			if id := queueID(text); len(id) > 210 || strings.ContainsAny(id, " \r\n<>") {
				t.Fatalf("%q", id)
			}
			Classify(StageDot, r.code, enhanced(r.text), string(r.text))
			if r.broken {
				return
			}
		}
	})
}

func FuzzMailbox(f *testing.F) {
	for _, s := range []string{"a@b.example", `"a b"@c.example`, `"a\"b"@c.example`, "a>b@c", "a@b\r\nX", "jürgen@bücher.example", "@", "a@", `"\"@x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		path, utf8, err := mailbox(addr)
		if err != nil || path == "" {
			return
		}
		if strings.ContainsAny(path, "\r\n\x00") || len(path) > 254 {
			t.Fatalf("%q", path)
		}
		ascii := true
		for i := range len(path) {
			ascii = ascii && path[i] < 0x80
		}
		if ascii == utf8 {
			t.Fatalf("%q, utf8 %v", path, utf8)
		}
		// Within <> nothing may close the path early, quotes aside.
		inQuotes := false
		for i := 0; i < len(path); i++ {
			switch {
			case inQuotes && path[i] == '\\':
				i++
			case path[i] == '"':
				inQuotes = !inQuotes
			case !inQuotes && (path[i] == '>' || path[i] == '<' || path[i] == ' '):
				t.Fatalf("%q", path)
			}
		}
		if inQuotes {
			t.Fatalf("%q", path)
		}
	})
}

func FuzzWireReady(f *testing.F) {
	for _, s := range []string{"a\r\n", ".\r\n", "a\r\n.\r\nb", "a\n", "\r", "a\r\n..", "x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		body, _, err := wireReady(msg)
		if err != nil {
			return
		}
		wire := append(bytes.Clone(body), dotLine...)
		if i := bytes.Index(append([]byte("\r\n"), wire...), []byte("\r\n.\r\n")); i != len(body) || !bytes.HasSuffix(body, []byte("\r\n")) {
			t.Fatalf("%q ends at %d of %d", body, i, len(body))
		}
		if bytes.Count(body, []byte("\n")) != bytes.Count(body, []byte("\r\n")) || bytes.Count(body, []byte("\r")) != bytes.Count(body, []byte("\r\n")) {
			t.Fatalf("%q", body)
		}
	})
}
