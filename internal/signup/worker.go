package signup

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

const (
	tryAgain = 30 * time.Second // times the number of tries
	giveUp   = 24 * time.Hour
)

// row is a request that waits.
type row struct {
	ID          int64         `db:"id"`
	List        sql.NullInt64 `db:"list_id"`
	Publication sql.NullInt64 `db:"publication_id"`
	Lists       pq.Int64Array `db:"lists"`
	Address     string        `db:"address"`
	Language    string        `db:"language"`
	Wording     string        `db:"wording"`
	SourceURL   string        `db:"source_url"`
	Network     string        `db:"network"`
}

// Run works off what this process takes, at once, until ctx ends. What it leaves, other processes' chores find.
func (s *Service) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			if _, err := s.Work(context.WithoutCancel(ctx)); err != nil {
				s.Log.Error("work off sign-ups; they will be tried again", "err", err)
			}
		}
	}
}

// Work works off all requests that are due and returns how many. Several may do so at once.
func (s *Service) Work(ctx context.Context) (n int, err error) {
	for {
		worked, err := s.one(ctx)
		if err != nil || !worked {
			return n, err
		}
		n++
	}
}

// one works off one request, in one transaction with its removal.
func (s *Service) one(ctx context.Context) (worked bool, err error) {
	var r row
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		r = row{}
		err := tx.GetContext(ctx, &r, `SELECT id, list_id, publication_id, lists, address, language, wording, source_url, network FROM signups
			WHERE due <= now() ORDER BY due, id LIMIT 1 FOR UPDATE SKIP LOCKED`)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return db.Err(err, "find a sign-up")
		}
		worked = true
		if err := s.join(ctx, tx, r); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM signups WHERE id = $1`, r.ID)
		return db.Err(err, "finish a sign-up")
	})
	if err == nil || !worked {
		return worked, err
	}
	// One that cannot be worked off must not stand in the way of the others.
	s.Log.Error("a sign-up failed; it will be tried again", "signup", r.ID, "err", err)
	_, later := s.DB.ExecContext(ctx, `UPDATE signups SET attempts = attempts + 1, due = clock_timestamp() + (attempts + 1) * $2 * interval '1 second'
		WHERE id = $1`, r.ID, tryAgain.Seconds())
	return true, db.Err(later, "put off a sign-up")
}

// join puts a person on the lists, with the evidence, and asks for the confirmation of those that need one with a single mail.
func (s *Service) join(ctx context.Context, tx *sqlx.Tx, r row) error {
	lists, err := subscribers.OpenLists(ctx, tx, r.Lists)
	if err != nil || len(lists) == 0 {
		return err
	}
	form, n, err := version(ctx, tx, Form{List: r.List.Int64, Publication: r.Publication.Int64}, r.Wording)
	if err != nil {
		return err
	}
	var person subscribers.Subscriber
	var ask []subscribers.List
	for _, l := range lists {
		added, err := s.Subscribers.AddTx(ctx, tx, subscribers.AddRequest{Address: r.Address, Language: r.Language, ListID: l.ID,
			Method: subscribers.MethodForm, Source: "sign-up form", Wording: r.Wording, Network: r.Network, Form: form, FormVersion: n, SourceURL: r.SourceURL})
		if errs.KindOf(err) == errs.Conflict || errs.KindOf(err) == errs.Invalid {
			continue // the list or the rules have changed since
		}
		if err != nil {
			return err
		}
		if added.NeedsConfirm {
			person, ask = added.Subscriber, append(ask, l)
		}
	}
	if person.Language == "" {
		person.Language = r.Language // for this mail only: what is known of a person, a form does not change
	}
	_, err = s.Letters.Confirm(ctx, tx, person, ask...)
	return err
}

// Tidy drops requests that could not be worked off in a day, and counts that are over.
func (s *Service) Tidy(ctx context.Context) error {
	if _, err := s.DB.ExecContext(ctx, `DELETE FROM signups WHERE created_at < clock_timestamp() - $1 * interval '1 second'`, giveUp.Seconds()); err != nil {
		return db.Err(err, "drop old sign-ups")
	}
	_, err := s.Limits.Prune(ctx)
	return err
}
