package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// sinkSpec is what a sink is told.
type sinkSpec struct {
	Latency time.Duration // how long each answer takes; 0: none
}

// sinkStats is what a sink has seen since it started. Times are nanoseconds since 1970.
type sinkStats struct {
	Messages, Bytes, Connections, Most int64 // Most: connections open at once
	First, Last                        int64 // when the first and the last message was taken
}

// sink takes mail as fast as it can and keeps nothing. It knows just enough SMTP to offer PIPELINING and to find the end of a
// message, and no more than one goroutine, one buffer and a handful of system calls are spent on a connection.
//
// With a latency it is a relay that takes its time: what arrives together, a group of pipelined commands, is answered
// together, so long after it arrived; the answer to the end of a message likewise. Groups that arrive while an
// answer is under way do not wait for each other.
type sink struct {
	spec                                      sinkSpec
	messages, bytes, conns, open, first, last atomic.Int64
	most                                      atomic.Int64
	dialogue                                  atomic.Pointer[dialogue] // of the next connection
}

// runSink serves until standard input ends, and answers questions on it: stats, record, dialogue.
func runSink(spec []byte) error {
	s := &sink{}
	if err := fromJSON(spec, &s.spec); err != nil {
		return err
	}
	runtime.GOMAXPROCS(max(1, runtime.NumCPU()/2)) // waking other processors costs more than it brings
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := reply(ln.Addr().String()); err != nil {
		return err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	var recorded *dialogue
	return questions(func(q string) any {
		switch q {
		case "record":
			recorded = &dialogue{}
			s.dialogue.Store(recorded)
		case "dialogue":
			return recorded.read()
		}
		return sinkStats{Messages: s.messages.Load(), Bytes: s.bytes.Load(), Connections: s.conns.Load(), Most: s.most.Load(),
			First: s.first.Load(), Last: s.last.Load()}
	})
}

const (
	sinkHello = "250-sink.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10240000\r\n"
	sinkTaken = "250 2.0.0 Ok: queued as 4dQx2L0Zr7z1\r\n"
)

var endOfMessage = []byte("\r\n.\r\n")

// session is one connection to the sink.
type session struct {
	s      *sink
	out    []byte // answers to what has arrived
	inData bool
	quit   bool
	said   []string // the commands of this group, for the dialogue
	rec    *dialogue
}

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	s.conns.Add(1)
	if n := s.open.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	defer s.open.Add(-1)
	ss := &session{s: s, rec: s.dialogue.Swap(nil)}
	send := func(b []byte, _ time.Time) error { _, err := c.Write(b); return err }
	if s.spec.Latency > 0 {
		late := newLate(c, s.spec.Latency, ss.rec)
		defer late.close()
		send = late.send
	}
	if send([]byte("220 sink.example.org ESMTP\r\n"), time.Now()) != nil {
		return
	}
	buf := make([]byte, 64<<10)
	kept := 0
	for {
		n, err := c.Read(buf[kept:])
		if n > 0 {
			var now time.Time
			if s.spec.Latency > 0 {
				now = time.Now()
			}
			ss.out, ss.said = ss.out[:0], ss.said[:0]
			rest := ss.feed(buf[:kept+n])
			kept = copy(buf, rest)
			s.bytes.Add(int64(n))
			if len(ss.out) > 0 {
				ss.rec.arrived(now, ss.said)
				if send(ss.out, now) != nil || ss.quit {
					return
				}
			}
		}
		if err != nil || kept == len(buf) {
			return
		}
	}
}

// feed takes what has arrived and returns what must be looked at again with what comes next.
func (ss *session) feed(b []byte) []byte {
	for {
		if ss.inData {
			// What stands behind the end of a message is the next envelope at most, so the end is near the end of what
			// has arrived, or not there at all: the message itself need not be looked at.
			from := max(0, len(b)-2048)
			i := bytes.LastIndex(b[from:], endOfMessage)
			if i < 0 {
				return b[max(0, len(b)-len(endOfMessage)+1):]
			}
			ss.inData = false
			ss.taken()
			b = b[from+i+len(endOfMessage):]
			continue
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return b
		}
		ss.command(b[:i])
		b = b[i+1:]
	}
}

func (ss *session) taken() {
	now := time.Now().UnixNano()
	if ss.s.messages.Add(1) == 1 {
		ss.s.first.Store(now)
	}
	ss.s.last.Store(now)
	ss.out = append(ss.out, sinkTaken...)
	if ss.rec != nil {
		ss.said = append(ss.said, ".")
	}
}

func (ss *session) command(line []byte) {
	verb := "?"
	if len(line) >= 4 {
		verb = string(line[:4])
	}
	if ss.rec != nil {
		ss.said = append(ss.said, verb)
	}
	switch verb {
	case "EHLO", "HELO":
		ss.out = append(ss.out, sinkHello...)
	case "MAIL":
		ss.out = append(ss.out, "250 2.1.0 Ok\r\n"...)
	case "RCPT":
		ss.out = append(ss.out, "250 2.1.5 Ok\r\n"...)
	case "DATA":
		ss.inData = true
		ss.out = append(ss.out, "354 End data with <CR><LF>.<CR><LF>\r\n"...)
	case "RSET", "NOOP":
		ss.out = append(ss.out, "250 2.0.0 Ok\r\n"...)
	case "QUIT":
		ss.quit = true
		ss.out = append(ss.out, "221 2.0.0 Bye\r\n"...)
	default:
		ss.out = append(ss.out, "500 5.5.2 Error\r\n"...)
	}
}

// late writes answers so long after what they answer has arrived.
type late struct {
	c       net.Conn
	latency time.Duration
	queue   chan answer
	done    sync.WaitGroup
	rec     *dialogue
}

type answer struct {
	text []byte
	due  time.Time
}

var errFull = errors.New("too many answers are due")

func newLate(c net.Conn, latency time.Duration, rec *dialogue) *late {
	l := &late{c: c, latency: latency, queue: make(chan answer, 16), rec: rec}
	l.done.Go(func() {
		for a := range l.queue {
			time.Sleep(time.Until(a.due))
			_, _ = l.c.Write(a.text)
			l.rec.answered(time.Now())
		}
	})
	return l
}

func (l *late) send(text []byte, arrived time.Time) error {
	select {
	case l.queue <- answer{bytes.Clone(text), arrived.Add(l.latency)}:
		return nil
	default:
		return errFull
	}
}

// close waits until everything due was said.
func (l *late) close() { close(l.queue); l.done.Wait(); _ = io.Closer(l.c).Close() }
