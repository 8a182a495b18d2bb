package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"mailer/internal/relay"
)

// SND-20: the waits are those of the table, within their jitter. SND-07: five minutes at least after greylisting.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for attempt, want := range map[int]time.Duration{1: 5 * time.Minute, 2: 15 * time.Minute, 3: 30 * time.Minute, 4: time.Hour,
		5: 2 * time.Hour, 6: 2 * time.Hour, 1000: 2 * time.Hour} {
		low, high := time.Duration(0), time.Duration(0)
		for range 1000 {
			d := Backoff(attempt, relay.ClassTransient)
			if d < want*9/10 || d > want*11/10 {
				t.Fatalf("SND-20: attempt %d waits %s, want %s ±10 %%", attempt, d, want)
			}
			if d < want*95/100 {
				low = d
			} else if d > want*105/100 {
				high = d
			}
			if g := Backoff(attempt, relay.ClassGreylist); g < 5*time.Minute {
				t.Fatalf("SND-07: attempt %d waits %s after greylisting", attempt, g)
			}
		}
		if low == 0 || high == 0 {
			t.Errorf("attempt %d has no jitter", attempt)
		}
	}
	for failures, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 11: 1024 * time.Second,
		12: 30 * time.Minute, 13: 30 * time.Minute, 500: 30 * time.Minute} {
		for range 1000 {
			if d := RelayBackoff(failures); d < want/2 || d > want {
				t.Fatalf("after %d failures the relay rests %s, want up to %s", failures, d, want)
			}
		}
	}
	for attempts, want := range map[int]time.Duration{1: time.Minute, 2: 5 * time.Minute, 3: 15 * time.Minute, 9: time.Hour} {
		if d := MailBackoff(attempts); d < want*9/10 || d > want*11/10 {
			t.Errorf("mail: attempt %d waits %s", attempts, d)
		}
	}
}

// The circuit: one failure counts once however many connections saw it, waits grow, and a success ends them for all.
func TestCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(func(failures int) time.Duration { return time.Duration(failures) * time.Minute })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := time.Now()
		round, ok := c.enter(ctx)
		if !ok || time.Since(start) != 0 {
			t.Fatal("a closed circuit made wait")
		}
		if d := c.fail(round); d != time.Minute {
			t.Errorf("the first failure waits %s", d)
		}
		if d := c.fail(round); d != 0 {
			t.Errorf("the same failure, seen by another connection, waits %s", d)
		}
		if _, open := c.state(); !open {
			t.Error("the circuit is not open")
		}
		round, _ = c.enter(ctx)
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("waited %s for the second try", waited)
		}
		if d := c.fail(round); d != 2*time.Minute {
			t.Errorf("the second failure waits %s", d)
		}
		entered := make(chan time.Duration)
		for range 3 {
			go func() {
				if _, ok := c.enter(ctx); ok {
					entered <- time.Since(start)
				}
			}()
		}
		synctest.Wait()
		c.succeed() // a connection that was open all the time
		for range 3 {
			if d := <-entered; d != time.Minute {
				t.Errorf("a success let the others in after %s", d)
			}
		}
		round, _ = c.state()
		if d := c.fail(round); d != time.Minute {
			t.Errorf("after a success the first failure waits %s", d)
		}
		cancel()
		if _, ok := c.enter(ctx); ok {
			t.Error("entered after the end")
		}
	})
}
