package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// claimer makes the claims of a process, one after the other. When there is nothing to do it says so to all its workers
// for a while, so that fifty idle connections ask the database as often as one.
type claimer struct {
	store   *Store
	h       holder
	relays  *relays
	lanes   *lanes
	budgets *budgets
	idle    time.Duration
	log     *slog.Logger

	mu      sync.Mutex
	turn    int
	failing bool

	gate    sync.Mutex           // of the two below
	until   map[string]time.Time // nothing to do before this, for who has a place at that relay; "": at none
	changed chan struct{}
}

func newClaimer(s *Store, h holder, rs *relays, ls *lanes, idle time.Duration, log *slog.Logger) *claimer {
	return &claimer{store: s, h: h, relays: rs, lanes: ls, budgets: ls.budgets, idle: idle, log: log,
		until: map[string]time.Time{}, changed: make(chan struct{})}
}

// next returns a claim, or nil when there is nothing to do. Chunks and retries take turns in being looked for first, so that
// neither waits for the end of the other. The relay of the claim is one that may be tried now, or seat, the one that the worker has
// a place at, which may be nil. A place at another one than that has been taken for the worker.
func (c *claimer) next(ctx context.Context, seat *line) *claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting(seat) > 0 || seat.crowded() {
		return nil
	}
	// A connection that died without a word must not keep every worker from claiming. What was claimed over it is free when its lease ends.
	ctx, cancel := context.WithTimeout(ctx, c.h.lease)
	defer cancel()
	c.turn++
	now := time.Now()
	usable := c.relays.usable(seat, now)
	idle := c.idle
	if len(usable) == 0 {
		idle = min(idle, c.relays.wait(now))
	}
	for _, l := range usable {
		if l != seat && !l.enter() {
			continue
		}
		got, opens, err := c.claim(ctx, l, usable)
		if got != nil {
			c.failing = false
			c.relays.serve(l, len(got.items), usable)
			return got
		}
		if l != seat {
			l.leave()
		}
		if err != nil {
			if !c.failing && ctx.Err() == nil {
				c.log.Error("could not claim work; it is tried again", "err", err)
			}
			c.failing = true
			idle = max(c.idle, time.Second)
			break
		}
		if !opens.IsZero() {
			idle = min(idle, time.Until(opens))
		}
		c.failing = false
	}
	c.rest(seat, max(idle, time.Millisecond))
	return nil
}

// claim claims something that can go over a relay now. Without, it says when the first of the lanes opens that are closed, as
// far as that is known.
func (c *claimer) claim(ctx context.Context, l *line, usable []*line) (got *claim, opens time.Time, err error) {
	r := c.relays.route(l, usable)
	first, second := c.store.claimChunk, c.store.claimRetries
	if c.turn%2 == 0 {
		first, second = second, first
	}
	// More than one round only when a lane that was thought to be open has no place for us, and is known to have none then.
	for range 10 {
		r.closed, opens = c.lanes.closed(l.Name)
		if got, err = first(ctx, c.h, r); got == nil && err == nil {
			got, err = second(ctx, c.h, r)
		}
		if got == nil || err != nil {
			return nil, opens, err
		}
		got.line, got.lane = l, c.lanes.get(l.Name, got.provider)
		got.messages = fewest(l.MessagesPerConnection, got.lane.limits.MessagesPerConnection)
		var ok bool
		if got.place, ok = got.lane.enter(func() { c.budgets.renew(ctx) }); ok {
			return got, opens, nil
		}
		if err := c.store.release(ctx, c.h, got); err != nil {
			c.log.Error("could not give back a claim; it is free when its lease ends", "err", err)
		}
		got.lane.hold(time.Now().Add(soon))
	}
	return nil, opens, nil
}

// fewest returns the smaller limit, where 0 is none.
func fewest(a, b int) int {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// done says that a claim is closed or was given back.
func (c *claimer) done(got *claim) {
	if got.place == nil {
		return
	}
	got.place.unused()
	c.poke() // somebody may be waiting for the place
}

// wait waits until there may be something to do again for who has a place at a relay.
func (c *claimer) wait(ctx context.Context, seat *line) {
	c.gate.Lock()
	changed := c.changed
	c.gate.Unlock()
	t := time.NewTimer(max(c.resting(seat), 0))
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
	clear(c.until)
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *claimer) resting(seat *line) time.Duration {
	c.gate.Lock()
	defer c.gate.Unlock()
	return time.Until(c.until[seatName(seat)])
}

func (c *claimer) rest(seat *line, d time.Duration) {
	c.gate.Lock()
	defer c.gate.Unlock()
	c.until[seatName(seat)] = time.Now().Add(d)
}

func seatName(seat *line) string {
	if seat == nil {
		return ""
	}
	return seat.Name
}
