package dbtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/migrations"
)

const (
	testPrefix     = "mailer_test_"
	templatePrefix = "mailer_template_"
	keepTemplates  = 6 // of other migrations, on the same server: branches, and a developer's tries

	// Advisory locks of dbtest, each a pair of numbers; the first says what the second is.
	lockOwner    = 0x6d61696c
	lockTemplate = 0x6d61696d
)

// template returns the name of the migrated template, making it first when it is not there. The name contains a hash of
// the migrations, so a change of them makes a new one.
func (c *cluster) template(ctx context.Context, again bool) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready != "" && !again {
		return c.ready, nil
	}
	hash, err := migrationsHash()
	if err != nil {
		return "", err
	}
	name := templatePrefix + hash
	conn, err := c.admin.Connx(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// One process makes it, the others wait here.
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1, 0)`, lockTemplate); err != nil {
		return "", err
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, 0)`, lockTemplate)
	}()
	var names []string
	if err := conn.SelectContext(ctx, &names, `SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY oid`, templatePrefix); err != nil {
		return "", err
	}
	others := 0
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] == name {
			c.ready = name
			return name, nil
		}
		if others++; others >= keepTemplates {
			_, _ = conn.ExecContext(ctx, `DROP DATABASE IF EXISTS `+pq.QuoteIdentifier(names[i])+` WITH (FORCE)`)
		}
	}
	building := name + "_building"
	for _, stmt := range []string{
		`DROP DATABASE IF EXISTS ` + pq.QuoteIdentifier(building) + ` WITH (FORCE)`,
		`CREATE DATABASE ` + pq.QuoteIdentifier(building) + ` TEMPLATE template0`,
	} {
		if _, err := conn.ExecContext(ctx, stmt); err != nil {
			return "", err
		}
	}
	if err := c.migrate(ctx, building); err != nil {
		return "", err
	}
	_, err = conn.ExecContext(ctx, `ALTER DATABASE `+pq.QuoteIdentifier(building)+` RENAME TO `+pq.QuoteIdentifier(name))
	if err == nil {
		c.ready = name
	}
	return name, err
}

func (c *cluster) migrate(ctx context.Context, database string) error {
	d, err := db.Open(ctx, c.dsn(database))
	if err != nil {
		return err
	}
	defer d.Close() // a template must have no connection when it is cloned
	return db.Migrate(ctx, d)
}

// migrationsHash is a hash of the names and texts of all migrations.
func migrationsHash() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(migrations.FS, path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(b), b)
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), err
}

// register takes the lock that says this process is alive, on a connection that is never given back.
func (c *cluster) register(ctx context.Context) error {
	var err error
	if c.alive, err = c.admin.Connx(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	for {
		c.owner = rand.Int32()
		var got bool
		err := c.alive.GetContext(ctx, &got, `SELECT pg_try_advisory_lock($1, $2)`, lockOwner, c.owner)
		if err != nil || got {
			return err
		}
	}
}

// dropLeftovers drops databases of runs that were killed: nobody holds their owner's lock.
func (c *cluster) dropLeftovers(ctx context.Context) error {
	var names []string
	if err := c.admin.SelectContext(ctx, &names, `SELECT datname FROM pg_database WHERE starts_with(datname, $1)`, testPrefix); err != nil || len(names) == 0 {
		return err
	}
	conn, err := c.admin.Connx(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, name := range names {
		hex, _, _ := strings.Cut(strings.TrimPrefix(name, testPrefix), "_")
		owner, err := strconv.ParseInt(hex, 16, 32)
		if err != nil || int32(owner) == c.owner {
			continue
		}
		var dead bool
		if err := conn.GetContext(ctx, &dead, `SELECT pg_try_advisory_lock($1, $2)`, lockOwner, int32(owner)); err != nil {
			return err
		}
		if !dead {
			continue
		}
		// Somebody else may be dropping the same; then there is nothing left to do.
		_, _ = conn.ExecContext(ctx, `DROP DATABASE IF EXISTS `+pq.QuoteIdentifier(name)+` WITH (FORCE)`)
		if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockOwner, int32(owner)); err != nil {
			return err
		}
	}
	return nil
}
