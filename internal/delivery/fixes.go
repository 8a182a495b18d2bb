package delivery

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Fixes puts a corrected message in the place of one that is going out. It is a new revision, for the chunks that nobody has begun and
// for readers who are still to be added; a chunk that was ever claimed keeps its own, so that a retry is the same octets.
type Fixes struct{ store *Store }

// NewFixes returns the fixes of the sends of a queue.
func NewFixes(s *Store) *Fixes { return &Fixes{store: s} }

// Fix is whom a corrected message reaches.
type Fix struct {
	Revision int   `db:"revision" json:"revision"`
	Readers  int64 `db:"readers" json:"readers"` // in the audience, whose chunks have not begun
	More     bool  `db:"more" json:"more"`       // and everybody who is still to be added to it
}

// Reach returns whom a fix would reach at this moment; it becomes less with each chunk that is claimed. Revision is that of the
// message now. Errors: errs.NotFound when the campaign was never launched.
func (f *Fixes) Reach(ctx context.Context, campaign int64) (Fix, error) {
	var reach Fix
	const q = `
		SELECT s.revision, s.state IN ('running', 'paused') AND NOT s.audience_complete AS more,
		       CASE WHEN s.state IN ('running', 'paused') THEN coalesce((SELECT sum(c.to_seq - c.from_seq + 1) FROM chunks c
		            WHERE c.campaign_id = s.campaign_id AND c.closed_at IS NULL AND c.token = 0), 0) ELSE 0 END::bigint AS readers
		FROM sends s WHERE s.campaign_id = $1`
	err := f.store.db.GetContext(ctx, &reach, q, campaign)
	if errors.Is(err, sql.ErrNoRows) {
		return Fix{}, errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	}
	return reach, db.Err(err, "read whom a fix would reach")
}

// PutTx makes m the message of all chunks of a campaign that have not begun, in the caller's transaction. Its groups must mean what
// those of the launch meant, since deliveries name them. A chunk that is claimed at the same moment has either revision, whole.
// Errors: errs.NotFound when the campaign was never launched; errs.Conflict when its send is over or no chunk is left to begin.
func (f *Fixes) PutTx(ctx context.Context, tx *sqlx.Tx, campaign int64, m Message) (Fix, error) {
	if m.Compiled == nil || m.Compiled.Campaign() != campaign {
		return Fix{}, errs.New(errs.Invalid, "the message was compiled for another campaign")
	}
	data, err := m.Compiled.MarshalBinary()
	if err != nil {
		return Fix{}, errs.Wrap(err, errs.Internal, "store the message")
	}
	// A step of the audience writes chunks of the revision that it found; it is waited for.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('audience of ' || $1::bigint, 0))`, campaign); err != nil {
		return Fix{}, db.Err(err, "store the message")
	}
	var send struct {
		State    string `db:"state"`
		Variant  int    `db:"variant"`
		Complete bool   `db:"audience_complete"`
	}
	err = tx.GetContext(ctx, &send, `SELECT state, variant, audience_complete FROM sends WHERE campaign_id = $1 FOR NO KEY UPDATE`, campaign)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Fix{}, errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	case err != nil:
		return Fix{}, db.Err(err, "read the send")
	case send.State != StateRunning && send.State != StatePaused:
		return Fix{}, errs.New(errs.Conflict, "the send of campaign %d is %s: there is nobody left whom a fix could reach", campaign, send.State)
	case send.Variant != m.Variant:
		return Fix{}, errs.New(errs.Invalid, "the message is of another variant")
	}
	fix := Fix{More: !send.Complete}
	const insert = `
		INSERT INTO messages (campaign_id, revision, variant, compiled, web_html)
		SELECT $1, max(revision) + 1, $2, $3, $4 FROM messages WHERE campaign_id = $1 RETURNING revision`
	if err := tx.GetContext(ctx, &fix.Revision, insert, campaign, m.Variant, data, m.WebHTML); err != nil {
		return Fix{}, db.Err(err, "store the message")
	}
	if _, err := tx.ExecContext(ctx, `UPDATE sends SET revision = $2 WHERE campaign_id = $1`, campaign, fix.Revision); err != nil {
		return Fix{}, db.Err(err, "put the fix in place")
	}
	// A claim holds the row: one that was first is waited for and found begun, one that comes later skips the row until the fix is in.
	const chunks = `
		WITH put AS (
			UPDATE chunks SET revision = $2 WHERE campaign_id = $1 AND closed_at IS NULL AND token = 0 RETURNING to_seq - from_seq + 1 AS readers
		) SELECT coalesce(sum(readers), 0)::bigint FROM put`
	if err := tx.GetContext(ctx, &fix.Readers, chunks, campaign, fix.Revision); err != nil {
		return Fix{}, db.Err(err, "put the fix in place")
	}
	if fix.Readers == 0 && !fix.More {
		return Fix{}, errs.New(errs.Conflict, "every reader of campaign %d has been sent it or is being sent it now; there is nobody left whom a fix could reach", campaign)
	}
	return fix, nil
}

// Groups returns which groups of a campaign's message are topics, and those of headings, as they were frozen at the launch: a fix must
// mean the same by them. It returns errs.NotFound when the campaign was never launched.
func (f *Fixes) Groups(ctx context.Context, campaign int64) (topics uint64, headings []Heading, err error) {
	var row struct {
		Topics   int64         `db:"topic_groups"`
		Headings pq.Int64Array `db:"heading_groups"`
	}
	err = f.store.db.GetContext(ctx, &row, `SELECT topic_groups, heading_groups FROM sends WHERE campaign_id = $1`, campaign)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	}
	for i := 0; i+1 < len(row.Headings); i += 2 {
		headings = append(headings, Heading{Group: uint64(row.Headings[i]), Stories: uint64(row.Headings[i+1])})
	}
	return uint64(row.Topics), headings, db.Err(err, "read the groups of the send")
}
