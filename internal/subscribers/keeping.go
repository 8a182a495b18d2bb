package subscribers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
)

// Keeping lets go what the store has kept long enough. Each method does at most so many rows at once, in one transaction, and
// returns how many they were: fewer than asked for means that none is left. Any number of processes may call them.
type Keeping struct{ s *Store }

// Keeping returns the part of the store that lets things go.
func (s *Store) Keeping() Keeping { return Keeping{s} }

// PurgePending forgets sign-ups that were never confirmed and were last asked for before a moment, with their evidence, and people of
// whom nothing else is known: the mail of a sign-up that was repeated since has a link that must go on working. Whoever had left the list earlier is as they were then: left, so that no import brings them back.
func (k Keeping) PurgePending(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	type key struct {
		Subscriber int64 `db:"subscriber_id"`
		List       int64 `db:"list_id"`
	}
	err = db.InTx(ctx, k.s.db, func(tx *sqlx.Tx) error {
		var old []key
		if err := tx.SelectContext(ctx, &old, `SELECT subscriber_id, list_id FROM subscriptions sn WHERE state = 'pending' AND created_at < $1
			AND NOT EXISTS (SELECT FROM consent_log c WHERE c.subscriber_id = sn.subscriber_id AND c.list_id = sn.list_id AND c.event = 'signed_up' AND c.at >= $1)
			ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED`, before, limit); err != nil {
			return db.Err(err, "look for old sign-ups")
		}
		if n = int64(len(old)); n == 0 {
			return nil
		}
		people, lists := make([]int64, n), make([]int64, n)
		for i, o := range old {
			people[i], lists[i] = o.Subscriber, o.List
		}
		for _, q := range []string{`
			UPDATE subscriptions sn SET state = 'unsubscribed', unsubscribed_at = c.at
			FROM unnest($1::bigint[], $2::bigint[]) o(subscriber_id, list_id)
			CROSS JOIN LATERAL (SELECT c.at FROM consent_log c WHERE c.subscriber_id = o.subscriber_id AND c.list_id = o.list_id
				AND c.event = 'unsubscribed' ORDER BY c.id DESC LIMIT 1) c
			WHERE sn.subscriber_id = o.subscriber_id AND sn.list_id = o.list_id`, `
			WITH gone AS (
				DELETE FROM subscriptions sn USING unnest($1::bigint[], $2::bigint[]) o(subscriber_id, list_id)
				WHERE sn.subscriber_id = o.subscriber_id AND sn.list_id = o.list_id AND sn.state = 'pending'
				RETURNING sn.subscriber_id, sn.list_id)
			DELETE FROM consent_log c USING gone g WHERE c.subscriber_id = g.subscriber_id AND c.list_id = g.list_id`,
		} {
			if _, err := tx.ExecContext(ctx, q, pq.Array(people), pq.Array(lists)); err != nil {
				return db.Err(err, "purge old sign-ups")
			}
		}
		// Somebody may be signing up for another list at this moment: they hold the row, or wait for it and make a new one. What they
		// wrote before the lock is seen by the statement after it.
		var idle []int64
		if err := tx.SelectContext(ctx, &idle, `SELECT id FROM subscribers WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED`, pq.Array(people)); err != nil {
			return db.Err(err, "purge old sign-ups")
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM subscribers s WHERE s.id = ANY($1)
			AND NOT EXISTS (SELECT FROM subscriptions sn WHERE sn.subscriber_id = s.id)
			AND NOT EXISTS (SELECT FROM consent_log c WHERE c.subscriber_id = s.id)`, pq.Array(idle))
		return db.Err(err, "purge old sign-ups")
	})
	return n, err
}

// ShortenNetworks makes the networks in evidence from before a moment less exact: /24 of IPv4, /48 of IPv6, which tell the neighbourhood and
// not the house.
func (k Keeping) ShortenNetworks(ctx context.Context, before time.Time, limit int) (int64, error) {
	return k.exec(ctx, "shorten networks", `
		UPDATE consent_log c SET network = CASE
			WHEN c.network !~ '^[0-9a-fA-F:.]+(/[0-9]+)?$' THEN ''
			WHEN masklen(c.network::inet) < CASE family(c.network::inet) WHEN 4 THEN 24 ELSE 48 END THEN ''
			ELSE network(set_masklen(c.network::inet, CASE family(c.network::inet) WHEN 4 THEN 24 ELSE 48 END))::text END
		WHERE c.id IN (SELECT id FROM consent_log WHERE network <> '' AND network !~ '^[0-9.]+/24$|:.*/48$' AND at < $1 ORDER BY at LIMIT $2
			FOR NO KEY UPDATE SKIP LOCKED)`, before, limit)
}

// BlankNetworks takes the networks out of evidence from before a moment.
func (k Keeping) BlankNetworks(ctx context.Context, before time.Time, limit int) (int64, error) {
	return k.exec(ctx, "blank networks", `
		UPDATE consent_log c SET network = ''
		WHERE c.id IN (SELECT id FROM consent_log WHERE network <> '' AND at < $1 ORDER BY at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)`, before, limit)
}

// ForgetKept deletes what was kept of the consent of readers who were erased before a moment.
func (k Keeping) ForgetKept(ctx context.Context, before time.Time, limit int) (int64, error) {
	return k.exec(ctx, "forget evidence", `
		DELETE FROM consent_kept WHERE id IN (SELECT id FROM consent_kept WHERE erased_at < $1 ORDER BY erased_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before, limit)
}

// PruneAsks forgets what confirm mails from before a moment asked for; their links are long void.
func (k Keeping) PruneAsks(ctx context.Context, before time.Time, limit int) (int64, error) {
	return k.exec(ctx, "forget confirm mails", `
		DELETE FROM confirm_asks WHERE id IN (SELECT id FROM confirm_asks WHERE created_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`, before, limit)
}

// NoteExpired writes into the evidence whose implied consent has ended, and tells running sends. Whoever it is about gets no mail from
// the moment itself on, see the view mailable; the subscription stays as it is, for a consent that is renewed.
func (k Keeping) NoteExpired(ctx context.Context, limit int) (int64, error) {
	return k.exec(ctx, "note the end of consent", `
		WITH due AS (
			SELECT subscriber_id, list_id FROM subscriptions
			WHERE expires_at IS NOT NULL AND expiry_noted IS DISTINCT FROM expires_at AND expires_at <= now()
			ORDER BY expires_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
		), noted AS (
			UPDATE subscriptions sn SET expiry_noted = sn.expires_at FROM due d
			WHERE sn.subscriber_id = d.subscriber_id AND sn.list_id = d.list_id RETURNING sn.subscriber_id, sn.list_id, sn.state
		), told AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT subscriber_id, list_id FROM noted WHERE state = 'confirmed'
		), logged AS (
			INSERT INTO consent_log (subscriber_id, list_id, event, method) SELECT subscriber_id, list_id, 'expired', 'schedule' FROM noted WHERE state = 'confirmed'
		)
		SELECT FROM noted`, limit)
}

func (k Keeping) exec(ctx context.Context, what, query string, args ...any) (int64, error) {
	res, err := k.s.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, db.Err(err, what)
	}
	n, err := res.RowsAffected()
	return n, db.Err(err, what)
}
