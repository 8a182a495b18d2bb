package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// What is not at risk any more is noted until the group that leaves it out is committed, not until that begins: a chunk that was given
// back before would be found in doubt by whoever claims it at that moment.
func TestFlushWaitsForTheCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := newCommitter(r.store, holder{process: newUUID(), lease: 30 * time.Second}, slog.New(slog.DiscardHandler))
	begun, goOn := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(begun); <-goOn })
	c.hooks.beforeGroup = func(*group) error { first(); return nil }
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { c.run(ctx) })
	it := &item{Campaign: testCampaign, Seq: 1, Attempt: 1}
	c.risk[it] = struct{}{} // a permit was given, and the link broke before the dot
	c.settle(it, nil)
	flushed := make(chan error, 1)
	wg.Go(func() { flushed <- c.flush(ctx) })
	<-begun
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.flush(over); !errors.Is(err, context.Canceled) {
		t.Errorf("flushed while the group was under way: %v", err)
	}
	close(goOn)
	if err := <-flushed; err != nil {
		t.Error(err)
	}
}
