package main

import (
	"context"
	"io"

	"mailer/internal/campaigns"
)

type campaignArchiveCmd struct {
	ID   int64 `arg:"" help:"Which campaign."`
	Hide bool  `required:"" xor:"archive" help:"Nobody finds it there any more, half a minute from now at most."`
	Show bool  `required:"" xor:"archive" help:"It stands there, once it is sent, where its list has an archive (mailer lists update LIST --archive-open)."`
}

func (c *campaignArchiveCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		if _, err := campaigns.NewArchive(a.db, a.subscribers).Hide(ctx, c.ID, c.Hide, p.who()); err != nil {
			return err
		}
		return p.show(map[string]any{"campaign": c.ID, "archive_hidden": c.Hide}, func(w io.Writer) {
			where := "stands in the archive of its list, where that is open"
			if c.Hide {
				where = "is kept out of the archive"
			}
			pairs(w, "campaign", c.ID, "archive", where)
		})
	})
}
