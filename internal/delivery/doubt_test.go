package delivery

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// SND-02: the dot is written and no reply can be read. With policy retry the reader gets at most one more copy, with the same
// octets (MSG-05); with hold the reader is listed as unknown.
func TestDoubt(t *testing.T) {
	t.Parallel()
	victim := addressOf(9)
	stuck := smtptest.NewGate()
	t.Cleanup(stuck.Open)
	for id, tc := range map[string]struct {
		hook  func() smtptest.Option
		taken bool // the relay had accepted it
	}{
		"close, taken": {func() smtptest.Option { return smtptest.On(smtptest.Recorded, forFirst(victim, 1, smtptest.Drop())) }, true},
		"RST, taken":   {func() smtptest.Option { return smtptest.On(smtptest.Recorded, forFirst(victim, 1, smtptest.Reset())) }, true},
		"close, lost":  {func() smtptest.Option { return smtptest.On(smtptest.Dot, forFirst(victim, 1, smtptest.Drop())) }, false},
		"garbage, taken": {func() smtptest.Option {
			return smtptest.On(smtptest.Recorded, forFirst(victim, 1, smtptest.Reply("what?")))
		}, true},
		"timeout, taken": {func() smtptest.Option {
			return smtptest.On(smtptest.Recorded, hookOnce(victim, stuck.Hook(smtptest.Drop())))
		}, true},
	} {
		for _, policy := range []string{PolicyRetry, PolicyHold} {
			t.Run("SND-02 "+id+" "+policy, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.readers(30)
				s := smtptest.Start(t, tc.hook(), smtptest.Lenient())
				r.launch(func(l *Launch) { l.DoubtPolicy = policy })
				r.sender(r.relay(s, func(c *relay.Config) {
					if id == "timeout, taken" {
						c.Timeouts.Dot = 300 * time.Millisecond
					}
				}))
				b := r.state(StateDone)
				want := 0 // copies of the reader in doubt
				if tc.taken {
					want++
				}
				if policy == PolicyRetry {
					want++
					if b.Accepted != 30 || fmt.Sprint(kinds(r, victim)) != "[doubt accepted]" {
						t.Errorf("balance: %+v, outcomes %v", b, kinds(r, victim))
					}
				} else if b.Accepted != 29 || b.Unknown != 1 || fmt.Sprint(kinds(r, victim)) != "[unknown]" {
					t.Errorf("balance: %+v, outcomes %v", b, kinds(r, victim))
				}
				var first *smtptest.Entry
				got := 0
				for _, e := range s.Ledger() {
					if e.To != victim {
						continue
					}
					got++
					if first == nil {
						first = &e
					} else if first.Sum != e.Sum || first.MessageID != e.MessageID || first.From != e.From || e.MessageID == "" {
						t.Errorf("MSG-05: the copies differ: %s %s, %s %s", first.MessageID, first.Sum, e.MessageID, e.Sum)
					}
				}
				if got != want {
					t.Errorf("%d copies, want %d", got, want)
				}
				r.agrees()
			})
		}
	}
}

func kinds(r *rig, address string) []string {
	r.Helper()
	var list []string
	if err := r.db.SelectContext(r.Context(), &list, `SELECT o.kind FROM outcomes o JOIN deliveries d USING (campaign_id, seq)
		WHERE d.recipient = $1 ORDER BY o.attempt`, address); err != nil {
		r.Fatal(err)
	}
	return list
}

// hookOnce applies a hook at the first event of a recipient, of anyone when to is empty.
func hookOnce(to string, h smtptest.Hook) smtptest.Hook {
	var done atomic.Bool
	return func(e smtptest.Event) smtptest.Action {
		if (to == "" || e.To == to) && done.CompareAndSwap(false, true) {
			return h(e)
		}
		return smtptest.Go()
	}
}

// A reader in doubt twice is held: there is one automatic retry.
func TestDoubtTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	victim := addressOf(5)
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, forFirst(victim, 100, smtptest.Drop())))
	r.launch()
	r.sender(r.relay(s))
	if b := r.state(StateDone); b.Accepted != 19 || b.Unknown != 1 {
		t.Errorf("balance: %+v", b)
	}
	if n := copies(s)[victim]; n != 2 {
		t.Errorf("%d copies, want 2", n)
	}
	unknown, err := r.store.Outcomes(t.Context(), testCampaign, Filter{State: "unknown"})
	if err != nil || len(unknown) != 1 || unknown[0].Address != victim || unknown[0].Attempts != 2 {
		t.Errorf("unknown: %+v, %v", unknown, err)
	}
	r.agrees()
}

