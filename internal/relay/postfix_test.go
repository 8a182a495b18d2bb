package relay_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"mailer/internal/postfixtest"
	"mailer/internal/relay"
)

// throughPostfix opens a connection to a real MTA.
func throughPostfix(t *testing.T, s *postfixtest.Server) *relay.Conn {
	t.Helper()
	r, err := relay.New(relay.Config{URL: s.URL(), HelloName: "news.example.org", Timeouts: quick})
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, r)
}

// withHeaders returns a message with all the fields that postfix would add if they were missing.
func withHeaders(id int, body string) []byte {
	return fmt.Appendf(nil, "Date: Sun, 22 Nov 2026 07:00:00 +0000\r\nFrom: News <news@example.org>\r\nTo: reader@example.net\r\n"+
		"Message-ID: <%d@news.example.org>\r\nSubject: Today\r\nMIME-Version: 1.0\r\n\r\n%s", id, body)
}

// What a real MTA stores is what was sent, octet by octet, whatever it offers; and the queue id we read is the one it uses.
// MSG-40, MSG-41
func TestPostfixStoresWhatWasSent(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"plain":        "A quiet line.\r\n",
		"dots":         ".\r\n..\r\n.dot at the beginning\r\nand at the end.\r\n\r\n.\r\n",
		"only a dot":   ".\r\n",
		"From":         "From the beginning\r\n>From quoted\r\n",
		"blanks":       "trailing blanks  \t \r\n\t\r\n \r\n\r\n\r\n",
		"longest line": strings.Repeat("x", 998) + "\r\n.\r\n",
		"20 kB":        strings.Repeat("A quiet line of text, as there are many in a digest.\r\n", 400),
		"looks of it":  "QUIT\r\nRSET\r\nMAIL FROM:<a@example.org>\r\nDATA\r\n354 go on\r\n",
	}
	for name, opts := range map[string][]postfixtest.Option{
		"everything offered":                             nil,
		"MSG-40 no PIPELINING, SIZE, 8BITMIME, SMTPUTF8": {postfixtest.Without("pipelining", "size", "8bitmime", "smtputf8", "enhancedstatuscodes", "dsn", "chunking")},
		"MSG-40 no PIPELINING":                           {postfixtest.Without("pipelining")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := postfixtest.Start(t, opts...)
			c := throughPostfix(t, s)
			if ok, _ := c.Extension("PIPELINING"); ok != (opts == nil) {
				t.Fatalf("PIPELINING offered: %v", ok)
			}
			n := 0
			for name, body := range bodies {
				n++
				msg := withHeaders(n, body)
				res := c.Send(t.Context(), env, msg, yes)
				want(t, res, "accepted dot", true)
				if res.QueueID == "" || res.Code != 250 || res.Enhanced != "2.0.0" {
					t.Fatalf("%s: %+v", name, res)
				}
				if got := s.Message(res.QueueID); !bytes.Equal(got, msg) {
					t.Errorf("%s: postfix stores\n%.300q\nand not\n%.300q", name, got, msg)
				}
				s.WaitLog(fmt.Sprintf("%s: message-id=<%d@news.example.org>", res.QueueID, n), 1)
			}
			q := s.Queue()
			if len(q) != n {
				t.Errorf("%d messages are queued, want %d", len(q), n)
			}
			for _, m := range q {
				if m.Sender != env.From || m.Recipient != env.To {
					t.Errorf("envelope: %+v", m)
				}
			}
			if strings.Contains(s.Log(), "improper command pipelining") {
				t.Error("commands were sent ahead without leave")
			}
		})
	}
}

// The refusals of a real MTA, in its own words; the connection goes on after each, with and without PIPELINING.
// SND-06, SND-07, SND-09, SND-10, SND-11
func TestPostfixRefuses(t *testing.T) {
	t.Parallel()
	for name, extra := range map[string][]postfixtest.Option{"pipelined": nil, "one by one": {postfixtest.Without("pipelining", "size")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := postfixtest.Start(t, append(extra,
				postfixtest.KnowsNobodyAt("gone.example"),
				postfixtest.Answer("busy@example.net", "450 4.2.1 mailbox busy"),
				postfixtest.Answer("grey@example.net", "DEFER_IF_PERMIT Greylisted, come back in some minutes"),
				postfixtest.Answer("later@example.net", "DEFER"),
				postfixtest.Answer("denied@example.net", "REJECT"),
				postfixtest.Answer("policy@example.net", "550 5.7.1 blocked by policy"),
				postfixtest.SizeLimit(20_000))...)
			c := throughPostfix(t, s)
			for _, tc := range []struct{ id, to, want, said string }{
				{"SND-09", "x@gone.example", "failed hard rcpt", "550 5.1.1 User unknown in relay recipient table"},
				{"SND-06", "busy@example.net", "deferred transient rcpt", "450 4.2.1 mailbox busy"},
				{"SND-07", "grey@example.net", "deferred greylist rcpt", "450 4.7.1 Greylisted"},
				{"", "later@example.net", "deferred block rcpt", "450 4.7.1 Access denied"},
				{"SND-10", "denied@example.net", "failed block rcpt", "554 5.7.1 Access denied"},
				{"SND-10", "policy@example.net", "failed block rcpt", "550 5.7.1 blocked by policy"},
				{"", env.To, "accepted dot", "250 2.0.0 queued as"},
			} {
				res := c.Send(t.Context(), relay.Envelope{From: env.From, To: tc.to}, withHeaders(1, "x\r\n"), yes)
				want(t, res, tc.want, true)
				for _, part := range strings.SplitN(tc.said, " ", 3) {
					if said := fmt.Sprintf("%d %s %s", res.Code, res.Enhanced, res.Text); !strings.Contains(said, part) {
						t.Errorf("%s %s: it said %q, want %q", tc.id, tc.to, said, tc.said)
					}
				}
			}
			if q := s.Queue(); len(q) != 1 {
				t.Errorf("queue: %+v", q)
			}
			// SND-11: refused by us where SIZE is offered, by postfix after the dot where it is not; the connection is as good as before.
			stage := "dot"
			if extra == nil {
				stage = "check"
			}
			big := withHeaders(2, strings.Repeat("A line of a message that is too large for this relay.\r\n", 1000))
			want(t, c.Send(t.Context(), env, big, yes), "failed size "+stage, true)
			want(t, c.Send(t.Context(), env, withHeaders(3, "x\r\n"), yes), "accepted dot", true)
			if q := s.Queue(); len(q) != 2 {
				t.Errorf("queue: %+v", q)
			}
			if n := len(s.WaitLog(": connect from", 1)); n > 2 { // one is the look whether it is up
				t.Errorf("%d connections", n)
			}
		})
	}
}

