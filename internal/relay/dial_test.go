package relay_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

const password = "s3cr3t:p@ss/w#rd%"

func TestTLSAndAuth(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]smtptest.Option{
		"clear":                 nil,
		"clear, PLAIN":          {smtptest.Auth("news", password)},
		"STARTTLS":              {smtptest.StartTLS()},
		"STARTTLS, PLAIN":       {smtptest.StartTLS(), smtptest.Auth("news", password)},
		"STARTTLS, LOGIN":       {smtptest.StartTLS(), smtptest.Auth("news", password, "XOAUTH2", "LOGIN")},
		"implicit":              {smtptest.ImplicitTLS()},
		"implicit, PLAIN":       {smtptest.ImplicitTLS(), smtptest.Auth("news", password)},
		"implicit, LOGIN":       {smtptest.ImplicitTLS(), smtptest.Auth("news", password, "login")},
		"PLAIN before CRAM-MD5": {smtptest.StartTLS(), smtptest.Auth("news", password, "CRAM-MD5", "SCRAM-SHA-256", "PLAIN")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, opts...)
			c := dial(t, newRelay(t, s))
			for i := range 2 {
				want(t, c.Send(t.Context(), env, message(string(rune('0'+i))), yes), "accepted dot", true)
			}
			want(t, c.Send(t.Context(), env, message("3"), no), "refused permit body", false)
			accepted(t, s, 2)
			hello := s.Commands()[0]
			if hello != "EHLO news.example.org" {
				t.Errorf("said %q", hello)
			}
		})
	}
}

// SND-12: no recipient is touched when login or TLS fail, and the password stands in no error.
func TestLoginAndTLSFailures(t *testing.T) {
	t.Parallel()
	b64 := "czNjcjN0OnBAc3Mvdy" // the beginning of the password in base64
	for name, tc := range map[string]struct {
		opts  []smtptest.Option
		mode  string // replaces the URL's query
		class relay.DialClass
		reply string
	}{
		"535": {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.Auth("news", "another")}, class: relay.DialAuth, reply: "535 5.7.8"},
		"535 that quotes what we said": {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.Auth("news", password),
			smtptest.On(smtptest.Login, smtptest.Always(smtptest.Reply("535 5.7.8 no: "+password+" AG5ld3MAczNjcjN0OnBAc3Mvdw==")))}, class: relay.DialAuth, reply: "***"},
		"530":                   {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.Auth("news", password), smtptest.On(smtptest.Login, smtptest.Always(smtptest.Reply("530 5.7.0 no")))}, class: relay.DialAuth, reply: "530"},
		"454 for now":           {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.Auth("news", password), smtptest.On(smtptest.Login, smtptest.Always(smtptest.Reply("454 4.7.0 later")))}, class: relay.DialBusy, reply: "454"},
		"no AUTH":               {opts: []smtptest.Option{smtptest.StartTLS()}, class: relay.DialAuth},
		"no mechanism we know":  {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.Auth("news", password, "NTLM", "GSSAPI")}, class: relay.DialAuth},
		"STARTTLS refused":      {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.On(smtptest.TLS, smtptest.Always(smtptest.Reply("501 5.5.4 no TLS today")))}, class: relay.DialTLS, reply: "501"},
		"STARTTLS for now":      {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.On(smtptest.TLS, smtptest.Always(smtptest.Reply("454 4.7.0 later")))}, class: relay.DialBusy, reply: "454"},
		"STARTTLS not offered":  {mode: "tls=starttls", class: relay.DialTLS},
		"smtps to a clear port": {mode: "tls=implicit", class: relay.DialTLS},
		"another host's name":   {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.CertificateFor("mail.example.com")}, class: relay.DialTLS},
		"expired":               {opts: []smtptest.Option{smtptest.StartTLS(), smtptest.ExpiredCertificate()}, class: relay.DialTLS},
		"expired, smtps":        {opts: []smtptest.Option{smtptest.ImplicitTLS(), smtptest.ExpiredCertificate()}, class: relay.DialTLS},
		"unknown authority":     {opts: []smtptest.Option{smtptest.StartTLS()}, class: relay.DialTLS},
	} {
		t.Run("SND-12 "+name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, append(tc.opts, smtptest.Lenient())...)
			u, err := url.Parse(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword("news", password)
			if tc.mode != "" {
				u.RawQuery = tc.mode
			}
			r := newRelay(t, s, func(c *relay.Config) {
				c.URL = u.String()
				if name == "unknown authority" {
					c.RootCAs = nil
				}
			})
			e := dialError(t, r)
			if e.Class != tc.class || !strings.Contains(e.Reply, tc.reply) {
				t.Errorf("class %q, reply %q, %v", e.Class, e.Reply, e)
			}
			for _, text := range []string{e.Error(), e.Reply, errs.Public(e), r.Name()} {
				if strings.Contains(text, password) || strings.Contains(text, b64) || strings.Contains(text, url.QueryEscape(password)) {
					t.Errorf("the password stands in %q", text)
				}
			}
			if kind := errs.KindOf(e); (kind == errs.Config) != (tc.class == relay.DialAuth || tc.class == relay.DialTLS) ||
				kind == errs.Config && !strings.Contains(errs.Public(e), "MAILER_SMTP_URL") || !strings.Contains(errs.Public(e), r.Name()) {
				t.Errorf("kind %v: %s", kind, errs.Public(e))
			}
			accepted(t, s, 0)
			if err := s.WaitClosed(t.Context()); err != nil { // go-mail leaves the socket open
				t.Error(err)
			}
		})
	}
	t.Run("SND-12 530 at MAIL", func(t *testing.T) {
		t.Parallel()
		s := smtptest.Start(t, smtptest.On(smtptest.MailFrom, smtptest.Always(smtptest.Reply("530 5.7.0 Authentication required"))))
		want(t, dial(t, newRelay(t, s)).Send(t.Context(), env, message("1"), yes), "requeue auth mail", false)
	})
}

