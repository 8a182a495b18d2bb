package subscribers

import (
	"context"
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/outbox"
)

// Reasons why nothing is mailed to an address, strongest first.
const (
	ReasonComplaint    = "complaint"
	ReasonLegal        = "legal"
	ReasonHardBounce   = "hard_bounce"
	ReasonManual       = "manual"
	ReasonUnsubscribed = "unsubscribed" // the reader left all mail
)

// byStrength orders suppressions x.
const byStrength = `array_position(ARRAY['complaint', 'legal', 'hard_bounce', 'manual', 'unsubscribed'], x.reason)`

// Suppression is an address that gets no mail.
type Suppression struct {
	ID         int64     `db:"id" json:"id"`
	Address    *string   `db:"address" json:"address,omitempty"` // nil after the reader was erased
	Reason     string    `db:"reason" json:"reason"`
	Detail     string    `db:"detail" json:"detail,omitempty"`
	CampaignID *int64    `db:"campaign_id" json:"campaign_id,omitempty"`
	CreatedAt  time.Time `db:"created_at" json:"created_at"`
}

// suppressionOf returns whether the reader left all mail, and the strongest other reason there is.
func suppressionOf(ctx context.Context, q db.Q, hash []byte) (leftAll bool, reason string, err error) {
	var reasons []string
	err = q.SelectContext(ctx, &reasons, `SELECT reason FROM suppressions x WHERE address_hash = $1 ORDER BY `+byStrength, hash)
	for _, r := range reasons {
		if r == ReasonUnsubscribed {
			leftAll = true
		} else if reason == "" {
			reason = r
		}
	}
	return leftAll, reason, db.Err(err, "read suppressions")
}

// Suppress stops all mail to a person, a confirm mail that waits included, from the moment q commits: for complaints and bounces, in the transaction that
// records them. A repeat changes nothing, and neither does a person who has been erased. detail is what the other side
// said; campaign may be 0.
func (s *Store) Suppress(ctx context.Context, q db.Q, subscriber int64, reason, detail string, campaign int64) error {
	method, err := methodOf(reason)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, `
		WITH barred AS (
			INSERT INTO suppressions (address_hash, address, reason, detail, campaign_id)
			SELECT address_hash, address, $2, $3, $4 FROM subscribers WHERE id = $1
			ON CONFLICT (address_hash, reason) DO NOTHING RETURNING id
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT $1, NULL FROM barred)
		INSERT INTO consent_log (subscriber_id, event, method, campaign_id, source)
		SELECT $1, 'suppressed', $5, $4, $2 FROM barred`, subscriber, reason, capped(detail, 1000), orNull(campaign), method)
	if err != nil {
		return db.Err(err, "suppress the reader")
	}
	return outbox.Withdraw(ctx, q, ConfirmKey(subscriber, 0))
}

func methodOf(reason string) (string, error) {
	switch reason {
	case ReasonComplaint:
		return "complaint", nil
	case ReasonHardBounce:
		return "bounce", nil
	case ReasonLegal, ReasonManual:
		return MethodAdmin, nil
	}
	return "", errs.Field("reason", "%q is no reason to suppress somebody; use complaint, legal, hard_bounce or manual", reason)
}

// SuppressAddress stops all mail to an address, whether or not it is a subscriber's: by hand (manual), because of a
// demand (legal), or for what another system knows (hard_bounce, complaint). who is the person who did it. It reports
// whether anything changed.
func (s *Store) SuppressAddress(ctx context.Context, address, reason, detail, who string) (changed bool, err error) {
	if _, err := methodOf(reason); err != nil {
		return false, err
	}
	a, err := s.Policy.ParseAddress(address)
	if err != nil {
		return false, err
	}
	if detail, err = SomeLines("detail", detail, 1000); err != nil {
		return false, err
	}
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		var done []struct {
			ID     int64         `db:"id"`
			Person sql.NullInt64 `db:"person"`
		}
		err := tx.SelectContext(ctx, &done, `
			WITH barred AS (
				INSERT INTO suppressions (address_hash, address, reason, detail) VALUES ($1, $2, $3, $4)
				ON CONFLICT (address_hash, reason) DO NOTHING RETURNING id
			), person AS (
				SELECT s.id FROM subscribers s, barred WHERE s.canonical = $5
			), noted AS (
				INSERT INTO leaves (subscriber_id, list_id) SELECT id, NULL FROM person
			), logged AS (
				INSERT INTO consent_log (subscriber_id, event, method, source) SELECT id, 'suppressed', 'admin', $3 FROM person)
			SELECT id, (SELECT id FROM person) AS person FROM barred`, s.ring.AddressHash(a.Canonical), a.Typed, reason, detail, a.Canonical)
		if err != nil {
			return db.Err(err, "suppress the address")
		}
		if changed = len(done) > 0; !changed {
			return nil
		}
		if id := done[0].Person; id.Valid {
			if err := outbox.Withdraw(ctx, tx, ConfirmKey(id.Int64, 0)); err != nil {
				return err
			}
		}
		return audit.Log(ctx, tx, who, "suppression.add", suppressionSubject(done[0].ID), map[string]any{"reason": reason})
	})
	return changed, err
}

// Unsuppress takes back a suppression by hand. It returns errs.NotFound when there is none and errs.Conflict when another
// reason stands: complaints, bounces and legal demands are not lifted by anybody here, and who left all mail comes back
// by signing up.
func (s *Store) Unsuppress(ctx context.Context, address, detail, who string) error {
	a, err := s.Policy.ParseAddress(address)
	if err != nil {
		return err
	}
	hash := s.ring.AddressHash(a.Canonical)
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		leftAll, _, err := suppressionOf(ctx, tx, hash)
		if err != nil {
			return err
		}
		var done []int64
		err = tx.SelectContext(ctx, &done, `
			WITH lifted AS (
				DELETE FROM suppressions WHERE address_hash = $1 AND reason = 'manual' RETURNING id
			), logged AS (
				INSERT INTO consent_log (subscriber_id, event, method, source)
				SELECT s.id, 'unsuppressed', 'admin', 'manual' FROM subscribers s, lifted WHERE s.canonical = $2)
			SELECT id FROM lifted`, hash, a.Canonical)
		if err != nil {
			return db.Err(err, "lift the suppression")
		}
		_, other, err := suppressionOf(ctx, tx, hash)
		switch {
		case err != nil:
			return err
		case other != "":
			return errs.New(errs.Conflict, "the address is suppressed because of a %s, which cannot be lifted", other)
		case len(done) > 0:
			return audit.Log(ctx, tx, who, "suppression.remove", suppressionSubject(done[0]), map[string]any{"detail": detail})
		case leftAll:
			return errs.New(errs.Conflict, "the reader left all mail; only a new sign-up of the reader's own lifts that")
		}
		return errs.New(errs.NotFound, "the address is not suppressed")
	})
}

// Suppressions lists suppressed addresses, newest first, at most limit of those with an id below before (0: from the
// newest).
func (s *Store) Suppressions(ctx context.Context, before int64, limit int) ([]Suppression, error) {
	list := []Suppression{}
	err := s.db.SelectContext(ctx, &list, `SELECT id, address, reason, detail, campaign_id, created_at FROM suppressions
		WHERE $1 = 0 OR id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
	return list, db.Err(err, "read suppressions")
}
