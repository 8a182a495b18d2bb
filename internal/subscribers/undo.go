package subscribers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// undoWithin is how long a leave can be undone by the link that did it.
const undoWithin = 24 * time.Hour

// throughLink begins the source of a leave from another list than that of the link.
const throughLink = "by the link of "

// undoableLists are the lines of those leaves of a token q (subscriber, list, slug, campaign) since q.since that still stand: the
// last line about that list must be its own.
const undoableLists = `
	FROM consent_log c WHERE c.subscriber_id = q.subscriber AND c.event = 'unsubscribed' AND c.method IN ('form', 'one-click', 'mailto')
		AND c.campaign_id IS NOT DISTINCT FROM q.campaign AND c.at > q.since
		AND (c.list_id = q.list AND c.source = '' OR c.source = '` + throughLink + `' || q.slug)
		AND c.id = (SELECT max(n.id) FROM consent_log n WHERE n.subscriber_id = c.subscriber_id AND n.list_id = c.list_id)`

// undoableAll says whether the same token's leaving of all mail still stands.
const undoableAll = `
	coalesce((SELECT event = 'unsubscribed_all' AND method IN ('form', 'one-click', 'mailto') AND campaign_id IS NOT DISTINCT FROM q.campaign AND at > q.since
		FROM consent_log WHERE subscriber_id = q.subscriber AND list_id IS NULL AND event IN ('unsubscribed_all', 'undone', 'unsuppressed')
		ORDER BY id DESC LIMIT 1), false)`

// Undo takes back what the same token did within the last 24 hours, leaving lists and leaving all mail alike, and
// nothing else: not what another token or an admin did, and no complaint, bounce or manual suppression. It reports
// whether there was something to undo. For what the token chose within its subscription there is Choices.Undo.
func (s *Store) Undo(ctx context.Context, r LeaveRequest) (changed bool, err error) {
	if r.Subscriber, err = s.Became(ctx, s.db, r.Subscriber); err != nil {
		return false, err
	}
	now := s.Now()
	if !r.At.IsZero() {
		now = r.At
	}
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		var known []int64
		// The row is locked so that two undos, or an undo and a new sign-up, follow each other.
		err := tx.SelectContext(ctx, &known, `SELECT id FROM subscribers WHERE id = $1 FOR NO KEY UPDATE`, r.Subscriber)
		if err != nil {
			return db.Err(err, "undo")
		}
		if len(known) == 0 {
			return errs.New(errs.NotFound, "there is no such subscriber")
		}
		err = tx.GetContext(ctx, &changed, `
			WITH q AS (
				SELECT $1::bigint AS subscriber, $2::bigint AS list, $3::bigint AS campaign, $4::timestamptz AS since,
					coalesce((SELECT slug FROM lists WHERE id = $2), '') AS slug
			), may AS (SELECT c.list_id FROM q, LATERAL (SELECT c.list_id `+undoableLists+`) c
			), back AS (
				UPDATE subscriptions SET state = CASE WHEN confirmed_at IS NULL THEN 'pending' ELSE 'confirmed' END, unsubscribed_at = NULL
				WHERE subscriber_id = $1 AND list_id IN (SELECT list_id FROM may) AND state = 'unsubscribed' RETURNING list_id
			), lifted AS (
				DELETE FROM suppressions WHERE reason = 'unsubscribed' AND (SELECT `+undoableAll+` FROM q)
					AND address_hash = (SELECT address_hash FROM subscribers WHERE id = $1) RETURNING id
			), logged AS (
				INSERT INTO consent_log (at, subscriber_id, list_id, event, method, campaign_id, network)
				SELECT coalesce($6, clock_timestamp()), $1, list_id, 'undone', 'form', $3, $5 FROM (SELECT list_id FROM back UNION ALL SELECT NULL FROM lifted) done)
			SELECT EXISTS (SELECT 1 FROM back) OR EXISTS (SELECT 1 FROM lifted)`,
			r.Subscriber, r.List, orNull(r.Campaign), now.Add(-undoWithin), r.Network, r.at())
		return db.Err(err, "undo")
	})
	return changed, err
}
