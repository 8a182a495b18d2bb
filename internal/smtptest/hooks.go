package smtptest

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Stage is a point of the dialogue where a hook may step in.
type Stage string

// The stages, in the order of a dialogue.
const (
	Greeting Stage = "greeting" // connected, nothing said
	Hello    Stage = "hello"    // EHLO or HELO read
	TLS      Stage = "starttls" // STARTTLS read
	Login    Stage = "auth"     // AUTH read
	MailFrom Stage = "mail"     // MAIL read
	RcptTo   Stage = "rcpt"     // RCPT read
	Data     Stage = "data"     // DATA read; a reply of 354 lets the body come even with no recipient
	Body     Stage = "body"     // a first part of the body read, the rest still to come
	Dot      Stage = "dot"      // the final dot read, nothing written down; any reply but 2yz means not accepted
	Recorded Stage = "recorded" // in the ledger, the 250 not yet written
	Replied  Stage = "replied"  // the 250 written
	Rset     Stage = "rset"     // RSET read
	Quit     Stage = "quit"     // QUIT read
)

// Event is what a hook is told.
type Event struct {
	Stage    Stage
	Conn     int    // number of the connection, from 1
	Accepted int    // messages accepted on it so far
	Line     string // the command line, without CRLF
	From, To string // envelope as far as it is known; the last recipient
	Data     []byte // the message, from Dot on; valid during the call only
	Beyond   int    // octets that the client has sent after what the event is about, as far as they were read
	Done     <-chan struct{}
}

// Hook looks at an event and says what the relay does. It runs on the connection's goroutine: while it blocks, the client
// waits. One that blocks must also give up when Event.Done closes.
type Hook func(Event) Action

// Action is what the relay does at a stage. The zero Action carries on as usual.
type Action struct {
	reply []byte
	end   ending
}

type ending int

const (
	carryOn ending = iota
	drop
	reset
)

func (a Action) isZero() bool { return a.reply == nil && a.end == carryOn }

// Go carries on as usual.
func Go() Action { return Action{} }

// Reply answers with these lines in place of the usual answer; lines are separated by "\n" and ended by CRLF.
func Reply(lines string) Action {
	return Action{reply: []byte(strings.ReplaceAll(lines, "\n", "\r\n") + "\r\n")}
}

// Raw answers with exactly these bytes.
func Raw(b string) Action { return Action{reply: []byte(b)} }

// Drop closes the connection.
func Drop() Action { return Action{end: drop} }

// Reset closes the connection with a TCP RST.
func Reset() Action { return Action{end: reset} }

// ThenDrop closes the connection after the reply.
func (a Action) ThenDrop() Action { a.end = drop; return a }

// ThenReset closes the connection with a TCP RST after the reply.
func (a Action) ThenReset() Action { a.end = reset; return a }

// Always does a at every event.
func Always(a Action) Hook { return func(Event) Action { return a } }

// First does a at the first n events and carries on afterwards.
func First(n int, a Action) Hook {
	var seen atomic.Int64
	return func(Event) Action {
		if seen.Add(1) <= int64(n) {
			return a
		}
		return Go()
	}
}

// For does a when the recipient is to.
func For(to string, a Action) Hook {
	return func(e Event) Action {
		if e.To == to {
			return a
		}
		return Go()
	}
}

// Gate holds the dialogue at a stage until it is opened.
type Gate struct {
	reached, open         chan struct{}
	reachedOnce, openOnce sync.Once
}

// NewGate returns a closed gate.
func NewGate() *Gate { return &Gate{reached: make(chan struct{}), open: make(chan struct{})} }

// Hook returns a hook that waits at the gate and then does a.
func (g *Gate) Hook(a Action) Hook {
	return func(e Event) Action {
		g.reachedOnce.Do(func() { close(g.reached) })
		select {
		case <-g.open:
		case <-e.Done:
		}
		return a
	}
}

// Reached is closed when the first dialogue has come to the gate.
func (g *Gate) Reached() <-chan struct{} { return g.reached }

// Open lets everything through, now and later.
func (g *Gate) Open() { g.openOnce.Do(func() { close(g.open) }) }
