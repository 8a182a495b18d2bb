package main

import (
	"context"
	"fmt"
	"time"
)

// nodeConnections is fixed for part 8, so that it is the relay that limits each process, and each in the same way.
const nodeConnections = 8

// nodes measures one, two and four sending processes on one database against a relay that is what limits them: each has its
// connections, and each answer takes its time.
func (b *bench) nodes(ctx context.Context) error {
	s, err := b.site(ctx, b.readers)
	if err != nil {
		return err
	}
	one := 0.0
	for _, n := range []int{1, 2, 4} {
		w, err := s.watchFresh(ctx, n)
		if err != nil {
			return err
		}
		b.say("%d processes: %.0f messages/s", n, w.rate)
		b.note(measure{Name: fmt.Sprintf("%d × mailer serve, %d connections each", n, nodeConnections), Value: w.rate, Unit: "messages/s", CPU: w.cpu,
			Note: fmt.Sprintf("a relay that takes %v for each answer, over %v; %d connections were open", b.latency, w.window.Round(time.Millisecond), w.connections)})
		if n == 1 {
			one = w.rate
			continue
		}
		b.note(measure{Name: fmt.Sprintf("%d processes against one, for each", n), Value: w.rate / one / float64(n), Unit: "×", Aim: atLeast(0.9, "in line: ≥ 0.9")})
	}
	return nil
}

func (s *site) watchFresh(ctx context.Context, n int) (watched, error) {
	sink, err := s.startSink(s.latency)
	if err != nil {
		return watched{}, err
	}
	defer sink.stop()
	return s.watch(ctx, sink, nodeConnections, n)
}
