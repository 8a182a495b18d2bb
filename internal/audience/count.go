package audience

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// countTimeout is how long a count may take. It is for people who wait for the answer; a send does not count.
const countTimeout = 60 * time.Second

// Count is how many readers of a list a rule means.
type Count struct {
	Readers int64 `json:"readers"`
	Of      int64 `json:"of"` // who may be mailed for the list
}

// Example is one reader of those that a rule means, as far as they may be shown.
type Example struct {
	Subscriber int64     `db:"subscriber_id" json:"subscriber"`
	Address    string    `db:"address" json:"address"` // masked
	Joined     time.Time `db:"joined_at" json:"joined_at"`
}

// Count counts the readers whom a frozen rule means now, out of all who may be mailed for its list. Frequency, if not empty, counts
// only those who chose to hear that often, on either side. It returns errs.Unavailable when that takes longer than a minute.
func (s *Store) Count(ctx context.Context, f Frozen, frequency string) (Count, error) {
	var c Count
	cond, args, err := f.Condition(3)
	if err != nil {
		return c, err
	}
	args = append([]any{f.List, frequency}, args...)
	err = s.readOnly(ctx, func(tx *sqlx.Tx) error {
		if err := tx.GetContext(ctx, &c.Of, `SELECT `+subscribers.CountMailable(`$1`, `$2`, `'infinity'`), f.List, frequency); err != nil {
			return err
		}
		if f.Everybody() {
			c.Readers = c.Of
			return nil
		}
		return tx.GetContext(ctx, &c.Readers, `SELECT count(*) FROM mailable m WHERE m.list_id = $1 AND $2::text IN ('', m.frequency) AND `+cond, args...)
	})
	return c, err
}

// Examples returns a few of the readers whom a frozen rule means, drawn at random once and for all (by the number that sends walk
// the list by).
func (s *Store) Examples(ctx context.Context, f Frozen, n int) ([]Example, error) {
	list := []Example{}
	cond, args, err := f.Condition(3)
	if err != nil {
		return nil, err
	}
	args = append([]any{f.List, n}, args...)
	err = s.readOnly(ctx, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &list, `SELECT m.subscriber_id, m.address, m.joined_at FROM mailable m
			WHERE m.list_id = $1 AND `+cond+` ORDER BY m.shuffle, m.subscriber_id LIMIT $2`, args...)
	})
	for i := range list {
		list[i].Address = subscribers.Mask(list[i].Address)
	}
	return list, err
}

// readOnly runs a query that people wrote a part of: it can change nothing, and takes no longer than countTimeout.
func (s *Store) readOnly(ctx context.Context, do func(tx *sqlx.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.Err(err, "count the readers")
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SELECT set_config('statement_timeout', $1, true)`, strconv.FormatInt(countTimeout.Milliseconds(), 10)); err != nil {
		return db.Err(err, "count the readers")
	}
	err = do(tx)
	var e *pq.Error
	if errors.As(err, &e) && e.Code == "57014" && ctx.Err() == nil {
		return errs.Wrap(err, errs.Unavailable, "counting the readers took longer than %s; make the rule simpler, or try again when less is going on", countTimeout)
	}
	return db.Err(err, "count the readers")
}

// Unknown returns those attributes of a rule that no reader of the list has: most likely a slip of the pen.
func (s *Store) Unknown(ctx context.Context, f Frozen) ([]string, error) {
	var names []string
	_ = f.Rule.each(func(t *Test) error {
		if t.Field == fieldAttribute {
			names = append(names, t.Name)
		}
		return nil
	})
	if len(names) == 0 {
		return nil, nil
	}
	var unknown []string
	err := s.readOnly(ctx, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &unknown, `SELECT DISTINCT a.attribute FROM unnest($2::text[]) AS a (attribute)
			WHERE NOT EXISTS (SELECT FROM mailable m WHERE m.list_id = $1 AND m.attributes ? a.attribute) ORDER BY a.attribute`, f.List, pq.Array(names))
	})
	return unknown, err
}
