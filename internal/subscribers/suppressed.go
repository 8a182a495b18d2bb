package subscribers

import (
	"context"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// SuppressionReasons are why nothing is mailed to an address, strongest first.
var SuppressionReasons = []string{ReasonComplaint, ReasonLegal, ReasonHardBounce, ReasonManual, ReasonUnsubscribed}

// WhyNot says in words why nothing is mailed to an address.
func WhyNot(reason string) string {
	switch reason {
	case ReasonComplaint:
		return "they reported a mail as spam"
	case ReasonLegal:
		return "a legal demand"
	case ReasonHardBounce:
		return "the mailbox does not exist"
	case ReasonManual:
		return "suppressed by hand"
	case ReasonUnsubscribed:
		return "they left all mail"
	}
	return reason
}

// FindSuppressed says which suppressions are looked for.
type FindSuppressed struct {
	Text   string // an address in any spelling, or the beginning of one; empty: all
	Reason string // empty: any
	Before int64  // the last one seen; 0: from the newest
	Limit  int    // 0: 50; at most 200
}

// Suppressed finds suppressions, newest first. A whole address is also found where its reader was erased and only the hash is left.
// next is what to give as Before for the page that follows, 0 when that is all.
func (f Search) Suppressed(ctx context.Context, q FindSuppressed) (list []Suppression, next int64, err error) {
	if q.Reason != "" && !slices.Contains(SuppressionReasons, q.Reason) {
		return nil, 0, errs.Field("reason", "must be one of %s", strings.Join(SuppressionReasons, ", "))
	}
	if q.Text, err = OneLine("q", q.Text, maxAddress); err != nil {
		return nil, 0, err
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, searchMost)
	var hash []byte
	if a, err := f.s.Policy.ParseAddress(q.Text); err == nil {
		hash = f.s.ring.AddressHash(a.Canonical)
	}
	list = []Suppression{}
	err = readOnly(ctx, f.s.db, searchTime, func(tx *sqlx.Tx) error {
		var begins string
		if err := tx.GetContext(ctx, &begins, `SELECT lower($1)`, q.Text); err != nil {
			return db.Err(err, "look for suppressions")
		}
		// What begins so is found by its index first; there is no order of numbers in that.
		const some = `WITH found AS MATERIALIZED (
				SELECT id FROM suppressions WHERE address_hash = $4
				UNION SELECT id FROM (SELECT id FROM suppressions WHERE lower(address) COLLATE "C" >= $5 AND lower(address) COLLATE "C" < $6
					ORDER BY lower(address) COLLATE "C" LIMIT 10000) a)
			SELECT id, address, reason, detail, campaign_id, created_at FROM suppressions
			WHERE id IN (SELECT id FROM found) AND ($1 = 0 OR id < $1) AND ($2 = '' OR reason = $2) ORDER BY id DESC LIMIT $3`
		const all = `SELECT id, address, reason, detail, campaign_id, created_at FROM suppressions
			WHERE ($1 = 0 OR id < $1) AND ($2 = '' OR reason = $2) ORDER BY id DESC LIMIT $3`
		var err error
		if q.Text == "" {
			err = tx.SelectContext(ctx, &list, all, q.Before, q.Reason, q.Limit+1)
		} else {
			err = tx.SelectContext(ctx, &list, some, q.Before, q.Reason, q.Limit+1, hash, begins, following(begins))
		}
		return db.Err(err, "look for suppressions")
	})
	if len(list) > q.Limit {
		list = list[:q.Limit]
		next = list[q.Limit-1].ID
	}
	return list, next, err
}
