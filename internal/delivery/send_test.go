package delivery

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"mailer/internal/links"
	"mailer/internal/smtptest"
)

// Every reader gets one copy, and what is left behind is clean. SND-36, SND-37
func TestSendsToAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1500)
	s := smtptest.Start(t)
	r.launch()
	run := r.sender(r.relay(s))
	b := r.state(StateDone)
	if b.Accepted != 1500 || b.Audience != 1500 || !b.AudienceComplete || b.Open() != 0 {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, all(1500)...)
	r.agrees()
	run.stop()
	if n := r.count(`SELECT count(*) FROM permits`); n != 0 {
		t.Errorf("%d rows left in permits", n)
	}
	if n := r.count(`SELECT count(*) FROM chunks WHERE closed_at IS NULL OR owner IS NOT NULL OR lease_until IS NOT NULL`); n != 0 {
		t.Errorf("%d chunks are not closed", n)
	}
	if n := r.count(`SELECT count(*) FROM chunks c WHERE (SELECT count(DISTINCT s.provider) FROM deliveries d
		JOIN subscribers s ON s.id = d.subscriber_id WHERE d.campaign_id = c.campaign_id AND d.seq BETWEEN c.from_seq AND c.to_seq) <> 1`); n != 0 {
		t.Errorf("%d chunks have readers of several providers", n)
	}
}

// A list of nobody is done at once.
func TestSendToNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.launch()
	r.sender(r.relay(smtptest.Start(t)))
	if b := r.state(StateDone); b.Audience != 0 || !b.AudienceComplete {
		t.Errorf("balance: %+v", b)
	}
}

// What a supporter does not see is not in their copy, and the envelope is this delivery's own.
func TestCopies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(10)
	s := smtptest.Start(t)
	r.launch()
	r.sender(r.relay(s))
	r.state(StateDone)
	senders := map[string]bool{}
	for _, e := range s.Ledger() {
		supporter := e.To == addressOf(5) || e.To == addressOf(10)
		if has := bytes.Contains(e.Data, []byte("Become a supporter")); has == supporter {
			t.Errorf("%s: appeal in the copy: %v", e.To, has)
		}
		bounce, err := r.ring.ParseBounce(strings.TrimSuffix(strings.TrimPrefix(e.From, "b-"), "@bounce.example.org"))
		if err != nil || bounce.Campaign != testCampaign || bounce.Subscriber != r.subscriber(e.To) {
			t.Errorf("%s: MAIL FROM %s names %+v, %v", e.To, e.From, bounce, err)
		}
		senders[e.From] = true
	}
	if len(senders) != 10 {
		t.Errorf("%d envelope senders for 10 readers", len(senders))
	}
}

// SND-01: after a 250 nothing that follows changes the outcome.
func TestAcceptedStaysAccepted(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]smtptest.Option{
		"TCP close":    {smtptest.On(smtptest.Replied, smtptest.Always(smtptest.Drop()))},
		"RST":          {smtptest.On(smtptest.Replied, smtptest.Always(smtptest.Reset()))},
		"421 on next":  {smtptest.MaxMessages(1)},
		"QUIT timeout": {smtptest.On(smtptest.Quit, smtptest.NewGate().Hook(smtptest.Go()))},
	} {
		t.Run("SND-01 "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(40)
			s := smtptest.Start(t, opts...)
			r.launch()
			run := r.sender(r.relay(s))
			if b := r.state(StateDone); b.Accepted != 40 {
				t.Errorf("balance: %+v", b)
			}
			run.stop()
			r.once(s, all(40)...)
			if n := r.count(`SELECT count(*) FROM outcomes`); n != 40 {
				t.Errorf("%d outcomes for 40 readers", n)
			}
		})
	}
}

// Two senders on one database send each reader one copy, also when one of them is stopped halfway. SND-29
func TestTwoSenders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(2000)
	s := smtptest.Start(t)
	r.launch()
	first := r.sender(r.relay(s))
	r.sender(r.relay(s))
	if err := s.Wait(t.Context(), 700); err != nil {
		t.Fatal(err)
	}
	first.stop()
	r.state(StateDone)
	r.once(s, all(2000)...)
	r.agrees()
}

