package private

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// supervisorEnv, when set, makes this program the supervisor of a private Postgres and nothing else. Its value is a spec.
const supervisorEnv = "MAILER_PRIVATE_POSTGRES_SUPERVISOR"

// spec is what a supervisor is told.
type spec struct {
	Root     string        `json:"root"`
	Postgres string        `json:"postgres"` // path of the binary
	Socket   string        `json:"socket"`   // folder of the socket
	Settings []string      `json:"settings"`
	Account  account       `json:"account"`
	Linger   time.Duration `json:"linger"`
}

// The supervisor is this program run again, whatever program it is (mailer or a test binary): no shell and no second
// binary has to be found at run time, and it works wherever the program itself does.
func init() {
	v, ok := os.LookupEnv(supervisorEnv)
	if !ok {
		return
	}
	os.Unsetenv(supervisorEnv)
	var s spec
	if err := json.Unmarshal([]byte(v), &s); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		os.Exit(2)
	}
	if err := s.supervise(); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// supervise runs the server until its last user is gone, then stops it. It holds server.lock all the while.
func (s spec) supervise() error {
	// The kernel ties endWithParent to this thread. init runs on the main one, which ends with the process.
	runtime.LockOSThread()
	// We are in a session of our own, so no key of a terminal reaches us. SIGTERM stops the server in good order; the
	// others are caught only so that they do not orphan it.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP)
	// At the end the folder of the socket goes first, then the locks: who waits for one of them finds nothing of us.
	users, err := os.OpenFile(filepath.Join(s.Root, "users.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer unlock(users)
	alive, err := tryLock(filepath.Join(s.Root, "server.lock"), exclusive)
	if err != nil {
		return errors.Join(fmt.Errorf("another supervisor is alive: %w", err), os.RemoveAll(s.Socket))
	}
	defer unlock(alive)
	defer os.RemoveAll(s.Socket)

	args := []string{"-D", "", "-k", s.Socket, "-p", port}
	for _, v := range s.Settings {
		args = append(args, "-c", v)
	}
	cmd := exec.Command(s.Postgres, args...)
	cmd.Dir = "/"
	done, err := s.Account.folder(cmd, filepath.Join(s.Root, "data"), &cmd.Args[2])
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // the log file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	s.Account.apply(cmd)
	err = cmd.Start()
	done()
	if err != nil {
		return err
	}
	if err := s.say(cmd.Process.Pid); err != nil {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	unused := make(chan error, 1)
	go func() { unused <- s.waitUnused(users) }()
	select {
	case err := <-ended:
		return fmt.Errorf("postgres ended by itself: %w", orNil(err))
	case <-unused:
	case <-signals:
	}
	return s.stop(cmd, ended)
}

func orNil(err error) error {
	if err == nil {
		return fmt.Errorf("exit status 0")
	}
	return err
}

// say writes down where the server is, for those who join it.
func (s spec) say(pid int) error {
	b, err := json.Marshal(state{PID: pid, Socket: s.Socket})
	if err != nil {
		return err
	}
	path := filepath.Join(s.Root, "server.json")
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// waitUnused returns when nobody uses the server, holding users exclusively, so that nobody can begin to.
func (s spec) waitUnused(users *os.File) error {
	for {
		if err := flock(users, exclusive); err != nil {
			return err
		}
		if s.Linger == 0 {
			return nil
		}
		if err := flock(users, syscall.LOCK_UN); err != nil {
			return err
		}
		time.Sleep(s.Linger)
		if flock(users, exclusive|nonBlocking) == nil {
			return nil
		}
	}
}

// stop is a fast shutdown (clients are cut off, data are written), and a hard one when that takes too long.
func (s spec) stop(cmd *exec.Cmd, ended <-chan error) error {
	steps := []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, 20 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	for _, step := range steps {
		if err := cmd.Process.Signal(step.sig); err != nil {
			return err
		}
		select {
		case <-ended:
			return nil
		case <-time.After(step.wait):
		}
	}
	return fmt.Errorf("postgres %s did not end", strconv.Itoa(cmd.Process.Pid))
}
