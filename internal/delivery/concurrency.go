package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mostConnections  = 50                    // where the number is not set
	firstConnections = 8                     // to begin with then
	crewTick         = 50 * time.Millisecond // between looks at what a number of connections brings
	crewLeast        = 50                    // messages in a look that says something
	crewPatience     = 2 * time.Second       // or that much time
	growAgain        = 5 * time.Second       // after more connections brought nothing, they are tried anew
	growCarefully    = 30 * time.Second      // and one at a time, after a relay had enough of them
)

// crew says how many workers of a sender may be at work. Where the number is not set it begins small and doubles as long as
// that brings more messages per second, and goes back when it brings less. When a relay says that it has enough
// connections, it keeps to those that it has.
type crew struct {
	auto     bool
	most     int
	answered atomic.Int64 // messages
	open     atomic.Int32 // connections

	mu      sync.Mutex
	allowed int
	scared  bool      // a relay had enough: more are tried one by one
	hold    time.Time // none are tried before
	before  float64   // messages per second with the number before this one; 0: not known
	last    int       // that number
	since   time.Time // when counting began
	counted int64     // answered then
	changed chan struct{}
}

func newCrew(most int) *crew {
	c := &crew{auto: most == 0, most: most, allowed: most, changed: make(chan struct{})}
	if c.auto {
		c.most, c.allowed = mostConnections, firstConnections
	}
	return c
}

// may reports whether worker n, counted from 0, may work.
func (c *crew) may(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return n < c.allowed
}

// wait waits until that may have changed.
func (c *crew) wait(ctx context.Context, n int) {
	c.mu.Lock()
	changed, may := c.changed, n < c.allowed
	c.mu.Unlock()
	if may {
		return
	}
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

// set changes the number. The caller holds mu.
func (c *crew) set(n int, now time.Time) {
	c.last, c.allowed = c.allowed, min(max(n, 1), c.most)
	c.since, c.counted = now, c.answered.Load()
	close(c.changed)
	c.changed = make(chan struct{})
}

// enough is told that a relay takes no more connections. It reports whether fewer will do: others are open and go on.
func (c *crew) enough() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := int(c.open.Load())
	if open == 0 {
		return false
	}
	if open < c.allowed {
		c.set(open, time.Now())
	}
	c.scared, c.before, c.hold = true, 0, time.Now().Add(growCarefully)
	return true
}

// look compares what the present number brings with what the one before did. busy are the workers that have something to do.
func (c *crew) look(now time.Time, busy int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.answered.Load() - c.counted
	took := now.Sub(c.since)
	switch {
	case 4*busy < 3*c.allowed: // there is not enough to do to say anything; some are always between two chunks
		c.since, c.counted, c.before = now, c.answered.Load(), 0
		return
	case took < 2*crewTick || n < crewLeast && took < crewPatience:
		return
	}
	rate := float64(n) / took.Seconds()
	switch {
	case c.before > 0 && rate < 0.8*c.before && c.allowed > c.last:
		c.set(c.last, now)
		c.before, c.hold = 0, now.Add(growAgain)
	case now.Before(c.hold) || c.allowed == c.most:
		c.since, c.counted, c.before = now, c.answered.Load(), 0
	case c.before > 0 && rate < 1.05*c.before: // the last step brought nothing
		c.since, c.counted, c.before, c.hold = now, c.answered.Load(), 0, now.Add(growAgain)
	case c.scared:
		c.set(c.allowed+1, now)
		c.before, c.hold = rate, now.Add(growCarefully)
	default:
		c.set(2*c.allowed, now)
		c.before = rate
	}
}

// run looks again and again until ctx ends.
func (c *crew) run(ctx context.Context, busy func() int) {
	for pause(ctx, crewTick) {
		c.look(time.Now(), busy())
	}
}
