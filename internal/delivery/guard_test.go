package delivery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/logtest"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// on returns the rig on another database with the same rows.
func (r *rig) on(address string) *rig {
	r.Helper()
	d, err := db.Open(r.Context(), address)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = d.Close() })
	subs := subscribers.NewStore(d, r.ring)
	return &rig{T: r.T, db: d, url: address, ring: r.ring, subs: subs, store: NewStore(d, r.ring, subs)}
}

// restored checks that the send is paused with a reason that speaks of a restore, is in the audit log, and that nothing goes
// out until a person resumes it.
func (r *rig) restored(s *smtptest.Relay, log *logtest.Buffer) {
	r.Helper()
	before := s.Len()
	b := r.state(StatePaused)
	if !strings.HasPrefix(b.Reason, "This database was restored from a backup") || !strings.Contains(b.Reason, "compare with the relay's log, then resume") {
		r.Errorf("SND-31: the reason is %q", b.Reason)
	}
	if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'database.restored' AND actor = 'sender'`); n != 1 {
		r.Errorf("SND-31: %d entries in the audit log about the restore", n)
	}
	if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'campaign.pause' AND subject = 'campaign 7'`); n != 1 {
		r.Errorf("SND-31: %d entries in the audit log about the campaign", n)
	}
	r.until("it is in the log", func() bool { return strings.Contains(log.String(), "level=ERROR msg=\"this database was restored") })
	<-time.After(150 * time.Millisecond) // several looks for work
	if s.Len() != before {
		r.Errorf("SND-31: %d messages went out of a restored database", s.Len()-before)
	}
}

