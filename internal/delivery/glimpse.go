package delivery

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Glimpses are what a page shows of a send beside its balance. Each is cheap enough to be asked for every few seconds.
type Glimpses struct{ store *Store }

// NewGlimpses returns the glimpses of the sends of a queue.
func NewGlimpses(s *Store) *Glimpses { return &Glimpses{store: s} }

// Glimpse is how a send stands, without its readers.
type Glimpse struct {
	State     string     `db:"state"`
	Reason    string     `db:"reason"`
	Launched  time.Time  `db:"created_at"`
	NotBefore time.Time  `db:"not_before"`
	Finished  *time.Time `db:"finished_at"`
	UndoUntil *time.Time `db:"undo_until"` // nil: no undo window, or it is over
	Slice     bool       `db:"slice"`      // only the first slice is out yet
	SliceSize *int64     `db:"slice_size"` // readers in it, of SliceOf; nil: not counted yet
	SliceOf   *int64     `db:"slice_of"`
	Complete  bool       `db:"audience_complete"`
	Wave      int        `db:"wave"`
	Revision  int        `db:"revision"`
	Priority  int        `db:"priority"`
}

// Over reports that nothing of it goes out any more by itself.
func (g Glimpse) Over() bool { return g.State != StateRunning && g.State != StatePaused }

// Send returns how a send stands; errs.NotFound when the campaign was never launched.
func (g *Glimpses) Send(ctx context.Context, campaign int64) (look Glimpse, err error) {
	const q = `
		SELECT state, reason, created_at, not_before, finished_at, CASE WHEN undo_until > clock_timestamp() AND audience = 0 THEN undo_until END AS undo_until,
		       slice_state = 'out' AS slice, slice_size, slice_of, audience_complete, wave, revision, priority
		FROM sends WHERE campaign_id = $1`
	err = g.store.db.GetContext(ctx, &look, q, campaign)
	if errors.Is(err, sql.ErrNoRows) {
		return look, errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	}
	return look, db.Err(err, "read the send")
}

// RefusedAs is how many readers were refused for good for one reason.
type RefusedAs struct {
	Class   string `db:"class"` // as relay has it, or render
	Readers int64  `db:"readers"`
}

// Refused counts who was refused for good, by the class of the reply, the most first. Whom another attempt reached all the same, which is
// rare, may be among them: only the balance is exact.
func (g *Glimpses) Refused(ctx context.Context, campaign int64) ([]RefusedAs, error) {
	refused := []RefusedAs{}
	err := g.store.db.SelectContext(ctx, &refused, `SELECT class, count(*) AS readers FROM outcomes WHERE campaign_id = $1 AND kind = 'failed'
		GROUP BY class ORDER BY readers DESC, class`, campaign)
	return refused, db.Err(err, "count who was refused")
}
