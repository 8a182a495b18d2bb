package private

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mailer/internal/errs"
)

// startWithin is how long a server may take to answer. Recovery after a crash is part of it.
const startWithin = 60 * time.Second

// start runs a new server; the caller holds starting.lock. After a kill -9 the first try may fail for a moment, until the
// last backend of the dead server has noticed; so it is tried again.
func (s *Server) start(ctx context.Context, log func(string), o Options) error {
	want, err := s.dataVersion()
	if err != nil {
		return err
	}
	b, err := find(want)
	if err != nil {
		return err
	}
	a, err := chooseAccount(b, s.dir)
	if err != nil {
		return err
	}
	if want == 0 {
		log(fmt.Sprintf("creating a private PostgreSQL %d in %s", b.major, s.dir))
		if err := s.initdb(ctx, b, a, o); err != nil {
			return err
		}
	} else {
		log(fmt.Sprintf("starting the private PostgreSQL %d in %s", b.major, s.dir))
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for try := 1; ; try++ {
		if err = s.clearLeftover(ctx); err == nil {
			if err = s.launch(ctx, b, a, o); err == nil {
				return nil
			}
		}
		if ctx.Err() != nil || try == 10 {
			return errs.Wrap(err, errs.Unavailable, "the private PostgreSQL in %s does not start; its last words (%s): %s",
				s.dir, s.path("postgres.log"), s.lastWords())
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		}
	}
}

// dataVersion returns the major version that made the data, 0 when there are none.
func (s *Server) dataVersion() (int, error) {
	b, err := os.ReadFile(s.path("data/PG_VERSION"))
	if err != nil {
		return 0, nil
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(b)))
	return v, errs.Wrap(err, errs.Unavailable, "the folder %s holds data of an unknown version", s.path("data"))
}

// initdb creates the data in a folder beside, and moves it into place when complete: a creation that was cut off leaves
// nothing that looks like data.
func (s *Server) initdb(ctx context.Context, b binaries, a account, o Options) error {
	fresh := s.path("data.new")
	for _, dir := range []string{fresh, s.path("data")} { // data holds no PG_VERSION, so nothing of worth
		if err := os.RemoveAll(dir); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be removed", dir)
		}
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made", fresh)
	}
	if a.Drop {
		if err := os.Chown(fresh, a.UID, a.GID); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be given to the database", fresh)
		}
	}
	// Only those who may enter the folder of the socket reach the server at all: hence trust.
	args := []string{"-D", "", "--username=mailer", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"}
	if o.Disposable {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, b.path("initdb"), args...)
	cmd.Dir = "/"
	cmd.Env = environ()
	done, err := a.folder(cmd, fresh, &cmd.Args[2])
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be opened", fresh)
	}
	defer done()
	a.apply(cmd)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return errs.Wrap(err, errs.Unavailable, "initdb failed: %s", strings.TrimSpace(tail(out.String(), 600)))
	}
	return errs.Wrap(os.Rename(fresh, s.path("data")), errs.Unavailable, "the folder %s cannot be moved", fresh)
}

// launch starts the supervisor and waits until the server answers.
func (s *Server) launch(ctx context.Context, b binaries, a account, o Options) error {
	socket, err := socketDir(a)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	value, err := json.Marshal(spec{Root: s.dir, Postgres: b.path("postgres"), Socket: socket, Settings: settings(o), Account: a, Linger: o.Linger})
	if err != nil {
		return err
	}
	logFile, err := s.openLog()
	if err != nil {
		return err
	}
	defer logFile.Close()
	s.forgetOld()
	cmd := exec.Command(self)
	cmd.Dir = "/"
	cmd.Env = append(environ(), supervisorEnv+"="+string(value))
	cmd.Stderr = logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // the keys of a terminal are for us; see supervise
	if err := cmd.Start(); err != nil {
		os.RemoveAll(socket)
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // also when the server outlives its start: no zombie is left
	s.socket = socket
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("it ended while starting (%v)", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if !s.ready() {
			continue
		}
		if err := s.createDatabase(ctx); err != nil {
			return err
		}
		s.child = ended
		return nil
	}
}

// ready reads whether the server takes connections: line 8 of its postmaster.pid says so.
func (s *Server) ready() bool {
	st, ok := s.readState()
	if !ok || st.Socket != s.socket {
		return false // not written yet
	}
	s.pid = st.PID
	pid, status := s.pidFile()
	return pid == st.PID && status == "ready"
}

// pidFile reads the process id and the status from the file that a running server keeps; 0 when there is none.
func (s *Server) pidFile() (pid int, status string) {
	b, err := os.ReadFile(s.path("data/postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(b), "\n")
	pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	if len(lines) > 7 {
		status = strings.TrimSpace(lines[7])
	}
	return pid, status
}

// forgetOld removes what a killed supervisor could not.
func (s *Server) forgetOld() {
	if st, ok := s.readState(); ok && strings.HasPrefix(filepath.Base(st.Socket), socketPrefix) {
		_ = os.RemoveAll(st.Socket)
	}
	_ = os.Remove(s.path("server.json"))
}

const socketPrefix = "mailer-pg-"

// socketDir makes a folder for the socket. A socket's path may have about 104 bytes, so it does not lie with the data.
func socketDir(a account) (string, error) {
	base := os.TempDir()
	if len(base) > 60 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, socketPrefix)
	if err != nil {
		return "", errs.Wrap(err, errs.Unavailable, "a temporary folder for the database socket cannot be made")
	}
	if a.Drop {
		err = os.Chown(dir, a.UID, a.GID)
	}
	return dir, err
}

// environ is what the server needs of ours. PGPORT and its like would change what it does, and our secrets are none of its
// business. Without LC_ALL the server refuses to start on macOS.
func environ() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "TMPDIR", "HOME"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// settings are given on the command line, so that they follow the program and not the data.
func settings(o Options) []string {
	conns := o.MaxConnections
	if conns == 0 {
		conns = 100
	}
	set := []string{"listen_addresses=", "unix_socket_permissions=0700", "max_connections=" + strconv.Itoa(conns),
		"shared_buffers=64MB", "wal_level=minimal", "max_wal_senders=0", "jit=off", "TimeZone=UTC", "log_timezone=UTC",
		"logging_collector=off", "log_destination=stderr"}
	if o.Disposable {
		set = append(set, "fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_wal_size=2GB", "autovacuum=off")
	}
	return set
}

// openLog opens the log of the server, beginning anew when it has become long.
func (s *Server) openLog() (*os.File, error) {
	path := s.path("postgres.log")
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if fi, err := os.Stat(path); err == nil && fi.Size() > 10<<20 {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(path, flags, 0o600)
}

func (s *Server) lastWords() string {
	f, err := os.Open(s.path("postgres.log"))
	if err != nil {
		return "(no log)"
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.Size() > 4096 {
		_, _ = f.Seek(-4096, io.SeekEnd)
	}
	b, _ := io.ReadAll(f)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) > 4 {
		lines = lines[len(lines)-4:]
	}
	return strings.Join(lines, " | ")
}

func tail(s string, n int) string {
	if len(s) > n {
		s = s[len(s)-n:]
	}
	return s
}
