package delivery

import (
	"sync"
	"sync/atomic"
)

// shareLeast is how many deliveries are worth to be taken over by another worker.
const shareLeast = 8

// queue is what is left to begin of a chunk that a worker carries. A worker that finds nothing to claim takes over half of what
// another one has left, so that at the end of a send, or in a small one, no connection is idle while others have hundreds of
// messages before them. The parts have one claim, chunk and token; who ends last closes it.
type queue struct {
	mu    sync.Mutex
	items []*item
	parts *atomic.Int32 // workers at this claim; nil before its carrying began
}

// begin makes items the queue.
func (q *queue) begin(items []*item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = items
	if q.parts == nil {
		q.parts = &atomic.Int32{}
		q.parts.Add(1)
	}
}

// take returns the next delivery, nil at the end.
func (q *queue) take() *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	it := q.items[0]
	q.items = q.items[1:]
	return it
}

// end leaves nothing to be taken over.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = nil
}

// left is how many there are.
func (q *queue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// last is told that a worker is done with the claim; it reports whether it was the last.
func (c *claim) last() bool { return c.queue.parts == nil || c.queue.parts.Add(-1) == 0 }

// split takes over half of what is left, as a claim that is part of this one. nil: it is not worth it.
func (c *claim) split() *claim {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	n := len(c.queue.items)
	if n < 2*shareLeast {
		return nil
	}
	half := c.queue.items[n/2:]
	c.queue.items = c.queue.items[: n/2 : n/2]
	c.queue.parts.Add(1)
	part := &claim{chunk: c.chunk, token: c.token, campaign: c.campaign, relay: c.relay, line: c.line, lane: c.lane, provider: c.provider,
		messages: c.messages, items: half}
	part.queue.parts = c.queue.parts
	return part
}

// share returns a part of what another worker has claimed, with a place at its relay taken, or nil. Where places on the lane are
// limited, each claim has one, so there nothing is shared.
func (w *worker) share() *claim {
	if w.seat.crowded() { // another process waits for the place
		return nil
	}
	var most *claim
	n := 2*shareLeast - 1
	for _, c := range w.held.all() {
		if left := c.queue.left(); left > n && c.chunk != 0 && c.place == nil && (len(w.relays.lines) == 1 || c.line == w.seat) {
			most, n = c, left
		}
	}
	if most == nil || w.seat != most.line && !most.line.enter() {
		return nil
	}
	part := most.split()
	if part == nil && w.seat != most.line {
		most.line.leave()
	}
	return part
}
