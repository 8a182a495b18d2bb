package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/logtest"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// SND-06, SND-08: a temporary refusal of one recipient puts off that one only; the connection goes on.
func TestDeferred(t *testing.T) {
	t.Parallel()
	for id, reply := range map[string]string{
		"SND-06 450":    "450 4.2.1 mailbox busy",
		"SND-06 451":    "451 4.3.0 local error",
		"SND-06 452":    "452 4.2.2 mailbox full",
		"SND-08 452":    "452 4.5.3 too many recipients",
		"SND-08 552":    "552 too many recipients",
		"full":          "552 5.2.2 mailbox full",
		"greylisted":    "451 4.7.1 greylisted, try again later",
		"contradictory": "450 5.1.1 unknown for now",
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(40)
			victim := addressOf(7)
			s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(victim, 2, smtptest.Reply(reply))))
			r.launch()
			r.sender(r.relay(s))
			if b := r.state(StateDone); b.Accepted != 40 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(40)...)
			if got := r.outcomesOf(victim); len(got) != 3 || !strings.HasPrefix(got[0], "deferred") || !strings.HasPrefix(got[1], "deferred") || got[2] != "accepted" {
				t.Errorf("outcomes of the refused reader: %v", got)
			}
			if n := r.count(`SELECT count(*) FROM outcomes`); n != 42 {
				t.Errorf("%d outcomes, want 42", n)
			}
			if s.Connections() > 4 {
				t.Errorf("%d connections: the refusal cost one", s.Connections())
			}
			r.agrees()
		})
	}
}

// forFirst does a at the first n events of a recipient.
func forFirst(to string, n int, a smtptest.Action) smtptest.Hook {
	first := smtptest.First(n, a)
	return func(e smtptest.Event) smtptest.Action {
		if e.To == to || strings.Contains(e.Line, "<"+to+">") {
			return first(e)
		}
		return smtptest.Go()
	}
}

// SND-07: greylisted, a reader waits five minutes at least and is tried with the same envelope.
func TestGreylist(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(3)
	victim := addressOf(2)
	var mu sync.Mutex
	var seen []string // MAIL FROM of each try
	once := forFirst(victim, 1, smtptest.Reply("451 4.7.1 greylisted"))
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if strings.Contains(e.Line, victim) {
			mu.Lock()
			seen = append(seen, e.From+" "+e.Line)
			mu.Unlock()
		}
		return once(e)
	}))
	r.launch()
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = Backoff }))
	r.until("the others are through", func() bool { b := r.balance(); return b.Accepted == 2 && b.Deferred == 1 })
	b := r.balance()
	if wait := time.Until(*b.NextDue); wait < 4*time.Minute+50*time.Second {
		t.Errorf("SND-07: the greylisted reader is tried again in %s", wait)
	}
	waiting, err := r.store.Outcomes(t.Context(), testCampaign, Filter{State: "deferred"})
	if err != nil || len(waiting) != 1 || waiting[0].Address != victim || waiting[0].Class != relay.ClassGreylist || waiting[0].Due == nil || waiting[0].Attempts != 1 {
		t.Errorf("deferred: %+v, %v", waiting, err)
	}
	r.exec(`UPDATE retries SET due = now()`)
	r.state(StateDone)
	r.once(s, all(3)...)
	if len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("SND-07: the envelopes differ: %q", seen)
	}
}

