package accounts

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// most says how often something is tried before nothing more is taken for a while. The counts are in the database, for all processes
// together, and outlast restarts.
type most struct {
	what string
	n    int
	per  time.Duration // from the first try on
}

// Of one person from one network so few that guessing is hopeless; of one person from everywhere so many that strangers cannot lock
// somebody out with ease, and of one network so many that a whole newsroom behind one address gets in.
var (
	triesPerson  = most{"password from a network", 10, 15 * time.Minute}
	triesAccount = most{"password", 100, 24 * time.Hour}
	triesNetwork = most{"passwords of a network", 100, time.Hour}
	// Codes are counted for the account, whoever has the password by now and from wherever: of a million codes three are right.
	triesCode = most{"code", 8, time.Hour}
)

// try is one of them, of somebody.
type try struct {
	most
	of string
}

// take counts a try against each, before it is known whether it is right: those that come at the same time are then counted too. It
// returns errs.Denied, and full true for the one that was the first too many, when one of them is full.
func (d Deps) take(ctx context.Context, tries ...try) (full bool, err error) {
	for _, t := range tries {
		var got struct {
			N    int     `db:"n"`
			Left float64 `db:"left"`
		}
		err := d.DB.GetContext(ctx, &got, `INSERT INTO login_tries AS l (key, n, until) VALUES ($1, 1, clock_timestamp() + $2 * interval '1 millisecond')
			ON CONFLICT (key) DO UPDATE SET n = CASE WHEN l.until > clock_timestamp() THEN least(l.n + 1, $3 + 2) ELSE 1 END,
				until = CASE WHEN l.until > clock_timestamp() THEN l.until ELSE excluded.until END
			RETURNING n, extract(epoch FROM until - clock_timestamp())::float8 AS left`, d.key(t), t.per.Milliseconds(), t.n)
		if err != nil {
			return false, db.Err(err, "count a try")
		}
		if got.N > t.n {
			minutes := max(1, int(got.Left/60+0.999))
			return got.N == t.n+1, errs.New(errs.Denied, "this was tried too often; wait %d min before you try again", minutes)
		}
	}
	return false, nil
}

// forget ends a count, since somebody got it right.
func (d Deps) forget(ctx context.Context, q db.Q, tries ...try) error {
	keys := make([][]byte, len(tries))
	for i, t := range tries {
		keys[i] = d.key(t)
	}
	_, err := q.ExecContext(ctx, `DELETE FROM login_tries WHERE key = ANY ($1)`, pq.Array(keys))
	return db.Err(err, "forget tries")
}

// giveBack takes back one try that was right, of counts that others may share.
func (d Deps) giveBack(ctx context.Context, q db.Q, tries ...try) error {
	keys := make([][]byte, len(tries))
	for i, t := range tries {
		keys[i] = d.key(t)
	}
	_, err := q.ExecContext(ctx, `UPDATE login_tries SET n = n - 1 WHERE key = ANY ($1) AND n > 0`, pq.Array(keys))
	return db.Err(err, "give back tries")
}

func (d Deps) key(t try) []byte { return d.Ring.Mark("login tries", t.what+"\x00"+t.of) }

// missing reports that a query had no row, and passes other errors on.
func missing(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) || errs.KindOf(err) == errs.NotFound {
		return true, nil
	}
	return false, err
}