func loud(log *logtest.Buffer) func(*Sender) {
	return with(func(c *SenderConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
}

// half sends some of a campaign and stops.
func (r *rig) half(s *smtptest.Relay, readers int, opts ...func(*Sender)) {
	r.Helper()
	r.readers(readers)
	r.launch()
	run := r.sender(r.relay(s), opts...)
	if err := s.Wait(r.Context(), readers/4); err != nil {
		r.Fatal(err)
	}
	run.stop()
	if b := r.balance(); b.State != StateRunning || b.Open() == 0 {
		r.Fatalf("the send is not halfway: %+v", b)
	}
	if n := r.count(`SELECT count(*) FROM database_eras`); n != 1 {
		r.Fatalf("%d eras of a database that was never restored", n)
	}
}

// SND-31: a dump that is restored into a new database, or over the old one, begins with its sends paused.
func TestRestoredDump(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := smtptest.Start(t)
	r.half(s, 1200)
	dump := filepath.Join(t.TempDir(), "dump")
	tool(t, "pg_dump", "-Fc", "-f", dump, r.url)

	t.Run("SND-31 into a new database", func(t *testing.T) {
		var name string
		if err := r.db.GetContext(t.Context(), &name, `SELECT current_database() || '_copy'`); err != nil {
			t.Fatal(err)
		}
		r.exec(`CREATE DATABASE ` + name)
		defer r.exec(`DROP DATABASE ` + name + ` WITH (FORCE)`)
		u, err := url.Parse(r.url)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		tool(t, "pg_restore", "-d", u.String(), dump)
		c := r.on(u.String())
		defer func() { _ = c.db.Close() }()
		c.T = t
		log := &logtest.Buffer{}
		run := c.sender(c.relay(s), loud(log))
		defer run.stop()
		c.restored(s, log)
		if err := c.store.Resume(t.Context(), testCampaign); err != nil {
			t.Fatal(err)
		}
		c.state(StateDone)
		c.agrees()
	})
	t.Run("SND-31 over the old one", func(t *testing.T) {
		r.exec(`DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
		tool(t, "pg_restore", "-d", r.url, dump)
		c := *r
		c.T = t
		log := &logtest.Buffer{}
		run := c.sender(c.relay(s), loud(log))
		defer run.stop()
		c.restored(s, log)
	})
}

// SND-31: a promoted base backup is on another timeline; and a disk that is put back, where neither cluster nor timeline
// differ, lacks what the sender remembers: by its file when it was stopped, by its memory when it ran on.
func TestRestoredDisk(t *testing.T) {
	t.Parallel()
	pg := newCluster(t)
	pg.start("main")
	r := newRig(t).on(pg.url("main", "postgres"))
	r.exec(`CREATE DATABASE mailer`)
	r = r.on(pg.url("main", "mailer"))
	if err := db.Migrate(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain)
		VALUES ('weekly', 'The Weekly', 'Example News', 'news@example.org', 'bounce.example.org')`)
	s := smtptest.Start(t)
	file := filepath.Join(t.TempDir(), "mark.json")
	marked := with(func(c *SenderConfig) { c.MarkFile = file })
	r.half(s, 1200, marked)

	t.Run("SND-31 promoted base backup", func(t *testing.T) {
		pg.tool("pg_basebackup", "-h", pg.dir, "-p", pg.ports["main"], "-U", "postgres", "-D", filepath.Join(pg.dir, "copy"), "-R", "-X", "stream", "-c", "fast")
		pg.start("copy")
		c := r.on(pg.url("copy", "mailer"))
		c.T = t
		if err := newGuard("", slog.New(slog.DiscardHandler)).check(t.Context(), c.db); errs.KindOf(err) != errs.Unavailable {
			t.Errorf("a standby was taken for a database that can be written to: %v", err)
		}
		c.exec(`SELECT pg_promote()`)
		log := &logtest.Buffer{}
		run := c.sender(c.relay(s), loud(log))
		c.restored(s, log)
		run.stop()
		_ = c.db.Close()
		pg.stop("copy")
	})

	_ = r.db.Close()
	pg.stop("main")
	pg.copy("main", "kept")
	pg.start("main")
	r = r.on(pg.url("main", "mailer"))
	log := &logtest.Buffer{}
	run := r.sender(r.relay(s), marked, loud(log)) // goes on: nothing was put back
	if err := s.Wait(t.Context(), 500); err != nil {
		t.Fatal(err)
	}
	putBack := func() {
		pg.stop("main")
		pg.copy("kept", "main")
		pg.start("main")
	}
	t.Run("SND-31 disk put back under a running sender", func(t *testing.T) {
		putBack()
		r := *r
		r.T = t
		r.until("the database answers", func() bool { return r.db.PingContext(t.Context()) == nil })
		r.restored(s, log)
	})
	run.stop()
	t.Run("SND-31 disk put back while no sender runs", func(t *testing.T) {
		// The file knows the era that began above, which the disk does not.
		_ = r.db.Close()
		putBack()
		r := r.on(pg.url("main", "mailer"))
		r.T = t
		log := &logtest.Buffer{}
		run := r.sender(r.relay(s), marked, loud(log))
		r.restored(s, log)
		run.stop()
		_ = r.db.Close()
	})
	pg.stop("main")
}

// A mark that is behind what the database has, one of another database, and a database that is as it was, are no restore.
func TestGuardQuiet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.launch()
	log := &logtest.Buffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	file := filepath.Join(t.TempDir(), "deep", "mark.json")
	g := newGuard(file, logger)
	for range 3 {
		if err := g.check(t.Context(), r.db); err != nil {
			t.Fatal(err)
		}
	}
	if g.mark.N != 3 {
		t.Errorf("the mark is %d after three looks", g.mark.N)
	}
	again := newGuard(file, logger)
	if again.mark.Node != g.mark.Node || again.mark.N != 3 {
		t.Errorf("the file holds %+v, want %+v", again.mark, g.mark)
	}
	again.mark.N = 1 // its last write was lost
	other := newGuard("", logger)
	other.mark = mark{Node: g.mark.Node, Era: newUUID(), System: "of another cluster", Database: g.mark.Database, N: 99}
	for _, g := range []*guard{again, other, newGuard("/proc/cannot/be/written", logger)} {
		if err := g.check(t.Context(), r.db); err != nil {
			t.Fatal(err)
		}
	}
	if b := r.balance(); b.State != StateRunning {
		t.Errorf("a send was paused: %s", b.Reason)
	}
	if !strings.Contains(log.String(), "cannot keep its mark") || strings.Contains(log.String(), "ERROR") {
		t.Errorf("the log:\n%s", log)
	}
	if got, err := r.store.CheckRestore(t.Context()); got != nil || err != nil {
		t.Errorf("CheckRestore = %+v, %v", got, err)
	}
}

// An ordinary owner of a database may ask for its identity; where a server does not tell, the other parts must do.
func TestIdentityOfOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mailer_plain') THEN CREATE ROLE mailer_plain; END IF; END $$`)
	conn, err := r.db.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), `SET ROLE mailer_plain`); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(t.Context()), `RESET ROLE`) }()
	id, err := readIdentity(t.Context(), conn)
	if err != nil || len(id.System) < 10 || len(id.Timeline) != 8 || id.Database == 0 || id.Table == 0 {
		t.Errorf("identity for a plain role: %+v, %v", id, err)
	}
	untold := id
	untold.System, untold.Timeline = "", ""
	if why := untold.differs(id) + id.differs(untold); why != "" {
		t.Errorf("what is not told differs: %s", why)
	}
	untold.Table++
	if id.differs(untold) == "" {
		t.Error("other tables do not differ")
	}
}

