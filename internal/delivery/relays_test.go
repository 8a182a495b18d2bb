package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// over starts a sender with several relays.
func (r *rig) over(lines []RelayLine, more ...func(*Sender)) *running {
	r.Helper()
	return r.sender(lines[0].Relay, append([]func(*Sender){with(func(c *SenderConfig) { c.Relays = lines })}, more...)...)
}

// onceOver checks that exactly these readers got exactly one copy, over whichever relay.
func (r *rig) onceOver(readers []string, relays ...*smtptest.Relay) {
	r.Helper()
	got := map[string]int{}
	for _, s := range relays {
		for to, n := range copies(s) {
			got[to] += n
		}
	}
	for _, a := range readers {
		if got[a] != 1 {
			r.Errorf("%s got %d copies", a, got[a])
		}
		delete(got, a)
	}
	for a, n := range got {
		r.Errorf("%s got %d copies and should not have any", a, n)
	}
}

// switched is a relay that can be away: it then says so to whoever connects, and hangs up on who is connected.
func switched(t *testing.T, away *atomic.Bool, opts ...smtptest.Option) *smtptest.Relay {
	hook := func(smtptest.Event) smtptest.Action {
		if away.Load() {
			return smtptest.Reply("421 4.3.2 closed").ThenDrop()
		}
		return smtptest.Go()
	}
	return smtptest.Start(t, append(opts, smtptest.On(smtptest.Greeting, hook), smtptest.On(smtptest.MailFrom, hook))...)
}

// Two relays get messages by their weights.
func TestRelayWeights(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers = 4500
	r.readers(readers)
	heavy, light := smtptest.Start(t, smtptest.Ledger(smtptest.KeepSum)), smtptest.Start(t, smtptest.Ledger(smtptest.KeepSum))
	r.launch()
	r.over([]RelayLine{{Relay: r.relay(light), Name: "light"}, {Relay: r.relay(heavy), Name: "heavy", Weight: 3}})
	if b := r.state(StateDone); b.Accepted != readers {
		t.Errorf("balance: %+v", b)
	}
	if got := float64(heavy.Len()) / readers; got < 0.6 || got > 0.9 {
		t.Errorf("the relay of weight 3 beside one of weight 1 got %.0f %%", 100*got)
	}
	r.onceOver(all(readers), heavy, light)
	for name, s := range map[string]*smtptest.Relay{"heavy": heavy, "light": light} {
		if n := r.count(`SELECT count(*) FROM outcomes WHERE relay = $1`, name); n != int64(s.Len()) {
			t.Errorf("%d outcomes of %s, which took %d", n, name, s.Len())
		}
	}
}

// A relay that goes away in the middle of a send loses nobody: its part goes over the other. When it comes back it gets its share
// again. Nobody fails.
func TestFailover(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers = 4000
	r.readers(readers)
	var away atomic.Bool
	one, two := switched(t, &away), smtptest.Start(t)
	r.launch()
	r.over([]RelayLine{{Relay: r.relay(one), Name: "one"}, {Relay: r.relay(two), Name: "two"}})
	r.until("both relays are at work", func() bool { return one.Len() > 200 && two.Len() > 200 })
	away.Store(true)
	before := two.Len()
	r.until("the other one goes on", func() bool { return two.Len() > before+600 })
	gone := one.Len()
	away.Store(false)
	r.until("it has its share again", func() bool { return one.Len() > gone })
	if b := r.state(StateDone); b.Accepted != readers || b.Failed+b.Unknown != 0 {
		t.Errorf("balance: %+v", b)
	}
	r.onceOver(all(readers), one, two)
	r.agrees()
}

