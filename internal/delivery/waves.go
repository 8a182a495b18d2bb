package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// MaxLate is how long after its launch a campaign may still be sent to late joiners: stale news is worse than none.
const MaxLate = 7 * 24 * time.Hour

// lateLife is how long a wave of late joiners may take, at least.
const lateLife = 24 * time.Hour

// Waves adds readers to a campaign after its launch. Its first audience is wave 1; who is in the audience now and was not when it was
// written can be added as a further wave: who joined since, came by an import, or ended a pause. The key of a delivery stays (campaign,
// subscriber), so nobody gets it twice.
type Waves struct{ store *Store }

// NewWaves returns the waves of the sends of a queue.
func NewWaves(s *Store) *Waves { return &Waves{store: s} }

// Wave is a part of the audience that was added together.
type Wave struct {
	Number  int   `db:"wave" json:"wave"`
	Readers int64 `db:"readers" json:"readers"`
}

// List returns the waves of a campaign, the first one first.
func (w *Waves) List(ctx context.Context, campaign int64) ([]Wave, error) {
	waves := []Wave{}
	err := w.store.db.SelectContext(ctx, &waves, `SELECT wave, sum(to_seq - from_seq + 1)::bigint AS readers FROM chunks
		WHERE campaign_id = $1 GROUP BY wave ORDER BY wave`, campaign)
	return waves, db.Err(err, "list the waves of the send")
}

// Late counts who would be in a wave that began now. It compares the whole list with the whole audience, so it is for a person who
// asks, not for a page that polls. Errors: those of AddTx.
func (w *Waves) Late(ctx context.Context, campaign int64) (n int64, err error) {
	err = db.InTx(ctx, w.store.db, func(tx *sqlx.Tx) error {
		n = 0
		if err := w.allowed(ctx, tx, campaign, ""); err != nil {
			return err
		}
		n, err = w.count(ctx, tx, campaign)
		return err
	})
	return n, err
}

// AddTx begins a wave of late joiners in the caller's transaction, whatever has become of the waves before: a send that is done goes
// on. The audience is written as the first one was, by a cursor that survives a crash. It returns who will be in it, about: who leaves
// before their turn is not. Errors: errs.NotFound when the campaign was never launched; errs.Conflict, with what can be done
// instead, when it was cancelled or has run out, its audience is still being written, its launch is too long ago, or nobody would be in it.
func (w *Waves) AddTx(ctx context.Context, tx *sqlx.Tx, campaign int64) (n int64, err error) {
	// Whoever writes the audience holds this lock, and would go on with the cursor of the wave before.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('audience of ' || $1::bigint, 0))`, campaign); err != nil {
		return 0, db.Err(err, "add late joiners")
	}
	if err := w.allowed(ctx, tx, campaign, ""); err != nil {
		return 0, err
	}
	// Counted before the row is locked: a pause must not wait for it.
	if n, err = w.count(ctx, tx, campaign); err != nil {
		return 0, err
	}
	if err := w.allowed(ctx, tx, campaign, ` FOR NO KEY UPDATE`); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errs.New(errs.Conflict, "nobody has joined the audience of campaign %d since it was written", campaign)
	}
	if err := ensurePartitions(ctx, tx, campaign); err != nil {
		return 0, err
	}
	const begin = `
		UPDATE sends SET wave = wave + 1, audience_as_of = clock_timestamp(), audience_complete = false, cursor_shuffle = -1, cursor_subscriber = 0,
		       state = CASE WHEN state = 'done' THEN 'running' ELSE state END, finished_at = NULL,
		       expires_at = greatest(expires_at, clock_timestamp() + $2 * interval '1 second')
		WHERE campaign_id = $1`
	_, err = tx.ExecContext(ctx, begin, campaign, int64(lateLife.Seconds()))
	return n, db.Err(err, "add late joiners")
}

