package dbtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/db/private"
	"mailer/internal/errs"
)

// cluster is the server that test databases are made on, one for the whole process.
type cluster struct {
	admin *sqlx.DB
	dsn   func(database string) string
	owner int32 // key of the advisory lock this process holds as long as it lives: its databases are named by it
	made  atomic.Int64

	mu    sync.Mutex
	ready string // name of the template, once it is there

	alive  *sqlx.Conn      // holds the lock of owner
	server *private.Server // holds our use of it
}

var (
	clusterOnce sync.Once
	clusterGot  *cluster
	clusterErr  error
)

func theCluster(ctx context.Context) (*cluster, error) {
	clusterOnce.Do(func() { clusterGot, clusterErr = connect(ctx) })
	return clusterGot, clusterErr
}

// connect finds or starts the server, takes the lock that marks our databases as in use and drops those of dead runs.
// Nothing has to be undone at the end: the lock and our use of the server end with the process.
func connect(ctx context.Context) (*cluster, error) {
	c := &cluster{}
	if dsn := os.Getenv("MAILER_TEST_DSN"); dsn != "" {
		u, err := url.Parse(dsn)
		if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
			return nil, errs.New(errs.Config, "MAILER_TEST_DSN should look like postgres://user:password@localhost:5432/postgres?sslmode=disable")
		}
		c.dsn = func(database string) string {
			v := *u
			v.Path = "/" + database
			return v.String()
		}
		if c.admin, err = db.Open(ctx, dsn); err != nil {
			return nil, err
		}
	} else if err := c.startPrivate(ctx); err != nil {
		return nil, err
	}
	c.admin.SetMaxOpenConns(6)
	if err := c.register(ctx); err != nil {
		return nil, err
	}
	return c, c.dropLeftovers(ctx)
}

// startPrivate runs or joins the server of this user's tests. Its data outlast a run, which saves the next one the time
// to create them; when they do not work (the machine crashed: they are written without fsync) they are made anew.
func (c *cluster) startPrivate(ctx context.Context) error {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("mailer-dbtest-1-%d", os.Getuid()))
	if err := ownFolder(dir); err != nil {
		return err
	}
	o := private.Options{Disposable: true, Linger: 5 * time.Second, MaxConnections: 400}
	quiet := func(string) {}
	s, err := private.StartWith(ctx, dir, quiet, o)
	if err != nil && private.Discard(ctx, dir) == nil {
		s, err = private.StartWith(ctx, dir, quiet, o)
	}
	if err != nil {
		return err
	}
	c.server, c.dsn = s, s.DatabaseURL
	c.admin, err = db.Open(ctx, s.DatabaseURL("postgres"))
	return err
}

// ownFolder makes the folder, or checks that the one there is ours: others may write to the folder above.
func ownFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made", dir)
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be read", dir)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !fi.IsDir() || !ok || int(st.Uid) != os.Getuid() || fi.Mode().Perm()&0o022 != 0 {
		return errs.New(errs.Unavailable, "the folder %s belongs to somebody else; set TMPDIR or MAILER_TEST_DSN", dir)
	}
	return nil
}
