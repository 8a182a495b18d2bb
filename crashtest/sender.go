package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// sender is one process of mailer serve.
type sender struct {
	f      *field
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed when it has ended
}

// serve starts mailer serve. Roles may be empty for all of them; env is added to its environment.
func (f *field) serve(roles string, env ...string) *sender {
	f.served++
	p := &sender{f: f, log: filepath.Join(f.dir, fmt.Sprintf("serve-%03d.log", f.served)), exited: make(chan struct{})}
	args := []string{"serve", "--listen", f.address}
	if roles != "" {
		args = append(args, "--roles", roles)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	f.must(err)
	defer log.Close()
	p.cmd = exec.Command(f.mailer, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = f.dir, log, log
	p.cmd.Env = append(f.lab.env(f.url, f.relay.url()), fmt.Sprintf("MAILER_CONNECTIONS=%d", f.connections), "MAILER_TEST_HASTE="+f.haste)
	p.cmd.Env = append(p.cmd.Env, env...)
	f.must(f.sys.start(p.cmd, syscall.SIGKILL))
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	f.cleanup(func() { _ = p.cmd.Process.Kill(); <-p.exited })
	return p
}

// kill ends it without a word, if it has not come to its failpoint before.
func (p *sender) kill() {
	if p.gaveUp() || p.killedItself(0) {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.f.must(err)
	}
	<-p.exited
	p.f.risk(1, 0)
}

// gaveUp reports whether it has ended because the database was away when it started (EX_TEMPFAIL). Whoever supervises it then
// starts it again.
func (p *sender) gaveUp() bool {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode() == 75
	default:
		return false
	}
}

// killedItself waits until it comes to its failpoint, for a while, and reports whether it did.
func (p *sender) killedItself(within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-p.exited: // looked at first, so that 0 is a question too
	default:
		select {
		case <-p.exited:
		case <-t.C:
			return false
		case <-p.f.ctx.Done():
			return false
		}
	}
	if st, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !st.Signaled() || st.Signal() != syscall.SIGKILL {
		p.f.must(fmt.Errorf("mailer serve ended by itself: %v; see %s", p.cmd.ProcessState, p.log))
	}
	p.f.risk(1, 0)
	p.f.sum.Points++
	return true
}

// atPoint reports whether it has come to its failpoint.
func (p *sender) atPoint() bool {
	b, err := os.ReadFile(p.log)
	return err == nil && strings.Contains(string(b), "failpoint ")
}

// signal sends a signal, unless it has come to its failpoint before.
func (p *sender) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.f.must(err)
	}
}

// ends waits for its orderly end and returns its status; -1 when it was killed.
func (p *sender) ends(within time.Duration) int {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-t.C:
		p.f.must(fmt.Errorf("mailer serve does not stop within %v; see %s", within, p.log))
	case <-p.f.ctx.Done():
	}
	return -1
}
