package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"mailer/internal/errs"
	"mailer/migrations"
)

// Migrate brings the schema to the version this program was built with. Several processes may call it at once: one
// works, the others wait for it (up to five minutes). It returns errs.Config when the database is newer than the program,
// and applies nothing then.
func Migrate(ctx context.Context, d *sqlx.DB) error {
	p, err := provider(d)
	if err != nil {
		return err
	}
	current, latest, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return Err(err, "read the schema version")
	case current > latest:
		return errs.New(errs.Config, "the database has schema %d, newer than the %d this program knows; use the newer program", current, latest)
	case current == latest:
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return migrateError(err)
	}
	return nil
}

// Version returns the schema version of the database and the one this program was built with.
func Version(ctx context.Context, d *sqlx.DB) (current, latest int64, err error) {
	p, err := provider(d)
	if err != nil {
		return 0, 0, err
	}
	current, latest, err = p.GetVersions(ctx)
	return current, latest, Err(err, "read the schema version")
}

func provider(d *sqlx.DB) (*goose.Provider, error) {
	// Tried every second, for five minutes: a migration of a large table may take its time on another node.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "prepare migrations")
	}
	p, err := goose.NewProvider(goose.DialectPostgres, d.DB, migrations.FS, goose.WithSessionLocker(unlimited{locker}))
	return p, errs.Wrap(err, errs.Internal, "prepare migrations")
}

// unlimited lifts the limit of statements on the connection that migrates: a migration of a large table takes as long as it takes.
type unlimited struct{ lock.SessionLocker }

func (l unlimited) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if err := l.SessionLocker.SessionLock(ctx, conn); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, `SET statement_timeout = 0`)
	return err
}

func (l unlimited) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `RESET statement_timeout`)
	return errors.Join(err, l.SessionLocker.SessionUnlock(ctx, conn))
}

// migrateError names the migration that failed: an operator needs to know.
func migrateError(err error) error {
	var partial *goose.PartialError
	if errors.As(err, &partial) && partial.Failed != nil {
		done := make([]string, 0, len(partial.Applied))
		for _, r := range partial.Applied {
			done = append(done, fmt.Sprint(r.Source.Version))
		}
		note := "nothing was applied before it"
		if len(done) > 0 {
			note = "applied before it: " + strings.Join(done, ", ")
		}
		kind, _ := kindOf(partial.Err)
		if kind == errs.Denied {
			return errs.Wrap(partial.Err, kind, "migration %s is due, and this role may not change tables; run as the role that owns them: mailer migrate --grant THIS_ROLE", partial.Failed.Source.Path)
		}
		if kind == errs.Internal {
			kind = errs.Conflict
		}
		return errs.Wrap(partial.Err, kind, "migration %s failed and was rolled back; %s", partial.Failed.Source.Path, note)
	}
	return Err(err, "migrate the database")
}
