// Package audit owns the append-only log of who did what. The database itself refuses to change or delete its rows.
package audit

import (
	"context"
	"encoding/json"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Log notes that actor ("cli", "scheduler", a person's name) did action ("campaign.approve") to subject ("campaign 12").
// Give it the transaction of the act itself, so that the one does not happen without the other. detail may be nil; it must
// not hold secrets, nor addresses of readers, which could not be erased from here.
func Log(ctx context.Context, q db.Q, actor, action, subject string, detail map[string]any) error {
	if actor == "" || action == "" {
		return errs.New(errs.Internal, "an audit entry needs an actor and an action")
	}
	if detail == nil {
		detail = map[string]any{}
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "note %s in the audit log", action)
	}
	_, err = q.ExecContext(ctx, `INSERT INTO audit_log (actor, action, subject, detail) VALUES ($1, $2, $3, $4)`,
		actor, action, subject, string(b))
	return db.Err(err, "note "+action+" in the audit log")
}

// Entry is one line of the log.
type Entry struct {
	ID      int64           `db:"id" json:"id"`
	At      time.Time       `db:"at" json:"at"`
	Actor   string          `db:"actor" json:"actor"`
	Action  string          `db:"action" json:"action"`
	Subject string          `db:"subject" json:"subject"`
	Detail  json.RawMessage `db:"detail" json:"detail"`
}

// Recent returns the newest entries, newest first, at most limit; only those about subject unless it is empty.
func Recent(ctx context.Context, q db.Q, subject string, limit int) ([]Entry, error) {
	var entries []Entry
	err := q.SelectContext(ctx, &entries, `SELECT id, at, actor, action, subject, detail FROM audit_log
		WHERE $1 IN ('', subject) ORDER BY id DESC LIMIT $2`, subject, limit)
	return entries, db.Err(err, "read the audit log")
}
