// Package private runs a Postgres of our own from the binaries already on the machine: for the first run, when no
// database is configured, and for tests.
//
// Everything lies in one folder of mode 0700: the data, a log, and three lock files. The server listens on a Unix socket
// only, in a short temporary folder that nobody else may enter, so there is no port and no password.
//
// Who keeps it alive: every process that uses the server holds a shared flock on users.lock. The server's parent is a
// supervisor, this same program run again (see supervise), which waits for an exclusive flock on that file: it gets it
// when the last user has closed the file or has died, however it died. Then it stops the server and ends. So the server
// outlives the process that started it while others use it, and never outlives them all.
package private

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver named "postgres"

	"mailer/internal/errs"
)

// Server is our use of a private Postgres. It ends with Stop, or with the process.
type Server struct {
	dir      string
	socket   string
	pid      int
	users    *os.File
	child    <-chan error // ends with the supervisor where we started it
	stopOnce sync.Once
}

// Options change how a server is run.
type Options struct {
	// Disposable trades safety against a crash of the machine for speed (no fsync); for data that can be thrown away.
	Disposable bool
	// Linger is how long the server stays up after its last user is gone, in case another one comes.
	Linger time.Duration
	// MaxConnections is 100 when zero.
	MaxConnections int
}

// port is part of the name of the socket, nothing else.
const port = "5432"

// state is what the folder says about the running server, in server.json.
type state struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket"` // the folder of the socket
}

// Start joins the server whose data lies in dir/postgres, starting it when it does not run and creating it when there is
// none; log gets a sentence about each of the two. It returns errs.Unavailable, saying what to do, when there are no
// binaries or when they cannot be run here.
func Start(ctx context.Context, dir string, log func(string)) (*Server, error) {
	return StartWith(ctx, dir, log, Options{})
}

// StartWith is Start with options. Options count for the process that starts the server; others join it as it is.
func StartWith(ctx context.Context, dir string, log func(string), o Options) (*Server, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the folder %s cannot be used", dir)
	}
	root := filepath.Join(abs, "postgres")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made; choose another one with --home or MAILER_HOME", root)
	}
	if err := ours(root); err != nil {
		return nil, err
	}
	s := &Server{dir: root}
	// The order of locks is the same everywhere: starting, then users.
	starting, err := lockFile(ctx, s.path("starting.lock"), exclusive)
	if err != nil {
		return nil, err
	}
	defer unlock(starting)
	// While the supervisor is stopping the server it holds this lock, so we wait here until that is over.
	if s.users, err = lockFile(ctx, s.path("users.lock"), shared); err != nil {
		return nil, err
	}
	if !s.join(ctx) {
		if err := s.start(ctx, log, o); err != nil {
			unlock(s.users)
			return nil, err
		}
	}
	return s, nil
}

// ours refuses a folder of another account, as somebody may have put one where everybody may write: the configuration in it
// would make the server run what its owner wants, as us.
func ours(root string) error {
	fi, err := os.Stat(root)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be used", root)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return errs.New(errs.Denied, "the folder %s belongs to another account of this machine; run mailer as that one, or choose another folder with --home or MAILER_HOME", root)
	}
	return nil
}

// URL returns the address of the database "mailer" of this server.
func (s *Server) URL() string { return s.DatabaseURL("mailer") }

// DatabaseURL returns the address of one of its databases.
func (s *Server) DatabaseURL(name string) string {
	q := url.Values{"host": {s.socket}, "port": {port}, "user": {"mailer"}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + name, RawQuery: q.Encode()}).String()
}

// PID returns the process id of the server.
func (s *Server) PID() int { return s.pid }

// Stop ends our use. When nobody else uses the server it returns after the server has ended (at most half a minute).
// A second call does nothing.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		unlock(s.users)
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			switch {
			case s.ended():
				s.reap()
				return
			case s.othersUseIt():
				return
			}
		}
	})
}

// reap waits for the exit of a supervisor that is our child, so that it does not stay behind as a zombie where the machine's
// first process does not care for orphans, as in many containers.
func (s *Server) reap() {
	if s.child == nil {
		return
	}
	select {
	case <-s.child:
	case <-time.After(time.Second):
	}
}

// ended reports that no supervisor is alive: it holds server.lock as long as it lives.
func (s *Server) ended() bool {
	f, err := tryLock(s.path("server.lock"), exclusive)
	if err != nil {
		return false
	}
	unlock(f)
	return true
}

// othersUseIt reports whether a process still holds users.lock shared. The supervisor, when it stops the server, holds
// it exclusively, which is told apart by trying both.
func (s *Server) othersUseIt() bool {
	f, err := tryLock(s.path("users.lock"), shared)
	if err != nil {
		return false // the supervisor is at work
	}
	defer unlock(f)
	return flock(f, exclusive|nonBlocking) != nil
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

// join reports whether a live server was found and is ours to use.
func (s *Server) join(ctx context.Context) bool {
	if s.ended() {
		return false // no supervisor: if a server is left over, start deals with it
	}
	st, ok := s.readState()
	if !ok {
		return false
	}
	s.socket, s.pid = st.Socket, st.PID
	return s.answers(ctx, "mailer") == nil
}

func (s *Server) readState() (st state, ok bool) {
	b, err := os.ReadFile(s.path("server.json"))
	return st, err == nil && json.Unmarshal(b, &st) == nil
}

// answers makes one connection to the server.
func (s *Server) answers(ctx context.Context, database string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	d, err := sqlx.Open("postgres", s.DatabaseURL(database))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.PingContext(ctx)
}

// createDatabase makes the database "mailer" unless it is there.
func (s *Server) createDatabase(ctx context.Context) error {
	d, err := sqlx.Open("postgres", s.DatabaseURL("postgres"))
	if err != nil {
		return err
	}
	defer d.Close()
	var there bool
	if err := d.GetContext(ctx, &there, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'mailer')`); err != nil || there {
		return err
	}
	_, err = d.ExecContext(ctx, `CREATE DATABASE mailer`)
	return err
}

var errStillRunning = errors.New("an older server is still running")

// Discard removes the server's data in dir, which no process may be using. It is for disposable ones.
func Discard(ctx context.Context, dir string) error {
	s := &Server{dir: filepath.Join(dir, "postgres")}
	starting, err := lockFile(ctx, s.path("starting.lock"), exclusive)
	if err != nil {
		return err
	}
	defer unlock(starting)
	// The supervisor of a server that is just ending holds it for a moment.
	soon, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	users, err := lockFile(soon, s.path("users.lock"), exclusive)
	if err != nil {
		return errs.Wrap(err, errs.Conflict, "the database in %s is in use", dir)
	}
	defer unlock(users)
	if err := s.clearLeftover(ctx); err != nil {
		return err
	}
	return os.RemoveAll(s.path("data"))
}
