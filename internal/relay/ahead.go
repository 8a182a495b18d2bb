package relay

import (
	"context"
	"sync/atomic"
)

// announced is a message whose envelope was written together with the final dot of the one before; or, before that dot is
// written, will be.
type announced struct {
	mail *Mail // nil: none
	plan plan
}

// lookAhead makes ready, in c.ahead and c.cmd, what the next final dot takes along. What is not fit to be sent is not
// announced: its own Carry says so.
func (c *Conn) lookAhead(ctx context.Context, next func() *Mail) {
	if next == nil || !c.pipelining || c.sent+1 >= c.relay.cfg.MaxMessages || c.relay.hearing.deaf() || c.dead.Load() || ctx.Err() != nil {
		return
	}
	m := next()
	if m == nil {
		return
	}
	p, _, ok := c.prepare(m.Envelope, m.Message)
	if !ok {
		return
	}
	c.cmd = append(c.cmd[:0], dotLine...)
	c.cmd = p.append(c.cmd)
	c.ahead = announced{mail: m, plan: p}
}

// hearing is what is known of a relay's ear for envelopes that come with the final dot of the message before. RFC 2920 has
// every relay that offers PIPELINING take them, but one that loses what it has not asked for would cost a timeout per
// message. So whoever does not answer them is not sent any more of them.
type hearing struct{ missed atomic.Int32 }

// maxMissed is how many connections in a row may break where an announced envelope should have been answered, before the
// relay is taken for deaf. Silence counts at once.
const maxMissed = 3

func (h *hearing) deaf() bool { return h.missed.Load() >= maxMissed }

// missedOne notes that an announced envelope was not answered at all.
func (h *hearing) missedOne(silent bool) {
	if silent {
		h.missed.Store(maxMissed)
		return
	}
	h.missed.Add(1)
}

// heard notes that one was answered.
func (h *hearing) heard() {
	if h.missed.Load() != 0 {
		h.missed.Store(0)
	}
}
