package subscribers

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/lang"
)

// Centre is what the preference centre shows of a reader who came from a list.
type Centre struct {
	Reader   Subscriber
	Tracking bool
	LeftAll  bool // the reader stopped all mail
	Barred   bool // nothing is sent for another reason: a complaint, a dead mailbox, a demand

	// Of the list that the reader came from, and of its publication where it has one.
	From        List
	Publication string

	Lists []CentreList
}

// CentreList is one list of it: one that the reader is on, or that is open to them.
type CentreList struct {
	ID          int64      `db:"id"`
	Slug        string     `db:"slug"`
	Name        string     `db:"name"`
	Description string     `db:"description"`
	Language    string     `db:"language"`
	TimeZone    string     `db:"time_zone"`
	Open        bool       `db:"signup_open"`
	State       string     `db:"state"` // empty: never on it
	Frequency   string     `db:"frequency"`
	Paused      *time.Time `db:"paused_until"` // nil: no pause, or it is over
	TopicsOff   uint64     `db:"topics_off"`
	Topics      []Topic    // in use
}

// Centre returns the preference centre of a reader as things stand, or errs.NotFound when the reader or the list is not known
// (any more). It has the lists that the reader is on, and, of the publications of these, those that take sign-ups.
func (c *Choices) Centre(ctx context.Context, subscriber, list int64) (centre Centre, err error) {
	s := c.store
	if subscriber, err = s.Became(ctx, s.db, subscriber); err != nil {
		return centre, err
	}
	if centre.Reader, _, err = s.Get(ctx, subscriber); err != nil {
		return centre, err
	}
	if centre.From, err = s.List(ctx, list); err != nil {
		return centre, err
	}
	for _, reason := range centre.Reader.Suppressed {
		centre.LeftAll = centre.LeftAll || reason == ReasonUnsubscribed
		centre.Barred = centre.Barred || reason != ReasonUnsubscribed
	}
	err = s.db.QueryRowxContext(ctx, `SELECT s.tracking, coalesce(p.name, '') FROM subscribers s, lists l LEFT JOIN publications p ON p.id = l.publication_id
		WHERE s.id = $1 AND l.id = $2`, subscriber, list).Scan(&centre.Tracking, &centre.Publication)
	if err != nil {
		return centre, db.Err(err, "find the reader")
	}
	err = s.db.SelectContext(ctx, &centre.Lists, `
		SELECT l.id, l.slug, l.name, l.description, l.language, l.time_zone, l.signup_open, coalesce(sn.state, '') AS state,
			coalesce(sn.frequency, 'each') AS frequency, sn.paused_until, coalesce(sn.topics_off, 0) AS topics_off
		FROM lists l LEFT JOIN subscriptions sn ON sn.list_id = l.id AND sn.subscriber_id = $1
		WHERE l.archived_at IS NULL AND (sn.state IN ('pending', 'confirmed') OR l.id = $2 AND sn.state IS NOT NULL OR l.signup_open AND (sn.state IS NOT NULL
			OR l.publication_id IN (SELECT o.publication_id FROM lists o WHERE o.id = $2
				UNION SELECT o.publication_id FROM lists o JOIN subscriptions x ON x.list_id = o.id AND x.subscriber_id = $1)))
		ORDER BY coalesce(sn.state, '') NOT IN ('pending', 'confirmed'), l.id <> $2, lower(l.name), l.id`, subscriber, list)
	if err != nil {
		return centre, db.Err(err, "read the lists")
	}
	for i := range centre.Lists {
		l := &centre.Lists[i]
		if l.Paused != nil && !l.Paused.After(s.Now()) {
			l.Paused = nil
		}
		if l.Topics, err = s.Topics.Of(ctx, l.ID, false); err != nil {
			return centre, err
		}
	}
	return centre, nil
}

// PersonRequest is a change of what a reader says of themselves. What is nil stays as it is.
type PersonRequest struct {
	Subscriber, Campaign int64
	Network              string
	Language             *string // a language that there are words of, or empty: that of each list
	Tracking             *bool
	Wording              string // what was agreed to about tracking, in these words
	Name                 *string
}

