package delivery

import (
	"context"
	"time"

	"mailer/internal/db"
)

// Balance is where every reader of a send stands at one moment. Queued to Unknown add up to Audience, always: while the
// audience is being written, while messages go out and after the end.
type Balance struct {
	Audience         int64      `db:"audience" json:"audience"`
	Queued           int64      `db:"queued" json:"queued"`
	Claimed          int64      `db:"claimed" json:"claimed"`   // in a chunk that a worker is at
	Accepted         int64      `db:"accepted" json:"accepted"` // the relay has taken it
	Deferred         int64      `db:"deferred" json:"deferred"` // due again
	Failed           int64      `db:"failed" json:"failed"`
	Suppressed       int64      `db:"suppressed" json:"suppressed"` // left or suppressed after the launch
	Cancelled        int64      `db:"cancelled" json:"cancelled"`
	Expired          int64      `db:"expired" json:"expired"`
	Unknown          int64      `db:"unknown" json:"unknown"` // in doubt and held
	AudienceComplete bool       `db:"audience_complete" json:"audience_complete"`
	State            string     `db:"state" json:"state"`
	Reason           string     `db:"reason" json:"reason,omitempty"`
	NextDue          *time.Time `db:"next_due" json:"next_due,omitempty"` // when the next deferred one is tried again
}

// Open returns how many are not at an end.
func (b Balance) Open() int64 { return b.Queued + b.Claimed + b.Deferred }

// Balance counts the tallies of closed chunks and the rows of open ones, in one snapshot: its cost goes with the work in
// hand, not with the audience. It returns errs.NotFound when the campaign was never launched.
func (s *Store) Balance(ctx context.Context, campaign int64) (Balance, error) {
	var b Balance
	err := s.db.GetContext(ctx, &b, balanceSQL, campaign)
	return b, db.Err(err, "read the balance of the send")
}

// A closed chunk is its tally and its retry rows; an open one is its deciding outcomes, its retry rows, and the rest of its
// range, which nothing is written down for yet. Once the send has ended, a doubt that waited for its retry is unknown.
// A chunk that was never claimed has no outcomes to look for.
const balanceSQL = `
	WITH open AS MATERIALIZED (
		SELECT c.id, c.to_seq - c.from_seq + 1 AS size, coalesce(c.lease_until > clock_timestamp(), false) AS live,
		       coalesce(o.accepted, 0) AS accepted, coalesce(o.failed, 0) AS failed, coalesce(o.suppressed, 0) AS suppressed,
		       coalesce(o.expired, 0) AS expired, coalesce(o.unknown, 0) AS unknown
		FROM chunks c
		LEFT JOIN LATERAL (` + tallySQL + `) o ON c.token > 0
		WHERE c.campaign_id = $1 AND c.closed_at IS NULL
	), waiting AS MATERIALIZED (
		SELECT count(*) AS n, min(due) AS next_due,
		       count(*) FILTER (WHERE o.id IS NOT NULL) AS in_open, count(*) FILTER (WHERE o.live) AS in_live,
		       count(*) FILTER (WHERE s.state IN ('cancelled', 'expired')
		                          AND EXISTS (SELECT FROM outcomes d WHERE d.campaign_id = r.campaign_id AND d.seq = r.seq AND d.kind = 'doubt')) AS doubts
		FROM retries r JOIN sends s ON s.campaign_id = r.campaign_id LEFT JOIN open o ON o.id = r.chunk_id
		WHERE r.campaign_id = $1
	), ended AS (
		SELECT coalesce(sum(accepted), 0) AS accepted, coalesce(sum(failed), 0) AS failed, coalesce(sum(suppressed), 0) AS suppressed,
		       coalesce(sum(expired), 0) AS expired, coalesce(sum(unknown), 0) AS unknown
		FROM (SELECT accepted, failed, suppressed, expired, unknown FROM open
		      UNION ALL
		      SELECT accepted, failed, suppressed, expired, unknown FROM chunks WHERE campaign_id = $1 AND closed_at IS NOT NULL) x
	), at_hand AS (
		SELECT coalesce(sum(size - accepted - failed - suppressed - expired - unknown), 0) - w.in_open AS unsent,
		       coalesce(sum(size - accepted - failed - suppressed - expired - unknown) FILTER (WHERE live), 0) - w.in_live AS claimed
		FROM waiting w LEFT JOIN open ON true GROUP BY w.in_open, w.in_live
	), over AS (
		SELECT campaign_id, state IN ('cancelled', 'expired') AS over FROM sends WHERE campaign_id = $1
	), rest AS (
		SELECT s.audience - e.accepted - e.failed - e.suppressed - e.expired - e.unknown AS n FROM sends s, ended e WHERE s.campaign_id = $1
	)
	SELECT s.audience, s.audience_complete, s.state, s.reason,
	       CASE WHEN o.over THEN 0 ELSE h.unsent - h.claimed END AS queued,
	       CASE WHEN o.over THEN 0 ELSE h.claimed END AS claimed,
	       CASE WHEN o.over THEN 0 ELSE w.n END AS deferred,
	       CASE WHEN NOT o.over THEN w.next_due END AS next_due,
	       e.accepted, e.failed, e.suppressed, e.unknown + CASE WHEN o.over THEN w.doubts ELSE 0 END AS unknown,
	       e.expired + CASE WHEN s.state = 'expired' THEN rest.n - w.doubts ELSE 0 END AS expired,
	       CASE WHEN s.state = 'cancelled' THEN rest.n - w.doubts ELSE 0 END AS cancelled
	FROM sends s JOIN over o USING (campaign_id), waiting w, ended e, at_hand h, rest
	WHERE s.campaign_id = $1`

// tallySQL counts the deciding outcomes of the chunk c.
const tallySQL = `
	SELECT count(*) FILTER (WHERE d.kind = 'accepted') AS accepted, count(*) FILTER (WHERE d.kind = 'failed') AS failed,
	       count(*) FILTER (WHERE d.kind = 'suppressed') AS suppressed, count(*) FILTER (WHERE d.kind = 'expired') AS expired,
	       count(*) FILTER (WHERE d.kind = 'unknown') AS unknown, count(*) AS terminal
	FROM decided(c.campaign_id, c.from_seq, c.to_seq) d`
