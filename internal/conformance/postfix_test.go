package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/postfixtest"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// queued returns what a real MTA holds of each recipient, and checks that it is what an accepted outcome says, by queue id.
func (r *rig) queued(s *postfixtest.Server) map[string][]postfixtest.Mail {
	r.Helper()
	held := map[string][]postfixtest.Mail{}
	for _, m := range s.Queue() {
		held[m.Recipient] = append(held[m.Recipient], m)
	}
	var rows []struct {
		Recipient string `db:"recipient"`
		QueueID   string `db:"queue_id"`
	}
	if err := r.db.Select(&rows, `SELECT d.recipient, o.queue_id FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE o.kind = 'accepted'`); err != nil {
		r.Fatal(err)
	}
	for _, row := range rows {
		if !slices.ContainsFunc(held[row.Recipient], func(m postfixtest.Mail) bool { return m.ID == row.QueueID }) {
			r.Errorf("%s was accepted as %q, and postfix holds %+v", row.Recipient, row.QueueID, held[row.Recipient])
		}
	}
	return held
}

// A campaign through a real MTA that refuses some of its readers, in its own words. Everybody is accounted for, the queue ids are
// the MTA's, and the octets in its queue are those that a relay of our own gets. With PIPELINING and without.
// SND-06, SND-07, SND-09, SND-10, SND-36, MSG-40
func TestPostfixCampaign(t *testing.T) {
	t.Parallel()
	const n = 300
	plain := octets(t, n)
	for name, opts := range map[string][]postfixtest.Option{
		"everything offered":   nil,
		"MSG-40 no extensions": {postfixtest.Without("pipelining", "size", "8bitmime", "smtputf8", "enhancedstatuscodes", "dsn", "chunking")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			all := r.readers(n)
			r.reader("gone@gone.example")
			s := postfixtest.Start(t, append(opts, postfixtest.KnowsNobodyAt("gone.example"),
				postfixtest.Answer("reader7@example.net", "REJECT"),
				postfixtest.Answer("reader8@example.net", "550 5.7.1 Service unavailable; client host blocked using zen.spamhaus.org"),
				postfixtest.Answer("reader9@example.net", "450 4.2.1 mailbox busy"),
				postfixtest.Answer("reader10@example.net", "DEFER_IF_PERMIT Greylisted, come back in some minutes"))...)
			r.launch(story)
			r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Backoff = delivery.Backoff })
			r.until("all have been tried", func() bool { b := r.balance(); return b.Queued+b.Claimed == 0 && b.Audience == n+1 })
			if b := r.balance(); b.Accepted != n-4 || b.Failed != 3 || b.Deferred != 2 || b.State != delivery.StateRunning {
				t.Errorf("balance: %+v", b)
			}
			for who, want := range map[string]string{
				"gone@gone.example":    "failed/hard",
				"reader7@example.net":  "failed/block",
				"reader8@example.net":  "failed/block",
				"reader9@example.net":  "deferred/transient",
				"reader10@example.net": "deferred/greylist",
			} {
				if got := r.outcomes(who); len(got) != 1 || got[0] != want {
					t.Errorf("%s: %v, want %s", who, got, want)
				}
				suppressed := r.count(`SELECT count(*) FROM subscribers WHERE wire = $1`, who) - r.count(`SELECT count(*) FROM mailable WHERE wire = $1`, who)
				if (suppressed == 1) != (want == "failed/hard") {
					t.Errorf("%s: suppressed %d", who, suppressed)
				}
			}
			held := r.queued(s)
			for _, who := range without(all, "reader7@example.net", "reader8@example.net", "reader9@example.net", "reader10@example.net") {
				if len(held[who]) != 1 {
					t.Fatalf("%s: postfix holds %+v", who, held[who])
				}
			}
			if len(held) != n-4 {
				t.Errorf("postfix holds mail for %d recipients", len(held))
			}
			for i := 1; i <= n; i += 29 { // postcat takes its time
				who := fmt.Sprintf("reader%d@example.net", i)
				for _, m := range held[who] {
					if got := s.Message(m.ID); !bytes.Equal(got, plain[who].Data) || m.Sender != plain[who].From {
						t.Errorf("%s: postfix holds from %s\n%s\nand not from %s\n%s", who, m.Sender, got, plain[who].From, plain[who].Data)
					}
				}
			}
			if strings.Contains(s.Log(), "improper command pipelining") {
				t.Error("commands were sent ahead without leave")
			}
		})
	}
}

// octets sends the same campaign to a relay of our own and returns what it got.
func octets(t *testing.T, n int) map[string]smtptest.Entry {
	t.Helper()
	r := newRig(t)
	r.readers(n)
	s := smtptest.Start(t)
	r.launch(story)
	stop := r.sender(relay.Config{URL: s.URL()})
	r.state(delivery.StateDone)
	stop()
	got := map[string]smtptest.Entry{}
	for _, e := range s.Ledger() {
		got[e.To] = e
	}
	if len(got) != n {
		t.Fatalf("%d of %d", len(got), n)
	}
	return got
}

