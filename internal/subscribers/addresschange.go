package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// ChangeWithin is how long the links work that confirm a change of address.
const ChangeWithin = 24 * time.Hour

// Where a change of address stands.
const (
	ChangeOpen    = "open"    // this address has not confirmed it yet
	ChangeWaiting = "waiting" // this one has, the other has not
	ChangeDone    = "done"
	ChangeLate    = "late" // too old, or the address has been changed otherwise since
)

// Became returns the reader that a reader is now: another one after a change to an address that was theirs too, else the same,
// whether known or not. The links in the mails of both act for that one.
func (s *Store) Became(ctx context.Context, q db.Q, id int64) (int64, error) {
	var now int64
	err := q.GetContext(ctx, &now, `SELECT coalesce((SELECT into_id FROM merged_subscribers WHERE id = $1), $1)`, id)
	return now, db.Err(err, "find the reader")
}

// AddressChange is a reader's wish to get their mail at another address.
type AddressChange struct {
	ID         int64  `db:"id"`
	Subscriber int64  `db:"subscriber_id"`
	List       int64  `db:"list_id"` // in whose name the reader is written to
	Old        string `db:"old"`     // as typed
	New        string `db:"address"`
	NewWire    string `db:"wire"`
	Canonical  string `db:"canonical"`
	// Reachable: a mail may be sent to the new address. Where it may not, that is told to nobody.
	Reachable bool `db:"-"`

	Current      string     `db:"current"`
	OldCanonical string     `db:"old_canonical"`
	Provider     string     `db:"provider"`
	CreatedAt    time.Time  `db:"created_at"`
	OldConfirmed *time.Time `db:"old_confirmed_at"`
	NewConfirmed *time.Time `db:"new_confirmed_at"`
	DoneAt       *time.Time `db:"done_at"`
}

// Status returns where the change stands for who has the link of the new address, or of the old one.
func (c AddressChange) Status(fresh bool, now time.Time) string {
	mine := c.OldConfirmed
	if fresh {
		mine = c.NewConfirmed
	}
	switch {
	case c.DoneAt != nil:
		return ChangeDone
	case now.Sub(c.CreatedAt) > ChangeWithin || c.Current != c.OldCanonical:
		return ChangeLate
	case mine != nil:
		return ChangeWaiting
	}
	return ChangeOpen
}

// AddressChanges are kept until both addresses have confirmed them.
type AddressChanges struct{ store *Store }

// AddressChanges returns the part of the store that changes addresses.
func (s *Store) AddressChanges() AddressChanges { return AddressChanges{s} }

const changeColumns = `c.id, c.subscriber_id, c.list_id, s.address AS old, c.address, c.wire, c.canonical, c.provider, s.canonical AS current, c.old_canonical,
	c.created_at, c.old_confirmed_at, c.new_confirmed_at, c.done_at`