// SND-09: a dead mailbox fails and is suppressed, in one commit; the campaign goes on. SND-10: a block never suppresses.
func TestRefused(t *testing.T) {
	t.Parallel()
	for id, tc := range map[string]struct {
		reply, class string
		suppressed   bool
	}{
		"SND-09 unknown":    {"550 5.1.1 no such user", relay.ClassHard, true},
		"SND-09 disabled":   {"550 5.2.1 mailbox disabled", relay.ClassInactive, true},
		"SND-10 policy":     {"550 5.7.1 message refused by policy", relay.ClassBlock, false},
		"SND-10 reputation": {"550 5.7.26 unauthenticated", relay.ClassBlock, false},
	} {
		for stage, at := range map[string]smtptest.Stage{"at RCPT": smtptest.RcptTo, "after the dot": smtptest.Dot} {
			t.Run(id+" "+stage, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.readers(30)
				victim := addressOf(11)
				s := smtptest.Start(t, smtptest.On(at, forFirst(victim, 1, smtptest.Reply(tc.reply))))
				r.launch()
				r.sender(r.relay(s))
				if b := r.state(StateDone); b.Accepted != 29 || b.Failed != 1 {
					t.Errorf("balance: %+v", b)
				}
				r.once(s, all(30, victim)...)
				if got := r.outcomesOf(victim); len(got) != 1 || got[0] != "failed/"+tc.class {
					t.Errorf("outcomes: %v", got)
				}
				mailable := r.count(`SELECT count(*) FROM mailable WHERE wire = $1`, victim)
				if (mailable == 0) != tc.suppressed {
					t.Errorf("mailable afterwards: %d, want suppressed %v", mailable, tc.suppressed)
				}
				failed, err := r.store.Outcomes(t.Context(), testCampaign, Filter{})
				if err != nil || len(failed) != 1 || failed[0].Address != victim || fmt.Sprintf("%d %s %s", failed[0].Code, failed[0].Enhanced, strings.TrimPrefix(failed[0].Reply, failed[0].Enhanced+" ")) != tc.reply || failed[0].Provider != "other" {
					t.Errorf("what the report lists: %+v, %v", failed, err)
				}
				r.agrees()
			})
		}
	}
}

// SND-11: too large pauses the campaign; so does a refusal of our own sender. Nobody fails for it, and after a resume all go.
func TestPausesItself(t *testing.T) {
	t.Parallel()
	for id, tc := range map[string]struct {
		opt  smtptest.Option
		says string
	}{
		"SND-11 552 at MAIL":   {smtptest.On(smtptest.MailFrom, smtptest.First(1, smtptest.Reply("552 5.3.4 too big"))), "size"},
		"SND-11 552 after dot": {smtptest.On(smtptest.Dot, smtptest.First(1, smtptest.Reply("552 5.3.4 too big"))), "size"},
		"SND-11 5.2.3":         {smtptest.On(smtptest.Dot, smtptest.First(1, smtptest.Reply("552 5.2.3 message too long"))), "size"},
		"sender refused":       {smtptest.On(smtptest.MailFrom, smtptest.First(1, smtptest.Reply("550 5.1.8 bad sender"))), "bad sender"},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(20)
			s := smtptest.Start(t, tc.opt)
			r.launch()
			r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections = 1 }))
			b := r.state(StatePaused)
			if b.Failed+b.Accepted+b.Suppressed != 0 || !strings.Contains(b.Reason, tc.says) {
				t.Errorf("balance: %+v", b)
			}
			if n := r.count(`SELECT count(*) FROM suppressions`); n != 0 {
				t.Errorf("%d readers suppressed", n)
			}
			if err := r.store.Resume(t.Context(), testCampaign); err != nil {
				t.Fatal(err)
			}
			if b := r.state(StateDone); b.Accepted != 20 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(20)...)
		})
	}
}

// A relay whose SIZE is below the message is not even asked. MSG-25
func TestTooLargeForSize(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(5)
	s := smtptest.Start(t, smtptest.Extensions("PIPELINING", "SIZE 500"))
	r.launch()
	r.sender(r.relay(s))
	if b := r.state(StatePaused); b.Failed != 0 || !strings.Contains(b.Reason, "size") {
		t.Errorf("balance: %+v", b)
	}
	if s.Len() != 0 {
		t.Errorf("%d messages accepted", s.Len())
	}
}