// allowed reports why a wave cannot begin now.
func (w *Waves) allowed(ctx context.Context, tx *sqlx.Tx, campaign int64, lock string) error {
	var send struct {
		State    string    `db:"state"`
		Complete bool      `db:"audience_complete"`
		Slice    string    `db:"slice_state"`
		Before   time.Time `db:"not_before"`
		Stale    bool      `db:"stale"`
	}
	err := tx.GetContext(ctx, &send, `SELECT state, audience_complete, slice_state, not_before,
		created_at < clock_timestamp() - $2 * interval '1 second' AS stale FROM sends WHERE campaign_id = $1`+lock, campaign, int64(MaxLate.Seconds()))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	case err != nil:
		return db.Err(err, "read the send")
	case send.State == StateCancelled || send.State == StateExpired:
		return errs.New(errs.Conflict, "the send of campaign %d is %s: nothing of it goes out any more", campaign, send.State)
	case send.Slice == sliceOut || send.Slice == sliceFailed:
		return errs.New(errs.Conflict, "only the first slice of campaign %d is out; who joins before the rest is written is left out of it, so wait for that", campaign)
	case !send.Complete:
		return errs.New(errs.Conflict, "the audience of campaign %d is still being written; wait until that is done", campaign)
	case send.Stale:
		return errs.New(errs.Conflict, "campaign %d was launched more than %d days ago; that is no news any more for who joins now", campaign, int(MaxLate.Hours()/24))
	}
	// Who had it after the backup was made would get it once more.
	return refuseRestored(ctx, tx, send.Before)
}

// count counts the late joiners of a send.
func (w *Waves) count(ctx context.Context, tx *sqlx.Tx, campaign int64) (n int64, err error) {
	send, err := readAudience(ctx, tx, campaign)
	if err != nil {
		return 0, err
	}
	if err := tx.GetContext(ctx, &send.AsOf, `SELECT clock_timestamp()`); err != nil {
		return 0, db.Err(err, "count late joiners")
	}
	send.Wave++
	return w.store.countShown(ctx, tx, send)
}

// Expected counts the readers of a campaign that was launched now with l, of which only what says who is in the audience need be set. It
// reads the whole list, so it is for a person who is about to start.
func (s *Store) Expected(ctx context.Context, l Launch) (n int64, err error) {
	send := audience{List: l.List, Groups: int64(l.Groups), Supporter: int64(l.SupporterGroups), narrowing: narrowingOf(l)}
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		if err := tx.GetContext(ctx, &send.AsOf, `SELECT clock_timestamp()`); err != nil {
			return db.Err(err, "count the readers")
		}
		var err error
		n, err = s.countShown(ctx, tx, send)
		return err
	})
	var rule *ruleError
	if errors.As(err, &rule) {
		err = rule.error
	}
	return n, err
}

// countShown counts who is in the audience of a send.
func (s *Store) countShown(ctx context.Context, tx *sqlx.Tx, send audience) (n int64, err error) {
	if _, err := tx.ExecContext(ctx, `SET LOCAL work_mem = '64MB'; SET LOCAL statement_timeout = '30s'`); err != nil {
		return 0, db.Err(err, "count the readers")
	}
	var q statement
	q.sql, err = s.countSQL(&q, send)
	if err != nil {
		return 0, err
	}
	err = tx.GetContext(ctx, &n, q.sql, q.args...)
	return n, send.fault(db.Err(err, "count the readers"))
}

// countSQL counts an audience. Where everybody of the batch is shown nothing of it need be kept, so that Postgres may count it in
// parallel; and where nobody is narrowed out there is a shorter way still.
func (s *Store) countSQL(q *statement, send audience) (string, error) {
	if !send.hides() && len(send.Rule) == 0 && send.Wave <= 1 {
		hears := send.Frequency
		if hears == FrequencyAll {
			hears = ""
		}
		return `SELECT ` + subscribers.CountMailable(q.arg(send.List), q.arg(hears), q.arg(send.AsOf)), nil
	}
	batch, err := s.batch(q, send, "", "")
	if err != nil {
		return "", err
	}
	if !send.hides() {
		return `SELECT count(*) FROM (` + batch + `) b`, nil
	}
	return `WITH batch AS MATERIALIZED (` + batch + `)` + send.shown(q) + ` SELECT count(*) FROM shown`, nil
}