// A message beyond the SIZE of a real MTA pauses the send before anybody is touched; where the limit is not announced, the
// first refusal does, and nobody fails for it. MSG-25, SND-11
func TestPostfixSize(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]postfixtest.Option{"MSG-25 announced": nil, "SND-11 found out": {postfixtest.Without("size")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(40)
			s := postfixtest.Start(t, append(opts, postfixtest.SizeLimit(4000))...)
			r.launch(story)
			stop := r.sender(relay.Config{URL: s.URL()})
			b := r.state(delivery.StatePaused)
			if !strings.Contains(b.Reason, "size") {
				t.Errorf("the reason is %q", b.Reason)
			}
			stop()
			if b = r.balance(); b.Accepted+b.Failed+b.Suppressed+b.Expired+b.Unknown != 0 {
				t.Errorf("somebody was given up: %+v", b)
			}
			if n := r.count(`SELECT count(*) FROM suppressions`); n != 0 || len(s.Queue()) != 0 {
				t.Errorf("%d suppressed, queue %+v", n, s.Queue())
			}
			if opts == nil {
				r.untouched(b)
			}
		})
	}
}

// A real MTA that is stopped, killed and started again in the midst of a send: nobody is lost, and whoever got a second copy was
// in doubt and got the same octets. SND-02, SND-21, MSG-05
func TestPostfixRestarts(t *testing.T) {
	t.Parallel()
	const n = 600
	r := newRig(t)
	all := r.readers(n)
	s := postfixtest.Start(t)
	r.launch(story)
	r.sender(relay.Config{URL: s.URL()})
	accepted := func(want int64) func() bool { return func() bool { return r.balance().Accepted >= want } }
	r.until("a part is through", accepted(60))
	s.Stop()
	s.Resume()
	r.until("more is through", accepted(200))
	s.Kill()
	before := r.balance()
	if before.Accepted == n {
		t.Error("all were through before it was killed")
	}
	s.Resume()
	if b := r.state(delivery.StateDone); b.Accepted != n {
		t.Errorf("balance: %+v", b)
	}
	held := r.queued(s)
	for _, who := range all {
		doubts := strings.Count(strings.Join(r.outcomes(who), " "), "doubt")
		copies := held[who]
		if len(copies) < 1 || len(copies) > 1+doubts {
			t.Errorf("%s: %d copies, %d doubts", who, len(copies), doubts)
		}
		for _, c := range copies[min(1, len(copies)):] {
			if !bytes.Equal(s.Message(c.ID), s.Message(copies[0].ID)) {
				t.Errorf("%s: the copies differ", who)
			}
		}
	}
	if n := r.count(`SELECT count(*) FROM outcomes WHERE kind NOT IN ('accepted', 'doubt', 'deferred')`); n != 0 {
		t.Errorf("%d readers were blamed", n)
	}
}

// A real MTA that has had enough of a connection after twenty refusals says 421 and hangs up. Nobody is lost, and nobody is blamed
// for what another's address did. SND-05, SND-09, SND-18
func TestPostfixTooManyErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(150)
	s := postfixtest.Start(t, postfixtest.Config("smtpd_hard_error_limit", "2"),
		postfixtest.Answer("reader20@example.net", "550 5.1.1 no such user"), postfixtest.Answer("reader21@example.net", "550 5.7.1 no"),
		postfixtest.Answer("reader22@example.net", "550 5.1.1 no such user"), postfixtest.Answer("reader23@example.net", "550 5.7.1 no"),
		postfixtest.Answer("reader24@example.net", "550 5.1.1 no such user"), postfixtest.Answer("reader25@example.net", "550 5.7.1 no"))
	r.launch(story)
	r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 1 })
	if b := r.state(delivery.StateDone); b.Accepted != 144 || b.Failed != 6 {
		t.Errorf("balance: %+v", b)
	}
	s.WaitLog("too many errors after", 2)
	if held := r.queued(s); len(held) != 144 {
		t.Errorf("postfix holds mail for %d", len(held))
	}
}

// SND-12: without a certificate that can be trusted, or without TLS where the MTA wants it, the send is paused, and nobody is touched.
// With a trusted one it goes through.
func TestPostfixTLS(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t, postfixtest.StartTLS("127.0.0.1"), postfixtest.Config("smtpd_tls_security_level", "encrypt"))
	for name, cfg := range map[string]relay.Config{
		"SND-12 trusted":           {URL: s.URL(), RootCAs: s.RootCAs()},
		"SND-12 unknown authority": {URL: s.URL()},
		"SND-12 clear text":        {URL: "smtp://" + s.Addr() + "?tls=none"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.readers(40)
			r.launch(story)
			before := len(s.Queue())
			stop := r.sender(cfg)
			if cfg.RootCAs != nil {
				if b := r.state(delivery.StateDone); b.Accepted != 40 || len(r.queued(s)) != 40 {
					t.Errorf("balance: %+v", b)
				}
				return
			}
			b := r.state(delivery.StatePaused)
			stop()
			r.untouched(r.balance())
			if b.Reason == "" || len(s.Queue()) != before {
				t.Errorf("reason %q, queue of %d", b.Reason, len(s.Queue()))
			}
		})
	}
}