// BeginTx notes a reader's wish, in place of any before it, within the transaction that enqueues the mails to both addresses. It
// returns errs.Invalid for what is no address or not another one. Whether the new one is a reader's already makes no difference.
func (a AddressChanges) BeginTx(ctx context.Context, tx *sqlx.Tx, subscriber, list int64, address string) (change AddressChange, err error) {
	to, err := a.store.Policy.ParseAddress(address)
	if err != nil {
		return change, err
	}
	var now string
	err = tx.GetContext(ctx, &now, `SELECT canonical FROM subscribers WHERE id = $1 FOR NO KEY UPDATE`, subscriber)
	if errors.Is(err, sql.ErrNoRows) {
		return change, errs.Wrap(err, errs.NotFound, "there is no such subscriber")
	}
	if err != nil {
		return change, db.Err(err, "find the subscriber")
	}
	if to.Canonical == now {
		return change, errs.Field("address", "this is the address that we send to already")
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM address_changes WHERE subscriber_id = $1 AND done_at IS NULL`, subscriber); err != nil {
		return change, db.Err(err, "drop the wish before")
	}
	var id int64
	err = tx.GetContext(ctx, &id, `INSERT INTO address_changes (subscriber_id, list_id, old_canonical, address, canonical, wire, provider)
		VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`, subscriber, list, now, to.Typed, to.Canonical, to.Wire, to.Provider)
	if err != nil {
		return change, db.Err(err, "note the new address")
	}
	if change, err = a.find(ctx, tx, subscriber, id, ""); err != nil {
		return change, err
	}
	_, reason, err := suppressionOf(ctx, tx, a.store.ring.AddressHash(to.Canonical))
	change.Reachable = reason == ""
	return change, err
}

// Find returns a change of a reader, or errs.NotFound.
func (a AddressChanges) Find(ctx context.Context, subscriber, id int64) (AddressChange, error) {
	return a.find(ctx, a.store.db, subscriber, id, "")
}

// DoneSince reports whether a reader has been given another address, or has become one with another reader, since a moment: what was
// mailed to them before that proves nothing about who they are now.
func (a AddressChanges) DoneSince(ctx context.Context, subscriber int64, since time.Time) (done bool, err error) {
	err = a.store.db.GetContext(ctx, &done, `SELECT EXISTS (SELECT FROM address_changes
		WHERE subscriber_id = coalesce((SELECT into_id FROM merged_subscribers WHERE id = $1), $1) AND done_at >= $2)`, subscriber, since)
	return done, db.Err(err, "find changes of address")
}

func (a AddressChanges) find(ctx context.Context, q db.Q, subscriber, id int64, lock string) (c AddressChange, err error) {
	err = q.GetContext(ctx, &c, `SELECT `+changeColumns+` FROM address_changes c JOIN subscribers s ON s.id = c.subscriber_id
		WHERE c.id = $1 AND c.subscriber_id = $2 `+lock, id, subscriber)
	if errors.Is(err, sql.ErrNoRows) {
		return c, errs.Wrap(err, errs.NotFound, "there is no such change")
	}
	return c, db.Err(err, "find the change of address")
}

// Confirm notes that the new address (fresh), or the old one, confirms a change, and does it when both have. A repeat is harmless. It
// returns the change as it then stands; one that is too late stays as it is.
func (a AddressChanges) Confirm(ctx context.Context, subscriber, id int64, fresh bool, network string) (c AddressChange, err error) {
	err = db.InTx(ctx, a.store.db, func(tx *sqlx.Tx) error {
		if c, err = a.find(ctx, tx, subscriber, id, "FOR NO KEY UPDATE OF s, c"); err != nil {
			return err
		}
		now := a.store.Now()
		if c.Status(fresh, now) != ChangeOpen {
			return nil
		}
		column := "old_confirmed_at"
		if fresh {
			column = "new_confirmed_at"
			c.NewConfirmed = &now
		} else {
			c.OldConfirmed = &now
		}
		if _, err := tx.ExecContext(ctx, `UPDATE address_changes SET `+column+` = now() WHERE id = $1`, id); err != nil {
			return db.Err(err, "confirm the change of address")
		}
		if c.OldConfirmed == nil || c.NewConfirmed == nil {
			return nil
		}
		c.DoneAt = &now
		return a.apply(ctx, tx, c, network)
	})
	return c, err
}

// apply moves a reader to the new address. What stops mail to the person goes along; a mailbox that is dead was the old one's.
func (a AddressChanges) apply(ctx context.Context, tx *sqlx.Tx, c AddressChange, network string) error {
	before, after := a.store.ring.AddressHash(c.OldCanonical), a.store.ring.AddressHash(c.Canonical)
	leftBefore, _, err := suppressionOf(ctx, tx, before)
	if err != nil {
		return err
	}
	var other []int64
	if err := tx.SelectContext(ctx, &other, `SELECT id FROM subscribers WHERE canonical = $1 FOR UPDATE`, c.Canonical); err != nil {
		return db.Err(err, "find the subscriber")
	}
	if !leftBefore {
		if err := agreeAgain(ctx, tx, after, c.Canonical); err != nil {
			return err
		}
	}
	for _, id := range other {
		if err := merge(ctx, tx, id, c.Subscriber); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `
		WITH along AS (
			INSERT INTO suppressions (address_hash, address, reason, detail, campaign_id, created_at)
			SELECT $3, $4, reason, detail, campaign_id, created_at FROM suppressions WHERE address_hash = $2 AND reason <> 'hard_bounce'
			ON CONFLICT (address_hash, reason) DO NOTHING
		), moved AS (
			UPDATE subscribers SET address = $4, canonical = $5, wire = $6, provider = $7, address_hash = $3, updated_at = now() WHERE id = $1
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) VALUES ($1, NULL)
		), done AS (
			UPDATE address_changes SET done_at = now() WHERE id = $8
		)
		INSERT INTO consent_log (subscriber_id, event, method, network, source) VALUES ($1, 'address_changed', 'preferences', $9, $10)`,
		c.Subscriber, before, after, c.New, c.Canonical, c.NewWire, c.Provider, c.ID, network, "confirmed at both addresses; before: "+Mask(c.Old))
	return db.Err(err, "change the address")
}

// agreeAgain takes back that all mail to an address was stopped: its owner asks for mail there now. What that had silenced becomes
// left, list by list.
func agreeAgain(ctx context.Context, tx *sqlx.Tx, hash []byte, canonical string) error {
	_, err := tx.ExecContext(ctx, `
		WITH lifted AS (
			DELETE FROM suppressions WHERE address_hash = $1 AND reason = 'unsubscribed' RETURNING created_at
		)
		UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = lifted.created_at FROM lifted
		WHERE state = 'confirmed' AND subscriber_id = (SELECT id FROM subscribers WHERE canonical = $2)`, hash, canonical)
	return db.Err(err, "lift the suppression")
}

// merge makes one reader of two who turned out to be the same person. Of two subscriptions to one list the newer act counts, and a
// sign-up that was never confirmed is none. The number that goes stays known, so that the links of its mails work.
func merge(ctx context.Context, tx *sqlx.Tx, from, into int64) error {
	for _, step := range []string{
		`DELETE FROM subscriptions q USING subscriptions p WHERE q.subscriber_id = $1 AND p.subscriber_id = $2 AND p.list_id = q.list_id
			AND (q.state = 'pending' OR p.state <> 'pending'
				AND coalesce(p.unsubscribed_at, p.confirmed_at) >= coalesce(q.unsubscribed_at, q.confirmed_at))`,
		`DELETE FROM subscriptions p USING subscriptions q WHERE q.subscriber_id = $1 AND p.subscriber_id = $2 AND p.list_id = q.list_id`,
		`UPDATE subscriptions SET subscriber_id = $2 WHERE subscriber_id = $1`,
		`UPDATE subscribers p SET name = coalesce(nullif(p.name, ''), q.name), language = coalesce(nullif(p.language, ''), q.language),
			supporter = p.supporter OR q.supporter, attributes = q.attributes || p.attributes
			FROM subscribers q WHERE q.id = $1 AND p.id = $2`,
		`UPDATE merged_subscribers SET into_id = $2 WHERE into_id = $1`,
		`INSERT INTO merged_subscribers (id, into_id) VALUES ($1, $2)`,
		`INSERT INTO leaves (subscriber_id, list_id) SELECT $1::bigint, NULL WHERE $2 > 0`,
		`DELETE FROM subscribers WHERE id = $1 AND id <> $2`,
	} {
		if _, err := tx.ExecContext(ctx, step, from, into); err != nil {
			return db.Err(err, "merge two readers")
		}
	}
	return nil
}

// PruneAddressChanges forgets changes of address that were begun before a moment, done or not, and returns how many.
func (s *Store) PruneAddressChanges(ctx context.Context, before time.Time) (int64, error) {
	res, err := s.db.ExecContext(ctx, `DELETE FROM address_changes WHERE created_at < $1`, before)
	if err != nil {
		return 0, db.Err(err, "prune changes of address")
	}
	n, err := res.RowsAffected()
	return n, db.Err(err, "prune changes of address")
}