// A campaign with a higher priority overtakes one that runs.
func TestPriority(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(60)
	s := smtptest.Start(t)
	low, high := r.launchOf(testCampaign), r.launchOf(8)
	high.Priority = 5
	r.launchTx(low)
	r.launchTx(high)
	for range 2 { // both audiences are there before the sender starts
		if _, err := r.store.extendAudience(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections = 1 }))
	r.state(StateDone)
	for i, e := range s.Ledger() {
		b, err := r.ring.ParseBounce(strings.TrimSuffix(strings.TrimPrefix(e.From, "b-"), "@bounce.example.org"))
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int64{true: 8, false: testCampaign}[i < 60]; b.Campaign != want {
			t.Fatalf("message %d is of campaign %d, want %d", i, b.Campaign, want)
		}
	}
}

// A send waits for its moment.
func TestNotBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(5)
	r.launch(func(l *Launch) { l.NotBefore = time.Now().Add(time.Hour) })
	if _, err := r.store.extendAudience(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := r.store.claimChunk(t.Context(), holder{process: newUUID(), lease: time.Minute}, route{relay: "relay"}); c != nil || err != nil {
		t.Errorf("claimed %+v, %v before its time", c, err)
	}
	r.exec(`UPDATE sends SET not_before = now()`)
	r.exec(`UPDATE chunks SET not_before = now()`)
	if c, err := r.store.claimChunk(t.Context(), holder{process: newUUID(), lease: time.Minute}, route{relay: "relay"}); c == nil || err != nil {
		t.Errorf("claimed %v, %v at its time", c, err)
	}
}

// SND-33: once launched, nothing upstream is read again: neither bytes nor envelope nor recipients change.
func TestFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(600)
	gate := smtptest.NewGate()
	s := smtptest.Start(t, smtptest.On(smtptest.MailFrom, gate.Hook(smtptest.Go())))
	r.launch()
	r.sender(r.relay(s))
	<-gate.Reached()
	r.until("the audience is written", func() bool { return r.balance().AudienceComplete })
	r.exec(`UPDATE lists SET name = 'Changed', from_name = 'Changed', from_address = 'changed@example.net', envelope_domain = 'changed.example.net'`)
	r.exec(`UPDATE subscribers SET name = 'Changed', supporter = NOT supporter, wire = 'changed-' || wire, canonical = 'changed-' || canonical`)
	gate.Open()
	r.state(StateDone)
	r.once(s, all(600)...)
	for _, e := range s.Ledger() {
		if bytes.Contains(bytes.ToLower(e.Data), []byte("changed")) || strings.Contains(e.MailLine, "changed") {
			t.Fatalf("%s got something changed: %s", e.To, e.MailLine)
		}
	}
}

// A message that cannot be built for one reader fails that reader only. SND-40
func TestUnbuildable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	r.exec(`UPDATE subscribers SET wire = 'no address' WHERE wire = $1`, addressOf(3))
	s := smtptest.Start(t)
	r.launch()
	r.sender(r.relay(s))
	if b := r.state(StateDone); b.Accepted != 19 || b.Failed != 1 {
		t.Errorf("balance: %+v", b)
	}
	failed, err := r.store.Outcomes(context.Background(), testCampaign, Filter{State: "failed"})
	if err != nil || len(failed) != 1 || failed[0].Class != "render" || failed[0].Reply == "" {
		t.Errorf("failed: %+v, %v", failed, err)
	}
}

// A message whose secret is gone pauses the send instead of failing its readers.
func TestMissingSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(3)
	r.launch()
	other, err := links.NewRing("another secret that made none of these links", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.store = NewStore(r.db, other, r.subs)
	r.sender(r.relay(smtptest.Start(t)))
	b := r.state(StatePaused)
	if b.Failed != 0 || b.Reason == "" {
		t.Errorf("balance: %+v", b)
	}
}

// A relay that is not there at first: nobody fails, and all go once it is. SND-21
func TestRelayComesLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(30)
	gone := smtptest.Start(t)
	addr, rl := gone.Addr(), r.relay(gone)
	gone.Close()
	r.launch()
	r.sender(rl)
	r.until("the relay was missed", func() bool { return r.balance().AudienceComplete })
	s, err := smtptest.Listen(addr)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer s.Close()
	if b := r.state(StateDone); b.Accepted != 30 {
		t.Errorf("balance: %+v", b)
	}
	if n := r.count(`SELECT count(*) FROM outcomes`); n != 30 {
		t.Errorf("%d outcomes for 30 readers", n)
	}
}
