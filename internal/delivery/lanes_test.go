package delivery

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

func TestLimitsOf(t *testing.T) {
	t.Parallel()
	none, two, rate := 0, 2, 5.0
	settings := []LaneLimits{{Relay: "a", Provider: "google", Connections: &none}, {Provider: "google", Connections: &two, Rate: &rate}}
	for name, tc := range map[string]struct {
		relay, provider string
		settings        []LaneLimits
		want            Limits
	}{
		"a provider of the table":    {"a", "google", nil, Limits{Connections: 5, MessagesPerConnection: 50}},
		"a provider beside it":       {"a", "proton", nil, Limits{Connections: 10, MessagesPerConnection: 100}},
		"many hosts":                 {"a", "other", nil, Limits{}},
		"one with a rate":            {"a", "yahoojp", nil, Limits{Connections: 2, MessagesPerConnection: 20, Rate: 10}},
		"set for all relays":         {"b", "google", settings, Limits{Connections: 2, MessagesPerConnection: 50, Rate: 5}},
		"set for the one, 0 is none": {"a", "google", settings, Limits{Connections: 0, MessagesPerConnection: 50, Rate: 5}},
	} {
		if got := LimitsOf(tc.relay, tc.provider, tc.settings); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// What replies ask for.
func TestReactions(t *testing.T) {
	t.Parallel()
	deferred := func(code int, text string) relay.Result {
		return relay.Result{Kind: relay.Deferred, Code: code, Text: text, Class: relay.ClassTransient}
	}
	busy := relay.Result{Kind: relay.Requeue, Code: 421, Text: "4.3.2 Server busy, closing", Class: relay.ClassBusy}
	for name, tc := range map[string]struct {
		provider string
		res      relay.Result
		after    int // replies until something follows; 0: never
		want     Slowed
		lasts    time.Duration
	}{
		"TSS04":                {"yahoo", deferred(451, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred"), 1, Slowed{Suspended: true}, 2 * time.Hour},
		"unusual rate":         {"google", deferred(421, "4.7.28 Our system has detected an unusual rate of mail"), 1, Slowed{PerMinute: 10}, 30 * time.Minute},
		"temporarily deferred": {"microsoft", deferred(451, "4.7.500 Server busy. Please try again later"), 3, Slowed{PerMinute: 1, Connections: 1}, 90 * time.Minute},
		"greylisting":          {"gmx", relay.Result{Kind: relay.Deferred, Code: 451, Class: relay.ClassGreylist, Text: "temporarily deferred, greylisted"}, 0, Slowed{}, 0},
		"a full mailbox":       {"gmx", deferred(452, "4.2.2 mailbox full"), 0, Slowed{}, 0},
		"a refusal for good":   {"gmx", relay.Result{Kind: relay.Failed, Code: 554, Text: "rate limit exceeded"}, 0, Slowed{}, 0},
		"about the connection": {"google", busy, 0, Slowed{}, 0},
		"many hosts":           {"other", deferred(450, "4.7.1 rate limit exceeded"), enoughInARow, Slowed{Suspended: true}, shortRest},
	} {
		l := newLanes(nil, newBudgets(nil, "", nil)).get("relay", tc.provider)
		var got *Slowed
		n := 0
		for n < 50 && got == nil {
			n++
			got = l.hear(tc.res)
		}
		if got == nil {
			if tc.after != 0 {
				t.Errorf("%s: nothing follows", name)
			}
			continue
		}
		if n != tc.after || got.Suspended != tc.want.Suspended || got.PerMinute != tc.want.PerMinute || got.Connections != tc.want.Connections {
			t.Errorf("%s: after %d replies %+v, want %+v after %d", name, n, got, tc.want, tc.after)
		}
		if d := got.Until.Sub(got.Since); d != tc.lasts {
			t.Errorf("%s: for %s, want %s", name, d, tc.lasts)
		}
	}
	// An acceptance between them says that the hosts of the lane are not all of one mind.
	l := newLanes(nil, newBudgets(nil, "", nil)).get("relay", unnamed)
	for range 5 * enoughInARow {
		if l.hear(deferred(450, "rate limit")) != nil {
			t.Fatal("a lane of many hosts is slowed for what one of them says")
		}
		l.hear(relay.Result{Kind: relay.Accepted, Code: 250})
	}
}

// A provider that asks for less is left alone by all senders, and the others get their mail meanwhile. When it is over the rest
// goes out; nobody is lost.
func TestSlowedLane(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers = 1500
	r.readers(readers)
	r.exec(`UPDATE subscribers SET provider = 'yahoo' WHERE provider = 'microsoft'`)
	var angry atomic.Bool
	var asked atomic.Int64
	angry.Store(true)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if angry.Load() && strings.Contains(e.Line, "@microsoft.") {
			asked.Add(1)
			return smtptest.Reply("451 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints")
		}
		return smtptest.Go()
	}))
	r.launch()
	rl := r.relay(s)
	line := []RelayLine{{Relay: rl, Name: "relay"}}
	r.over(line)
	r.over(line)
	r.until("the others have their mail", func() bool { return r.balance().Accepted == readers*2/3 })
	if n := asked.Load(); n == 0 || n > 40 {
		t.Errorf("yahoo was asked %d times", n)
	}
	slowed, err := r.store.Slowed(t.Context())
	if err != nil || len(slowed) != 1 || slowed[0].Provider != "yahoo" || !slowed[0].Suspended || !strings.Contains(slowed[0].Said, "TSS04") {
		t.Fatalf("slowed: %+v, %v", slowed, err)
	}
	if left := time.Until(slowed[0].Until); left < 110*time.Minute || left > 2*time.Hour {
		t.Errorf("for %s", left)
	}
	// Nothing more is tried, retries that are due included.
	before := asked.Load()
	r.exec(`UPDATE retries SET due = now()`)
	third := r.over(line)
	r.until("a new sender knows as well", func() bool { return third.lanes.get("relay", "yahoo").shut.Load() })
	if n := asked.Load(); n > before+3 {
		t.Errorf("yahoo was asked %d times more", n-before)
	}
	if n := r.count(`SELECT count(*) FROM chunks WHERE provider = 'yahoo' AND lease_until > clock_timestamp()`); n != 0 {
		t.Errorf("%d chunks of the suspended lane are claimed", n)
	}
	angry.Store(false)
	r.exec(`UPDATE lanes SET until = clock_timestamp()`) // two hours pass
	if b := r.state(StateDone); b.Accepted != readers || b.Failed != 0 {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, all(readers)...)
}

// A lane slowed to a message a minute sends that, over one connection, whichever sender does; a person can end it.
func TestMessageAMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(600)
	s := smtptest.Start(t)
	r.launch()
	if err := r.store.slow(t.Context(), &Slowed{Relay: "relay", Provider: "google", PerMinute: 1, Connections: 1, Said: "451 later",
		Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	// A longer and stricter one is not shortened by the next.
	if err := r.store.slow(t.Context(), &Slowed{Relay: "relay", Provider: "google", PerMinute: 10, Said: "421 unusual rate", Until: time.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	slowed, err := r.store.Slowed(t.Context())
	if err != nil || len(slowed) != 1 || slowed[0].PerMinute != 1 || slowed[0].Connections != 1 || time.Until(slowed[0].Until) < 50*time.Minute {
		t.Fatalf("slowed: %+v, %v", slowed, err)
	}
	line := []RelayLine{{Relay: r.relay(s), Name: "relay"}}
	one, two := NewSender(SenderConfig{Store: r.store, Relays: line, Log: slog.New(slog.DiscardHandler)}), r.over(line)
	if err := one.refreshLanes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, slow := one.lanes.get("relay", "google").rates(); slow == nil || slow.most != 1 || slow.rest != time.Minute {
		t.Fatalf("the rate is %+v", slow)
	}
	r.until("the sender knows", func() bool { _, slow := two.lanes.get("relay", "google").rates(); return slow != nil })
	before := r.count(`SELECT count(*) FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE d.recipient LIKE '%@google.%'`)
	r.until("the others have their mail", func() bool {
		return r.count(`SELECT count(*) FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE d.recipient NOT LIKE '%@google.%'`) == 400
	})
	// What was begun before the sender had read the lane ends; after that it is one in the first minute.
	if n := r.count(`SELECT count(*) FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE d.recipient LIKE '%@google.%'`); n > before+5 {
		t.Errorf("%d messages over the slowed lane", n-before)
	}
	if err := r.store.ResumeLane(t.Context(), r.db, "relay", "google"); err != nil {
		t.Fatal(err)
	}
	if b := r.state(StateDone); b.Accepted != 600 {
		t.Errorf("balance: %+v", b)
	}
	if err := r.store.ResumeLane(t.Context(), r.db, "relay", "google"); err == nil {
		t.Error("a lane that is not slowed was resumed")
	}
}

// Of one provider's mail no more is under way than its connections, over all senders; the rest of the connections carry others.
func TestLaneConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers, limit = 2400, 2
	r.readers(readers)
	gate := smtptest.NewGate()
	t.Cleanup(gate.Open)
	var waiting, most atomic.Int64
	hold := gate.Hook(smtptest.Go())
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if !strings.Contains(e.Line, "@google.") {
			return smtptest.Go()
		}
		n := waiting.Add(1)
		defer waiting.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		return hold(e)
	}))
	r.launch()
	two := limit
	lanes := with(func(c *SenderConfig) { c.Lanes = []LaneLimits{{Provider: "google", Connections: &two}} })
	line := []RelayLine{{Relay: r.relay(s), Name: "relay"}}
	r.over(line, lanes)
	r.over(line, lanes)
	r.until("all others have their mail", func() bool {
		b := r.balance()
		return b.AudienceComplete && b.Accepted == readers*2/3
	})
	if n := waiting.Load(); n != limit {
		t.Errorf("%d connections carry mail for a provider with a limit of %d", n, limit)
	}
	gate.Open()
	if b := r.state(StateDone); b.Accepted != readers {
		t.Errorf("balance: %+v", b)
	}
	if n := most.Load(); n > limit {
		t.Errorf("%d at once", n)
	}
}

