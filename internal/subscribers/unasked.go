package subscribers

import (
	"context"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
)

// Unasked finds those people of a list who wait for a confirmation that nobody has asked them for, as an import leaves them.
type Unasked struct{ s *Store }

// Unasked returns the part of the store that finds people who were never asked to confirm.
func (s *Store) Unasked() Unasked { return Unasked{s} }

// unasked are subscriptions sn of the list $1 that wait, of people s who may be mailed and have no mail in the outbox that asks them to
// confirm, whatever the list. ";" comes after ":", so that the range is that of ConfirmKey.
const unasked = `
	FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id
	WHERE sn.list_id = $1 AND sn.state = 'pending'
		AND NOT EXISTS (SELECT FROM suppressions x WHERE x.address_hash = s.address_hash)
		AND NOT EXISTS (SELECT FROM outbox o WHERE o.dedupe_key >= 'confirm:' || s.id || ':' AND o.dedupe_key < 'confirm:' || s.id || ';')`

// Count returns how many there are.
func (u Unasked) Count(ctx context.Context, list int64) (n int64, err error) {
	err = u.s.db.GetContext(ctx, &n, `SELECT count(*) `+unasked, list)
	return n, db.Err(err, "count who was never asked")
}

// Take returns up to limit of them, by their numbers from after on, in the caller's transaction, which is to ask them. Their
// subscriptions are locked, so that nobody leaves meanwhile.
func (u Unasked) Take(ctx context.Context, tx *sqlx.Tx, list, after int64, limit int) ([]Subscriber, error) {
	var people []Subscriber
	err := tx.SelectContext(ctx, &people, `SELECT `+subscriberColumns+unasked+` AND s.id > $2 ORDER BY s.id LIMIT $3 FOR NO KEY UPDATE OF sn`,
		list, after, limit)
	return people, db.Err(err, "find who was never asked")
}

// Asked notes that people were asked: for how long they are kept counts from now.
func (u Unasked) Asked(ctx context.Context, tx *sqlx.Tx, list int64, people []int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE subscriptions SET created_at = now() WHERE list_id = $1 AND subscriber_id = ANY($2) AND state = 'pending'`,
		list, pq.Array(people))
	return db.Err(err, "note who was asked")
}
