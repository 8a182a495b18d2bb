package private

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/errs"
)

// TestMain lets this binary stand for another process of ours: it starts the server in the folder, says so and waits for
// the end of its standard input.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PRIVATE_TEST_USER"); dir != "" {
		s, err := Start(context.Background(), dir, func(string) {})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready", s.PID())
		_, _ = io.Copy(io.Discard, os.Stdin)
		s.Stop()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// otherUser is another process that uses the server.
type otherUser struct {
	cmd *exec.Cmd
	in  io.Closer
	pid int // of the server
}

func startUser(t *testing.T, dir string) otherUser {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PRIVATE_TEST_USER="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	u := otherUser{cmd: cmd, in: in}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "ready %d", &u.pid); err != nil {
		t.Fatalf("the other process says %q", line)
	}
	return u
}

func need(t *testing.T) {
	t.Helper()
	if _, err := find(0); err != nil {
		if os.Getenv("MAILER_TEST_REQUIRE_DB") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), dir, func(m string) { t.Log(m) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func open(t *testing.T, s *Server) *sqlx.DB {
	t.Helper()
	d, err := sqlx.Open("postgres", s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func mustExec(t *testing.T, d *sqlx.DB, q string) {
	t.Helper()
	if _, err := d.ExecContext(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

// waitFor fails the test when the condition does not come true in time.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func gone(pid int) func() bool {
	return func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && strings.Contains(string(b), ") Z ") {
			return true // dead; whoever is its parent now has not asked yet
		}
		return syscall.Kill(pid, 0) == syscall.ESRCH
	}
}

func TestStartStopStart(t *testing.T) {
	need(t)
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	mustExec(t, open(t, s), `CREATE TABLE kept AS SELECT 42 AS n`)
	for _, name := range []string{"postgres", "postgres/data"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, %v; want 0700", name, fi.Mode(), err)
		}
	}
	s.Stop()
	if !gone(s.PID())() {
		t.Error("the server runs on after Stop of its only user")
	}
	for _, pid := range zombies() { // of tests beside this one a child may be a zombie for a moment
		for end := time.Now().Add(10 * time.Second); slices.Contains(zombies(), pid); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("process %s is left as a zombie", pid)
			}
		}
	}
	if _, err := os.Stat(s.socket); !os.IsNotExist(err) {
		t.Errorf("the folder of the socket was left behind: %v", err)
	}
	again := start(t, dir)
	var n int
	if err := open(t, again).GetContext(t.Context(), &n, `SELECT n FROM kept`); err != nil || n != 42 {
		t.Fatalf("after a restart: %d, %v", n, err)
	}
	s.Stop() // a second Stop of the old one does nothing
	if gone(again.PID())() {
		t.Error("the new server is gone")
	}
}

// zombies are the children of this process that ended and were not waited for.
func zombies() (pids []string) {
	out, _ := exec.Command("ps", "-o", "pid=,stat=", "--ppid", fmt.Sprint(os.Getpid())).Output()
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 && strings.HasPrefix(f[1], "Z") {
			pids = append(pids, f[0])
		}
	}
	return pids
}

// A folder deeper than a socket's path may be long, and with odd characters.
func TestDeepFolder(t *testing.T) {
	need(t)
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep, 'odd' é/", 12))
	var n int
	if err := open(t, start(t, dir)).GetContext(t.Context(), &n, `SELECT 1`); err != nil {
		t.Fatal(err)
	}
}

// Many starts at once in one folder end up with one server, which stays while anybody uses it.
func TestJoin(t *testing.T) {
	need(t)
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	servers := make([]*Server, 6)
	for i := range servers {
		wg.Go(func() { servers[i] = start(t, dir) })
	}
	other := startUser(t, dir)
	wg.Wait()
	for _, s := range servers {
		if s.PID() != other.pid || s.URL() != servers[0].URL() {
			t.Fatalf("servers %d and %d in one folder", s.PID(), other.pid)
		}
	}
	for _, s := range servers {
		s.Stop()
	}
	if gone(other.pid)() {
		t.Fatal("the server ended while another process uses it")
	}
	other.in.Close()
	waitFor(t, "the server to end after its last user", gone(other.pid))
}