// SND-12: what only a person can mend pauses the send and says so; nobody fails, and no secret is written down.
func TestLoginAndTLS(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-correct-horse"
	for id, tc := range map[string]struct {
		opts  []smtptest.Option
		url   func(*smtptest.Relay) string
		trust bool
	}{
		"SND-12 535":              {[]smtptest.Option{smtptest.StartTLS(), smtptest.Auth("mailer", "another"), smtptest.Lenient()}, nil, true},
		"SND-12 530":              {[]smtptest.Option{smtptest.On(smtptest.MailFrom, smtptest.Always(smtptest.Reply("530 5.7.0 authentication required")))}, nil, true},
		"SND-12 STARTTLS refused": {[]smtptest.Option{smtptest.StartTLS(), smtptest.On(smtptest.TLS, smtptest.Always(smtptest.Reply("501 5.5.4 no TLS today")))}, nil, true},
		"SND-12 bad certificate":  {[]smtptest.Option{smtptest.StartTLS(), smtptest.Lenient()}, nil, false},
		"SND-12 wrong host name":  {[]smtptest.Option{smtptest.StartTLS(), smtptest.CertificateFor("other.example"), smtptest.Lenient()}, nil, true},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(10)
			s := smtptest.Start(t, tc.opts...)
			r.launch()
			rl := r.relay(s, func(c *relay.Config) {
				if strings.HasSuffix(id, "535") {
					c.URL = "smtp://mailer:" + secret + "@" + s.Addr()
				}
				if tc.trust {
					c.RootCAs = s.RootCAs()
				}
			})
			log := &logtest.Buffer{}
			run := r.sender(rl, with(func(c *SenderConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }))
			b := r.state(StatePaused)
			if b.Failed+b.Deferred+b.Accepted != 0 || b.Reason == "" {
				t.Errorf("balance: %+v", b)
			}
			run.stop()
			if n := r.count(`SELECT count(*) FROM outcomes`); n != 0 {
				t.Errorf("%d outcomes", n)
			}
			if strings.Contains(b.Reason+log.String(), secret) {
				t.Errorf("the password stands in the reason or the log:\n%s\n%s", b.Reason, log)
			}
			t.Logf("reason: %s", b.Reason)
		})
	}
}

// SND-05, SND-13: trouble of the relay touches nobody and passes by itself.
func TestRelayTrouble(t *testing.T) {
	t.Parallel()
	busy := smtptest.Reply("421 4.3.2 too busy").ThenDrop()
	for id, opt := range map[string]smtptest.Option{
		"SND-05 421 at connect": smtptest.On(smtptest.Greeting, smtptest.First(6, busy)),
		"SND-05 421 at EHLO":    smtptest.On(smtptest.Hello, smtptest.First(6, busy)),
		"SND-05 421 at MAIL":    smtptest.On(smtptest.MailFrom, smtptest.First(6, busy)),
		"SND-05 421 at RCPT":    smtptest.On(smtptest.RcptTo, smtptest.First(6, busy)),
		"SND-05 421 at DATA":    smtptest.On(smtptest.Data, smtptest.First(6, busy)),
		"421 after the dot":     smtptest.On(smtptest.Dot, smtptest.First(6, busy)),
		"SND-13 554 banner":     smtptest.On(smtptest.Greeting, smtptest.First(6, smtptest.Reply("554 5.7.1 go away").ThenDrop())),
		"drop at MAIL":          smtptest.On(smtptest.MailFrom, smtptest.First(6, smtptest.Drop())),
		"SND-18 421 after 3":    smtptest.MaxMessages(3),
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(40)
			s := smtptest.Start(t, opt)
			r.launch()
			r.sender(r.relay(s))
			if b := r.state(StateDone); b.Accepted != 40 || b.Reason != "" {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(40)...)
			if n := r.count(`SELECT count(*) FROM outcomes WHERE kind <> 'accepted'`); n != 0 {
				t.Errorf("%d outcomes that are not accepted", n)
			}
		})
	}
}

// hangUp makes the relay hang up after its 354, n times, for one reader or, with "", for anyone. The permit is held until the
// connection is gone: so it is certain that no dot was written.
type hangUp struct {
	to      string
	n       atomic.Int64
	hanging atomic.Int64 // number of the connection that is being closed; 0: none
	relay   *smtptest.Relay
}

func (h *hangUp) hook(action smtptest.Action) smtptest.Hook {
	return func(e smtptest.Event) smtptest.Action {
		if (h.to == "" || e.To == h.to) && h.n.Add(-1) >= 0 {
			h.hanging.Store(int64(e.Conn))
			return action
		}
		return smtptest.Go()
	}
}

