package db

import (
	"context"
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
	p, err := goose.NewProvider(goose.DialectPostgres, d.DB, migrations.FS, goose.WithSessionLocker(locker))
	return p, errs.Wrap(err, errs.Internal, "prepare migrations")
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
		if kind == errs.Internal {
			kind = errs.Conflict
		}
		return errs.Wrap(partial.Err, kind, "migration %s failed and was rolled back; %s", partial.Failed.Source.Path, note)
	}
	return Err(err, "migrate the database")
}
