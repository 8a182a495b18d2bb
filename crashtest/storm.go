package main

import (
	"fmt"
	"syscall"
	"time"

	"mailer/internal/failpoint"
)

// storm lets faults of all kinds fall on three senders, their relay and their database, one upon the other: some of them while
// another one lasts.
func storm(faults int) func(*session) {
	return func(s *session) {
		f := s.newField(plan{connections: 8 + s.rnd.IntN(9), pg: s.ownServer(0), leavers: true, lasts: time.Duration(faults) * time.Second,
			relay: relaySpec{Defer: 0.01, Cut: 0.002}, haste: "lease=5s,retry=1s,relay=100ms,dot=4s,tick=1s,hold=1s"})
		f.launch()
		st := &weather{field: f}
		for n := range st.senders {
			st.senders[n] = f.serve(st.roles(n))
		}
		for range faults {
			if f.state() == "done" {
				break
			}
			st.strike()
			f.wait(f.pick(0, time.Second))
		}
		st.clear()
		f.finish()
	}
}

// weather is what lasts while other faults fall.
type weather struct {
	*field
	senders [3]*sender
	frozen  [3]bool
	mute    bool // the relay
}

func (st *weather) roles(n int) string {
	if n == 0 {
		return ""
	}
	return "sender"
}

// strike does one thing. Each sender has connections of its own, so a fault of what they share counts once for each.
func (st *weather) strike() {
	n := st.rnd.IntN(len(st.senders))
	switch st.rnd.IntN(10) {
	case 0, 1, 2: // another one takes its place at once, perhaps one that will not live long
		st.revive(n)
		st.senders[n].kill()
		var env []string
		if st.rnd.IntN(2) == 0 {
			name := failpoint.Names[st.rnd.IntN(len(failpoint.Names))]
			env = append(env, fmt.Sprintf("MAILER_FAILPOINT=%s@%d", name, 1+st.rnd.IntN(hits(name))))
		}
		st.senders[n] = st.serve(st.roles(n), env...)
	case 3, 4:
		st.revive(n)
		st.senders[n].signal(syscall.SIGSTOP)
		st.frozen[n] = true
		st.risk(0, 1)
	case 5:
		st.wait(st.pick(0, 2*lease))
		st.thaw()
	case 6:
		st.unmute()
		st.must(st.relay.kill())
		st.risk(0, len(st.senders))
		st.wait(st.pick(0, time.Second))
		st.must(st.relay.start())
	case 7:
		if !st.mute {
			st.must(st.relay.signal(syscall.SIGSTOP))
			st.mute = true
			st.risk(0, len(st.senders))
		}
	case 8:
		st.unmute()
		killBackend(st.session, st.field)
		st.risk(0, len(st.senders))
	case 9: // and one sender dies while the database is away
		st.must(st.pg.kill())
		st.revive(n)
		st.senders[n].kill()
		st.wait(st.pick(0, 2*lease))
		st.must(st.pg.start(st.ctx))
		st.senders[n] = st.serve(st.roles(n))
		st.risk(0, len(st.senders))
	}
}

// revive makes sure that a sender is there: its failpoint may have ended it meanwhile.
func (st *weather) revive(n int) {
	st.thawOne(n)
	if st.senders[n].gaveUp() || st.senders[n].killedItself(0) {
		st.senders[n] = st.serve(st.roles(n))
	}
}

func (st *weather) thawOne(n int) {
	if st.frozen[n] {
		st.senders[n].signal(syscall.SIGCONT)
		st.frozen[n] = false
	}
}

func (st *weather) thaw() {
	for n := range st.senders {
		st.thawOne(n)
	}
	st.unmute()
}

func (st *weather) unmute() {
	if st.mute {
		st.must(st.relay.signal(syscall.SIGCONT))
		st.mute = false
	}
}

// clear ends all that lasts, with every sender at work.
func (st *weather) clear() {
	st.thaw()
	for n := range st.senders {
		st.revive(n)
	}
}
