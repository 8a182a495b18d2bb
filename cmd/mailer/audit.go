package main

import (
	"context"

	"mailer/internal/audit"
)

type auditCmd struct {
	Subject string `placeholder:"TEXT" help:"Only what concerns this, such as \"campaign 12\"."`
	Limit   int    `default:"50" help:"How many entries, the newest first."`
}

func (c *auditCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		entries, err := audit.Recent(ctx, a.db, c.Subject, c.Limit)
		if err != nil {
			return err
		}
		return list(p, entries, "Nothing has been noted yet.", []string{"WHEN", "WHO", "WHAT", "TO WHAT", "DETAIL"},
			func(e audit.Entry) []any {
				return []any{e.At, e.Actor, e.Action, e.Subject, shorten(string(e.Detail), 80)}
			})
	})
}
