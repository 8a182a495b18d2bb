package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

const (
	// ConfirmWithin is how long a confirm link works.
	ConfirmWithin = 7 * 24 * time.Hour
	// clockSkew is how far the clock that dated a link may be behind that of the database.
	clockSkew = 5 * time.Minute
)

// ConfirmKey begins the keys that mails asking a person to confirm a list have in the outbox; with list 0 those of all lists.
// Whoever leaves is not asked any more.
func ConfirmKey(subscriber, list int64) string {
	key := "confirm:" + strconv.FormatInt(subscriber, 10) + ":"
	if list != 0 {
		key += strconv.FormatInt(list, 10) + ":"
	}
	return key
}

// ConfirmRequest is what a confirm token names.
type ConfirmRequest struct {
	Subscriber, List int64
	Issued           time.Time
	Network          string // of the reader, for the consent log
}

// What a confirm link is good for.
const (
	ConfirmOpen = "open" // pressing the button subscribes
	ConfirmDone = "done" // the subscription is confirmed, by this link or before
	ConfirmLate = "late" // too old, or the reader left since: sign up again
)

// ConfirmPage is what the page behind a confirm token shows.
type ConfirmPage struct {
	ListName string
	Language string // of the list
	HomeURL  string
	Accent   string
	Address  string // masked
	Status   string // ConfirmOpen, ConfirmDone or ConfirmLate
}

// confirming is a subscription with what decides whether a link may confirm it.
type confirming struct {
	Name      string     `db:"name"`
	Language  string     `db:"language"`
	HomeURL   string     `db:"home_url"`
	Accent    string     `db:"accent_colour"`
	Address   string     `db:"address"`
	Hash      []byte     `db:"address_hash"`
	State     string     `db:"state"`
	AskedAt   time.Time  `db:"created_at"`
	LeftAllAt *time.Time `db:"left_all_at"`
	Barred    bool       `db:"barred"`
}

// status says what a link may do. One that was issued before the reader left is void, so that an old mail cannot bring
// anybody back.
func (c confirming) status(issued, now time.Time) string {
	since := c.AskedAt
	if c.LeftAllAt != nil && c.LeftAllAt.After(since) {
		since = *c.LeftAllAt
	}
	switch {
	case c.State == Confirmed && c.LeftAllAt == nil && !c.Barred:
		return ConfirmDone
	case c.State == Unsubscribed || c.Barred || issued.Before(since.Add(-clockSkew)) || now.Sub(issued) > ConfirmWithin:
		return ConfirmLate
	}
	return ConfirmOpen
}

func (c confirming) page(status string) ConfirmPage {
	return ConfirmPage{ListName: c.Name, Language: c.Language, HomeURL: c.HomeURL, Accent: c.Accent, Address: Mask(c.Address), Status: status}
}

func findConfirming(ctx context.Context, q db.Q, r ConfirmRequest, lock string) (c confirming, err error) {
	err = q.GetContext(ctx, &c, `
		SELECT l.name, l.language, l.home_url, l.accent_colour, s.address, s.address_hash, sn.state, sn.created_at,
			(SELECT x.created_at FROM suppressions x WHERE x.address_hash = s.address_hash AND x.reason = 'unsubscribed') AS left_all_at,
			EXISTS (SELECT 1 FROM suppressions x WHERE x.address_hash = s.address_hash AND x.reason <> 'unsubscribed') AS barred
		FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id JOIN lists l ON l.id = sn.list_id
		WHERE sn.subscriber_id = $1 AND sn.list_id = $2 `+lock, r.Subscriber, r.List)
	if errors.Is(err, sql.ErrNoRows) {
		return c, errs.Wrap(err, errs.NotFound, "there is no such subscription")
	}
	return c, db.Err(err, "find the subscription")
}

// Confirming returns the page of a confirm token as things stand, or errs.NotFound. It changes nothing.
func (s *Store) Confirming(ctx context.Context, r ConfirmRequest) (ConfirmPage, error) {
	c, err := findConfirming(ctx, s.db, r, "")
	if err != nil {
		return ConfirmPage{}, err
	}
	return c.page(c.status(r.Issued, s.Now())), nil
}

// Confirm completes a double opt-in; a second press is harmless. Status is ConfirmDone when the reader is subscribed now,
// ConfirmLate when the link could not do it. Somebody who had left all mail comes back to this list only.
func (s *Store) Confirm(ctx context.Context, r ConfirmRequest) (page ConfirmPage, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		c, err := findConfirming(ctx, tx, r, "FOR NO KEY UPDATE OF sn, s")
		if err != nil {
			return err
		}
		status := c.status(r.Issued, s.Now())
		if page = c.page(status); status != ConfirmOpen {
			return nil
		}
		page.Status = ConfirmDone
		if c.LeftAllAt != nil {
			if err := returnToOne(ctx, tx, r, c.Hash); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `
			WITH moved AS (
				UPDATE subscriptions SET state = 'confirmed', confirmed_at = now() WHERE subscriber_id = $1 AND list_id = $2
				RETURNING subscriber_id)
			INSERT INTO consent_log (subscriber_id, list_id, event, method, network)
			SELECT subscriber_id, $2, 'confirmed', 'confirm-link', $3 FROM moved`, r.Subscriber, r.List, r.Network)
		return db.Err(err, "confirm the subscription")
	})
	return page, err
}

// returnToOne lifts "all mail left" for a reader who now confirms one list: the other lists, which that had silenced,
// become left one by one.
func returnToOne(ctx context.Context, tx *sqlx.Tx, r ConfirmRequest, hash []byte) error {
	_, err := tx.ExecContext(ctx, `
		WITH lifted AS (
			DELETE FROM suppressions WHERE address_hash = $3 AND reason = 'unsubscribed' RETURNING created_at
		), logged AS (
			INSERT INTO consent_log (subscriber_id, event, method, network) SELECT $1, 'unsuppressed', 'confirm-link', $4 FROM lifted
		)
		UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = lifted.created_at FROM lifted
		WHERE subscriber_id = $1 AND list_id <> $2 AND state = 'confirmed'`, r.Subscriber, r.List, hash, r.Network)
	return db.Err(err, "lift the suppression")
}