// Trouble that only a person can mend, at one of two relays: the send goes on over the other one, and pauses where there is
// no other for its list. SND-12, SND-13
func TestFaultyRelay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts   []smtptest.Option
		url    string
		routed bool // the list goes over the faulty relay only
		state  string
	}{
		"SND-12 the other carries on":  {[]smtptest.Option{smtptest.StartTLS(), smtptest.Lenient()}, "", false, StateDone},
		"SND-12 no other for the list": {[]smtptest.Option{smtptest.StartTLS(), smtptest.Lenient()}, "", true, StatePaused},
		"SND-12 530 at MAIL":           {[]smtptest.Option{smtptest.On(smtptest.MailFrom, smtptest.Always(smtptest.Reply("530 5.7.0 log in")))}, "", false, StateDone},
		"SND-13 554 banner":            {[]smtptest.Option{smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Reply("554 5.7.1 go away").ThenDrop()))}, "", false, StateDone},
		"SND-13 554 banner, no other":  {[]smtptest.Option{smtptest.On(smtptest.Greeting, smtptest.Always(smtptest.Reply("554 5.7.1 go away").ThenDrop()))}, "", true, StateRunning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(700)
			bad, good := smtptest.Start(t, tc.opts...), smtptest.Start(t)
			r.launch()
			lines := []RelayLine{{Relay: r.relay(bad), Name: "bad"}, {Relay: r.relay(good), Name: "good"}}
			if tc.routed {
				lines[0].Lists = []int64{testList}
			}
			run := r.over(lines)
			if tc.state == StateRunning {
				r.until("the circuit of the relay is open", func() bool { _, open := run.relays.lines[0].circuit.state(); return open })
				r.until("that is written down", func() bool {
					return r.count(`SELECT count(*) FROM relay_states WHERE relay = 'bad' AND state = 'resting' AND said LIKE '%554%'`) == 1
				})
			}
			b := r.state(tc.state)
			want := int64(700)
			if tc.routed {
				want = 0
			}
			if b.Accepted != want || b.Failed != 0 || int64(good.Len()) != want {
				t.Errorf("balance: %+v; the good relay took %d", b, good.Len())
			}
		})
	}
}

// A list that a relay names goes over that relay and no other, also while that is away; the others do not go over it.
func TestRouting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(600)
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain)
		VALUES ('alerts', 'Alerts', 'Example News', 'news@example.org', 'bounce.example.org')`)
	r.exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		SELECT id, 2, 'confirmed', 'test', clock_timestamp() - interval '1 hour' FROM subscribers`)
	var away atomic.Bool
	away.Store(true)
	named, common := switched(t, &away), smtptest.Start(t)
	r.launch()
	second := r.launchOf(8)
	second.List = 2
	r.launchTx(second)
	r.over([]RelayLine{{Relay: r.relay(named), Name: "named", Lists: []int64{2}}, {Relay: r.relay(common), Name: "common"}})
	r.until("the other list is sent, and the relay was missed", func() bool {
		return r.balance().State == StateDone && r.count(`SELECT count(*) FROM relay_states WHERE relay = 'named' AND state = 'resting'`) == 1
	})
	away.Store(false)
	r.until("both sends are done", func() bool { return r.count(`SELECT count(*) FROM sends WHERE state = 'done'`) == 2 })
	for list, relay := range map[int64]string{testList: "common", 2: "named"} {
		if n := r.count(`SELECT count(*) FROM outcomes o JOIN sends s USING (campaign_id) WHERE s.list_id = $1 AND o.relay <> $2`, list, relay); n != 0 {
			t.Errorf("%d messages of list %d went over another relay than %s", n, list, relay)
		}
	}
	if named.Len() != 600 || common.Len() != 600 {
		t.Errorf("the named relay took %d, the other %d", named.Len(), common.Len())
	}
}

