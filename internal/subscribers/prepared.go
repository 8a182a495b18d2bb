package subscribers

import (
	"context"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// prepared is a statement that is asked so often that planning it anew would cost more than running it.
type prepared struct {
	mu          sync.Mutex
	stmt, older *sqlx.Stmt
	at          time.Time
}

// planKept is how long a plan is used: one that was made when a table was empty reads all of it, also when it no longer is.
const planKept = 30 * time.Second

// on returns the statement, prepared for all connections of d.
func (p *prepared) on(ctx context.Context, d *sqlx.DB, query string) (*sqlx.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stmt != nil && time.Since(p.at) < planKept {
		return p.stmt, nil
	}
	st, err := d.PreparexContext(ctx, query)
	if err != nil {
		return nil, db.Err(err, "prepare a statement")
	}
	if p.older != nil { // nobody uses it any more
		_ = p.older.Close()
	}
	p.stmt, p.older, p.at = st, p.stmt, time.Now()
	return st, nil
}

// usualGroup is how many elements Postgres expects of an array that it does not know. A statement that is given fewer looks cheaper when it
// is planned anew each time, and so would be: planning takes ten times as long as running it.
const usualGroup = 10

// padded returns questions with as many more that mean nobody as keep the plan of the statement.
func padded(rs []LeaveRequest) []LeaveRequest {
	if len(rs) >= usualGroup {
		return rs
	}
	return append(rs[:len(rs):len(rs)], make([]LeaveRequest, usualGroup-len(rs))...)
}
