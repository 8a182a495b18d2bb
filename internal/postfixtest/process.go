package postfixtest

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// life bounds how long a server outlives a test that was killed, in seconds.
const life = "1800"

// patience is how long a server may take to do as it is told.
const patience = 30 * time.Second

// find returns the folder of postfix's daemons, or says why there can be no server.
func find() (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("postfix starts only for root")
	}
	out, err := exec.Command(tool("postconf"), "-d", "-h", "daemon_directory").Output()
	if err != nil {
		return "", errors.New("it is not installed; on Debian: apt-get install postfix")
	}
	return strings.TrimSpace(string(out)), nil
}

// tool returns the path of one of postfix's commands, which stand where an ordinary PATH does not lead.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}

// master is the running process that starts postfix's daemons. It leads a process group of them.
type master struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Resume starts a server that was stopped or killed, on the same port with the same queue.
func (s *Server) Resume() {
	s.t.Helper()
	if s.master != nil {
		s.t.Fatal("postfix is running")
	}
	var err error
	for range 5 { // a port that was free a moment ago may be taken by now
		if s.port == 0 || err != nil && s.Log() == "" {
			port, perr := freePort()
			if perr != nil {
				s.t.Fatal(perr)
			}
			if perr := s.setPort(port); perr != nil {
				s.t.Fatal(perr)
			}
		}
		if err = s.launch(); err == nil {
			return
		}
	}
	s.t.Fatalf("start postfix: %v\n%s", err, s.Log())
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// launch runs master and waits until it answers. `postfix start` would take seconds longer
// and put it out of our hands.
func (s *Server) launch() error {
	cmd := exec.Command(filepath.Join(s.daemon, "master"), "-c", s.path("conf"), "-s", "-e", life)
	if err := cmd.Start(); err != nil {
		return err
	}
	m := &master{cmd: cmd, ended: make(chan struct{})}
	go func() {
		cmd.Wait() //nolint:errcheck // how it ended shows in its log
		close(m.ended)
	}()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if greets(s.Addr()) {
			s.master = m
			return nil
		}
		select {
		case <-m.ended:
			return errors.New("it ended at once")
		case <-time.After(10 * time.Millisecond):
		}
	}
	m.end(false)
	return errors.New("it does not answer")
}

func greets(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if c.SetDeadline(time.Now().Add(patience)) != nil {
		return false
	}
	code := make([]byte, 3)
	if _, err := io.ReadFull(c, code); err != nil || string(code) != "220" {
		return false
	}
	_, err = io.WriteString(c, "QUIT\r\n")
	return err == nil
}

// Stop ends the server as its own stop command does: the master and every daemon at once, also in the midst of a dialogue.
// What was accepted stays in the queue.
func (s *Server) Stop() { s.end(true) }

// Kill ends the server as a crash does.
func (s *Server) Kill() { s.end(false) }

func (s *Server) end(politely bool) {
	if s.master != nil {
		s.master.end(politely)
		s.master = nil
	}
}