// A second try goes over the relay of the first, where greylisting and a copy in doubt are known, with the same envelope; over
// another when that one is away. SND-07
func TestRetryKeepsItsRelay(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprintf("the relay is away: %v", gone), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const readers = 1200
			r.readers(readers)
			var mu sync.Mutex
			tried := map[string][]string{} // relay and MAIL line of each try, by reader
			lastMail := map[string]string{}
			var away [2]atomic.Bool
			var relays []*smtptest.Relay
			var lines []RelayLine
			for i := range 2 {
				name := fmt.Sprint("relay", i)
				s := switched(t, &away[i],
					smtptest.On(smtptest.MailFrom, func(e smtptest.Event) smtptest.Action {
						mu.Lock()
						defer mu.Unlock()
						lastMail[fmt.Sprint(name, e.Conn)] = strings.Fields(e.Line)[1]
						return smtptest.Go()
					}),
					smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
						mu.Lock()
						defer mu.Unlock()
						to := strings.TrimSuffix(strings.TrimPrefix(e.Line, "RCPT TO:<"), ">")
						tried[to] = append(tried[to], name+" "+lastMail[fmt.Sprint(name, e.Conn)])
						if strings.Contains(to, "7@") && len(tried[to]) == 1 {
							return smtptest.Reply("451 4.7.1 Greylisted, come back later")
						}
						return smtptest.Go()
					}))
				relays = append(relays, s)
				lines = append(lines, RelayLine{Relay: r.relay(s), Name: name})
			}
			r.launch()
			r.over(lines, with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return time.Hour } }))
			r.until("all others have their mail", func() bool { b := r.balance(); return b.AudienceComplete && b.Queued+b.Claimed == 0 })
			if gone {
				away[0].Store(true)
			}
			r.exec(`UPDATE retries SET due = now()`)
			if b := r.state(StateDone); b.Accepted != readers {
				t.Errorf("balance: %+v", b)
			}
			mu.Lock()
			defer mu.Unlock()
			first := map[string]int{}
			for _, to := range slices.Sorted(maps.Keys(tried)) {
				list := tried[to]
				if !strings.Contains(to, "7@") {
					continue
				}
				where, mail, _ := strings.Cut(list[0], " ")
				again, sameMail, _ := strings.Cut(list[len(list)-1], " ")
				first[where]++
				if mail != sameMail {
					t.Errorf("%s: MAIL %s, then %s", to, mail, sameMail)
				}
				if want := map[bool]string{false: where, true: "relay1"}[gone]; again != want || len(list) != 2 {
					t.Errorf("%s: tried at %v", to, list)
				}
			}
			if len(first) != 2 {
				t.Errorf("the first tries went to %v", first)
			}
			r.onceOver(all(readers), relays...)
		})
	}
}

// A limit of messages per connection holds, whether it is the relay's or the provider's. SND-18
func TestMessagesPerConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(900)
	var mu sync.Mutex
	begun := map[int]int{}  // transactions by connection
	google := map[int]int{} // number of the last one that was for google
	s := smtptest.Start(t,
		smtptest.On(smtptest.MailFrom, func(e smtptest.Event) smtptest.Action {
			mu.Lock()
			defer mu.Unlock()
			begun[e.Conn]++
			return smtptest.Go()
		}),
		smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(e.Line, "@google.") {
				google[e.Conn] = begun[e.Conn]
			}
			return smtptest.Go()
		}))
	r.launch()
	rl := r.relay(s, func(c *relay.Config) { c.MaxMessages = 1000 })
	three := 3
	r.over([]RelayLine{{Relay: rl, MessagesPerConnection: 17}}, with(func(c *SenderConfig) {
		c.Lanes = []LaneLimits{{Provider: "google", MessagesPerConnection: &three}}
	}))
	r.state(StateDone)
	mu.Lock()
	defer mu.Unlock()
	if most := slices.Max(slices.Collect(maps.Values(begun))); most > 17 || most < 10 {
		t.Errorf("SND-18: %d messages over one connection, where 17 is the limit", most)
	}
	if most := slices.Max(slices.Collect(maps.Values(google))); most > 3 {
		t.Errorf("SND-18: the %d. message of a connection was for a provider with a limit of 3", most)
	}
	r.once(s, all(900)...)
}