// A relay that drops every message after the dot puts few readers in doubt, not the list: each doubt makes the next wait.
func TestDoubtBacksOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(400)
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, smtptest.Always(smtptest.Drop())))
	r.launch()
	run := r.sender(r.relay(s), with(func(c *SenderConfig) {
		c.RelayBackoff = func(int) time.Duration { return time.Hour }
	}))
	r.until("the circuit is open", func() bool { _, open := run.relays.lines[0].circuit.state(); return open })
	run.stop()
	if n := s.Len(); n > 4 {
		t.Errorf("%d messages went into doubt over 4 connections", n)
	}
	r.agrees()
}

// A sender that is killed leaves its notes; whoever claims its chunks after the lease finds exactly those in doubt. The others
// get one copy. This is the kill -9 of one process, seen from the other.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{PolicyRetry, PolicyHold} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(900)
			const connections = 4
			stuck := smtptest.NewGate()
			t.Cleanup(stuck.Open)
			var waiting atomic.Int64
			s := smtptest.Start(t, smtptest.On(smtptest.Recorded, func(e smtptest.Event) smtptest.Action {
				if e.Accepted < 40 {
					return smtptest.Go()
				}
				waiting.Add(1) // every connection stops between the ledger and the 250
				return stuck.Hook(smtptest.Drop())(e)
			}))
			r.launch(func(l *Launch) { l.DoubtPolicy = policy })
			first := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections, c.Lease = connections, 500*time.Millisecond }))
			r.until("all connections are stuck", func() bool { return waiting.Load() == connections })
			first.kill()
			var inDoubt []string
			if err := r.db.SelectContext(t.Context(), &inDoubt, `SELECT d.recipient FROM permits p, unnest(p.campaign_ids, p.seqs, p.attempts) n(campaign_id, seq, attempt)
				JOIN deliveries d USING (campaign_id, seq)
				WHERE NOT EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = n.campaign_id AND o.seq = n.seq AND o.attempt = n.attempt)`); err != nil {
				t.Fatal(err)
			}
			if len(inDoubt) != connections {
				t.Fatalf("%d notes without an outcome for %d connections", len(inDoubt), connections)
			}
			s.Clear()
			r.sender(r.relay(s))
			b := r.state(StateDone)
			got := copies(s)
			for _, a := range inDoubt {
				want := 1
				if policy == PolicyRetry {
					want = 2
				}
				if got[a] != want {
					t.Errorf("%s was in doubt and has %d copies", a, got[a])
				}
				got[a] = 1
			}
			for _, a := range all(900) {
				if got[a] != 1 {
					t.Errorf("%s has %d copies", a, got[a])
				}
			}
			if doubts := r.count(`SELECT count(*) FROM outcomes WHERE kind IN ('doubt', 'unknown')`); doubts != connections {
				t.Errorf("%d doubts on record for %d connections", doubts, connections)
			}
			if policy == PolicyHold && b.Unknown != connections {
				t.Errorf("balance: %+v", b)
			}
			r.agrees()
			r.exec(`UPDATE permits SET at = at - interval '1 hour'`)
			r.until("the notes of the dead process are gone", func() bool {
				return r.count(`SELECT count(*) FROM permits WHERE process = $1`, first.h.process) == 0
			})
		})
	}
}

