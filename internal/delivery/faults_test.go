package delivery

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"mailer/internal/smtptest"
)

// chaos answers at random, as a bad day of a relay: mostly it carries on.
func chaos(p *rand.Rand, mu *sync.Mutex, odds map[float64]smtptest.Action) smtptest.Hook {
	return func(smtptest.Event) smtptest.Action {
		mu.Lock()
		x := p.Float64()
		mu.Unlock()
		for odd, a := range odds { // the odds of one stage are apart: each has a band of its own
			if low := float64(int(odd)); x >= low/1000 && x < low/1000+(odd-low) {
				return a
			}
		}
		return smtptest.Go()
	}
}

// Under faults of every kind, kills, pauses, leaves and the audience still being written, the balance adds up at every moment; in
// the end everybody is accounted for, nobody got a copy that is not on record as a possible one, all copies are
// identical, and the database agrees with the relay's ledger. SND-25, SND-36, SND-37, MSG-05
func TestUnderFaults(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	p := rand.New(rand.NewPCG(seed, 1))
	random := func(n int) int { mu.Lock(); defer mu.Unlock(); return p.IntN(n) }

	const readers, connections = 1600, 3
	r := newRig(t)
	r.readers(readers)
	s := smtptest.Start(t, smtptest.Lenient(),
		smtptest.On(smtptest.MailFrom, chaos(p, &mu, map[float64]smtptest.Action{0.004: smtptest.Reply("421 4.3.2 busy").ThenDrop(), 10.003: smtptest.Drop()})),
		smtptest.On(smtptest.RcptTo, chaos(p, &mu, map[float64]smtptest.Action{0.02: smtptest.Reply("450 4.2.1 later"), 100.01: smtptest.Reply("550 5.1.1 nobody"), 200.01: smtptest.Reply("550 5.7.1 blocked")})),
		smtptest.On(smtptest.Body, chaos(p, &mu, map[float64]smtptest.Action{0.005: smtptest.Drop(), 10.003: smtptest.Reset()})),
		smtptest.On(smtptest.Dot, chaos(p, &mu, map[float64]smtptest.Action{0.005: smtptest.Drop(), 10.01: smtptest.Reply("451 4.3.0 not now"), 30.005: smtptest.Reply("550 5.1.1 nobody")})),
		smtptest.On(smtptest.Recorded, chaos(p, &mu, map[float64]smtptest.Action{0.008: smtptest.Drop(), 20.004: smtptest.Reset()})),
		smtptest.On(smtptest.Replied, chaos(p, &mu, map[float64]smtptest.Action{0.005: smtptest.Drop()})),
	)
	r.launch()
	start := func() *running {
		return r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections, c.Lease = connections, 1500*time.Millisecond }))
	}

	ctx, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { // the balance, at every moment
		last := int64(0)
		for looks := 0; ctx.Err() == nil; looks++ {
			b, err := r.store.Balance(ctx, testCampaign)
			if ctx.Err() != nil {
				t.Logf("looked at the balance %d times", looks)
				return
			}
			if err != nil {
				t.Errorf("balance: %v", err)
				return
			}
			r.adds(b)
			if b.Audience < last {
				t.Errorf("the audience shrank from %d to %d", last, b.Audience)
			}
			last = b.Audience
		}
	})

	senders := []*running{start(), start()}
	kills, leaves := 0, int64(0)
	for range 25 {
		<-time.After(time.Duration(20+random(60)) * time.Millisecond)
		switch i := random(len(senders)); random(6) {
		case 0, 4:
			senders[i].kill()
			kills++
			senders[i] = start()
		case 1:
			senders[i].stop()
			senders[i] = start()
		case 2:
			if err := r.store.Pause(ctx, testCampaign, "a look"); err != nil && r.balance().State != StateDone {
				t.Errorf("pause: %v", err)
			}
		case 3:
			r.leave(addressOf(1+random(readers)), random(2) == 0)
			leaves++
		}
		if b := r.balance(); b.State == StatePaused {
			if err := r.store.Resume(ctx, testCampaign); err != nil && r.balance().State != StateDone {
				t.Errorf("resume: %v", err)
			}
		}
	}
	b := r.state(StateDone)
	cancel()
	watch.Wait()
	for _, run := range senders {
		run.stop()
	}
	r.agrees()
	if b.Audience > readers || b.Audience < readers-leaves || b.Open() != 0 {
		t.Errorf("balance: %+v", b)
	}

	var rows []struct {
		Recipient string `db:"recipient"`
		State     string `db:"state"`
		Possible  int    `db:"possible"`
	}
	if err := r.db.SelectContext(t.Context(), &rows, `SELECT d.recipient, d.state, (SELECT count(*) FROM outcomes o WHERE o.campaign_id = d.campaign_id
		AND o.seq = d.seq AND o.kind IN ('accepted', 'doubt', 'unknown')) AS possible FROM delivery_state d`); err != nil {
		t.Fatal(err)
	}
	got, extra := copies(s), 0
	for _, row := range rows {
		n := got[row.Recipient]
		extra += max(n-1, 0)
		if n > row.Possible {
			t.Errorf("%s got %d copies, %d are on record as possible", row.Recipient, n, row.Possible)
		}
		if (row.State == "accepted") && n == 0 {
			t.Errorf("%s is accepted and got nothing", row.Recipient)
		}
		delete(got, row.Recipient)
	}
	if len(got) > 0 {
		t.Errorf("copies to nobody in the audience: %v", got)
	}
	sums := map[string]string{}
	for _, e := range s.Ledger() {
		if first, ok := sums[e.To]; ok && first != e.Sum {
			t.Errorf("MSG-05: the copies of %s differ", e.To)
		}
		sums[e.To] = e.Sum
	}
	t.Logf("%d kills, %d messages to %d readers, %d copies beyond the first; %+v", kills, s.Len(), readers, extra, b)
}