func (h *hangUp) hold(s *Sender) {
	s.com.hooks.beforeGroup = func(*group) error {
		if n := h.hanging.Swap(0); n > 0 { // the sender has one connection
			for h.relay.Open() > 0 && int64(h.relay.Connections()) == n {
				<-time.After(time.Millisecond)
			}
		}
		return nil
	}
}

// SND-03: the link breaks within the body: nobody was risked, the delivery is sent over another connection.
func TestDropInBody(t *testing.T) {
	t.Parallel()
	for id, action := range map[string]smtptest.Action{
		"SND-03 close": smtptest.Reply("354 go on").ThenDrop(), "SND-03 RST": smtptest.Reply("354 go on").ThenReset(),
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(40)
			h := &hangUp{}
			h.n.Store(2) // one less than puts a delivery off
			h.relay = smtptest.Start(t, smtptest.On(smtptest.Data, h.hook(action)))
			r.launch()
			r.sender(r.relay(h.relay), with(func(c *SenderConfig) { c.Connections = 1 }), h.hold)
			if b := r.state(StateDone); b.Accepted != 40 {
				t.Errorf("balance: %+v", b)
			}
			r.once(h.relay, all(40)...)
			if n := r.count(`SELECT count(*) FROM outcomes`); n != 40 {
				t.Errorf("%d outcomes for 40 readers", n)
			}
			if h.relay.Connections() < 3 {
				t.Errorf("%d connections: a broken one was used again", h.relay.Connections())
			}
		})
	}
}

// A message on which the relay hangs up again and again is put off; it does not hold up those behind it.
func TestChokesOnOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	h := &hangUp{to: addressOf(1)}
	h.n.Store(maxHangups)
	h.relay = smtptest.Start(t, smtptest.On(smtptest.Data, h.hook(smtptest.Reply("354 go on").ThenDrop())))
	r.launch()
	r.sender(r.relay(h.relay), with(func(c *SenderConfig) { c.Connections = 1 }), h.hold)
	if b := r.state(StateDone); b.Accepted != 20 {
		t.Errorf("balance: %+v", b)
	}
	r.once(h.relay, all(20)...)
	if got := r.outcomesOf(h.to); len(got) != 2 || got[0] != "deferred/link" {
		t.Errorf("outcomes: %v", got)
	}
}

// A reader who is deferred past the end of the send has expired, and is listed with the last reply. SND-20
func TestExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(10)
	victim := addressOf(4)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(victim, 1000, smtptest.Reply("450 4.2.1 not now"))))
	r.launch(func(l *Launch) { l.ExpiresAt = time.Now().Add(time.Hour) })
	r.sender(r.relay(s), with(func(c *SenderConfig) {
		c.Backoff = func(attempt int, _ string) time.Duration {
			if attempt < 3 {
				return 20 * time.Millisecond
			}
			return 2 * time.Hour
		}
	}))
	if b := r.state(StateDone); b.Accepted != 9 || b.Expired != 1 {
		t.Errorf("balance: %+v", b)
	}
	if got := r.outcomesOf(victim); len(got) != 3 || got[2] != "expired/transient" {
		t.Errorf("outcomes: %v", got)
	}
	expired, err := r.store.Outcomes(context.Background(), testCampaign, Filter{State: "expired"})
	if err != nil || len(expired) != 1 || !strings.Contains(expired[0].Reply, "not now") {
		t.Errorf("expired: %+v, %v", expired, err)
	}
	r.agrees()
}

// A send past its time ends as expired, and so do those it did not reach.
func TestSendExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(10)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, smtptest.Always(smtptest.Reply("450 4.2.1 not now"))))
	r.launch()
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return time.Hour } }))
	r.until("all are deferred", func() bool { return r.balance().Deferred == 10 })
	r.exec(`UPDATE sends SET expires_at = clock_timestamp()`)
	if b := r.state(StateExpired); b.Expired != 10 || b.Deferred != 0 || b.Reason == "" {
		t.Errorf("balance: %+v", b)
	}
	r.until("its retry rows are gone", func() bool { return r.count(`SELECT count(*) FROM retries`) == 0 })
	r.agrees()
}
