package audit

import (
	"context"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// About returns the entries about any of some subjects, oldest first.
func About(ctx context.Context, q db.Q, subjects []string) ([]Entry, error) {
	var entries []Entry
	err := q.SelectContext(ctx, &entries, `SELECT id, at, actor, action, subject, detail FROM audit_log
		WHERE subject = ANY($1) ORDER BY id`, pq.Array(subjects))
	return entries, db.Err(err, "read the audit log")
}
