package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// UNS-11: after the database was away no permit is given for a while, so that leaves that were kept in files meanwhile come first. What
// became of messages is recorded all the same.
func TestHoldAfterTheDatabaseWasAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if hold := NewSender(SenderConfig{Store: r.store, Log: slog.New(slog.DiscardHandler)}).com.hold; hold != 10*time.Second {
		t.Errorf("a sender that is told nothing holds for %v; want 10 s", hold)
	}
	c := newCommitter(r.store, holder{process: newUUID(), lease: 30 * time.Second}, slog.New(slog.DiscardHandler))
	c.hold, c.linger = time.Hour, 0
	var mu sync.Mutex
	lost := true
	c.hooks.beforeGroup = func(*group) error {
		mu.Lock()
		defer mu.Unlock()
		if lost {
			return errors.New("away")
		}
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { c.run(ctx) })
	it := &item{Campaign: testCampaign, Seq: 1, Attempt: 1}
	if v := c.permit(ctx, it); v != verdictAway {
		t.Fatalf("without a database: %s", v)
	}
	c.settle(it, nil)
	state := func() (away, held bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.away, !c.heldTo.IsZero()
	}
	if away, held := state(); !away || held {
		t.Fatalf("away %v, held %v", away, held)
	}
	mu.Lock()
	lost = false
	mu.Unlock()
	if err := c.flush(ctx); err != nil { // which takes a group that is committed
		t.Fatal(err)
	}
	if away, held := state(); !away || !held {
		t.Fatalf("it is back: away %v, held %v; permits must wait", away, held)
	}
	// Nobody begins anything, and who asks all the same is refused when the next group comes by.
	over, cancel := context.WithCancel(ctx)
	cancel()
	if c.ready(over) {
		t.Error("workers go on")
	}
	var w want
	c.ask(&w, it, nil)
	c.mu.Lock()
	c.hurry = true // as when somebody stops
	c.mu.Unlock()
	c.poke()
	if v := c.answer(ctx, &w); v != verdictAway {
		t.Errorf("a permit while it is held: %s", v)
	}
	// The time is over.
	c.mu.Lock()
	c.heldTo = time.Now().Add(-time.Second)
	c.retryAt = c.heldTo
	c.mu.Unlock()
	c.poke()
	if !c.ready(ctx) {
		t.Fatal("workers never go on")
	}
	if away, held := state(); away || held {
		t.Errorf("away %v, held %v", away, held)
	}
}
