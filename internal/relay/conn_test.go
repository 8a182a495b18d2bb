package relay_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// SND-16: the reply to the dot is waited for longer than any other, and when it does not come the message is in doubt.
func TestSlowDot(t *testing.T) {
	t.Parallel()
	// One second here is a minute there: every other step has a third of a second, the dot ten.
	scaled := func(c *relay.Config) {
		c.Timeouts = relay.Timeouts{Mail: 300 * time.Millisecond, Rcpt: 300 * time.Millisecond, Data: 300 * time.Millisecond,
			Block: 300 * time.Millisecond, Dot: 10 * time.Second}
	}
	gate := smtptest.NewGate()
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, gate.Hook(smtptest.Go())))
	go func() {
		<-gate.Reached()
		time.AfterFunc(900*time.Millisecond, gate.Open)
	}()
	res := dial(t, newRelay(t, s, scaled)).Send(t.Context(), env, message("1"), yes)
	want(t, res, "accepted dot", true)
	if res.Took < 900*time.Millisecond {
		t.Errorf("took %v", res.Took)
	}
	if d := relay.DefaultTimeouts(); d.Dot < 10*time.Minute || d.Mail < 5*time.Minute || d.Rcpt < 5*time.Minute || d.Data < 2*time.Minute || d.Block < 3*time.Minute {
		t.Errorf("default timeouts are shorter than those of RFC 5321: %+v", d)
	}
	never := smtptest.Start(t, smtptest.On(smtptest.Recorded, smtptest.NewGate().Hook(smtptest.Drop())))
	shorter := func(c *relay.Config) { scaled(c); c.Timeouts.Dot = 400 * time.Millisecond }
	want(t, dial(t, newRelay(t, never, shorter)).Send(t.Context(), env, message("1"), yes), "doubt timeout dot", false)
}

// A relay that stops answering before the dot costs nobody anything.
func TestSilence(t *testing.T) {
	t.Parallel()
	// Only the step that is not answered has little time, so that a busy machine does not stumble over another.
	short := func(at smtptest.Stage) func(*relay.Config) {
		return func(c *relay.Config) {
			*map[smtptest.Stage]*time.Duration{smtptest.MailFrom: &c.Timeouts.Mail, smtptest.RcptTo: &c.Timeouts.Rcpt,
				smtptest.Data: &c.Timeouts.Data, smtptest.Body: &c.Timeouts.Block}[at] = 50 * time.Millisecond
		}
	}
	inBoth(t, func(t *testing.T, ext smtptest.Option) {
		for _, at := range []smtptest.Stage{smtptest.MailFrom, smtptest.RcptTo, smtptest.Data, smtptest.Body} {
			s := smtptest.Start(t, ext, smtptest.Narrow(), smtptest.On(at, smtptest.NewGate().Hook(smtptest.Drop())))
			want(t, dial(t, newRelay(t, s, short(at))).Send(t.Context(), env, huge, yes), "requeue timeout "+string(at), false)
			accepted(t, s, 0)
		}
	})
}

// SND-18: our own limit of messages per connection, and the relay's.
func TestMessagesPerConnection(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ours, theirs int
	}{"ours": {7, 0}, "theirs": {100, 5}} {
		t.Run("SND-18 "+name, func(t *testing.T) {
			t.Parallel()
			var opts []smtptest.Option
			if tc.theirs > 0 {
				opts = append(opts, smtptest.MaxMessages(tc.theirs))
			}
			s := smtptest.Start(t, opts...)
			r := newRelay(t, s, func(c *relay.Config) { c.MaxMessages = tc.ours })
			c := dial(t, r)
			const n = 30
			for i := 0; i < n; {
				if !c.Usable() {
					c.Quit()
					c = dial(t, r)
				}
				switch res := c.Send(t.Context(), env, message(fmt.Sprint(i)), yes); res.Kind {
				case relay.Accepted:
					i++
				case relay.Requeue:
					if res.Class != relay.ClassBusy || res.Reusable || c.Usable() {
						t.Fatalf("%+v", res)
					}
				default:
					t.Fatalf("%+v", res)
				}
			}
			accepted(t, s, n)
			per := map[int]int{}
			for i, e := range s.Ledger() {
				per[e.Conn]++
				if e.MessageID != fmt.Sprintf("%d@news.example.org", i) {
					t.Errorf("entry %d is %s", i, e.MessageID)
				}
			}
			for conn, k := range per {
				if limit := max(tc.theirs, min(tc.ours, n)); k > limit || tc.theirs > 0 && k > tc.theirs {
					t.Errorf("connection %d carried %d", conn, k)
				}
			}
		})
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t)
	c := dial(t, newRelay(t, s, func(c *relay.Config) { c.IdleAfter = time.Nanosecond }))
	if c.Usable() {
		t.Error("usable after it lay idle")
	}
	c.Quit()
	c.Quit()
	c.Close()
}

