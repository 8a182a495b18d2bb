package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
)

// zombies stops senders for twice their lease, while another one takes over, and lets them go on (SND-28): at random moments where
// the point is empty, else at that failpoint. Each has a send of its own.
func zombies(points ...string) func(*session) {
	return func(s *session) {
		for _, name := range points {
			f := s.newField(plan{connections: 8 + s.rnd.IntN(17), leavers: true, lasts: 4 * lease})
			f.launch()
			var env []string
			if name != "" {
				env = append(env, fmt.Sprintf("MAILER_FAILPOINT=%s@%d:stop", name, 1+s.rnd.IntN(hits(name))))
			}
			p := f.serve("sender", env...)
			f.until("a moment to stop it", finishing, func() bool { return p.atPoint() || f.mails() > f.size(f.template)/5 })
			reached := p.atPoint()
			if reached {
				f.sum.Points++
			}
			p.signal(syscall.SIGSTOP) // where it is not reached in time, anywhere
			f.serve("")               // it has the web pages too, so readers leave from now on
			s.wait(2 * lease)
			p.signal(syscall.SIGCONT)
			f.risk(0, 1)
			if name != "" && !reached { // then it stops itself when it comes there yet, and somebody must wake it
				f.risk(0, 1)
				go func() {
					for !p.atPoint() {
						if !again(f.ctx, 50*time.Millisecond) {
							return
						}
					}
					again(f.ctx, 2*lease)
					p.signal(syscall.SIGCONT)
				}()
			}
			f.finish()
		}
	}
}

// ownServer gives a scenario a server that it may break.
func (s *session) ownServer(disk int64, extra ...string) *postgres {
	s.lab.mu.Lock()
	s.fields++
	dir := filepath.Join(s.dir, fmt.Sprintf("postgres%d", s.fields))
	s.lab.mu.Unlock()
	sys := newKeeper()
	s.cleanup(sys.close)
	pg, err := newPostgres(s.ctx, sys, dir, slots, disk, extra...)
	if errors.Is(err, errNoMount) {
		s.skip(err.Error())
	}
	s.must(err)
	s.cleanup(pg.end)
	s.must(s.makeTemplate(s.ctx, pg, usual))
	return pg
}

// databaseTrouble breaks the database in one way, in the middle of a send.
func databaseTrouble(times int, breakIt func(*session, *field)) func(*session) {
	return func(s *session) {
		f := s.newField(plan{connections: 12, pg: s.ownServer(0), leavers: true, lasts: time.Duration(10*times) * time.Second})
		f.launch()
		p := f.serve("")
		for n := range times {
			f.untilShare(float64(n+1) / float64(times+3))
			s.wait(s.pick(0, 300*time.Millisecond))
			breakIt(s, f)
			f.risk(0, 1)
		}
		f.finish()
		select {
		case <-p.exited:
			s.breaks("mailer serve did not outlive the database's trouble: %v; see %s", p.cmd.ProcessState, p.log)
		default:
		}
	}
}

// crash kills the server with all its processes, and starts it again.
func crash(s *session, f *field) {
	s.must(f.pg.kill())
	s.wait(s.pick(0, 2*lease))
	s.must(f.pg.start(s.ctx))
}

// restart stops the server as an operator does, and starts it again.
func restart(s *session, f *field) {
	s.must(f.pg.stopFast())
	s.wait(s.pick(0, time.Second))
	s.must(f.pg.start(s.ctx))
}

// killBackend kills one of the server's processes, as a kernel that is out of memory does; Postgres then restarts all of them.
func killBackend(s *session, f *field) {
	s.until("a process of postgres to kill", finishing, func() bool { // it may be on its way up from another fault
		return nil == f.pg.asSuperuser(s.ctx, func(d *sqlx.DB) error {
			var pid int
			if err := d.GetContext(s.ctx, &pid, `SELECT pid FROM pg_stat_activity WHERE usename = 'mailer' ORDER BY query LIKE '%permits%' DESC, pid LIMIT 1`); err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		})
	})
}

