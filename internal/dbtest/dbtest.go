// Package dbtest gives each test a database of its own, cloned from a template that has all migrations applied.
//
// The server is the one at MAILER_TEST_DSN (its user must be allowed to create databases), else a private Postgres in a
// temporary folder that all test binaries of this user share; it ends some seconds after the last of them. Without
// either, tests are skipped, or fail when MAILER_TEST_REQUIRE_DB=1.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Open returns a migrated, empty database of the test's own. It is closed and dropped when the test ends.
func Open(t testing.TB) *sqlx.DB {
	t.Helper()
	d, _ := OpenURL(t)
	return d
}

// OpenURL is Open, and returns the address of the database too, for tests that start the program.
func OpenURL(t testing.TB) (*sqlx.DB, string) {
	t.Helper()
	return open(t, true)
}

// OpenEmpty is OpenURL without any migration applied.
func OpenEmpty(t testing.TB) (*sqlx.DB, string) {
	t.Helper()
	return open(t, false)
}

func open(t testing.TB, migrated bool) (*sqlx.DB, string) {
	t.Helper()
	// Not t.Context(): that one ends before the cleanup below.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c, err := theCluster(ctx)
	if err != nil {
		giveUp(t, err)
	}
	name, err := c.create(ctx, migrated)
	if err != nil {
		t.Fatalf("create a test database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.drop(ctx, name); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	dsn := c.dsn(name)
	d, err := db.Open(ctx, dsn)
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, dsn
}

// giveUp skips the test where there is no Postgres, unless one is required: a silent skip prints ok.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if errs.KindOf(err) == errs.Unavailable && os.Getenv("MAILER_TEST_REQUIRE_DB") != "1" && os.Getenv("MAILER_TEST_DSN") == "" {
		t.Skipf("no database for tests: %v", err)
	}
	t.Fatalf("no database for tests: %v", err)
}

// create makes a database and returns its name.
func (c *cluster) create(ctx context.Context, migrated bool) (string, error) {
	name := fmt.Sprintf("%s%08x_%d", testPrefix, uint32(c.owner), c.made.Add(1))
	if !migrated {
		_, err := c.admin.ExecContext(ctx, `CREATE DATABASE `+pq.QuoteIdentifier(name)+` TEMPLATE template0`)
		return name, err
	}
	for try := 0; ; try++ {
		template, err := c.template(ctx, try > 0)
		if err != nil {
			return "", err
		}
		// Copying files is faster than going through the write-ahead log for a database as small as this.
		_, err = c.admin.ExecContext(ctx, `CREATE DATABASE `+pq.QuoteIdentifier(name)+` TEMPLATE `+pq.QuoteIdentifier(template)+` STRATEGY FILE_COPY`)
		// Another run, of other migrations, may have cleaned the template away.
		if err == nil || try == 3 || !strings.Contains(err.Error(), "does not exist") {
			return name, err
		}
	}
}

func (c *cluster) drop(ctx context.Context, name string) error {
	_, err := c.admin.ExecContext(ctx, `DROP DATABASE IF EXISTS `+pq.QuoteIdentifier(name)+` WITH (FORCE)`)
	return err
}
