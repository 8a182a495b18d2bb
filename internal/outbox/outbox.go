// Package outbox keeps single mails, such as proofs and confirmations, until the delivery room has handed them to the
// relay. They are enqueued in the transaction of whatever gives rise to them, so that neither happens without the other,
// and sent at least once: a crash between the relay's 250 and Finish sends a mail again, with the same Message-ID.
package outbox

import (
	"context"
	"database/sql"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Mail is a finished message to one address.
type Mail struct {
	DedupeKey    string // a second Enqueue with the same key does nothing
	Kind         string // proof or confirm
	EnvelopeFrom string
	Recipient    string // as RCPT TO carries it
	Data         []byte // the whole message, CRLF line ends
}

// Queued is a mail that was claimed for sending.
type Queued struct {
	ID           int64     `db:"id"`
	Kind         string    `db:"kind"`
	EnvelopeFrom string    `db:"envelope_from"`
	Recipient    string    `db:"recipient"`
	Data         []byte    `db:"data"`
	Attempts     int       `db:"attempts"` // this one included
	CreatedAt    time.Time `db:"created_at"`
}

// Enqueue stores m. A repeat of its DedupeKey is no error and changes nothing. A Mail without a key, recipient or data,
// or of an unknown kind, is errs.Invalid.
func Enqueue(ctx context.Context, q db.Q, m Mail) error {
	switch {
	case m.DedupeKey == "":
		return errs.Field("dedupe key", "is missing; it names the mail so that a repeat is not sent twice")
	case m.Recipient == "":
		return errs.Field("recipient", "is missing")
	case len(m.Data) == 0:
		return errs.Field("data", "is missing; a mail has a message")
	}
	const insert = `
		INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (dedupe_key) DO NOTHING`
	_, err := q.ExecContext(ctx, insert, m.DedupeKey, m.Kind, m.EnvelopeFrom, m.Recipient, m.Data)
	return db.Err(err, "enqueue a mail")
}

// Seen returns how many mails there are whose DedupeKey begins with prefix, and when the newest was enqueued (the zero time
// when there are none). Pruned ones do not count.
func Seen(ctx context.Context, q db.Q, prefix string) (n int, newest time.Time, err error) {
	var seen struct {
		N      int          `db:"n"`
		Newest sql.NullTime `db:"newest"`
	}
	const count = `SELECT count(*) AS n, max(created_at) AS newest FROM outbox WHERE starts_with(dedupe_key, $1)`
	err = q.GetContext(ctx, &seen, count, prefix)
	return seen.N, seen.Newest.Time, db.Err(err, "look into the outbox")
}

// Claim takes up to n due mails, oldest first, which nobody else gets before lease has passed. Every claim counts as an
// attempt. None is an empty slice.
func Claim(ctx context.Context, q db.Q, n int, lease time.Duration) ([]Queued, error) {
	const claim = `
		UPDATE outbox SET attempts = attempts + 1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
		WHERE id IN (SELECT id FROM outbox
		             WHERE state = 'queued' AND due <= now() AND (lease_until IS NULL OR lease_until < now())
		             ORDER BY due, id LIMIT $1 FOR UPDATE SKIP LOCKED)
		RETURNING id, kind, envelope_from, recipient, data, attempts, created_at`
	var mails []Queued
	err := q.SelectContext(ctx, &mails, claim, n, lease.Milliseconds())
	return mails, db.Err(err, "claim mails")
}

// Begin renews the lease of a mail just before it is sent and reports whether it is still to be: not when it was withdrawn
// since the claim, nor when that ran out and somebody else has it.
func Begin(ctx context.Context, q db.Q, m Queued, lease time.Duration) (bool, error) {
	const begin = `
		UPDATE outbox SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'
		WHERE id = $1 AND state = 'queued' AND attempts = $2`
	res, err := q.ExecContext(ctx, begin, m.ID, m.Attempts, lease.Milliseconds())
	if err != nil {
		return false, db.Err(err, "begin a mail")
	}
	n, err := res.RowsAffected()
	return n > 0, db.Err(err, "begin a mail")
}

// Withdraw takes back the mails that wait and whose DedupeKey begins with prefix, as if they had never been enqueued. One that
// is being sent at this moment goes out.
func Withdraw(ctx context.Context, q db.Q, prefix string) error {
	_, err := q.ExecContext(ctx, `DELETE FROM outbox WHERE state = 'queued' AND starts_with(dedupe_key, $1)`, prefix)
	return db.Err(err, "withdraw mails")
}

// Finish ends a mail: accepted by the relay or failed for good, with the relay's reply. Its message is blanked. An
// acceptance counts whoever has claimed the mail since; a failure only while the claim is still the last.
func Finish(ctx context.Context, q db.Q, m Queued, accepted bool, reply string) error {
	const finish = `
		UPDATE outbox SET state = CASE WHEN $3 THEN 'accepted' ELSE 'failed' END, last_reply = $4, data = '',
		       lease_until = NULL, finished_at = clock_timestamp()
		WHERE id = $1 AND state = 'queued' AND ($3 OR attempts = $2)`
	_, err := q.ExecContext(ctx, finish, m.ID, m.Attempts, accepted, reply)
	return db.Err(err, "finish a mail")
}

// Defer gives a mail back, due again after wait, with what stood in the way.
func Defer(ctx context.Context, q db.Q, m Queued, wait time.Duration, reply string) error {
	const deferMail = `
		UPDATE outbox SET due = clock_timestamp() + $3 * interval '1 millisecond', lease_until = NULL, last_reply = $4
		WHERE id = $1 AND state = 'queued' AND attempts = $2`
	_, err := q.ExecContext(ctx, deferMail, m.ID, m.Attempts, wait.Milliseconds(), reply)
	return db.Err(err, "defer a mail")
}

// Prune deletes at most limit mails that ended before a moment and returns how many: fewer than limit means that none is left.
func Prune(ctx context.Context, q db.Q, before time.Time, limit int) (int64, error) {
	const prune = `
		DELETE FROM outbox WHERE id IN (
			SELECT id FROM outbox WHERE state <> 'queued' AND finished_at < $1 ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED)`
	res, err := q.ExecContext(ctx, prune, before, limit)
	if err != nil {
		return 0, db.Err(err, "prune the outbox")
	}
	n, err := res.RowsAffected()
	return n, db.Err(err, "prune the outbox")
}