// Credentials never go over clear text, whatever the relay says and whatever its name leads to.
func TestNoClearPassword(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t, smtptest.StartTLS(), smtptest.Auth("news", password), smtptest.On(smtptest.Hello,
		smtptest.Always(smtptest.Reply("250-relay.test\n250 AUTH PLAIN LOGIN"))), smtptest.Lenient())
	if e := dialError(t, newRelay(t, s)); e.Class != relay.DialTLS {
		t.Errorf("%+v", e)
	}
	for _, cmd := range s.Commands() {
		if strings.HasPrefix(cmd, "AUTH") {
			t.Errorf("said %q without TLS", cmd)
		}
	}
}

// SND-13: 554 at the banner means us and not a recipient.
func TestRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opt   smtptest.Option
		class relay.DialClass
	}{
		"554 banner":     {smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Reply("554-5.7.1 Your address\n554 5.7.1 is on our list").ThenDrop())), relay.DialRefused},
		"550 to EHLO":    {smtptest.On(smtptest.Hello, smtptest.Always(smtptest.Reply("550 5.7.1 I do not know you"))), relay.DialRefused},
		"450 banner":     {smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Reply("450 4.3.2 full house").ThenDrop())), relay.DialBusy},
		"hangs up":       {smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Drop())), relay.DialDown},
		"garbage":        {smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Reply("HTTP/1.1 400 Bad Request").ThenDrop())), relay.DialDown},
		"250 for 220":    {smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Reply("250 hello").ThenDrop())), relay.DialDown},
		"endless banner": {smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Raw(strings.Repeat("220-and so on\r\n", 50_000)))), relay.DialDown},
	} {
		t.Run("SND-13 "+name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, tc.opt, smtptest.Lenient())
			if e := dialError(t, newRelay(t, s)); e.Class != tc.class || len(e.Reply) > relay.MaxText || len(e.Error()) > 2000 {
				t.Errorf("%s: %v", e.Class, e)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		r, err := relay.New(relay.Config{URL: "smtp://" + ln.Addr().String() + "?tls=none"})
		if err != nil {
			t.Fatal(err)
		}
		if e := dialError(t, r); e.Class != relay.DialDown || errs.KindOf(e) != errs.Unavailable || e.Reply != "" {
			t.Errorf("%+v", e)
		}
	})
}

