package main

import (
	"fmt"
	"syscall"
	"time"

	"mailer/internal/failpoint"
)

// killRounds kills senders again and again, half of the time at a random moment and half of the time at a failpoint, in one send
// after another, each with another relay and another number of connections. With a second sender, that one is left alone.
func killRounds(kills int, hold, second bool) func(*session) {
	return func(s *session) {
		for done := 0; done < kills; {
			n := min(4+s.rnd.IntN(8), kills-done)
			f := s.newField(plan{
				connections: 8 + s.rnd.IntN(43), hold: hold, leavers: true, lasts: time.Duration(n) * s.pick(time.Second, 2*time.Second),
				relay: relaySpec{Defer: 0.01, Cut: 0.002, MaxMessages: s.rnd.IntN(3) * 40, NoPipelines: s.rnd.IntN(4) == 0},
			})
			f.launch()
			roles := ""
			if second {
				f.serve("")
				roles = "sender"
			}
			done += f.killed(n, roles)
			if !second {
				f.serve("")
			}
			f.finish()
			s.say("%s: %d of %d kills; %d connections, %d readers, %d mails, %d copies too many of %d allowed, %d unknown", s.name, done, kills,
				f.connections, f.sum.Readers, f.sum.Mails, f.sum.Copies, f.sum.Allowed, f.sum.Unknown)
		}
	}
}

// killed has n senders killed, one after the other, or fewer when the send is over before. It returns how many were.
func (f *field) killed(n int, roles string) int {
	for done := range n {
		if f.state() == "done" {
			return max(done, 1) // a send too fast for its kills must not keep the proof from ending
		}
		if f.rnd.IntN(2) == 0 {
			p := f.serve(roles)
			f.wait(f.pick(50*time.Millisecond, 1500*time.Millisecond))
			p.kill()
			continue
		}
		name := failpoint.Names[f.rnd.IntN(len(failpoint.Names))]
		p := f.serve(roles, fmt.Sprintf("MAILER_FAILPOINT=%s@%d", name, 1+f.rnd.IntN(hits(name))))
		if !p.killedItself(f.pick(time.Second, 2*time.Second)) {
			p.kill()
		}
	}
	return n
}

// hits is about how often a sender passes a failpoint in its first second.
func hits(name string) int {
	switch name {
	case "audience-step", "recovered":
		return 2
	case "claimed", "chunk-closing", "chunk-closed":
		return 6
	}
	return 120
}

// after is what a kill at a failpoint leaves behind when there is one connection: how many second copies there are at the end, or,
// with policy hold, how many readers are in doubt.
var after = map[string]struct{ copies, unknown int }{
	"permit-committed": {0, 1}, // noted, and no dot was written
	"permit-granted":   {0, 1},
	"dot-sent":         {1, 1}, // the relay has it, and nobody knows
	"reply-read":       {1, 1},
	"outcome-settled":  {1, 1},
}

// atPoint kills a sender with one connection at one point, where it is known what that must lead to, and lets another one finish.
func atPoint(name string, hold bool) func(*session) {
	return func(s *session) {
		f := s.newField(plan{connections: 1, hold: hold, template: few})
		f.launch()
		want, nth := after[name], 5+s.rnd.IntN(60)
		switch name {
		case "recovered": // there must be something to recover
			if p := f.serve("", "MAILER_FAILPOINT=dot-sent@20"); !p.killedItself(finishing) {
				s.breaks("the point dot-sent was not reached")
				p.kill()
			}
			want, nth = after["dot-sent"], 1
		case "envelope-sent", "body-sent", "permit-asked": // later on, the outcome of the message before is still on its way
			nth = 1
		}
		if hits(name) < 10 {
			nth = 1
		}
		p := f.serve("", fmt.Sprintf("MAILER_FAILPOINT=%s@%d", name, nth))
		if !p.killedItself(finishing) {
			s.breaks("the point %s was not reached %d times", name, nth)
			p.kill()
		}
		f.serve("")
		f.finish()
		copies, unknown := want.copies, 0
		if hold {
			copies, unknown = 0, want.unknown
		}
		if f.sum.Copies != copies || f.sum.Unknown != unknown {
			s.breaks("killed at %s with one connection: %d copies too many and %d unknown, not %d and %d (SND-26)", name, f.sum.Copies, f.sum.Unknown, copies, unknown)
		}
	}
}

// audienceKills kills senders while a large audience is being written.
func audienceKills(s *session) {
	f := s.newField(plan{connections: 16, leavers: true, template: many})
	f.launch()
	for n := range 4 {
		p := f.serve("", fmt.Sprintf("MAILER_FAILPOINT=audience-step@%d", 1+n%2))
		if !p.killedItself(2 * time.Second) {
			p.kill()
		}
	}
	f.serve("")
	f.finish()
}

// termination asks a sender to stop in good order, in the middle: nothing may be in doubt, and the next one goes on.
func termination(s *session) {
	f := s.newField(plan{connections: 8, lasts: 6 * time.Second})
	f.launch()
	for n := range 3 {
		p := f.serve("")
		f.untilShare(0.2 * float64(n+1))
		p.signal(syscall.SIGTERM)
		if status := p.ends(finishing); status != 0 {
			s.breaks("status %d after SIGTERM (SND-24); see %s", status, p.log)
		}
		if n := f.number(`SELECT count(*) FROM permits`); n != 0 {
			s.breaks("%d notes of permits are left after SIGTERM (SND-24)", n)
		}
		if n := f.number(`SELECT count(*) FROM chunks WHERE closed_at IS NULL AND lease_until > clock_timestamp()`); n != 0 {
			s.breaks("%d chunks are still held after SIGTERM (SND-24)", n)
		}
	}
	f.serve("")
	f.finish()
	if f.sum.Doubts+f.sum.Unknown+f.sum.Copies > 0 {
		s.breaks("%d doubts and %d copies though nobody was killed (SND-24)", f.sum.Doubts+f.sum.Unknown, f.sum.Copies)
	}
}

// takeover kills one of two processes while a campaign waits for its time: the other one must begin it, once, within half a minute.
func takeover(s *session) {
	const due = 4 * time.Second
	f := s.newField(plan{connections: 4, template: few})
	id := fmt.Sprint(f.campaign)
	f.command("campaigns", "schedule", id, "+"+due.String())
	f.command("campaigns", "approve", id, "--force")
	at := time.Now().Add(due)
	p := f.serve("")
	f.serve("scheduler,sender")
	s.wait(s.pick(due/2, due+due/4))
	p.kill()
	if f.until("the campaign to begin", finishing, func() bool { return f.state() != "" }) {
		if late := time.Since(at); late > 30*time.Second {
			s.breaks("the campaign began %v after its time (SND-29)", late.Round(time.Millisecond))
		}
	}
	f.attend()
	f.finish()
}