// noSlots takes every connection there is, after cutting off those that are open, and gives them back later than a lease.
func noSlots(s *session, f *field) {
	hog, err := sqlx.Open("postgres", f.url)
	s.must(err)
	defer hog.Close()
	cutOff := func() {
		s.must(f.pg.asSuperuser(s.ctx, func(d *sqlx.DB) error {
			_, err := d.ExecContext(s.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE usename = 'mailer' AND application_name <> 'hog'`)
			return err
		}))
	}
	for n := 0; n < slots; { // the senders come back at once, so it takes some turns
		conn, err := hog.Connx(s.ctx)
		if err != nil {
			break
		}
		if _, err := conn.ExecContext(s.ctx, `SET application_name = 'hog'`); err == nil {
			n++
		}
	}
	cutOff()
	for end := time.Now().Add(lease + lease/2); time.Now().Before(end); s.wait(10 * time.Millisecond) {
		if conn, err := hog.Connx(s.ctx); err == nil { // a slot that was given back
			_, _ = conn.ExecContext(s.ctx, `SET application_name = 'hog'`)
		}
	}
}

// fullDisk fills the disk of the database in the middle of a send (SND-38): the sending must stop, and go on when there is room.
func fullDisk(s *session) {
	pg := s.ownServer(400<<20, "max_wal_size=64MB", "min_wal_size=32MB")
	f := s.newField(plan{connections: 12, pg: pg, lasts: 8 * time.Second})
	f.launch()
	p := f.serve("")
	for n, logToo := range []bool{false, true} {
		f.untilShare(0.25 * float64(n+1))
		filler := pg.path("data/filler")
		s.must(pg.sys.do(func() error { return fill(filler) }))
		if logToo { // the write-ahead log wants another file now, and Postgres goes down for want of it
			_ = pg.asSuperuser(s.ctx, func(d *sqlx.DB) error {
				for range 8 {
					if _, err := d.ExecContext(s.ctx, `CREATE TABLE IF NOT EXISTS crashtest_log (n int); SELECT pg_switch_wal()`); err != nil {
						return err
					}
				}
				return nil
			})
		}
		s.standstill(f)
		s.must(pg.sys.do(func() error { return os.Remove(filler) }))
		select {
		case <-pg.exited:
			s.must(pg.start(s.ctx))
		default:
		}
		f.risk(0, 1)
	}
	f.finish()
	select {
	case <-p.exited:
		s.breaks("mailer serve did not outlive the full disk: %v; see %s", p.cmd.ProcessState, p.log)
	default:
	}
}

// standstill waits until nothing has come to the relay for a lease, and checks what went out unrecorded until then. A send that is
// not over must not go on by itself.
func (s *session) standstill(f *field) {
	last, since := f.mails(), time.Now()
	if !s.until("the sending to stand still while the disk is full (SND-38)", finishing, func() bool {
		if n := f.mails(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > lease
	}) {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	var accepted int
	if err := f.db.GetContext(ctx, &accepted, `SELECT count(*) FROM outcomes WHERE campaign_id = $1 AND kind = 'accepted'`, f.campaign); err != nil {
		return // it cannot even be read
	}
	if last-accepted > f.connections*(1+f.sum.Faults) {
		s.breaks("%d mails went out and %d are on record, with %d connections, while the disk was full (SND-38)", last, accepted, f.connections)
	}
}

// fill writes a file until nothing more goes in.
func fill(name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 1<<20)
	for {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			if len(block) == 512 {
				return nil
			}
			block = block[:len(block)/2]
		} else if err != nil {
			return err
		}
	}
}

// relayGone kills the relay, and brings it back after a while (SND-21), some times.
func relayGone(s *session) {
	f := s.newField(plan{connections: 16, leavers: true, lasts: 6 * time.Second})
	f.launch()
	f.serve("")
	for n, away := range []time.Duration{0, time.Second, 2 * lease} {
		f.untilShare(float64(n+1) / 5)
		s.must(f.relay.kill())
		f.risk(0, 1)
		s.wait(away)
		s.must(f.relay.start())
	}
	f.finish()
}

// relayMute has the relay say nothing for longer than anybody waits for an answer, and then go on.
func relayMute(s *session) {
	f := s.newField(plan{connections: 16, leavers: true, lasts: 6 * time.Second, haste: "lease=5s,retry=1s,relay=100ms,dot=2s,tick=1s,hold=1s"})
	f.launch()
	f.serve("")
	for n := range 2 {
		f.untilShare(float64(n+1) / 4)
		s.must(f.relay.signal(syscall.SIGSTOP))
		s.wait(lease)
		s.must(f.relay.signal(syscall.SIGCONT))
		f.risk(0, 1)
	}
	f.finish()
}
