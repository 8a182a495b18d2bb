package subscribers

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/outbox"
)

// undoWithin is how long a leave can be undone by the link that did it.
const undoWithin = 24 * time.Hour

// LeaveRequest is what a leave token names, and what is asked of it.
type LeaveRequest struct {
	Subscriber, List int64
	Campaign         int64  // 0: none
	All              bool   // all mail, not only this list
	Method           string // MethodOneClick, MethodForm or MethodAdmin
	Network          string // of the reader, for the consent log
}

// Leave takes a person off a list, or off all mail. It counts for every send from the moment it returns, those that are
// running included, and a confirm mail that still waits is withdrawn. A repeat is no error and no second event; Changed tells. It returns errs.NotFound when the person
// is not known (any more).
//
// Leaving all mail is a suppression and leaves the subscriptions as they are, so that an undo restores exactly what was.
func (s *Store) Leave(ctx context.Context, r LeaveRequest) (changed bool, err error) {
	// One statement each: the row that changes is the lock, so of many at once one finds something to change.
	const leaveList = `
		WITH gone AS (
			UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = now()
			WHERE subscriber_id = $1 AND list_id = $2 AND state <> 'unsubscribed' RETURNING subscriber_id, list_id
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT subscriber_id, list_id FROM gone
		), logged AS (
			INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id, network)
			SELECT subscriber_id, list_id, 'unsubscribed', $3, $4, $5 FROM gone)
		SELECT EXISTS (SELECT 1 FROM subscribers WHERE id = $1) AS known, EXISTS (SELECT 1 FROM gone) AS changed`
	const leaveAll = `
		WITH gone AS (
			INSERT INTO suppressions (address_hash, address, reason, campaign_id)
			SELECT address_hash, address, 'unsubscribed', $4 FROM subscribers WHERE id = $1
			ON CONFLICT (address_hash, reason) DO NOTHING RETURNING id
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT $1, NULL FROM gone
		), logged AS (
			INSERT INTO consent_log (subscriber_id, event, method, campaign_id, network, source)
			SELECT $1, 'unsubscribed_all', $3, $4, $5, coalesce((SELECT slug FROM lists WHERE id = $2), '') FROM gone)
		SELECT EXISTS (SELECT 1 FROM subscribers WHERE id = $1) AS known, EXISTS (SELECT 1 FROM gone) AS changed`
	statement := leaveList
	if r.All {
		statement = leaveAll
	}
	var done struct{ Known, Changed bool }
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &done, statement, r.Subscriber, r.List, r.Method, orNull(r.Campaign), r.Network)
		if err != nil || !done.Changed {
			return db.Err(err, "unsubscribe")
		}
		list := r.List
		if r.All {
			list = 0
		}
		return outbox.Withdraw(ctx, tx, ConfirmKey(r.Subscriber, list))
	})
	if err != nil {
		return false, err
	}
	if !done.Known {
		return false, errs.New(errs.NotFound, "there is no such subscriber")
	}
	return done.Changed, nil
}

