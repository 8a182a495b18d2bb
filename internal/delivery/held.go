package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// heldClaims are the claims that workers of this process are at.
type heldClaims struct {
	mu     sync.Mutex
	claims map[*claim]struct{}
}

func newHeldClaims() *heldClaims { return &heldClaims{claims: map[*claim]struct{}{}} }

func (h *heldClaims) add(c *claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.claims[c] = struct{}{}
}

func (h *heldClaims) remove(c *claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.claims, c)
}

func (h *heldClaims) all() []*claim {
	h.mu.Lock()
	defer h.mu.Unlock()
	var claims []*claim
	for c := range h.claims {
		claims = append(claims, c)
	}
	return claims
}

// list returns chunks and retry rows with their tokens.
func (h *heldClaims) list() (chunks map[int64]int64, retries []retryKey) {
	chunks = map[int64]int64{}
	for _, c := range h.all() {
		if c.chunk != 0 {
			chunks[c.chunk] = max(c.token, chunks[c.chunk])
		}
		retries = append(retries, c.keys()...)
	}
	return chunks, retries
}

// claimer makes the claims of a process, one after the other. When there is nothing to do it says so to all its workers
// for a while, so that fifty idle connections ask the database as often as one.
type claimer struct {
	store *Store
	h     holder
	idle  time.Duration
	log   *slog.Logger

	mu      sync.Mutex
	turn    int
	failing bool

	gate    sync.Mutex // of the two below
	until   time.Time  // nothing to do before this
	changed chan struct{}
}

func newClaimer(s *Store, h holder, idle time.Duration, log *slog.Logger) *claimer {
	return &claimer{store: s, h: h, idle: idle, log: log, changed: make(chan struct{})}
}

// next returns a claim, or nil when there is nothing to do. Chunks and retries take turns in being looked for first, so that
// neither waits for the end of the other.
func (c *claimer) next(ctx context.Context) *claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting() > 0 {
		return nil
	}
	c.turn++
	first, second := c.store.claimChunk, c.store.claimRetries
	if c.turn%2 == 0 {
		first, second = second, first
	}
	got, err := first(ctx, c.h)
	if got == nil && err == nil {
		got, err = second(ctx, c.h)
	}
	switch {
	case err != nil && ctx.Err() == nil:
		if !c.failing {
			c.log.Error("could not claim work; it is tried again", "err", err)
		}
		c.rest(max(c.idle, time.Second))
	case got == nil:
		c.rest(c.idle)
	}
	c.failing = err != nil
	return got
}

// wait waits until there may be something to do again.
func (c *claimer) wait(ctx context.Context) {
	c.gate.Lock()
	d, changed := time.Until(c.until), c.changed
	c.gate.Unlock()
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	case <-ctx.Done():
	}
}

// poke says that there is something to do.
func (c *claimer) poke() {
	c.gate.Lock()
	defer c.gate.Unlock()
	c.until = time.Time{}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *claimer) resting() time.Duration {
	c.gate.Lock()
	defer c.gate.Unlock()
	return time.Until(c.until)
}

func (c *claimer) rest(d time.Duration) {
	c.gate.Lock()
	defer c.gate.Unlock()
	c.until = time.Now().Add(d)
}

// hangups counts how often the relay hung up within the body of a delivery. It is a small memory: what it forgets is
// only counted anew.
type hangups struct {
	mu    sync.Mutex
	count map[outcomeKey]int
}

// add counts one more and returns how many there were.
func (h *hangups) add(k outcomeKey) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.count) > 1000 {
		clear(h.count)
	}
	h.count[k]++
	return h.count[k]
}
