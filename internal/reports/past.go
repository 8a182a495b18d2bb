package reports

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Line is what became of one campaign, in a line: what stands in closed chunks, so that of a running send some minutes may be missing.
type Line struct {
	ID         int64     `db:"id" json:"id"`
	Name       string    `db:"name" json:"name"`
	Subject    string    `db:"subject" json:"subject"`
	ListID     int64     `db:"list_id" json:"-"`
	List       string    `db:"list" json:"list"` // slug
	ListName   string    `db:"list_name" json:"list_name"`
	LaunchedAt time.Time `db:"launched_at" json:"launched_at"`
	State      string    `db:"state" json:"state"` // of the send: running, paused, done, cancelled, expired
	Narrowed   bool      `db:"narrowed" json:"narrowed,omitempty"`
	Audience   int64     `db:"audience" json:"audience"`
	Accepted   int64     `db:"accepted" json:"accepted"`
	Failed     int64     `db:"failed" json:"failed"`
	Unknown    int64     `db:"unknown" json:"unknown"`
	Left       int64     `db:"gone" json:"left"`         // through its mail, and did not take it back
	Clicks     int64     `db:"clicks" json:"clicks"`     // of people on its appeal
	Machines   int64     `db:"machines" json:"machines"` // of programs
}

// PastFilter narrows Past.
type PastFilter struct {
	Lists  []int64   // nil: all; empty: none
	Before int64     // the page after the one that ended with this campaign; 0: the first
	Since  time.Time // launched then or later; zero: ever
	Limit  int       // default 25, at most 1,000
}

// Past returns the campaigns that were launched, the newest first, each with its figures.
func (s *Store) Past(ctx context.Context, f PastFilter) ([]Line, error) {
	if f.Limit <= 0 {
		f.Limit = 25
	}
	var since *time.Time
	if !f.Since.IsZero() {
		since = &f.Since
	}
	lines := []Line{}
	err := s.db.SelectContext(ctx, &lines, `
		WITH page AS MATERIALIZED (
			SELECT c.id, c.name, c.subject, c.list_id, c.launched_at FROM campaigns c
			WHERE c.state = 'launched' AND ($1::bigint[] IS NULL OR c.list_id = ANY ($1)) AND ($2::bigint = 0 OR c.id < $2)
				AND ($3::timestamptz IS NULL OR c.launched_at >= $3)
			ORDER BY c.id DESC LIMIT $4
		)
		SELECT p.*, l.slug AS list, l.name AS list_name, s.state, s.rule IS NOT NULL AS narrowed, s.audience, t.accepted, t.failed, t.unknown,
			greatest(x.gone, 0) AS gone, k.clicks, k.machines
		FROM page p JOIN lists l ON l.id = p.list_id JOIN sends s ON s.campaign_id = p.id
		CROSS JOIN LATERAL (SELECT coalesce(sum(accepted), 0) AS accepted, coalesce(sum(failed), 0) AS failed, coalesce(sum(unknown), 0) AS unknown
			FROM chunks WHERE campaign_id = p.id AND closed_at IS NOT NULL) t
		CROSS JOIN LATERAL (SELECT count(DISTINCT subscriber_id) FILTER (WHERE event <> 'undone') - count(DISTINCT subscriber_id) FILTER (WHERE event = 'undone') AS gone
			FROM consent_log WHERE campaign_id = p.id AND event IN ('unsubscribed', 'unsubscribed_all', 'undone')) x
		CROSS JOIN LATERAL (SELECT coalesce(sum(clicks), 0)::bigint AS clicks, coalesce(sum(machine_clicks), 0)::bigint AS machines
			FROM appeal_clicks WHERE campaign_id = p.id) k
		ORDER BY p.id DESC`, pq.Array(f.Lists), f.Before, since, min(f.Limit, 1000))
	return lines, db.Err(err, "read what became of campaigns")
}