// SetPersonTx saves it, with its evidence, within the caller's transaction, and reports whether anything changed. It returns
// errs.NotFound, or errs.Invalid with the name of what is wrong.
func (c *Choices) SetPersonTx(ctx context.Context, tx *sqlx.Tx, r PersonRequest) (changed bool, err error) {
	var now struct {
		Language string `db:"language"`
		Tracking bool   `db:"tracking"`
		Name     string `db:"name"`
	}
	err = tx.GetContext(ctx, &now, `SELECT language, tracking, name FROM subscribers WHERE id = $1 FOR NO KEY UPDATE`, r.Subscriber)
	if errors.Is(err, sql.ErrNoRows) {
		return false, errs.Wrap(err, errs.NotFound, "there is no such subscriber")
	}
	if err != nil {
		return false, db.Err(err, "find the subscriber")
	}
	was := now
	var said []string
	if r.Language != nil && *r.Language != now.Language {
		if *r.Language != "" && !lang.Speaks(*r.Language) {
			return false, errs.Field("language", "we do not speak %q yet", *r.Language)
		}
		now.Language = *r.Language
		said = append(said, "language: "+cmp.Or(now.Language, "that of each list"))
	}
	if r.Name != nil {
		if now.Name, err = PersonName(*r.Name); err != nil {
			return false, err
		}
		if now.Name != was.Name {
			said = append(said, "name") // the evidence is of consent, and the name stands with the reader
		}
	}
	tracking := r.Tracking != nil && *r.Tracking != now.Tracking
	if tracking {
		now.Tracking = *r.Tracking
	}
	if now == was {
		return false, nil
	}
	_, err = tx.ExecContext(ctx, `UPDATE subscribers SET language = $2, tracking = $3, name = $4, updated_at = now() WHERE id = $1`,
		r.Subscriber, now.Language, now.Tracking, now.Name)
	if err != nil {
		return false, db.Err(err, "save the subscriber")
	}
	for _, what := range said {
		if err := c.logPerson(ctx, tx, r, what, ""); err != nil {
			return false, err
		}
	}
	switch {
	case tracking && now.Tracking:
		err = c.logPerson(ctx, tx, r, "clicks counted per reader: agreed", r.Wording)
	case tracking:
		err = c.logPerson(ctx, tx, r, "clicks counted per reader: no longer", "")
	}
	return true, err
}

func (c *Choices) logPerson(ctx context.Context, tx *sqlx.Tx, r PersonRequest, what, wording string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO consent_log (subscriber_id, event, method, campaign_id, network, source, wording)
		VALUES ($1, 'changed', 'preferences', $2, $3, $4, $5)`, r.Subscriber, orNull(r.Campaign), r.Network, what, wording)
	return db.Err(err, "write down what was changed")
}

// ReturnTx brings a reader back to a list that they left by the same link within the last 24 hours, if nothing has happened to
// the subscription since. It reports whether it did.
func (c *Choices) ReturnTx(ctx context.Context, tx *sqlx.Tx, r LeaveRequest) (back bool, err error) {
	err = tx.GetContext(ctx, &back, `
		WITH last AS (
			SELECT event, method, campaign_id, at FROM consent_log WHERE subscriber_id = $1 AND list_id = $2 ORDER BY id DESC LIMIT 1
		), back AS (
			UPDATE subscriptions SET state = CASE WHEN confirmed_at IS NULL THEN 'pending' ELSE 'confirmed' END, unsubscribed_at = NULL
			WHERE subscriber_id = $1 AND list_id = $2 AND state = 'unsubscribed' AND EXISTS (SELECT FROM last
				WHERE event = 'unsubscribed' AND method IN ('form', 'one-click', 'mailto') AND campaign_id IS NOT DISTINCT FROM $3 AND at > $4)
			RETURNING list_id
		), logged AS (
			INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id, network) SELECT $1, list_id, 'undone', 'preferences', $3, $5 FROM back)
		SELECT EXISTS (SELECT FROM back)`, r.Subscriber, r.List, orNull(r.Campaign), c.store.Now().Add(-undoWithin), r.Network)
	return back, db.Err(err, "undo")
}
