package audit

import (
	"context"
	"fmt"
	"strings"

	"mailer/internal/db"
)

// Filter narrows a search. What is empty does not narrow.
type Filter struct {
	Actor   string
	Kind    string // the word of the action before its dot: campaign, list, account
	Subject string
	Before  int64 // only entries older than the one with this number; 0: from the newest on
	Limit   int
}

// Search returns the newest entries that a filter lets through, newest first. Each filter has an index.
func Search(ctx context.Context, q db.Q, f Filter) ([]Entry, error) {
	var where []string
	var args []any
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Actor != "" {
		add("actor = $%d", f.Actor)
	}
	if f.Kind != "" {
		add("split_part(action, '.', 1) = $%d", f.Kind)
	}
	if f.Subject != "" {
		add("subject = $%d", f.Subject)
	}
	if f.Before > 0 {
		add("id < $%d", f.Before)
	}
	query := `SELECT id, at, actor, action, subject, detail FROM audit_log`
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, ` AND `)
	}
	args = append(args, f.Limit)
	entries := []Entry{}
	err := q.SelectContext(ctx, &entries, query+fmt.Sprintf(` ORDER BY id DESC LIMIT $%d`, len(args)), args...)
	return entries, db.Err(err, "search the audit log")
}

// Names returns who acted, and the kinds of actions, each at most a hundred: by stepping through the indexes, since the log may be long.
func Names(ctx context.Context, q db.Q) (actors, kinds []string, err error) {
	const step = `WITH RECURSIVE t AS (
			(SELECT %[1]s AS v FROM audit_log ORDER BY %[1]s LIMIT 1)
			UNION ALL
			SELECT (SELECT %[1]s FROM audit_log WHERE %[1]s > t.v ORDER BY %[1]s LIMIT 1) FROM t WHERE t.v IS NOT NULL)
		SELECT v FROM t WHERE v IS NOT NULL LIMIT 100`
	if err := q.SelectContext(ctx, &actors, fmt.Sprintf(step, `actor`)); err != nil {
		return nil, nil, db.Err(err, "list who acted")
	}
	err = q.SelectContext(ctx, &kinds, fmt.Sprintf(step, `split_part(action, '.', 1)`))
	return actors, kinds, db.Err(err, "list kinds of actions")
}