// A relay that says nothing holds us no longer than the context and the timeouts allow.
func TestSilentRelay(t *testing.T) {
	t.Parallel()
	for _, at := range []smtptest.Stage{smtptest.Greeting, smtptest.Hello, smtptest.TLS, smtptest.Login} {
		gate := smtptest.NewGate()
		s := smtptest.Start(t, smtptest.StartTLS(), smtptest.Auth("news", password), smtptest.On(at, gate.Hook(smtptest.Drop())))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-gate.Reached(); cancel() }()
		if c, err := newRelay(t, s).Dial(ctx); err == nil {
			t.Errorf("%s: %v", at, c)
		}
		gate.Open()

		s2 := smtptest.Start(t, smtptest.StartTLS(), smtptest.Auth("news", password), smtptest.On(at, smtptest.NewGate().Hook(smtptest.Drop())))
		short := newRelay(t, s2, func(c *relay.Config) { c.Timeouts.Hello = 50 * time.Millisecond })
		if e := dialError(t, short); e.Class != relay.DialDown {
			t.Errorf("%s: %v", at, e)
		}
	}
}

// SND-17: a relay that knows only HELO, and one that hangs up on EHLO.
func TestHELO(t *testing.T) {
	t.Parallel()
	drop := func(e smtptest.Event) smtptest.Action {
		if strings.HasPrefix(e.Line, "EHLO") {
			return smtptest.Drop()
		}
		return smtptest.Go()
	}
	refuse := func(e smtptest.Event) smtptest.Action {
		if strings.HasPrefix(e.Line, "EHLO") {
			return smtptest.Reply("502 5.5.1 What?")
		}
		return smtptest.Go()
	}
	for name, tc := range map[string]struct {
		opts  []smtptest.Option
		conns int
	}{
		"EHLO refused":         {[]smtptest.Option{smtptest.On(smtptest.Hello, refuse)}, 1},
		"EHLO dropped":         {[]smtptest.Option{smtptest.On(smtptest.Hello, drop)}, 2},
		"EHLO dropped, smtps":  {[]smtptest.Option{smtptest.ImplicitTLS(), smtptest.On(smtptest.Hello, drop)}, 2},
		"nothing offered":      {[]smtptest.Option{smtptest.Extensions()}, 1},
		"offered in lowercase": {[]smtptest.Option{smtptest.Extensions("pipelining", "size")}, 1},
	} {
		t.Run("SND-17 "+name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, tc.opts...)
			c := dial(t, newRelay(t, s))
			for range 2 {
				want(t, c.Send(t.Context(), env, message("1"), yes), "accepted dot", true)
			}
			if ok, _ := c.Extension("PIPELINING"); ok || c.SizeLimit() != 0 || s.Connections() != tc.conns {
				t.Errorf("%d connections, PIPELINING %v", s.Connections(), ok)
			}
		})
	}
	t.Run("SND-17 EHLO dropped where TLS is asked for", func(t *testing.T) {
		t.Parallel()
		s := smtptest.Start(t, smtptest.StartTLS(), smtptest.On(smtptest.Hello, drop))
		if e := dialError(t, newRelay(t, s)); e.Class != relay.DialDown || s.Connections() != 1 {
			t.Errorf("%v, %d connections", e, s.Connections())
		}
	})
}

