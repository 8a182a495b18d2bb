package db

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// attempts is how often InTx tries a transaction that lost against another one.
const attempts = 10

// InTx runs f in a transaction: it commits when f returns nil and rolls back when f returns an error or panics. When
// Postgres gives up the transaction in favour of another one (serialisation failure, deadlock) f runs again, so f must
// not change anything outside of tx that it could not change twice.
//
// When the commit's own reply is lost the transaction may have been committed; the error is then errs.Unavailable by Err.
func InTx(ctx context.Context, d *sqlx.DB, f func(tx *sqlx.Tx) error) error {
	return again(ctx, func() error { return once(ctx, d, f) })
}

// again runs a transaction until it does not lose against another one.
func again(ctx context.Context, run func() error) error {
	for n := 1; ; n++ {
		err := run()
		if err == nil || !lostToAnother(err) || n == attempts {
			return err
		}
		wait := time.NewTimer(time.Duration(n) * time.Duration(2+rand.IntN(8)) * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return err
		case <-wait.C:
		}
	}
}

// beginner is a database, or one connection to it.
type beginner interface {
	BeginTxx(ctx context.Context, opts *sql.TxOptions) (*sqlx.Tx, error)
}

func once(ctx context.Context, d beginner, f func(tx *sqlx.Tx) error) error {
	tx, err := d.BeginTxx(ctx, nil)
	if err != nil {
		return Err(err, "begin transaction")
	}
	// A rollback after the commit does nothing; after an error or a panic of f it is what we want.
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return Err(tx.Commit(), "commit")
}

func lostToAnother(err error) bool {
	var e *pq.Error
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}
