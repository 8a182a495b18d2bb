package delivery

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// groupLine is the database connection that groups are committed over, with the statement prepared on it. It is a
// connection of its own because its plan must not depend on how large Postgres believes the tables to be: prepared when
// they are empty, a plan that reads a whole table would be kept while a million rows come in. So such plans are switched
// off, and the statement is prepared anew every now and then.
type groupLine struct {
	db       *sqlx.DB
	conn     *sqlx.Conn
	stmt     *sqlx.Stmt
	prepared time.Time
	guard    *guard
}

// planAge is how long a plan is kept.
const planAge = 10 * time.Second

// open connects and prepares, unless that is done. After an error the line is to be dropped.
func (l *groupLine) open(ctx context.Context) error {
	if l.stmt != nil && time.Since(l.prepared) < planAge {
		return nil
	}
	if l.stmt != nil {
		_ = l.stmt.Close()
		return l.prepare(ctx)
	}
	conn, err := l.db.Connx(ctx)
	if err != nil {
		return db.Err(err, "connect for permits")
	}
	l.conn = conn
	if l.guard != nil { // whatever it leads to may be another database than before
		if err := l.guard.check(ctx, conn); err != nil {
			return err
		}
	}
	const settings = `
		SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan;
		SET idle_in_transaction_session_timeout = '30s'`
	if _, err := conn.ExecContext(ctx, settings); err != nil {
		return db.Err(err, "connect for permits")
	}
	return l.prepare(ctx)
}

func (l *groupLine) prepare(ctx context.Context) (err error) {
	l.prepared = time.Now()
	l.stmt, err = l.conn.PreparexContext(ctx, groupSQL)
	return db.Err(err, "prepare the permit statement")
}

// drop closes the connection. It never goes back to the pool, as its settings differ.
func (l *groupLine) drop() {
	if l.conn != nil {
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = l.conn.Close()
	}
	l.conn, l.stmt = nil, nil
}

// execute runs a group: one statement, or a transaction of that statement and of all that rest needs. After an error the line
// is to be dropped.
func (l *groupLine) execute(ctx context.Context, g *group, rest []*outcome, c *committer) (held map[chunkKey]bool, verdicts []verdict, err error) {
	if err := l.open(ctx); err != nil {
		return nil, nil, err
	}
	if len(rest) == 0 {
		return g.run(ctx, l.stmt, c.h)
	}
	tx, err := l.conn.BeginTxx(ctx, nil)
	if err != nil {
		return nil, nil, db.Err(err, "begin a group")
	}
	defer func() { _ = tx.Rollback() }()
	if err := c.store.record(ctx, tx, c.h, rest, g.chunks()); err != nil {
		return nil, nil, err
	}
	// The statement was prepared on this connection, so it runs within the transaction.
	if held, verdicts, err = g.run(ctx, l.stmt, c.h); err != nil {
		return nil, nil, err
	}
	return held, verdicts, db.Err(tx.Commit(), "commit a group")
}
