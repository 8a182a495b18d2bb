package conformance

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/delivery"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// SND-21: a relay whose name does not resolve, or whose port refuses, in the midst of a send: it is tried again after longer and longer
// waits, nobody is touched and nothing is paused; once it is back, the send goes on by itself to the last reader.
func TestRelayAway(t *testing.T) {
	t.Parallel()
	t.Run("SND-21 the name does not resolve", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(40)
		r.launch(story)
		waits := &failures{}
		stop := r.sender(relay.Config{URL: "smtp://relay.invalid:25?tls=none&insecure=yes", Timeouts: relay.Timeouts{Dial: time.Second}}, waits.note)
		r.until("it was tried several times", func() bool { return waits.len() >= 4 })
		stop()
		b := r.balance()
		r.untouched(b)
		if b.State != delivery.StateRunning || !waits.growing() {
			t.Errorf("%s, waits after failures %v, balance: %+v", b.State, waits.list, b)
		}
		s := smtptest.Start(t)
		r.sender(relay.Config{URL: s.URL()})
		if b := r.state(delivery.StateDone); b.Accepted != 40 || s.Len() != 40 {
			t.Errorf("%d messages, balance: %+v", s.Len(), b)
		}
	})
	t.Run("SND-21 the port refuses, in the midst", func(t *testing.T) {
		t.Parallel()
		const n = 800
		r := newRig(t)
		all := r.readers(n)
		first, err := smtptest.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(first.Close)
		addr := first.Addr()
		r.launch(story)
		waits := &failures{}
		r.sender(relay.Config{URL: first.URL()}, waits.note)
		if err := first.Wait(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		first.Close() // every connection ends, and nobody listens any more
		before := waits.len()
		r.until("it was tried several times", func() bool { return waits.len() >= before+4 })
		b := r.balance()
		if b.State != delivery.StateRunning || b.Failed+b.Suppressed+b.Expired+b.Unknown != 0 {
			t.Errorf("balance: %+v", b)
		}
		if r.count(`SELECT count(*) FROM outcomes WHERE kind NOT IN ('accepted', 'doubt')`) != 0 {
			t.Error("somebody was put off or blamed for it")
		}
		second := listenAgain(t, addr)
		if b := r.state(delivery.StateDone); b.Accepted != n {
			t.Errorf("balance: %+v", b)
		}
		copies := map[string]int{}
		for _, e := range append(first.Ledger(), second.Ledger()...) {
			copies[e.To]++
		}
		for _, who := range all {
			doubts := strings.Count(strings.Join(r.outcomes(who), " "), "doubt")
			if copies[who] < 1 || copies[who] > 1+doubts {
				t.Errorf("%s: %d copies, %d doubts", who, copies[who], doubts)
			}
		}
	})
}

// listenAgain starts a relay where another one was, unless the port was taken meanwhile.
func listenAgain(t *testing.T, addr string) *smtptest.Relay {
	t.Helper()
	for range 200 {
		s, err := smtptest.Listen(addr)
		if err == nil {
			t.Cleanup(s.Close)
			return s
		}
		if c, derr := net.DialTimeout("tcp", addr, time.Second); derr == nil {
			c.Close()
			t.Skipf("the port was taken meanwhile: %v", err)
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("the port is not free again")
	return nil
}

// failures notes after how many failures in a row a relay was given time.
type failures struct {
	mu   sync.Mutex
	list []int
}

func (f *failures) note(c *delivery.SenderConfig) {
	usual := c.RelayBackoff
	c.RelayBackoff = func(n int) time.Duration {
		f.mu.Lock()
		f.list = append(f.list, n)
		f.mu.Unlock()
		return usual(n)
	}
}

func (f *failures) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.list)
}

// growing reports that each wait was for one failure more than the one before.
func (f *failures) growing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.IsSorted(f.list) && f.list[0] == 1 && len(slices.Compact(slices.Clone(f.list))) == len(f.list)
}