// A campaign that was due before the restore was found may have gone out already: it is not launched by itself.
func TestLaunchAfterRestore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.store.CheckRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	launch := func(campaign int64, due time.Time) error {
		l := r.launchOf(campaign)
		l.NotBefore = due
		return db.InTx(t.Context(), r.db, func(tx *sqlx.Tx) error { return r.store.LaunchTx(t.Context(), tx, l) })
	}
	if err := launch(testCampaign, time.Now().Add(-time.Hour)); err != nil {
		t.Fatalf("before any restore: %v", err)
	}
	r.exec(`UPDATE database_eras SET timeline = 'another'`)
	found, err := r.store.CheckRestore(t.Context())
	if err != nil || found == nil || !slices.Equal(found.Sends, []int64{testCampaign}) {
		t.Fatalf("CheckRestore = %+v, %v", found, err)
	}
	if b := r.balance(); b.State != StatePaused || !strings.Contains(b.Reason, "timeline") {
		t.Errorf("balance: %+v", b)
	}
	err = launch(8, time.Now().Add(-time.Hour))
	if !errors.Is(err, ErrRestored) || errs.KindOf(err) != errs.Conflict {
		t.Errorf("a launch that was due before: %v", err)
	}
	if err := launch(9, time.Now().Add(time.Hour)); err != nil {
		t.Errorf("a launch that was due after: %v", err)
	}
}

// tool runs a program of Postgres.
func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// cluster is a Postgres of a test's own, with copies of its disk beside it. The shared one of dbtest cannot be copied.
type cluster struct {
	t     testing.TB
	bin   string
	dir   string // of the disks and the sockets
	cred  *syscall.Credential
	ports map[string]string
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{t: t, ports: map[string]string{}}
	out, err := exec.Command("pg_config", "--bindir").Output()
	if err != nil {
		t.Skipf("no pg_config: %v", err)
	}
	c.bin = string(bytes.TrimSpace(out))
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil { // short: sockets have short names
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for name := range c.ports {
			c.stop(name)
		}
		_ = os.RemoveAll(c.dir)
	})
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("Postgres does not run as root, and there is no user postgres")
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(c.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	c.tool("initdb", "-D", filepath.Join(c.dir, "main"), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	return c
}

// tool runs a program of Postgres as its user.
func (c *cluster) tool(name string, args ...string) {
	c.t.Helper()
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	if c.cred != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
	}
	log, err := os.CreateTemp(c.t.TempDir(), name) // a file, as the server keeps what it was given
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		out, _ := os.ReadFile(log.Name())
		c.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (c *cluster) start(name string) {
	c.t.Helper()
	if c.ports[name] == "" {
		c.ports[name] = strconv.Itoa(5432 + len(c.ports))
	}
	c.tool("pg_ctl", "-D", filepath.Join(c.dir, name), "-w", "start", "-o",
		"-c listen_addresses= -c unix_socket_directories="+c.dir+" -c fsync=off -c shared_buffers=16MB -c port="+c.ports[name])
}

func (c *cluster) stop(name string) {
	if _, err := os.Stat(filepath.Join(c.dir, name, "postmaster.pid")); err == nil {
		c.tool("pg_ctl", "-D", filepath.Join(c.dir, name), "-m", "fast", "-w", "stop")
	}
}

// copy puts the disk from in the place of to. Both are stopped.
func (c *cluster) copy(from, to string) {
	c.t.Helper()
	if err := os.RemoveAll(filepath.Join(c.dir, to)); err != nil {
		c.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(c.dir, from), filepath.Join(c.dir, to)).CombinedOutput(); err != nil {
		c.t.Fatalf("cp: %v\n%s", err, out)
	}
}

func (c *cluster) url(name, database string) string {
	q := url.Values{"host": {c.dir}, "port": {c.ports[name]}, "user": {"postgres"}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}
