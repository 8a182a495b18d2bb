package subscribers

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// How often a reader hears from a list.
const (
	EachEdition = "each"
	Weekly      = "weekly"
)

// MethodPreferences is the reader's own act in the preference centre.
const MethodPreferences = "preferences"

// MaxPause is the longest pause: whoever wants a longer one wants to leave.
const MaxPause = 366 * 24 * time.Hour

// Choices are what readers choose within a subscription: how often, which topics, a pause.
type Choices struct{ store *Store }

// ChoiceRequest is a change of choices for one subscription. What is nil stays as it is.
type ChoiceRequest struct {
	Subscriber, List int64
	Campaign         int64  // whose mail carried the link; 0: none
	Method           string // MethodForm (the page of a leave link), MethodPreferences or MethodAdmin
	Network          string // of the reader, for the consent log

	Frequency  *string    // EachEdition or Weekly
	PauseUntil *time.Time // when mail goes on, at most MaxPause from now; the zero time ends the pause
	TopicsOff  *uint64    // bits of the topics that are not wanted
	// TopicsShown are the bits that TopicsOff decides: a topic that the reader was not shown stays as it is. 0: all.
	TopicsShown uint64
}

// choice is the chosen part of a subscription.
type choice struct {
	State     string     `db:"state"`
	Frequency string     `db:"frequency"`
	Paused    *time.Time `db:"paused_until"`
	TopicsOff uint64     `db:"topics_off"`
}

// before is what a change replaced, in the consent log: only what it changed. A pause that was not there is the zero time.
type before struct {
	Frequency *string    `json:"frequency,omitempty"`
	Paused    *time.Time `json:"paused_until,omitempty"`
	TopicsOff *uint64    `json:"topics_off,omitempty"`
}

// Scan reads a jsonb object.
func (b *before) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok {
		return errs.New(errs.Internal, "earlier choices are %T", src)
	}
	return json.Unmarshal(raw, b)
}

// Value writes a jsonb object.
func (b before) Value() (driver.Value, error) {
	raw, err := json.Marshal(b)
	return string(raw), err
}

// Set changes what a reader chose of one list and writes the evidence, with what is needed to undo it. What takes mail away is
// noted for the sends that are running, so that their next permits look again. It reports whether anything changed, which for
// somebody who has left the list is never. It returns errs.NotFound when there is no such subscription and errs.Invalid for
// what cannot be chosen.
func (c *Choices) Set(ctx context.Context, r ChoiceRequest) (changed bool, err error) {
	err = db.InTx(ctx, c.store.db, func(tx *sqlx.Tx) error {
		changed, err = c.SetTx(ctx, tx, r)
		return err
	})
	return changed, err
}

// SetTx is Set within the caller's transaction.
func (c *Choices) SetTx(ctx context.Context, tx *sqlx.Tx, r ChoiceRequest) (changed bool, err error) {
	if err := c.check(&r); err != nil {
		return false, err
	}
	now, err := c.lock(ctx, tx, r)
	if err != nil || now.State == Unsubscribed {
		return false, err
	}
	next, was, reduces := now.with(r, c.store.Now())
	if was == (before{}) {
		return false, nil
	}
	topics, err := namesOf(ctx, tx, r.List, next.TopicsOff)
	if err != nil {
		return false, err
	}
	event := "changed"
	if was.Paused != nil && next.Paused != nil {
		event = "paused"
	}
	return true, c.write(ctx, tx, r, event, next, next.words(was, topics), &was, reduces)
}

func (c *Choices) check(r *ChoiceRequest) error {
	if r.Method != MethodForm && r.Method != MethodPreferences && r.Method != MethodAdmin {
		return errs.New(errs.Internal, "nobody chooses by %q", r.Method)
	}
	if r.Frequency != nil && *r.Frequency != EachEdition && *r.Frequency != Weekly {
		return errs.Field("frequency", "%q is no frequency; use each or weekly", *r.Frequency)
	}
	if r.PauseUntil == nil || r.PauseUntil.IsZero() {
		return nil
	}
	until := r.PauseUntil.UTC().Truncate(time.Second)
	r.PauseUntil = &until
	switch now := c.store.Now(); {
	case !until.After(now):
		return errs.Field("pause_until", "the pause would be over already; choose a day to come")
	case until.After(now.Add(MaxPause)):
		return errs.Field("pause_until", "a pause can last a year at most")
	}
	return nil
}

// lock returns the choices of a subscription, which nobody else changes until the end of tx.
func (c *Choices) lock(ctx context.Context, tx *sqlx.Tx, r ChoiceRequest) (now choice, err error) {
	err = tx.GetContext(ctx, &now, `SELECT state, frequency, paused_until, topics_off FROM subscriptions
		WHERE subscriber_id = $1 AND list_id = $2 FOR NO KEY UPDATE`, r.Subscriber, r.List)
	if errors.Is(err, sql.ErrNoRows) {
		return now, errs.Wrap(err, errs.NotFound, "there is no such subscription")
	}
	return now, db.Err(err, "find the subscription")
}

