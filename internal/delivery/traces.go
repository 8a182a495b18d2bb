package delivery

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Mailed is what came of one campaign for one reader.
type Mailed struct {
	Campaign int64      `db:"campaign_id"`
	State    string     `db:"state"`
	At       *time.Time `db:"at"` // of the last attempt; nil: there was none yet
	Attempts int        `db:"attempts"`
	Code     int        `db:"code"` // of the reply; 0: there was none
	Enhanced string     `db:"enhanced"`
	Reply    string     `db:"reply"` // what the relay said last, addresses masked
	Relay    string     `db:"relay"`
}

// Lately returns what came of the last campaigns that a reader was in the audience of, newest first, at most limit of those before
// one (0: from the newest). One look into the index of each campaign, until there are enough.
func (t Traces) Lately(ctx context.Context, subscriber, before int64, limit int) ([]Mailed, error) {
	var keys []struct {
		Campaign int64 `db:"campaign_id"`
		Seq      int64 `db:"seq"`
	}
	err := t.s.db.SelectContext(ctx, &keys, `
		SELECT s.campaign_id, d.seq FROM sends s
		CROSS JOIN LATERAL (SELECT d.seq FROM deliveries d WHERE d.campaign_id = s.campaign_id AND d.subscriber_id = $1 LIMIT 1) d
		WHERE $2 = 0 OR s.campaign_id < $2 ORDER BY s.campaign_id DESC LIMIT $3`, subscriber, before, limit)
	if err != nil || len(keys) == 0 {
		return nil, db.Err(err, "read the mails to a reader")
	}
	campaigns, seqs := make(pq.Int64Array, len(keys)), make(pq.Int64Array, len(keys))
	for i, k := range keys {
		campaigns[i], seqs[i] = k.Campaign, k.Seq
	}
	var mails []Mailed
	err = t.s.db.SelectContext(ctx, &mails, `
		SELECT k.campaign_id, v.state, o.at, coalesce(o.attempts, 0) AS attempts, coalesce(o.code, 0) AS code, coalesce(o.enhanced, '') AS enhanced, coalesce(o.reply, '') AS reply, coalesce(o.relay, '') AS relay
		FROM unnest($1::bigint[], $2::bigint[]) k(campaign_id, seq)
		CROSS JOIN LATERAL (SELECT v.state FROM delivery_state v WHERE v.campaign_id = k.campaign_id AND v.seq = k.seq LIMIT 1) v
		LEFT JOIN LATERAL (SELECT o.at, o.attempt AS attempts, o.code, o.enhanced, o.reply, o.relay FROM outcomes o WHERE o.campaign_id = k.campaign_id AND o.seq = k.seq
			ORDER BY o.attempt DESC LIMIT 1) o ON true
		ORDER BY k.campaign_id DESC`, campaigns, seqs)
	for i := range mails {
		mails[i].Reply = MaskReply(mails[i].Reply)
	}
	return mails, db.Err(err, "read the mails to a reader")
}
