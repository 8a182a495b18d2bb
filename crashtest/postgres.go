package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver named "postgres"

	"mailer/internal/db/private"
)

// postgres is a server of the proof's own, as an operator would run it: every commit is on disk before it is answered. The role
// mailer is an ordinary one, so that the connections kept for superusers are not for it.
type postgres struct {
	dir    string // of data, socket and log
	tool   func(name string) string
	sys    *keeper
	cred   *syscall.Credential
	slots  int
	extra  []string
	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
}

// errNoMount says that this machine, or this account, cannot make a small file system.
var errNoMount = errors.New("a small file system cannot be made here")

// newPostgres creates a server in dir and starts it. With a disk of so many bytes its data lie on a file system of that size, and
// sys must be for it alone; else disk is 0.
func newPostgres(ctx context.Context, sys *keeper, dir string, slots int, disk int64, extra ...string) (*postgres, error) {
	initdb, err := private.Tool("initdb")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	p := &postgres{dir: dir, sys: sys, slots: slots, extra: extra, tool: func(name string) string { return filepath.Join(filepath.Dir(initdb), name) }}
	if os.Geteuid() == 0 {
		if err := p.chooseAccount(); err != nil {
			return nil, err
		}
	}
	if disk > 0 {
		if err := p.mount(disk); err != nil {
			return nil, err
		}
	}
	cmd := p.command("initdb", "-D", p.path("data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	out, err := p.output(cmd)
	if err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	return p, p.asSuperuser(ctx, func(d *sqlx.DB) error {
		_, err := d.ExecContext(ctx, `CREATE ROLE mailer LOGIN`)
		return err
	})
}

// output runs a command that ends by itself.
func (p *postgres) output(cmd *exec.Cmd) ([]byte, error) {
	log, err := os.CreateTemp("", "crashtest-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	err = p.sys.start(cmd, syscall.SIGKILL)
	if err == nil {
		err = cmd.Wait()
	}
	out, _ := os.ReadFile(log.Name())
	return out, err
}

// chooseAccount finds the account to run as: Postgres refuses to run as root.
func (p *postgres) chooseAccount() error {
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		p.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(p.dir, int(uid), int(gid))
	}
	return errors.New("there is no account on this machine that Postgres could run as")
}

// mount makes the folder of the data a small file system.
func (p *postgres) mount(disk int64) error {
	if err := os.Mkdir(p.path("data"), 0o700); err != nil {
		return err
	}
	options := fmt.Sprintf("size=%d,mode=700", disk)
	if p.cred != nil {
		options += fmt.Sprintf(",uid=%d,gid=%d", p.cred.Uid, p.cred.Gid)
	}
	return p.sys.mount(p.path("data"), options)
}

func (p *postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(p.tool(name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred}
	return cmd
}

func (p *postgres) path(name string) string { return filepath.Join(p.dir, name) }

// start starts the server and waits until it answers. After a kill it waits for what is left of the one before.
func (p *postgres) start(ctx context.Context) error {
	for {
		if err := p.launch(); err != nil {
			return err
		}
		err := p.answers(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-p.exited: // the last of its former children were still there, or recovery failed
			if !again(ctx, 50*time.Millisecond) {
				return fmt.Errorf("postgres does not start; see %s.log", p.dir)
			}
		default:
			return err
		}
	}
}

func (p *postgres) launch() error {
	settings := []string{"listen_addresses=", "unix_socket_directories=" + p.dir, "fsync=on", "synchronous_commit=on", "full_page_writes=on",
		"max_connections=" + strconv.Itoa(p.slots), "shared_buffers=64MB", "timezone=UTC", "log_timezone=UTC", "log_line_prefix=%m [%p] ",
		"logging_collector=off", "log_min_messages=warning"}
	args := []string{"-D", p.path("data")}
	for _, s := range append(settings, p.extra...) {
		args = append(args, "-c", s)
	}
	log, err := os.OpenFile(p.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = p.command("postgres", args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.sys.start(p.cmd, syscall.SIGQUIT); err != nil {
		return err
	}
	exited, cmd := make(chan struct{}), p.cmd
	p.exited = exited
	go func() { _ = cmd.Wait(); close(exited) }()
	return nil
}

// answers waits until the server takes connections, or has ended.
func (p *postgres) answers(ctx context.Context) error {
	d, err := sqlx.Open("postgres", p.url("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		if err = d.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return err
		default:
		}
		if !again(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

// url is how a role reaches a database.
func (p *postgres) url(role, database string) string {
	q := url.Values{"host": {p.dir}, "user": {role}, "sslmode": {"disable"}, "connect_timeout": {"30"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}

func (p *postgres) asSuperuser(ctx context.Context, do func(*sqlx.DB) error) error {
	d, err := sqlx.Open("postgres", p.url("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer d.Close()
	return do(d)
}

// kill ends the server and all its processes at once, as a machine that loses its power would, but for the disk's cache.
func (p *postgres) kill() error {
	children := childrenOf(p.cmd.Process.Pid)
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.exited
	return nil
}

// stopFast is what a restart by hand or by a package update does: clients are cut off, data are written.
func (p *postgres) stopFast() error {
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// end stops the server for good.
func (p *postgres) end() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	<-p.exited
}

// childrenOf lists the processes whose parent pid is, where the system tells.
func childrenOf(pid int) (children []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, rest, ok := strings.Cut(string(b), ") ") // past the command's name
		fields := strings.Fields(rest)
		if !ok || len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// again waits for d; it reports whether ctx goes on.
func again(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