// with returns the choices after r, what of them was otherwise before, and whether mail is taken away.
func (c choice) with(r ChoiceRequest, now time.Time) (next choice, was before, reduces bool) {
	next = c
	if r.Frequency != nil && *r.Frequency != c.Frequency {
		was.Frequency, next.Frequency = &c.Frequency, *r.Frequency
		reduces = reduces || next.Frequency == Weekly
	}
	if c.Paused != nil && !c.Paused.After(now) {
		c.Paused = nil // over
	}
	if p := r.PauseUntil; p != nil {
		none := time.Time{}
		switch {
		case p.IsZero() && c.Paused == nil, !p.IsZero() && c.Paused != nil && c.Paused.Equal(*p):
		case p.IsZero():
			was.Paused, next.Paused = c.Paused, nil
		case c.Paused == nil:
			was.Paused, next.Paused, reduces = &none, p, true
		default:
			was.Paused, next.Paused, reduces = c.Paused, p, true
		}
	}
	if r.TopicsOff != nil {
		shown := r.TopicsShown
		if shown == 0 {
			shown = allTopics
		}
		if off := c.TopicsOff&^shown | *r.TopicsOff&shown&allTopics; off != c.TopicsOff {
			was.TopicsOff, next.TopicsOff = &c.TopicsOff, off
			reduces = reduces || off&^c.TopicsOff != 0
		}
	}
	return next, was, reduces
}

// words say what was changed, for the consent log. topics are those that are off now.
func (c choice) words(was before, topics []string) string {
	var said []string
	if was.Frequency != nil {
		said = append(said, "frequency: "+c.Frequency)
	}
	switch {
	case was.Paused == nil:
	case c.Paused == nil:
		said = append(said, "pause ended")
	default:
		said = append(said, "paused until "+c.Paused.UTC().Format(time.RFC3339))
	}
	if was.TopicsOff != nil {
		off := "none"
		if len(topics) > 0 {
			off = strings.Join(topics, ", ")
		}
		said = append(said, "topics off: "+off)
	}
	return strings.Join(said, "; ")
}

func (c *Choices) write(ctx context.Context, tx *sqlx.Tx, r ChoiceRequest, event string, next choice, words string, was *before, reduces bool) error {
	_, err := tx.ExecContext(ctx, `
		WITH moved AS (
			UPDATE subscriptions SET frequency = $3, paused_until = $4, topics_off = $5
			WHERE subscriber_id = $1 AND list_id = $2 RETURNING subscriber_id, list_id
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT subscriber_id, list_id FROM moved WHERE $11)
		INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id, network, source, was)
		SELECT subscriber_id, list_id, $6, $7, $8, $9, $10, $12 FROM moved`,
		r.Subscriber, r.List, next.Frequency, next.Paused, int64(next.TopicsOff), event, r.Method, orNull(r.Campaign), r.Network, words, reduces, was)
	return db.Err(err, "save what was chosen")
}

// lastChoice finds, of the evidence about subscriber $1 and list $2, what was replaced by the last act, if that was a choice
// by method $3 and campaign $4 since $5.
const lastChoice = `
	SELECT was FROM (
		SELECT event, method, campaign_id, at, was FROM consent_log WHERE subscriber_id = $1 AND list_id = $2 ORDER BY id DESC LIMIT 1) last
	WHERE event IN ('changed', 'paused') AND method = $3 AND campaign_id IS NOT DISTINCT FROM $4 AND at > $5 AND was IS NOT NULL`

func (c *Choices) undoable(ctx context.Context, q db.Q, r ChoiceRequest) (was before, ok bool, err error) {
	err = q.GetContext(ctx, &was, lastChoice, r.Subscriber, r.List, r.Method, orNull(r.Campaign), c.store.Now().Add(-undoWithin))
	if errors.Is(err, sql.ErrNoRows) {
		return was, false, nil
	}
	return was, err == nil, db.Err(err, "find what can be undone")
}

// CanUndo reports whether Undo would find something to undo.
func (c *Choices) CanUndo(ctx context.Context, r ChoiceRequest) (bool, error) {
	_, ok, err := c.undoable(ctx, c.store.db, r)
	return ok, err
}

// Undo takes back the last change of choices that was made for the same subscriber and list by the same method and campaign, if
// nothing has happened to the subscription since and it is not older than 24 hours. It reports whether there was one. Of r only
// what names the subscription and the link counts.
func (c *Choices) Undo(ctx context.Context, r ChoiceRequest) (changed bool, err error) {
	err = db.InTx(ctx, c.store.db, func(tx *sqlx.Tx) error {
		now, err := c.lock(ctx, tx, r)
		if err != nil {
			return err
		}
		was, ok, err := c.undoable(ctx, tx, r)
		changed = ok
		if err != nil || !ok {
			return err
		}
		next, _, reduces := now.with(ChoiceRequest{Frequency: was.Frequency, PauseUntil: was.Paused, TopicsOff: was.TopicsOff}, c.store.Now())
		if next.Paused != nil && !next.Paused.After(c.store.Now()) {
			next.Paused = nil
		}
		topics, err := namesOf(ctx, tx, r.List, next.TopicsOff)
		if err != nil {
			return err
		}
		return c.write(ctx, tx, r, "undone", next, fmt.Sprintf("back to: %s", next.words(was, topics)), nil, reduces)
	})
	return changed, err
}
