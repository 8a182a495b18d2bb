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

// defaults are what connections begin with unless the address says otherwise: the name that database people look for in
// pg_stat_activity, and a limit for statements that run away. Pages set shorter ones; migrations have none.
var defaults = [...][2]string{{"application_name", "mailer"}, {"statement_timeout", "300000"}} // ms

// named adds the defaults to dsn.
func named(dsn string) (string, error) {
	if !strings.Contains(dsn, "://") {
		for _, p := range defaults {
			if !strings.Contains(dsn, p[0]) {
				dsn += " " + p[0] + "=" + p[1]
			}
		}
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	q := u.Query()
	for _, p := range defaults {
		if !q.Has(p[0]) {
			q.Set(p[0], p[1])
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
