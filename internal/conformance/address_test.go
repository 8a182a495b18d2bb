package conformance

import (
	"strings"
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// MSG-42: a reader whose address only SMTPUTF8 can carry fails as unsupported where the relay does not offer it, is not suppressed, and the
// relay never hears of them. Where it is offered they get their mail. A domain in A-labels needs nothing.
// MSG-41: nobody else's MAIL FROM asks for SMTPUTF8.
func TestInternationalReaders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		offered []string
		utf8    bool
	}{
		"MSG-42 neither offered":     {[]string{"PIPELINING"}, false},
		"MSG-42 nothing offered":     {nil, false},
		"MSG-42 8BITMIME alone":      {[]string{"PIPELINING", "8BITMIME"}, false},
		"MSG-42 MSG-41 both offered": {[]string{"PIPELINING", "8BITMIME", "SMTPUTF8"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(20)
			const named, idn = "jürgen@example.net", "leser@xn--bcher-kva.example"
			r.reader(named)
			r.reader(idn)
			s := smtptest.Start(t, smtptest.Extensions(tc.offered...))
			r.launch(story)
			stop := r.sender(relay.Config{URL: s.URL()})
			b := r.state(delivery.StateDone)
			stop()
			want := "failed/unsupported"
			if tc.utf8 {
				want = "accepted"
			}
			if got := strings.Join(r.outcomes(named), " "); got != want {
				t.Errorf("%s: %s, want %s", named, got, want)
			}
			if got := strings.Join(r.outcomes(idn), " "); got != "accepted" {
				t.Errorf("%s: %s", idn, got)
			}
			if b.Accepted+b.Failed != 22 || (b.Failed == 0) != tc.utf8 {
				t.Errorf("balance: %+v", b)
			}
			if n := r.count(`SELECT count(*) FROM suppressions`); n != 0 || r.count(`SELECT count(*) FROM mailable`) != 22 {
				t.Errorf("%d suppressed", n)
			}
			for _, c := range s.Commands() {
				if !tc.utf8 && strings.ContainsFunc(c, func(c rune) bool { return c > 0x7e }) {
					t.Errorf("the relay was told %q", c)
				}
			}
			for _, e := range s.Ledger() {
				if asks := strings.Contains(e.MailLine, "SMTPUTF8"); asks != (e.To == named) {
					t.Errorf("MSG-41: %s: %q", e.To, e.MailLine)
				}
			}
			if !tc.utf8 {
				failed, err := r.store.Outcomes(t.Context(), campaign, delivery.Filter{State: "failed"})
				if err != nil || len(failed) != 1 || failed[0].Address != named || !strings.Contains(failed[0].Reply, "SMTPUTF8") {
					t.Errorf("listed as failed: %+v, %v", failed, err)
				}
			}
		})
	}
}

// MSG-40: whatever a relay offers, every reader gets the same octets, with no parameter that was not offered and nothing sent ahead
// without leave (the relay notes either). SND-17: one that knows only HELO works too, and one that hangs up on EHLO.
func TestSameOctets(t *testing.T) {
	t.Parallel()
	const n = 30
	plain := octets(t, n)
	hello := func(a smtptest.Action) smtptest.Option {
		return smtptest.On(smtptest.Hello, func(e smtptest.Event) smtptest.Action {
			if strings.HasPrefix(e.Line, "EHLO") {
				return a
			}
			return smtptest.Go()
		})
	}
	for name, opt := range map[string]smtptest.Option{
		"MSG-40 nothing offered":  smtptest.Extensions(),
		"MSG-40 PIPELINING alone": smtptest.Extensions("PIPELINING"),
		"MSG-40 all but it":       smtptest.Extensions("SIZE 20000000", "8BITMIME", "SMTPUTF8"),
		"SND-17 HELO alone":       hello(smtptest.Reply("502 5.5.1 What?")),
		"SND-17 hangs up on EHLO": hello(smtptest.Drop()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(n)
			s := smtptest.Start(t, opt)
			r.launch(story)
			r.sender(relay.Config{URL: s.URL()})
			if b := r.state(delivery.StateDone); b.Accepted != n {
				t.Errorf("balance: %+v", b)
			}
			if s.Len() != n {
				t.Errorf("%d messages for %d readers", s.Len(), n)
			}
			for _, e := range s.Ledger() {
				if e.Sum != plain[e.To].Sum || e.From != plain[e.To].From {
					t.Errorf("%s got other octets", e.To)
				}
				if strings.ContainsFunc(string(e.Data), func(c rune) bool { return c > 0x7e }) {
					t.Errorf("%s: not 7-bit", e.To)
				}
			}
		})
	}
}