// A sender that lost its lease while it waited for a reply: its fact replaces the doubt, the retry that was planned is dropped,
// and it gets no permit any more.
func TestLateFact(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{PolicyRetry, PolicyHold} {
		for reply, kind := range map[string]string{"250 2.0.0 late": "accepted", "550 5.7.1 late": "failed", "450 4.2.1 late": "deferred"} {
			t.Run(policy+" "+kind, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.readers(50)
				gate := smtptest.NewGate()
				answer := smtptest.Reply(reply)
				if kind == "accepted" {
					answer = smtptest.Go()
				}
				s := smtptest.Start(t, smtptest.On(smtptest.Dot, hookOnce("", gate.Hook(answer))))
				r.launch(func(l *Launch) { l.DoubtPolicy = policy })
				zombie := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections, c.Lease = 1, time.Hour }))
				<-gate.Reached()
				victim := ""
				if err := r.db.GetContext(t.Context(), &victim, `SELECT d.recipient FROM permits p, unnest(p.campaign_ids, p.seqs) n(campaign_id, seq)
					JOIN deliveries d USING (campaign_id, seq) ORDER BY p.serial DESC LIMIT 1`); err != nil {
					t.Fatal(err)
				}
				r.exec(`UPDATE chunks SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL`)
				r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return time.Hour } }))
				r.until("the doubt is on record", func() bool { k := kinds(r, victim); return len(k) == 1 && (k[0] == "doubt" || k[0] == "unknown") })
				gate.Open()
				r.until("the fact is on record", func() bool { k := kinds(r, victim); return k[0] == kind })
				if kind == "deferred" {
					r.exec(`UPDATE retries SET due = now()`)
				}
				b := r.state(StateDone)
				zombie.stop()
				want := map[string]Balance{"accepted": {Accepted: 50}, "deferred": {Accepted: 50}, "failed": {Accepted: 49, Failed: 1}}[kind]
				if b.Accepted != want.Accepted || b.Failed != want.Failed || b.Unknown != 0 {
					t.Errorf("balance: %+v", b)
				}
				for a, n := range copies(s) {
					if n != 1 {
						t.Errorf("%s got %d copies", a, n)
					}
				}
				r.agrees()
			})
		}
	}
}

// A group whose reply is lost is a no for every permit in it, and its outcomes are offered again; nothing is doubled by that,
// whether it was committed or not. SND-38 in small: what cannot be recorded is not sent.
func TestCommitUnknown(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]func(*hooks, func() error){
		"not committed":       func(h *hooks, f func() error) { h.beforeGroup = func(*group) error { return f() } },
		"committed, not told": func(h *hooks, f func() error) { h.afterGroup = func(*group) error { return f() } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(400)
			s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(addressOf(3), 2, smtptest.Reply("450 4.2.1 later"))))
			r.launch()
			n := 0
			lost := errors.New("the connection to the database was lost")
			r.sender(r.relay(s), func(sender *Sender) {
				hook(sender.com.hooks, func() error {
					if n++; n%7 == 0 {
						return lost
					}
					return nil
				})
			})
			if b := r.state(StateDone); b.Accepted != 400 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(400)...)
			if d := r.count(`SELECT count(*) FROM outcomes WHERE kind IN ('doubt', 'unknown')`); d != 0 {
				t.Errorf("%d doubts", d)
			}
			r.agrees()
		})
	}
}

// A group that Postgres refuses at the commit itself, after its row of answers has been sent, gives no permit.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	r.exec(`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$`)
	r.exec(`CREATE CONSTRAINT TRIGGER no AFTER INSERT ON permits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no()`)
	s := smtptest.Start(t)
	r.launch()
	run := r.sender(r.relay(s))
	r.until("permits were refused", func() bool {
		run.com.mu.Lock()
		defer run.com.mu.Unlock()
		return run.com.away && run.com.serial > 3
	})
	if n := s.Len(); n != 0 {
		t.Fatalf("%d messages went out though nothing could be committed", n)
	}
	r.exec(`DROP TRIGGER no ON permits`)
	if b := r.state(StateDone); b.Accepted != 20 {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, all(20)...)
}

// A long answer to the final dot that is none, in letters of two bytes, is cut to what a column takes at a whole letter: the database
// would refuse half of one, with all other outcomes of the group, for ever.
func TestDoubtWithLongReply(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	odd := []string{addressOf(3), addressOf(4)} // wherever it is cut, it is within a letter for one of them
	s := smtptest.Start(t, smtptest.On(smtptest.Dot, forFirst(odd[0], 1, smtptest.Raw("354 "+strings.Repeat("é", 400)+"\r\n"))),
		smtptest.On(smtptest.Dot, forFirst(odd[1], 1, smtptest.Raw("354 x"+strings.Repeat("é", 400)+"\r\n"))))
	r.launch()
	r.sender(r.relay(s))
	if b := r.state(StateDone); b.Accepted != 20 {
		t.Errorf("balance: %+v", b)
	}
	for _, to := range odd {
		if got := r.outcomesOf(to); len(got) != 2 || got[0] != "doubt/garbage" || got[1] != "accepted" {
			t.Errorf("%s: %v", to, got)
		}
	}
	r.agrees()
}
