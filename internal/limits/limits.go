// Package limits counts how often something is done, over all nodes together, so that nobody does it too often: signing up,
// asking for mails with fresh links. What is counted by (an address, a network) is kept as an HMAC only. After a crash of
// Postgres counting begins anew.
package limits

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/links"
)

// keep is how long a count that is over stays: longer than any transaction that may just be looking at it.
const keep = time.Hour

// Rule allows Max times in a time of length Per that begins with the first of them; then a new one begins. So with Max 1 two are
// at least Per apart, and of more there are at most twice as many as Max in any such time.
type Rule struct {
	Name string        // what is done
	Key  string        // by whom, or to whom: an address, a network, a domain; empty: all together
	Max  int           // 0: never
	Per  time.Duration // more than a millisecond
}

// Store keeps the counts. It is safe for concurrent use.
type Store struct {
	db   *sqlx.DB
	ring *links.Ring
}

// New returns a Store on d.
func New(d *sqlx.DB, ring *links.Ring) *Store { return &Store{d, ring} }

// Allow reports whether something may be done once more, and counts it against every rule; where one of them is full it counts
// against none.
func (s *Store) Allow(ctx context.Context, rules ...Rule) (bool, error) {
	return s.AllowIn(ctx, s.db, rules...)
}

// AllowIn is Allow in the caller's transaction, which others that count by one of these keys then wait for: keep it short, and
// name no key that many share.
func (s *Store) AllowIn(ctx context.Context, q db.Q, rules ...Rule) (ok bool, err error) {
	keys, most, closed := s.keys(rules)
	if closed {
		return false, nil
	}
	per := make([]int64, len(rules))
	for i, r := range rules {
		per[i] = r.Per.Milliseconds()
	}
	err = q.GetContext(ctx, &ok, `SELECT take_limits($1, $2, $3)`, pq.Array(keys), pq.Array(most), pq.Array(per))
	return ok, db.Err(err, "count against a limit")
}

// Full reports whether Allow would refuse now. It counts nothing and waits for nobody, so it is what to ask first in a flood.
func (s *Store) Full(ctx context.Context, rules ...Rule) (full bool, err error) {
	keys, most, closed := s.keys(rules)
	if closed {
		return true, nil
	}
	err = s.db.GetContext(ctx, &full, `SELECT EXISTS (SELECT FROM unnest($1::bytea[], $2::int[]) w(k, m) JOIN limit_counts l ON l.key = w.k
		WHERE l.until > clock_timestamp() AND l.n >= w.m)`, pq.Array(keys), pq.Array(most))
	return full, db.Err(err, "look at a limit")
}

// keys returns what the rules count by and how often they allow it; closed: one of them never does.
func (s *Store) keys(rules []Rule) (keys [][]byte, most []int64, closed bool) {
	for _, r := range rules {
		keys = append(keys, s.ring.Mark("limit", r.Name+"\x00"+r.Key))
		most = append(most, int64(r.Max))
		closed = closed || r.Max <= 0
	}
	return keys, most, closed
}

// Prune forgets counts that are over and returns how many.
func (s *Store) Prune(ctx context.Context) (int64, error) {
	res, err := s.db.ExecContext(ctx, `DELETE FROM limit_counts WHERE until < clock_timestamp() - $1 * interval '1 second'`, keep.Seconds())
	if err != nil {
		return 0, db.Err(err, "prune limits")
	}
	n, err := res.RowsAffected()
	return n, db.Err(err, "prune limits")
}
