//go:build unix

package postfixtest

import (
	"errors"
	"syscall"
	"time"
)

// end signals the master, which passes SIGTERM on to its daemons, or all of them, and waits until none is left.
func (m *master) end(politely bool) {
	pid := m.cmd.Process.Pid
	if politely {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	} else {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	select {
	case <-m.ended:
	case <-time.After(patience):
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-m.ended
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}
