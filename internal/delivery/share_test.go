package delivery

import (
	"sync"
	"testing"

	"mailer/internal/smtptest"
)

// A chunk is shared by the connections that have nothing else to do: here each must come to its second message before any may go
// on, so that one connection alone would wait for ever.
func TestSharesAChunk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(300)
	r.exec(`UPDATE subscribers SET provider = 'other'`) // the others have limits of their own
	const connections = 4
	var mu sync.Mutex
	come, all4 := map[int]bool{}, make(chan struct{})
	s := smtptest.Start(t, smtptest.On(smtptest.Dot, func(e smtptest.Event) smtptest.Action {
		if e.Accepted == 0 {
			return smtptest.Go()
		}
		mu.Lock()
		if !come[e.Conn] && len(come) < connections {
			if come[e.Conn] = true; len(come) == connections {
				close(all4)
			}
		}
		mu.Unlock()
		select {
		case <-all4:
		case <-e.Done:
		}
		return smtptest.Go()
	}))
	r.launch()
	for range 3 { // the whole audience, in one chunk
		if _, err := r.store.extendAudience(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.exec(`DELETE FROM chunks WHERE from_seq > 1`)
	r.exec(`UPDATE chunks SET to_seq = 300`)
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections = connections }))
	if b := r.state(StateDone); b.Accepted != 300 {
		t.Errorf("balance: %+v", b)
	}
	run.stop()
	r.once(s, all(300)...)
	r.agrees()
	if n := r.count(`SELECT count(*) FROM chunks WHERE closed_at IS NULL OR owner IS NOT NULL`) + r.count(`SELECT count(*) FROM permits`); n != 0 {
		t.Errorf("%d chunks are open or notes left", n)
	}
}