// A permit that is not given leaves nothing in the queue of a real MTA. SND-04
func TestPostfixForgetsWithoutDot(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t)
	for i := range 3 {
		want(t, throughPostfix(t, s).Send(t.Context(), env, withHeaders(i, strings.Repeat("A line.\r\n", 1+5000*i)), no), "refused permit body", false)
	}
	want(t, throughPostfix(t, s).Send(t.Context(), env, withHeaders(9, "x\r\n"), yes), "accepted dot", true)
	s.WaitLog("lost connection after DATA", 3)
	if q := s.Queue(); len(q) != 1 {
		t.Errorf("queue: %+v", q)
	}
}

// SND-12: STARTTLS with a certificate that is trusted, one of an unknown authority, and one for another host.
func TestPostfixTLS(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t, postfixtest.StartTLS("127.0.0.1"), postfixtest.Config("smtpd_tls_loglevel", "1"),
		postfixtest.Config("smtpd_tls_security_level", "encrypt"))
	elsewhere := postfixtest.Start(t, postfixtest.StartTLS("other.example"))
	open := func(url string, cfg relay.Config) (*relay.Conn, error) {
		cfg.URL, cfg.HelloName, cfg.Timeouts = url, "news.example.org", quick
		r, err := relay.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return r.Dial(t.Context())
	}
	c, err := open(s.URL(), relay.Config{RootCAs: s.RootCAs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	res := c.Send(t.Context(), env, withHeaders(1, "x\r\n"), yes)
	want(t, res, "accepted dot", true)
	if got := s.Message(res.QueueID); !bytes.Equal(got, withHeaders(1, "x\r\n")) {
		t.Errorf("postfix stores %q", got)
	}
	s.WaitLog("TLS connection established from", 1)

	for name, tc := range map[string]struct {
		url string
		cfg relay.Config
	}{
		"unknown authority": {s.URL(), relay.Config{}},
		"another authority": {s.URL(), relay.Config{RootCAs: elsewhere.RootCAs()}},
		"another host":      {elsewhere.URL(), relay.Config{RootCAs: elsewhere.RootCAs()}},
	} {
		c, err := open(tc.url, tc.cfg)
		if err == nil {
			c.Close()
			t.Errorf("SND-12 %s: it was trusted", name)
		} else if de, ok := err.(*relay.DialError); !ok || de.Class != relay.DialTLS {
			t.Errorf("SND-12 %s: %v", name, err)
		}
	}
	// In clear text it answers 530 to MAIL: no recipient is at fault.
	if c, err = open("smtp://"+s.Addr()+"?tls=none", relay.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	want(t, c.Send(t.Context(), env, withHeaders(2, "x\r\n"), yes), "requeue auth mail", false)
	if q := append(s.Queue(), elsewhere.Queue()...); len(q) != 1 {
		t.Errorf("queue: %+v", q)
	}
}

// What a real MTA says when it has seen all of the message; the connection goes on.
func TestPostfixRefusesAtTheDot(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opt        postfixtest.Option
		want, said string
	}{
		"SND-10 content":     {postfixtest.Config("header_checks", "static:{REJECT This looks like advertising}"), "failed block dot", "550 5.7.1 This looks like advertising"},
		"SND-06 later":       {postfixtest.Config("smtpd_end_of_data_restrictions", "check_client_access static:{450 4.3.2 Come back later}"), "deferred block dot", "450 4.3.2 Come back later"},
		"SND-09 end of data": {postfixtest.Config("smtpd_end_of_data_restrictions", "check_recipient_access static:{550 5.1.1 User unknown}"), "failed hard dot", "550 5.1.1 User unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := postfixtest.Start(t, tc.opt)
			c := throughPostfix(t, s)
			for i := range 3 {
				res := c.Send(t.Context(), env, withHeaders(i, "x\r\n"), yes)
				want(t, res, tc.want, true)
				for _, part := range strings.SplitN(tc.said, " ", 3) {
					if said := fmt.Sprintf("%d %s %s", res.Code, res.Enhanced, res.Text); !strings.Contains(said, part) {
						t.Errorf("it said %q, want %q", said, tc.said)
					}
				}
			}
			if q := s.Queue(); len(q) != 0 {
				t.Errorf("queue: %+v", q)
			}
		})
	}
}
