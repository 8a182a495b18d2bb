package delivery

import (
	"context"
	"sync"
	"time"
)

// circuit keeps the connections of a process from hammering a relay that cannot be used: after a failure nobody dials
// before a wait is over, which grows with each failure in a row. A success closes it at once.
type circuit struct {
	backoff func(failures int) time.Duration

	mu       sync.Mutex
	failures int
	until    time.Time
	round    uint64 // of tries: those that began in an earlier one say nothing new
	changed  chan struct{}
}

func newCircuit(backoff func(int) time.Duration) *circuit {
	return &circuit{backoff: backoff, changed: make(chan struct{})}
}

// enter waits until the relay may be tried and returns the round that the try belongs to; false when ctx ended.
func (c *circuit) enter(ctx context.Context) (round uint64, ok bool) {
	for ctx.Err() == nil {
		c.mu.Lock()
		wait, round, changed := time.Until(c.until), c.round, c.changed
		c.mu.Unlock()
		if wait <= 0 {
			return round, true
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
	return 0, false
}

// state returns the present round, and whether the relay may not be tried yet.
func (c *circuit) state() (round uint64, open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.round, time.Until(c.until) > 0
}

// left returns how long until the relay may be tried.
func (c *circuit) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.until)
}

// fail notes that a try of the given round failed, and returns the wait it led to, 0 when others had noted it already.
func (c *circuit) fail(round uint64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if round != c.round {
		return 0
	}
	c.round++
	c.failures++
	wait := c.backoff(c.failures)
	c.until = time.Now().Add(wait)
	return wait
}

// succeed notes that the relay can be used.
func (c *circuit) succeed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures == 0 {
		return
	}
	c.failures, c.until = 0, time.Time{}
	c.round++
	close(c.changed)
	c.changed = make(chan struct{})
}