// MSG-40: the same 7-bit message goes to a relay with any set of extensions, with no parameter that was not offered (the
// test relay fails the test when one is used).
func TestExtensions(t *testing.T) {
	t.Parallel()
	all := []string{"PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8"}
	for set := range 1 << len(all) {
		var ext []string
		for i, e := range all {
			if set&(1<<i) != 0 {
				ext = append(ext, e)
			}
		}
		s := smtptest.Start(t, smtptest.Extensions(ext...))
		c := dial(t, newRelay(t, s))
		want(t, c.Send(t.Context(), env, message("1"), yes), "accepted dot", true)
		e := s.Ledger()[0]
		if string(e.Data) != string(message("1")) {
			t.Errorf("MSG-40 %v: the message was changed", ext)
		}
		if strings.Contains(e.MailLine, "SIZE=") != (set&2 != 0) || strings.Contains(e.MailLine, "BODY") {
			t.Errorf("MSG-40 %v: %q", ext, e.MailLine)
		}
		// MSG-41: nothing here needs SMTPUTF8.
		if strings.Contains(e.MailLine, "SMTPUTF8") {
			t.Errorf("MSG-41 %v: %q", ext, e.MailLine)
		}
		c.Quit()
	}
}

// MSG-42: a domain in Unicode goes out as A-labels; a local part that is not ASCII only where SMTPUTF8 is offered.
func TestInternationalAddresses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ext              []string
		env              relay.Envelope
		rcpt, mail, want string
	}{
		"domain":              {[]string{"PIPELINING", "SMTPUTF8", "8BITMIME"}, relay.Envelope{To: "leser@bücher.example"}, "leser@xn--bcher-kva.example", "MAIL FROM:<>", "accepted dot"},
		"domain, no SMTPUTF8": {nil, relay.Envelope{To: "leser@STRAßE.example"}, "leser@xn--strae-oqa.example", "MAIL FROM:<>", "accepted dot"},
		"sender's domain":     {nil, relay.Envelope{From: "b-1@zürich.example", To: "a@b.example"}, "a@b.example", "MAIL FROM:<b-1@xn--zrich-kva.example>", "accepted dot"},
		"local part":          {[]string{"SMTPUTF8", "8BITMIME"}, relay.Envelope{To: "jürgen@bücher.example"}, "jürgen@xn--bcher-kva.example", "MAIL FROM:<> SMTPUTF8", "accepted dot"},
		"headers":             {[]string{"SMTPUTF8", "8BITMIME"}, relay.Envelope{To: "a@b.example", UTF8: true}, "a@b.example", "MAIL FROM:<> SMTPUTF8", "accepted dot"},
		"local part, none":    {[]string{"PIPELINING", "8BITMIME"}, relay.Envelope{To: "jürgen@example.net"}, "", "", "failed unsupported check"},
		"local part, 7-bit":   {[]string{"PIPELINING", "SMTPUTF8"}, relay.Envelope{To: "jürgen@example.net"}, "", "", "failed unsupported check"},
		"headers, none":       {nil, relay.Envelope{To: "a@b.example", UTF8: true}, "", "", "failed unsupported check"},
		"bad domain":          {nil, relay.Envelope{To: "a@ex\u200bäm\u2024ple"}, "", "", "failed unsupported check"},
	} {
		t.Run("MSG-42 "+name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, smtptest.Extensions(tc.ext...))
			c := dial(t, newRelay(t, s))
			before := len(s.Commands())
			want(t, c.Send(t.Context(), tc.env, message("1"), yes), tc.want, true)
			if tc.rcpt == "" {
				if n := len(s.Commands()); n != before {
					t.Errorf("commands were said: %q", s.Commands()[before:])
				}
				return
			}
			if e := s.Ledger()[0]; e.To != tc.rcpt || e.MailLine != tc.mail {
				t.Errorf("RCPT %q, %q", e.To, e.MailLine)
			}
		})
	}
	t.Run("8-bit headers", func(t *testing.T) {
		t.Parallel()
		s := smtptest.Start(t)
		utf8 := []byte("To: jürgen@example.net\r\n\r\nHallo\r\n")
		want(t, dial(t, newRelay(t, s)).Send(t.Context(), relay.Envelope{To: "jürgen@example.net", UTF8: true}, utf8, yes), "accepted dot", true)
		if e := s.Ledger()[0]; !strings.Contains(e.MailLine, " BODY=8BITMIME SMTPUTF8") {
			t.Errorf("%q", e.MailLine)
		}
	})
}