// However a relay behaves, accepted means that it has the message, requeue and refusals that it has not.
func TestNeverWrong(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]bool{"one by one": false, "looking ahead": true} {
		t.Run(name, func(t *testing.T) { neverWrong(t, ahead) })
	}
}

func neverWrong(t *testing.T, ahead bool) {
	t.Parallel()
	inBoth(t, func(t *testing.T, ext smtptest.Option) {
		s := smtptest.Start(t, ext, smtptest.StartTLS(), smtptest.Auth("user", "secret"))
		stages := []smtptest.Stage{smtptest.MailFrom, smtptest.RcptTo, smtptest.Data, smtptest.Body, smtptest.Dot, smtptest.Recorded, smtptest.Replied}
		actions := []smtptest.Action{smtptest.Drop(), smtptest.Reset(), smtptest.Reply("421 closing").ThenDrop(), smtptest.Reply("451 later"),
			smtptest.Reply("550 5.1.1 no"), smtptest.Reply("garbage"), smtptest.Reply("250-first\n250 last"), smtptest.Raw("2").ThenReset(), smtptest.Go(), smtptest.Go()}
		const early = 6 // an acceptance before the dot is a lie that no client can see through in every case
		var mu sync.Mutex
		calls := 0
		for _, st := range stages {
			s.On(st, func(smtptest.Event) smtptest.Action {
				mu.Lock()
				defer mu.Unlock()
				calls++
				if calls%5 != 0 {
					return smtptest.Go()
				}
				if a := calls / 5 % len(actions); st != smtptest.Body || a != early {
					return actions[a]
				}
				return smtptest.Go()
			})
		}
		r := newRelay(t, s)
		kinds := map[relay.Kind]int{}
		var c *relay.Conn
		var m *relay.Mail
		announced := false
		for i := range 160 {
			if c == nil || !c.Usable() {
				announced = false
				var err error
				if c, err = r.Dial(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			id := fmt.Sprint(i)
			permit := yes
			if i%11 == 0 {
				permit = no
			}
			var res relay.Result
			if ahead {
				if m == nil || !announced {
					m = &relay.Mail{Envelope: env, Message: message(id)}
				}
				m.Permit = waiting(permit)
				announced = false
				var following *relay.Mail
				res = c.Carry(t.Context(), m, func() *relay.Mail {
					following, announced = &relay.Mail{Envelope: env, Message: message(fmt.Sprint(i + 1))}, true
					return following
				})
				if announced = announced && res.Reusable && i%13 != 0; !announced && following != nil {
					c.Quit() // it is withdrawn
				}
				m = following
			} else {
				res = c.Send(t.Context(), env, message(id), permit)
			}
			kinds[res.Kind]++
			if !res.Reusable {
				c.Quit()
			}
			copies := 0
			for _, e := range s.Ledger() {
				if e.MessageID == id+"@news.example.org" {
					copies++
				}
			}
			switch {
			case copies > 1, res.Kind == relay.Accepted && copies != 1,
				copies != 0 && res.Kind != relay.Accepted && res.Kind != relay.Doubt && res.Stage != relay.StageDot:
				t.Fatalf("message %d: %d copies and %+v", i, copies, res)
			}
		}
		c.Quit()
		for _, k := range []relay.Kind{relay.Accepted, relay.Deferred, relay.Failed, relay.Doubt, relay.Requeue, relay.Refused} {
			if kinds[k] == 0 {
				t.Errorf("no %s among %v", k, kinds)
			}
		}
	})
}
