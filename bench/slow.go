package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// slowConnections is what part 4 allows the sender.
const slowConnections = 50

// slowRelay measures a relay that takes its time for each answer: what counts then is how few answers a message waits for, and
// that nothing is slower than they are.
func (b *bench) slowRelay(ctx context.Context) error {
	s, err := b.site(ctx, b.readers)
	if err != nil {
		return err
	}
	sink, err := b.startSink(b.latency)
	if err != nil {
		return err
	}
	defer sink.stop()
	if err := sink.record(); err != nil {
		return err
	}
	w, err := s.watch(ctx, sink, slowConnections, 1)
	if err != nil {
		return err
	}
	groups, err := sink.dialogue()
	if err != nil {
		return err
	}
	answers, messages, delay := critical(groups)
	if messages == 0 {
		return errors.New("the recorded connection carried no two messages")
	}
	limit := slowConnections / (b.latency.Seconds() * answers)
	b.note(measure{Name: fmt.Sprintf("%v for each answer, %d connections", b.latency, slowConnections), Value: w.rate, Unit: "messages/s", CPU: w.cpu,
		Note: fmt.Sprintf("over %v; %d connections were open; an answer really took %v", w.window.Round(time.Millisecond), w.connections, delay.Round(10*time.Microsecond))})
	b.note(measure{Name: "delayed answers on the critical path of a message", Value: answers, Unit: "answers", Less: true,
		Note: fmt.Sprintf("counted over %d messages of one connection: %s", messages, example(groups))})
	b.note(measure{Name: "the most that such a dialogue allows", Value: limit, Unit: "messages/s"})
	b.note(measure{Name: "of what it allows", Value: w.rate / limit, Unit: "×", Aim: atLeast(0.85, "≥ 0.85")})
	return nil
}

// example shows the groups of a message in the middle of a dialogue.
func example(groups []group) string {
	out := ""
	for _, g := range groups[len(groups)/2 : min(len(groups), len(groups)/2+3)] {
		out += "[" + g.Commands + "] "
	}
	return out + "…"
}

// watched is what was seen of a send in the middle of it.
type watched struct {
	rate        float64 // messages a second
	cpu         map[string]float64
	connections int64
	window      time.Duration
}

// watch starts senders and a campaign, lets it get going, counts what the sink takes over the window, and cancels the campaign.
// The window is shorter when the list would not last for it.
func (s *site) watch(ctx context.Context, sink *relaySink, connections, senders int) (w watched, err error) {
	most := float64(connections*senders) / s.latency.Seconds() // messages a second, with one answer for each
	window := min(s.window, time.Duration(float64(s.readers)/most/2*float64(time.Second)))
	w.window = window
	var all []*process
	for range senders {
		p, _, err := s.serve("MAILER_CONNECTIONS="+fmt.Sprint(connections), sink.setting())
		if err != nil {
			return w, err
		}
		defer p.stop()
		all = append(all, p)
	}
	id, err := s.campaign(ctx)
	if err != nil {
		return w, err
	}
	if err := s.launch(ctx, id); err != nil {
		return w, err
	}
	if err := s.going(ctx, sink, all[0]); err != nil {
		return w, err
	}
	sleep(ctx, min(3*time.Second, window/2))
	m := s.newMeter(all, sink.process)
	before, err := sink.stats()
	if err != nil {
		return w, err
	}
	start := time.Now()
	sleep(ctx, window)
	after, err := sink.stats()
	if err != nil {
		return w, err
	}
	took := time.Since(start)
	n := after.Messages - before.Messages
	w.rate, w.cpu, w.connections = float64(n)/took.Seconds(), m.perMessage(n), after.Most
	st, err := s.state(ctx, id)
	if err == nil && st.State != "running" {
		err = fmt.Errorf("the send was %s before the watch was over; it needs more readers", st.State)
	}
	if err == nil {
		_, err = s.mailer(ctx, "campaigns", "cancel", fmt.Sprint(id), "--yes")
	}
	return w, err
}

// going waits for the first message.
func (s *site) going(ctx context.Context, sink *relaySink, p *process) error {
	for sleep(ctx, 20*time.Millisecond) {
		st, err := sink.stats()
		if err != nil || st.Messages > 0 {
			return err
		}
		select {
		case <-p.ended:
			return errors.New("mailer serve ended: " + p.said())
		default:
		}
	}
	return ctx.Err()
}
