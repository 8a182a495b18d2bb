package private

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clearLeftover deals with what a killed supervisor left. A server that nobody looks after is stopped. When the number in
// postmaster.pid now belongs to another program, Postgres would refuse to start for fear of it; the number is replaced.
// It returns an error while the old server is still ending. The caller holds starting.lock, and no supervisor is alive.
func (s *Server) clearLeftover(ctx context.Context) error {
	pid, _ := s.pidFile()
	switch {
	case pid <= 1 || !alive(pid):
		return nil // Postgres knows what to do with the file of a dead server
	case !s.isOurs(pid):
		return s.disownPID()
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return nil // it has just ended
	}
	for end := time.Now().Add(10 * time.Second); alive(pid) && s.isOurs(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) || ctx.Err() != nil {
			return errStillRunning
		}
	}
	return nil
}

// disownPID puts the number of a process that has just ended into postmaster.pid. The file itself must stay: it also
// names the shared memory by which Postgres finds backends that outlived their server.
func (s *Server) disownPID() error {
	b, err := os.ReadFile(s.path("data/postmaster.pid"))
	if err != nil {
		return nil
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(b), "\n")
	// Written in place: it keeps its owner, whoever that is.
	return os.WriteFile(s.path("data/postmaster.pid"), fmt.Appendf(nil, "%d\n%s", cmd.Process.Pid, rest), 0o600)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }

// isOurs reports whether the process is the server that server.json speaks of: the folder of its socket, a name that is
// used once, stands on its command line.
func (s *Server) isOurs(pid int) bool {
	st, ok := s.readState()
	if !ok || st.Socket == "" {
		return false
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		b, err = exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	}
	line := string(b) // empty for a zombie, which has nothing open any more
	return err == nil && strings.Contains(line, "postgres") && strings.Contains(line, st.Socket)
}