func TestTwoFolders(t *testing.T) {
	need(t)
	t.Parallel()
	a, b := start(t, t.TempDir()), start(t, t.TempDir())
	mustExec(t, open(t, a), `CREATE TABLE x ()`)
	mustExec(t, open(t, b), `CREATE TABLE x ()`)
	a.Stop()
	mustExec(t, open(t, b), `INSERT INTO x DEFAULT VALUES`)
}

// However a user dies, the server ends after the last of them.
func TestUserKilled(t *testing.T) {
	need(t)
	t.Parallel()
	dir := t.TempDir()
	u := startUser(t, dir) // it starts the server
	s := start(t, dir)     // we join
	mustExec(t, open(t, s), `CREATE TABLE kept AS SELECT 7 AS n`)
	if err := u.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = u.cmd.Wait()
	mustExec(t, open(t, s), `SELECT * FROM kept`) // the server outlives who started it
	s.Stop()
	waitFor(t, "the server to end", gone(u.pid))

	last := startUser(t, dir)
	if err := last.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = last.cmd.Wait()
	waitFor(t, "the server to end after the kill of its only user", gone(last.pid))
	var n int
	if err := open(t, start(t, dir)).GetContext(t.Context(), &n, `SELECT n FROM kept`); err != nil || n != 7 {
		t.Fatalf("after two kills: %d, %v", n, err)
	}
}

// Server or supervisor may be killed too; the next start cleans up and finds what was committed.
func TestServerKilled(t *testing.T) {
	need(t)
	for name, kill := range map[string]func(t *testing.T, s *Server){
		"server": func(t *testing.T, s *Server) { killHard(t, s.PID()) },
		"supervisor": func(t *testing.T, s *Server) {
			killHard(t, parentOf(t, s.PID()))
			waitFor(t, "the server to end with its supervisor", gone(s.PID()))
		},
		"both": func(t *testing.T, s *Server) {
			parent := parentOf(t, s.PID())
			killHard(t, s.PID())
			killHard(t, parent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := start(t, dir)
			mustExec(t, open(t, s), `CREATE TABLE kept AS SELECT 9 AS n`)
			kill(t, s)
			again := start(t, dir)
			if again.PID() == s.PID() {
				t.Error("joined the dead server")
			}
			var n int
			if err := open(t, again).GetContext(t.Context(), &n, `SELECT n FROM kept`); err != nil || n != 9 {
				t.Fatalf("%d, %v", n, err)
			}
		})
	}
}

func killHard(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	out, err := exec.Command("ps", "-o", "ppid=", "-p", fmt.Sprint(pid)).Output()
	var parent int
	if _, err2 := fmt.Sscan(string(out), &parent); err != nil || err2 != nil || parent <= 1 || parent == os.Getpid() {
		t.Fatalf("parent of %d: %q, %v", pid, out, err)
	}
	return parent
}

// After a reboot the number in postmaster.pid may belong to any program, here to this test.
func TestForeignPID(t *testing.T) {
	need(t)
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	killHard(t, s.PID())
	waitFor(t, "the supervisor to end", s.ended)
	path := s.path("data/postmaster.pid")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n")
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n%s", os.Getpid(), rest), 0o600); err != nil {
		t.Fatal(err)
	}
	mustExec(t, open(t, start(t, dir)), `SELECT 1`)
}

