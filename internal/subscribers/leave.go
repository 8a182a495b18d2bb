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

// MethodMailto is the reader's own act by the mailto address of List-Unsubscribe.
const MethodMailto = "mailto"

// LeaveRequest is what a leave token names, and what is asked of it.
type LeaveRequest struct {
	Subscriber, List int64
	Campaign         int64  // 0: none
	All              bool   // all mail, not only this list
	Method           string // MethodOneClick, MethodForm, MethodMailto or MethodAdmin
	Network          string // of the reader, for the consent log
	// Through is the list of the token, where List is another one that the reader leaves by the same link; else 0.
	Through int64
	// At is when the reader asked, where that was before now: while the database was away. The wish is void when the reader
	// has agreed again since.
	At time.Time
}

func (r LeaveRequest) at() *time.Time {
	if r.At.IsZero() {
		return nil
	}
	return &r.At
}

// Leave takes a person off a list, or off all mail. It counts for every send from the moment it returns, those that are
// running included, and a confirm mail that still waits is withdrawn. A repeat is no error and no second event; Changed tells. It returns errs.NotFound when the person
// is not known (any more).
//
// Leaving all mail is a suppression and leaves the subscriptions as they are, so that an undo restores exactly what was.
func (s *Store) Leave(ctx context.Context, r LeaveRequest) (changed bool, err error) {
	if !r.All && r.Through == 0 {
		done, err := s.leaves.do(ctx, r)
		switch {
		case err != nil && errs.KindOf(err) == errs.Unavailable:
			return false, err
		case err == nil && done.settled:
			return done.changed, nil
		}
		// It takes more than the common statement, or the statement failed for somebody else's sake.
	}
	changed, err = s.leaveAlone(ctx, r)
	if errs.KindOf(err) == errs.NotFound {
		// Perhaps the reader has become another one.
		if into, merged := s.Became(ctx, s.db, r.Subscriber); merged == nil && into != r.Subscriber {
			r.Subscriber = into
			return s.leaveAlone(ctx, r)
		}
	}
	return changed, err
}

// newerConsent is what makes a wish void that is older; $7 is when it was made. A sign-up that nobody has confirmed is not the reader's
// word, anybody can type an address: it only keeps the list itself from being left before it is confirmed.
const newerConsent = `EXISTS (SELECT FROM consent_log c WHERE c.subscriber_id = $1 AND (c.list_id = $2 OR $8) AND c.at > $7
	AND (c.event IN ('confirmed', 'added', 'undone') OR c.event = 'signed_up' AND NOT $8
		AND EXISTS (SELECT FROM subscriptions p WHERE p.subscriber_id = $1 AND p.list_id = $2 AND p.state = 'pending')))`

// leaveAlone is Leave in a transaction of its own, for whatever the common statement leaves to it.
func (s *Store) leaveAlone(ctx context.Context, r LeaveRequest) (changed bool, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		changed, err = leaveIn(ctx, tx, r)
		return err
	})
	return changed && err == nil, err
}

// leaveIn does it within the caller's transaction.
func leaveIn(ctx context.Context, tx *sqlx.Tx, r LeaveRequest) (changed bool, err error) {
	// One statement each: the row that changes is the lock, so of many at once one finds something to change.
	const leaveList = `
		WITH gone AS (
			UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = coalesce($7, now())
			WHERE subscriber_id = $1 AND list_id = $2 AND state <> 'unsubscribed' AND ($7::timestamptz IS NULL OR NOT ` + newerConsent + `)
			RETURNING subscriber_id, list_id
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT subscriber_id, list_id FROM gone
		), logged AS (
			INSERT INTO consent_log (at, subscriber_id, list_id, event, method, campaign_id, network, source)
			SELECT coalesce($7, clock_timestamp()), subscriber_id, list_id, 'unsubscribed', $3, $4, $5,
				coalesce('` + throughLink + `' || (SELECT slug FROM lists WHERE id = $6), '') FROM gone)
		SELECT EXISTS (SELECT 1 FROM subscribers WHERE id = $1) AS known, EXISTS (SELECT 1 FROM gone) AS changed`
	const leaveAll = `
		WITH gone AS (
			INSERT INTO suppressions (address_hash, address, reason, campaign_id)
			SELECT address_hash, address, 'unsubscribed', $4 FROM subscribers WHERE id = $1 AND ($7::timestamptz IS NULL OR NOT ` + newerConsent + `)
			ON CONFLICT (address_hash, reason) DO NOTHING RETURNING id
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT $1, NULL FROM gone
		), logged AS (
			INSERT INTO consent_log (at, subscriber_id, event, method, campaign_id, network, source)
			SELECT coalesce($7, clock_timestamp()), $1, 'unsubscribed_all', $3, $4, $5,
				coalesce((SELECT slug FROM lists WHERE id = CASE WHEN $6 = 0 THEN $2 ELSE $6 END), '') FROM gone)
		SELECT EXISTS (SELECT 1 FROM subscribers WHERE id = $1) AS known, EXISTS (SELECT 1 FROM gone) AS changed`
	statement := leaveList
	if r.All {
		statement = leaveAll
	}
	var done struct{ Known, Changed bool }
	err = tx.GetContext(ctx, &done, statement, r.Subscriber, r.List, r.Method, orNull(r.Campaign), r.Network, r.Through, r.at(), r.All)
	if err != nil {
		return false, db.Err(err, "unsubscribe")
	}
	if !done.Known {
		return false, errs.New(errs.NotFound, "there is no such subscriber")
	}
	if !done.Changed {
		return false, nil
	}
	list := r.List
	if r.All {
		list = 0
	}
	return true, outbox.Withdraw(ctx, tx, ConfirmKey(r.Subscriber, list))
}

