package delivery

import (
	"context"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Filter narrows Outcomes.
type Filter struct {
	State string // failed, unknown, suppressed, expired or deferred; empty: all of these
	After int64  // the seq of the last one seen; 0: from the start
	Limit int    // 0: 100; at most 1,000
}

// Reader is a delivery that did not simply go through: what state it is in and what the relay last said.
type Reader struct {
	Seq        int64      `db:"seq" json:"seq"`
	Subscriber int64      `db:"subscriber_id" json:"subscriber"`
	Address    string     `db:"recipient" json:"address"` // in full; mask it before it is shown
	Provider   string     `db:"provider" json:"provider"`
	State      string     `db:"state" json:"state"`
	Attempts   int        `db:"attempts" json:"attempts"`
	Class      string     `db:"class" json:"class,omitempty"`
	Code       int        `db:"code" json:"code,omitempty"`
	Enhanced   string     `db:"enhanced" json:"enhanced,omitempty"`
	Reply      string     `db:"reply" json:"reply,omitempty"`
	At         time.Time  `db:"at" json:"at"`
	Due        *time.Time `db:"due" json:"due,omitempty"` // deferred: when it is tried again
}

// Outcomes lists readers of a campaign who failed, are in doubt, left, expired, or are due again, by seq. A campaign that was
// never launched has none.
func (s *Store) Outcomes(ctx context.Context, campaign int64, f Filter) ([]Reader, error) {
	switch f.State {
	case "", kindFailed, kindUnknown, kindSuppressed, kindExpired, kindDeferred:
	default:
		return nil, errs.Field("state", "must be failed, unknown, suppressed, expired or deferred")
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	const q = `
		SELECT x.*, d.subscriber_id, d.recipient, c.provider
		FROM (
			SELECT o.seq, t.kind AS state, t.attempt AS attempts, t.class, t.code, t.enhanced, t.reply, t.at, NULL::timestamptz AS due
			FROM outcomes o CROSS JOIN LATERAL decided(o.campaign_id, o.seq, o.seq) t
			WHERE o.campaign_id = $1 AND o.seq > $2 AND o.kind IN ('failed', 'suppressed', 'expired', 'unknown')
			  AND t.attempt = o.attempt AND ($3 = '' OR o.kind = $3)
			UNION ALL
			SELECT r.seq, 'deferred', o.attempt, o.class, o.code, o.enhanced, o.reply, o.at, r.due
			FROM retries r JOIN sends s ON s.campaign_id = r.campaign_id AND s.state IN ('running', 'paused')
			JOIN outcomes o ON o.campaign_id = r.campaign_id AND o.seq = r.seq AND o.attempt = r.attempt - 1
			WHERE r.campaign_id = $1 AND r.seq > $2 AND $3 IN ('', 'deferred')
			ORDER BY seq LIMIT $4) x
		JOIN deliveries d ON d.campaign_id = $1 AND d.seq = x.seq
		CROSS JOIN LATERAL (SELECT provider FROM chunks c WHERE c.campaign_id = $1 AND c.from_seq <= x.seq
		                    ORDER BY c.from_seq DESC LIMIT 1) c
		ORDER BY x.seq`
	var readers []Reader
	err := s.db.SelectContext(ctx, &readers, q, campaign, f.After, f.State, min(f.Limit, 1000))
	return readers, db.Err(err, "list the outcomes of the send")
}