// A creation that was cut off leaves no half of a database behind.
func TestCutOffCreation(t *testing.T) {
	need(t)
	t.Parallel()
	dir := t.TempDir()
	for _, half := range []string{"postgres/data.new/base", "postgres/data/base"} {
		if err := os.MkdirAll(filepath.Join(dir, half), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, open(t, start(t, dir)), `SELECT 1`)
}

// Where no user namespace may be made (many containers), root hands the data to another account.
func TestDroppedAccount(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 || !namespaces {
		t.Skip("needs root on Linux")
	}
	defer func(was bool) { namespaces = was }(namespaces)
	dir := t.TempDir()
	// Nobody but root may enter the way to the data.
	if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Run("made by root's namespace", func(t *testing.T) {
		mustExec(t, open(t, start(t, dir)), `CREATE TABLE kept AS SELECT 1`)
	})
	namespaces = false
	t.Run("created by the account", func(t *testing.T) {
		mustExec(t, open(t, start(t, t.TempDir())), `SELECT 1`)
	})
	t.Run("handed to the account", func(t *testing.T) {
		s := start(t, dir)
		mustExec(t, open(t, s), `SELECT * FROM kept`)
		fi, err := os.Stat(fmt.Sprintf("/proc/%d", s.PID()))
		if err != nil || fi.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("the server runs as root (%v)", err)
		}
	})
	namespaces = true
	t.Run("and back", func(t *testing.T) {
		mustExec(t, open(t, start(t, dir)), `SELECT * FROM kept`)
	})
}

// A folder that another account has put in our way is not used: its configuration could run anything as us.
func TestFolderOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a folder of another account")
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "postgres")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(root, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), dir, func(string) {})
	if errs.KindOf(err) != errs.Denied {
		s.Stop()
		t.Fatalf("Start = %v", err)
	}
}

// PostgreSQL's own variables of a user's shell must not lead us elsewhere.
func TestForeignEnvironment(t *testing.T) {
	need(t)
	t.Setenv("PGPORT", "6000")
	t.Setenv("PGHOST", "nowhere.example")
	t.Setenv("PGDATA", "/nowhere")
	t.Setenv("PGUSER", "stranger")
	mustExec(t, open(t, start(t, t.TempDir())), `SELECT 1`)
}

func TestLinger(t *testing.T) {
	need(t)
	t.Parallel()
	dir := t.TempDir()
	s, err := StartWith(t.Context(), dir, func(string) {}, Options{Disposable: true, Linger: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.users.Close() // as a process that dies does
	again := start(t, dir)
	if again.PID() != s.PID() {
		t.Error("the server did not wait for the next user")
	}
	again.users.Close()
	waitFor(t, "the server to end after a while", gone(s.PID()))
	if err := Discard(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "postgres", "data")); !os.IsNotExist(err) {
		t.Errorf("the data are still there: %v", err)
	}
}

// An operator's kill of the supervisor is a clean stop, not an orphan.
func TestSupervisorTerminated(t *testing.T) {
	need(t)
	t.Parallel()
	s := start(t, t.TempDir())
	if err := syscall.Kill(parentOf(t, s.PID()), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the server to end", gone(s.PID()))
	if _, err := os.Stat(s.path("data/postmaster.pid")); !os.IsNotExist(err) {
		t.Errorf("it was not stopped cleanly: %v", err)
	}
}

func TestStartCancelled(t *testing.T) {
	need(t)
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	busy, err := tryLock(filepath.Join(dir, "postgres", "starting.lock"), exclusive)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, dir, func(string) {}); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("Start = %v; want Unavailable", err)
	}
}

func TestFind(t *testing.T) {
	fake := func(t *testing.T, version string) string {
		dir := t.TempDir()
		for _, name := range []string{"postgres", "initdb"} {
			script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	t.Run("path", func(t *testing.T) {
		dir := fake(t, "99.1 (Debian)")
		t.Setenv("PATH", dir)
		if b, err := find(0); err != nil || b.major != 99 || b.dir != dir {
			t.Errorf("find = %+v, %v", b, err)
		}
		if b, err := find(99); err != nil || b.major != 99 {
			t.Errorf("find(99) = %+v, %v", b, err)
		}
	})
	t.Run("other version of the data", func(t *testing.T) {
		t.Setenv("PATH", fake(t, "99.1"))
		if _, err := find(98); errs.KindOf(err) != errs.Unavailable || !strings.Contains(err.Error(), "98") {
			t.Errorf("find(98) = %v; want it to name the version", err)
		}
	})
	if hint := installHint(); !strings.Contains(hint, "install") {
		t.Errorf("hint %q", hint)
	}
}