// left is what came of one of many wishes to leave a list.
type left struct {
	settled bool // nothing more is to be done
	changed bool
}

// leaveTogether takes many people off their lists in one statement, which is one round trip and one wait for the disk. It waits for
// no lock: somebody whose row another transaction has, who is only pending or who is not known is left to leaveAlone.
func (s *Store) leaveTogether(ctx context.Context, rs []LeaveRequest) ([]left, error) {
	const statement = `
		WITH asked AS (
			SELECT n, subscriber, list, nullif(campaign, 0) AS campaign, method, network, nullif(at, '')::timestamptz AS at
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
				WITH ORDINALITY a(subscriber, list, campaign, method, network, at, n)
		), first AS (
			SELECT DISTINCT ON (subscriber, list) * FROM asked ORDER BY subscriber, list, n
		), locked AS MATERIALIZED (
			SELECT f.* FROM first f JOIN subscriptions sn ON sn.subscriber_id = f.subscriber AND sn.list_id = f.list
			WHERE sn.state = 'confirmed' AND (f.at IS NULL OR NOT EXISTS (SELECT FROM consent_log c
				WHERE c.subscriber_id = f.subscriber AND c.list_id = f.list AND c.at > f.at AND c.event IN ('confirmed', 'added', 'undone')))
			FOR NO KEY UPDATE OF sn SKIP LOCKED
		), gone AS (
			UPDATE subscriptions sn SET state = 'unsubscribed', unsubscribed_at = coalesce(l.at, now())
			FROM locked l WHERE sn.subscriber_id = l.subscriber AND sn.list_id = l.list AND sn.state = 'confirmed'
			RETURNING l.n, l.subscriber, l.list, l.campaign, l.method, l.network, l.at
		), noted AS (
			INSERT INTO leaves (subscriber_id, list_id) SELECT subscriber, list FROM gone
		), logged AS (
			INSERT INTO consent_log (at, subscriber_id, list_id, event, method, campaign_id, network)
			SELECT coalesce(at, clock_timestamp()), subscriber, list, 'unsubscribed', method, campaign, network FROM gone)
		SELECT coalesce(sn.state, '') AS state, g.n IS NOT NULL AS gone, coalesce(g.n = a.n, false) AS first
		FROM asked a
		LEFT JOIN subscriptions sn ON sn.subscriber_id = a.subscriber AND sn.list_id = a.list
		LEFT JOIN gone g ON g.subscriber = a.subscriber AND g.list = a.list
		ORDER BY a.n`
	st, err := s.leaveTogetherStmt.on(ctx, s.db, statement)
	if err != nil {
		return nil, err
	}
	var subscribers, lists, campaigns pq.Int64Array
	var methods, networks, times pq.StringArray
	for _, r := range padded(rs) {
		subscribers, lists, campaigns = append(subscribers, r.Subscriber), append(lists, r.List), append(campaigns, r.Campaign)
		at := ""
		if !r.At.IsZero() {
			at = r.At.UTC().Format(time.RFC3339Nano)
		}
		methods, networks, times = append(methods, r.Method), append(networks, r.Network), append(times, at)
	}
	var rows []struct {
		State       string
		Gone, First bool
	}
	if err := st.SelectContext(ctx, &rows, subscribers, lists, campaigns, methods, networks, times); err != nil {
		return nil, db.Err(err, "unsubscribe")
	}
	done := make([]left, len(rs))
	for i, row := range rows[:min(len(rows), len(rs))] {
		done[i] = left{settled: row.Gone || row.State == Unsubscribed, changed: row.First}
	}
	return done, nil
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