// Undo takes back what the same token did within the last 24 hours, leaving this list and leaving all mail alike, and
// nothing else: not what another token or an admin did, and no complaint, bounce or manual suppression. It reports
// whether there was something to undo.
func (s *Store) Undo(ctx context.Context, r LeaveRequest) (changed bool, err error) {
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
			WITH may AS (SELECT `+undoable+`
			), back AS (
				UPDATE subscriptions SET state = CASE WHEN confirmed_at IS NULL THEN 'pending' ELSE 'confirmed' END, unsubscribed_at = NULL
				WHERE subscriber_id = $1 AND list_id = $2 AND state = 'unsubscribed' AND (SELECT list FROM may) RETURNING list_id
			), lifted AS (
				DELETE FROM suppressions WHERE reason = 'unsubscribed' AND (SELECT everything FROM may)
					AND address_hash = (SELECT address_hash FROM subscribers WHERE id = $1) RETURNING id
			), logged AS (
				INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id, network)
				SELECT $1, list_id, 'undone', 'form', $3, $5 FROM (SELECT list_id FROM back UNION ALL SELECT NULL FROM lifted) done)
			SELECT EXISTS (SELECT 1 FROM back) OR EXISTS (SELECT 1 FROM lifted)`,
			r.Subscriber, r.List, orNull(r.Campaign), s.Now().Add(-undoWithin), r.Network)
		return db.Err(err, "undo")
	})
	return changed, err
}

// undoable says of a token (subscriber $1, list $2, campaign $3) which of its acts since $4 still stand: the last line
// that changed the matter must be its own.
const undoable = `
	coalesce((SELECT event = 'unsubscribed' AND method IN ('form', 'one-click') AND campaign_id IS NOT DISTINCT FROM $3 AND at > $4
		FROM consent_log WHERE subscriber_id = $1 AND list_id = $2 ORDER BY id DESC LIMIT 1), false) AS list,
	coalesce((SELECT event = 'unsubscribed_all' AND method IN ('form', 'one-click') AND campaign_id IS NOT DISTINCT FROM $3 AND at > $4
		FROM consent_log WHERE subscriber_id = $1 AND list_id IS NULL AND event IN ('unsubscribed_all', 'undone', 'unsuppressed')
		ORDER BY id DESC LIMIT 1), false) AS everything`

// LeavePage is what the page behind a leave token shows: enough to decide, nothing that is not in the mail.
type LeavePage struct {
	ListName string `db:"name"`
	Language string `db:"language"` // of the list
	HomeURL  string `db:"home_url"`
	Accent   string `db:"accent_colour"`
	Address  string `db:"address"` // masked
	LeftList bool   `db:"left_list"`
	LeftAll  bool   `db:"left_all"`
	// Undo: something that this token did can be undone.
	Undo bool `db:"undo"`
}

// Leaving returns the page of a leave token as things stand, or errs.NotFound when the person or list is not known
// (any more). It changes nothing.
func (s *Store) Leaving(ctx context.Context, r LeaveRequest) (LeavePage, error) {
	var p LeavePage
	err := s.db.GetContext(ctx, &p, `
		SELECT l.name, l.language, l.home_url, l.accent_colour, s.address, coalesce(sn.state = 'unsubscribed', true) AS left_list,
			EXISTS (SELECT 1 FROM suppressions x WHERE x.address_hash = s.address_hash) AS left_all,
			(SELECT may.list OR may.everything FROM (SELECT `+undoable+`) may) AS undo
		FROM subscribers s JOIN lists l ON l.id = $2
		LEFT JOIN subscriptions sn ON sn.subscriber_id = s.id AND sn.list_id = l.id
		WHERE s.id = $1`, r.Subscriber, r.List, orNull(r.Campaign), s.Now().Add(-undoWithin))
	p.Address = Mask(p.Address)
	return p, db.Err(err, "find the subscription")
}

// NoteGone writes down anew which of these people may not be mailed for a list, as far as q sees. It is for a send that goes on
// after its end: what PruneLeaves has forgotten meanwhile it could not know.
func (s *Store) NoteGone(ctx context.Context, q db.Q, list int64, people []int64) error {
	_, err := q.ExecContext(ctx, `
		INSERT INTO leaves (subscriber_id, list_id) SELECT DISTINCT k.id, $1::bigint FROM unnest($2::bigint[]) k(id)
		WHERE NOT EXISTS (SELECT FROM mailable m WHERE m.list_id = $1 AND m.subscriber_id = k.id)`, list, pq.Array(people))
	return db.Err(err, "note who has left")
}

// PruneLeaves forgets notes of leaves older than before, and returns how many. A send looks at them alone until its end,
// so before must not be later than the launch of any send that is still open. For one that is opened again there is NoteGone.
func (s *Store) PruneLeaves(ctx context.Context, before time.Time) (int64, error) {
	res, err := s.db.ExecContext(ctx, `DELETE FROM leaves WHERE at < $1`, before)
	if err != nil {
		return 0, db.Err(err, "prune leaves")
	}
	n, err := res.RowsAffected()
	return n, db.Err(err, "prune leaves")
}

// orNull returns nil for 0, as columns that name nothing have it.
func orNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

func suppressionSubject(id int64) string { return "suppression " + strconv.FormatInt(id, 10) }

// capped cuts s, which comes from outside, to at most n bytes that Postgres can hold.
func capped(s string, n int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