// The limit of connections to a relay holds for all senders together, and each has a part of them. When one dies, the other gets
// its part.
func TestConnectionsTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers, limit = 5000, 4
	r.readers(readers)
	var s *smtptest.Relay
	var tooMany atomic.Int64
	ready := make(chan struct{})
	// A connection that was closed is counted by the relay until it has noticed. What is open beyond the limit stays so: nothing
	// ends a connection here but the end of the work.
	s = smtptest.Start(t, smtptest.Ledger(smtptest.KeepSum), smtptest.On(smtptest.Greeting, func(smtptest.Event) smtptest.Action {
		<-ready
		for end := time.Now().Add(2 * time.Second); s.Open() > limit; <-time.After(time.Millisecond) {
			if time.Now().After(end) {
				tooMany.Add(1)
				break
			}
		}
		return smtptest.Go()
	}))
	close(ready)
	r.launch()
	none := 0
	lines := []RelayLine{{Relay: r.relay(s, func(c *relay.Config) { c.MaxMessages = 1 << 30 }), Name: "relay", Connections: limit}}
	lanes := with(func(c *SenderConfig) {
		c.Lanes = []LaneLimits{{Provider: "google", MessagesPerConnection: &none}, {Provider: "microsoft", MessagesPerConnection: &none}}
	})
	first := r.over(lines, lanes)
	r.until("the first has all of them", func() bool { return first.relays.lines[0].open.Load() == limit })
	second := r.over(lines, lanes)
	r.until("both have connections", func() bool {
		return first.relays.lines[0].open.Load() > 0 && second.relays.lines[0].open.Load() > 0
	})
	if n := r.count(`SELECT sum(held) FROM budgets WHERE key = 'connections relay' AND until > clock_timestamp()`); n > limit {
		t.Errorf("%d connections are given out", n)
	}
	first.stop()
	r.until("the other has all of them", func() bool {
		return second.relays.lines[0].open.Load() == limit || r.balance().State == StateDone
	})
	if b := r.state(StateDone); b.Accepted != readers {
		t.Errorf("balance: %+v", b)
	}
	if n := tooMany.Load(); n > 0 {
		t.Errorf("%d times there were more connections than %d, the limit of all together", n, limit)
	}
}

// Which relays may be tried, and whose turn it is: one in trouble is left out, unless the worker is still connected to it; one whose
// limits leave nothing is left out in any case; and who was away does not make up for it.
func TestUsable(t *testing.T) {
	t.Parallel()
	made, err := relay.New(relay.Config{URL: "smtp://127.0.0.1:1?tls=none"})
	if err != nil {
		t.Fatal(err)
	}
	rs := newRelays([]RelayLine{{Relay: made, Name: "a"}, {Relay: made, Name: "b", Weight: 2}, {Relay: made, Name: "c"}},
		func(int) time.Duration { return time.Hour }, newBudgets(nil, "", nil))
	a, b, c := rs.lines[0], rs.lines[1], rs.lines[2]
	check := func(what string, seat *line, want string) {
		t.Helper()
		var names []string
		for _, l := range rs.usable(seat, time.Now()) {
			names = append(names, l.Name)
		}
		if got := strings.Join(names, ""); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	check("all alike", nil, "abc")
	rs.serve(a, 600, rs.lines)
	rs.serve(b, 600, rs.lines)
	check("by what they had for their weight", nil, "cba")
	check("connected, and not far ahead", b, "bca")
	check("connected, and far ahead", a, "cba")
	a.circuit.fail(0)
	check("one in trouble", nil, "cb")
	check("one in trouble that the worker is connected to", a, "cba")
	b.hold(time.Now().Add(time.Hour))
	check("one whose limits leave nothing", b, "c")
	b.hold(time.Time{})
	for range 10 {
		rs.serve(b, 600, []*line{b, c})
		rs.serve(c, 300, []*line{b, c})
	}
	a.circuit.succeed()
	rs.serve(a, 300, rs.lines)
	rs.serve(a, 300, rs.lines)
	if first := rs.usable(nil, time.Now())[0]; first == a {
		t.Error("a relay that is back makes up for the time that it was away")
	}
}
