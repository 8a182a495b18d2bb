package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// scenario is one way to make trouble.
type scenario struct {
	id   string // of the conformance list
	name string
	run  func(*session)
}

// session is one run of a scenario: what it found, and what it has to take away at its end.
type session struct {
	*lab
	ctx      context.Context
	name     string
	rnd      *rand.Rand
	cleanups []func()

	mu      sync.Mutex
	broken  []string // promises that were broken, in words
	skipped string   // why it could not be run here
	sum     figures
}

// figures are what the last line adds up.
type figures struct {
	Sends, Readers, Mails, Kills, Points, Faults, Copies, Allowed, Doubts, Unknown, Left, Looks int
}

func (f *figures) add(o figures) {
	f.Sends, f.Readers, f.Mails, f.Kills, f.Points = f.Sends+o.Sends, f.Readers+o.Readers, f.Mails+o.Mails, f.Kills+o.Kills, f.Points+o.Points
	f.Faults, f.Copies, f.Allowed, f.Doubts = f.Faults+o.Faults, f.Copies+o.Copies, f.Allowed+o.Allowed, f.Doubts+o.Doubts
	f.Unknown, f.Left, f.Looks = f.Unknown+o.Unknown, f.Left+o.Left, f.Looks+o.Looks
}

// run runs a scenario to its end, which it reaches also when it gives up half-way.
func (l *lab) run(ctx context.Context, sc scenario) *session {
	s := &session{lab: l, ctx: ctx, name: sc.name, rnd: l.random(sc.id + sc.name)}
	done := make(chan struct{})
	go func() { // of its own, so that must can end it
		defer close(done)
		defer func() {
			for i := len(s.cleanups) - 1; i >= 0; i-- {
				s.cleanups[i]()
			}
		}()
		sc.run(s)
	}()
	<-done
	return s
}

func (s *session) cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// breaks notes a broken promise and goes on.
func (s *session) breaks(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.broken = append(s.broken, text)
	s.mu.Unlock()
	s.say("%s: BROKEN: %s", s.name, text)
}

// must gives up when something that has to work does not.
func (s *session) must(err error) {
	if err == nil {
		return
	}
	if s.ctx.Err() != nil {
		err = s.ctx.Err()
	}
	s.breaks("it cannot go on: %v", err)
	runtime.Goexit()
}

// skip ends the scenario because this machine cannot run it.
func (s *session) skip(why string) {
	s.skipped = why
	runtime.Goexit()
}

// until waits for a condition, within a time that only something broken exceeds.
func (s *session) until(what string, within time.Duration, cond func() bool) bool {
	ctx, cancel := context.WithTimeout(s.ctx, within)
	defer cancel()
	for !cond() {
		if !again(ctx, 20*time.Millisecond) {
			if s.ctx.Err() == nil {
				s.breaks("in vain for %v: %s", within, what)
			}
			return false
		}
	}
	return true
}

// pick returns a moment from least to most.
func (s *session) pick(least, most time.Duration) time.Duration {
	return least + time.Duration(s.rnd.Int64N(int64(most-least)+1))
}

// wait lets time pass: the moment of a fault is part of what is tried, so here it is a time and not a condition.
func (s *session) wait(d time.Duration) {
	if !again(s.ctx, d) {
		s.must(s.ctx.Err())
	}
}