// An urgent campaign overtakes a digest that is under way: no chunk of the digest is begun before those of the other are.
func TestUrgentOvertakes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(4000)
	s := smtptest.Start(t, smtptest.Ledger(smtptest.KeepSum))
	r.launch()
	run := r.sender(r.relay(s))
	r.until("the digest is under way", func() bool { return s.Len() > 300 })
	urgent := r.launchOf(8)
	urgent.Priority = 100
	r.launchTx(urgent)
	r.until("the urgent one has its readers and is through", func() bool {
		return r.count(`SELECT count(*) FROM sends WHERE campaign_id = 8 AND state = 'done'`) == 1
	})
	if b := r.balance(); b.State != StateRunning {
		t.Errorf("the digest was %s before the urgent campaign was done", b.State)
	}
	// After the audience of the urgent one began to be there, its chunks come first, except where the digest's were in hand.
	begun := r.count(`SELECT count(*) FROM outcomes o WHERE o.campaign_id = 7 AND o.at > (SELECT min(at) FROM outcomes WHERE campaign_id = 8)
		AND o.at < (SELECT max(at) FROM outcomes WHERE campaign_id = 8)`)
	if limit := int64(run.cfg.Connections+1) * chunkSize; begun > limit {
		t.Errorf("%d messages of the digest went out while the urgent campaign did, over %d connections", begun, run.cfg.Connections)
	}
}
