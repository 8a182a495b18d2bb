package main

import (
	"context"
	"time"
)

// relaySink is the sink in a process of its own, as the bench sees it.
type relaySink struct {
	*process
	address string
}

func (b *bench) startSink(latency time.Duration) (*relaySink, error) {
	p, err := b.startChild("sink", sinkSpec{Latency: latency})
	if err != nil {
		return nil, err
	}
	s := &relaySink{process: p}
	return s, p.answer(&s.address)
}

// setting is the address for mailer's configuration.
func (s *relaySink) setting() string { return "MAILER_SMTP_URL=smtp://" + s.address + "?tls=none" }

func (s *relaySink) stats() (st sinkStats, err error) {
	err = s.ask("stats", &st)
	return st, err
}

// record records the next connection.
func (s *relaySink) record() error { return s.ask("record", new(sinkStats)) }

func (s *relaySink) dialogue() (groups []group, err error) {
	err = s.ask("dialogue", &groups)
	return groups, err
}

// sleep waits, and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
