package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// loopSpec is what the plain loop is told.
type loopSpec struct {
	Address, File         string // of the sink; of the message
	Connections, Messages int
}

// loopResult is what a sending child did.
type loopResult struct {
	Seconds float64
	CPU     map[string]float64
	Err     string
}

const nameCeiling = "prebuilt messages, plain pipelined loop"

// ceilingConnections are tried; the faster is the ceiling.
var ceilingConnections = []int{8, 50}

// ceiling measures the plain loop, in a process of its own, over several numbers of connections.
func (b *bench) ceiling(ctx context.Context) error {
	msg, err := b.message(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "message.eml")
	if err := os.WriteFile(file, msg, 0o600); err != nil {
		return err
	}
	var best measure
	for _, connections := range ceilingConnections {
		rate, cpu, err := b.send(ctx, "loop", b.readers, func(address string) any {
			return loopSpec{Address: address, File: file, Connections: connections, Messages: b.readers}
		})
		if err != nil {
			return err
		}
		b.say("%d connections: %.0f messages/s", connections, rate)
		if rate > best.Value {
			best = measure{Name: nameCeiling, Value: rate, Unit: "messages/s", CPU: cpu,
				Note: fmt.Sprintf("%d messages of %d octets, fastest with %d connections of %v tried", b.readers, len(msg), connections, ceilingConnections)}
		}
	}
	b.note(best)
	return nil
}

// send runs a child that sends so many messages into a fresh sink, and checks that all have arrived.
func (b *bench) send(ctx context.Context, role string, messages int, spec func(address string) any) (rate float64, cpu map[string]float64, err error) {
	sink, err := b.startSink(0)
	if err != nil {
		return 0, nil, err
	}
	defer sink.stop()
	p, err := b.startChild(role, spec(sink.address))
	if err != nil {
		return 0, nil, err
	}
	defer p.stop()
	var ready string
	if err := p.within(ctx, &ready); err != nil {
		return 0, nil, err
	}
	m := b.newMeter([]*process{p}, sink.process)
	fmt.Fprintln(p.in, "go")
	var res loopResult
	if err := p.within(ctx, &res); err != nil {
		return 0, nil, err
	}
	cpu = m.perMessage(int64(messages))
	st, err := sink.stats()
	switch {
	case err != nil:
		return 0, nil, err
	case res.Err != "":
		return 0, nil, fmt.Errorf("%s: %s", role, res.Err)
	case st.Messages != int64(messages):
		return 0, nil, fmt.Errorf("%s: of %d messages %d have arrived", role, messages, st.Messages)
	}
	return float64(messages) / res.Seconds, cpu, nil
}

// prebuilt is how many different messages the loop has; together they are larger than the caches of most processors, as the
// messages of a real send are never in one.
const prebuilt = 500

// runLoop is the plain loop. It writes MAIL, RCPT and DATA in one write, reads until 354, writes the message and the final dot in
// one write, reads the 250, and so on. Nothing else: no message is built, no reply is classified, nothing is recorded.
func runLoop(data []byte) error {
	var spec loopSpec
	if err := fromJSON(data, &spec); err != nil {
		return err
	}
	msg, err := os.ReadFile(spec.File)
	if err != nil {
		return err
	}
	var messages [prebuilt][]byte
	for i := range messages {
		messages[i] = append(bytes.Clone(msg), ".\r\n"...)
	}
	return whenTold(func() error {
		var left atomic.Int64
		left.Store(int64(spec.Messages))
		return together(spec.Connections, func(int) error {
			c, err := greet(spec.Address)
			if err != nil {
				return err
			}
			defer c.Close()
			buf := make([]byte, 4096)
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				to := reader(int(n))
				envelope := "MAIL FROM:<b-" + to[:13] + "@bounce.example.org>\r\nRCPT TO:<" + to + ">\r\nDATA\r\n"
				if _, err := c.Write([]byte(envelope)); err != nil {
					return err
				}
				if err := readUntil(c, buf, "354 "); err != nil {
					return err
				}
				if _, err := c.Write(messages[n%prebuilt]); err != nil {
					return err
				}
				if err := readUntil(c, buf, "250 "); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// whenTold waits until the parent is ready, runs and reports how long that took.
func whenTold(run func() error) error {
	if err := reply("ready"); err != nil {
		return err
	}
	return questions(func(string) any {
		start := time.Now()
		err := run()
		res := loopResult{Seconds: time.Since(start).Seconds()}
		if err != nil {
			res.Err = err.Error()
		}
		return res
	})
}

// together runs f in n goroutines and returns the first error.
func together(n int, f func(int) error) error {
	var all sync.WaitGroup
	failed := make(chan error, n)
	for i := range n {
		all.Go(func() {
			if err := f(i); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

// greet opens a connection to the sink.
func greet(address string) (net.Conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	if err = readUntil(c, buf, "220 "); err == nil {
		if _, err = c.Write([]byte("EHLO bench.example.org\r\n")); err == nil {
			err = readUntil(c, buf, "250 ")
		}
	}
	return c, err
}

// readUntil reads replies until one line begins so; the sink says a line in one piece.
func readUntil(c net.Conn, buf []byte, want string) error {
	for have := 0; ; {
		n, err := c.Read(buf[have:])
		if err != nil {
			return err
		}
		have += n
		last := buf[:have]
		if !bytes.HasSuffix(last, []byte("\r\n")) {
			continue
		}
		if i := bytes.LastIndexByte(last[:len(last)-1], '\n'); i >= 0 {
			last = last[i+1:]
		}
		if bytes.HasPrefix(last, []byte(want)) {
			return nil
		}
		if have == len(buf) || last[0] > '3' {
			return fmt.Errorf("the sink said %q", buf[:have])
		}
	}
}
