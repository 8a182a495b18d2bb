// Package db opens the database, runs transactions, translates errors of Postgres and applies the migrations. It knows
// no table of any room. Package db/private runs a Postgres of our own where none is configured.
package db

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver named "postgres"

	"mailer/internal/errs"
)

// Q is what a query needs: *sqlx.DB and *sqlx.Tx both are one, so that a helper works in or out of a transaction.
type Q interface {
	sqlx.ExtContext
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

var (
	_ Q = (*sqlx.DB)(nil)
	_ Q = (*sqlx.Tx)(nil)
)

// maxConns bounds the connections of one process. Postgres allows 100 by default, and several nodes share one.
const maxConns = 25

// Open connects to the Postgres at dsn, an URL (postgres://…) or a list of key=value pairs, and checks that it answers.
// It returns errs.Unavailable when it does not.
func Open(ctx context.Context, dsn string) (*sqlx.DB, error) {
	full, err := named(dsn)
	if err != nil {
		// Its text repeats the address with the password, so it is left out.
		return nil, errs.New(errs.Config, "the database address is not understood; it should look like postgres://mailer:password@localhost:5432/mailer?sslmode=disable")
	}
	d, err := sqlx.Open("postgres", full)
	if err != nil {
		return nil, errs.Wrap(err, errs.Config, "the database cannot be opened")
	}
	d.SetMaxOpenConns(maxConns)
	d.SetMaxIdleConns(maxConns)
	d.SetConnMaxIdleTime(5 * time.Minute)
	if err := d.PingContext(ctx); err != nil {
		_ = d.Close()
		return nil, openError(err)
	}
	return d, nil
}

// named adds our application_name to dsn, unless it names one; database people look for it in pg_stat_activity.
func named(dsn string) (string, error) {
	if !strings.Contains(dsn, "://") {
		if !strings.Contains(dsn, "application_name") {
			dsn += " application_name=mailer"
		}
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	q := u.Query()
	if !q.Has("application_name") {
		q.Set("application_name", "mailer")
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
