package delivery

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// works lets a crew work for a while at so many messages per second, all of its workers busy, and looks at it.
func (c *crew) works(now *time.Time, perSecond float64) {
	*now = now.Add(time.Second)
	c.answered.Add(int64(perSecond))
	c.look(*now, c.allowed)
}

// The number of connections doubles while that brings more messages, goes back where it brings less, and is tried anew later.
func TestCrewGrows(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := newCrew(0)
	c.since = now
	numbers := []int{c.allowed}
	rates := map[int]float64{8: 100, 16: 200, 32: 400, 50: 600}
	for range 6 {
		c.works(&now, rates[c.allowed])
		numbers = append(numbers, c.allowed)
	}
	if got := fmt.Sprint(numbers); got != "[8 16 32 50 50 50 50]" {
		t.Errorf("a relay that takes each connection's share: %s", got)
	}

	c = newCrew(0)
	c.since = now
	for range 4 {
		c.works(&now, 100)
	}
	if c.allowed != 16 {
		t.Errorf("a relay that takes no more: %d", c.allowed)
	}
	c.works(&now, 100)
	c.works(&now, 100)
	c.works(&now, 100)
	if c.allowed != 32 {
		t.Errorf("it was not tried anew: %d", c.allowed)
	}

	c = newCrew(0)
	c.since = now
	c.works(&now, 100) // 16
	c.works(&now, 60)
	if c.allowed != 8 {
		t.Errorf("a relay that takes less over more connections: %d", c.allowed)
	}

	c = newCrew(0)
	c.since = now
	for range 5 {
		now = now.Add(time.Second)
		c.answered.Add(100)
		c.look(now, 3)
	}
	if c.allowed != 8 {
		t.Errorf("with little to do it grew to %d", c.allowed)
	}
	if c := newCrew(3); c.allowed != 3 || c.most != 3 {
		t.Errorf("a number that is set: %d", c.allowed)
	}
}

// A relay that had enough gets no more connections than it took, and later one more at a time.
func TestCrewHadEnough(t *testing.T) {
	t.Parallel()
	c := newCrew(20)
	if c.enough() {
		t.Error("without a connection others cannot go on")
	}
	c.open.Store(5)
	if !c.enough() || c.allowed != 5 || c.may(5) || !c.may(4) {
		t.Errorf("allowed: %d", c.allowed)
	}
	now := time.Now().Add(growCarefully - 3*time.Second)
	c.works(&now, 100)
	if c.allowed != 5 {
		t.Errorf("tried again too early: %d", c.allowed)
	}
	now = now.Add(2 * time.Second)
	c.works(&now, 100)
	if c.allowed != 6 {
		t.Errorf("later: %d", c.allowed)
	}
}

// A relay that takes five connections and answers 421 to a sixth carries everything over five, and is not asked again and again.
func TestRelayTakesFive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(900)
	r.exec(`UPDATE subscribers SET provider = 'other'`)
	var most, refused atomic.Int64
	var s *smtptest.Relay
	s = smtptest.Start(t, smtptest.Lenient(), smtptest.On(smtptest.Hello, func(smtptest.Event) smtptest.Action {
		if n := int64(s.Open()); n > 5 {
			refused.Add(1)
			return smtptest.Reply("421 4.7.0 too many connections").ThenDrop()
		} else if n > most.Load() {
			most.Store(n)
		}
		return smtptest.Go()
	}))
	r.launch()
	r.sender(r.relay(s, func(c *relay.Config) { c.MaxMessages = 1 << 30 }), with(func(c *SenderConfig) { c.Connections = 0 }))
	if b := r.state(StateDone); b.Accepted != 900 {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, all(900)...)
	if n := refused.Load(); n > 40 {
		t.Errorf("%d connections were refused", n)
	}
	t.Logf("%d connections at most, %d refused", most.Load(), refused.Load())
}

// Whoever asks for a permit waits for half of the others as long as they come, and not at all when they do not.
func TestGathering(t *testing.T) {
	t.Parallel()
	var g gathering
	if g.enough() != 1 || g.wait != 0 {
		t.Errorf("alone: %d, %s", g.enough(), g.wait)
	}
	g.carriers.Store(50)
	for range 1000 {
		g.learn(25)
	}
	if g.enough() != 25 || g.wait != longestWait {
		t.Errorf("with a fast relay: %d, %s", g.enough(), g.wait)
	}
	for range 10 {
		g.learn(2)
	}
	if g.wait != 0 {
		t.Errorf("with a slow relay: %s", g.wait)
	}
	tries := 0
	for range 10 * waitTryAgain {
		if g.learn(2); g.wait > 0 {
			tries++
		}
	}
	if tries == 0 || tries > 40 {
		t.Errorf("tried %d times in %d groups", tries, 10*waitTryAgain)
	}
}
