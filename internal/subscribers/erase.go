package subscribers

import (
	"context"
	"strconv"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
)

// texts is an array of words.
type texts = pq.StringArray

// SubscriberSubject names a reader in the audit log, without saying who it is.
func SubscriberSubject(id int64) string { return "subscriber " + strconv.FormatInt(id, 10) }

// Bar begins the erasure of a reader: from its commit on nothing is mailed to them, by running sends neither. What stays of it is
// a suppression by hash, with no address beside it: no import brings the reader back, and a new sign-up of their own lifts it.
func (r Records) Bar(ctx context.Context, tx *sqlx.Tx, id Identity) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO suppressions (address_hash, reason) VALUES ($1, $2) ON CONFLICT (address_hash, reason) DO NOTHING`,
		id.Hash, ReasonUnsubscribed); err != nil {
		return db.Err(err, "suppress the address")
	}
	if id.ID == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO leaves (subscriber_id) SELECT unnest($1::bigint[])`, pq.Array(id.Numbers()))
	return db.Err(err, "note who has left")
}

// evidence are the events that show how somebody agreed and left; what they chose in between does not outlive them.
var evidence = texts{"signed_up", "confirmed", "added", "imported", "unsubscribed", "unsubscribed_all", "undone", "suppressed", "expired"}

// Erase deletes a reader, in the transaction of its caller: person, subscriptions and consent log. Bar must have been committed
// before. What stays: suppressions as hashes without the address and, with keep, how the reader had agreed, under the same hash,
// without network, page or anything else that could name them. A repeat changes nothing.
func (r Records) Erase(ctx context.Context, tx *sqlx.Tx, id Identity, keep bool) error {
	kept := evidence
	if !keep {
		kept = texts{}
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		// Whoever is changing them ends first: then the statements below see what was written.
		{`SELECT FROM subscribers WHERE id = $1 FOR UPDATE`, []any{id.ID}},
		{`SELECT FROM subscriptions WHERE subscriber_id = $1 ORDER BY list_id FOR UPDATE`, []any{id.ID}},
		{`DELETE FROM subscribers WHERE id = $1`, []any{id.ID}},
		{`WITH gone AS (DELETE FROM consent_log WHERE subscriber_id = ANY($1) RETURNING *)
			INSERT INTO consent_kept (address_hash, at, list_id, event, method, source, wording, form_id, form_version)
			SELECT $2, at, list_id, event, method, CASE WHEN source LIKE '%@%' THEN '' ELSE source END, wording, form_id, form_version
			FROM gone WHERE event = ANY($3) ORDER BY id`, []any{pq.Array(id.Numbers()), id.Hash, kept}},
		{`UPDATE suppressions SET address = NULL, detail = '', campaign_id = NULL WHERE address_hash = $1`, []any{id.Hash}},
		// A confirmation may have lifted it meanwhile.
		{`INSERT INTO suppressions (address_hash, reason) VALUES ($1, $2) ON CONFLICT (address_hash, reason) DO NOTHING`,
			[]any{id.Hash, ReasonUnsubscribed}},
	} {
		if _, err := tx.ExecContext(ctx, step.query, step.args...); err != nil {
			return db.Err(err, "erase the reader")
		}
	}
	return nil
}

// EraseLate takes away what others wrote while the reader was erased. Who signed up anew since then has another number and is left alone.
func (r Records) EraseLate(ctx context.Context, tx *sqlx.Tx, id Identity) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM consent_log WHERE subscriber_id = ANY($1)`, pq.Array(id.Numbers())); err != nil {
		return db.Err(err, "erase the reader")
	}
	// Later ones are those of a new sign-up.
	_, err := tx.ExecContext(ctx, `UPDATE suppressions SET address = NULL, detail = '', campaign_id = NULL
		WHERE address_hash = $1 AND created_at < $2::timestamptz + interval '15 minutes'`, id.Hash, id.Before)
	return db.Err(err, "erase the reader")
}
