package main

import (
	"context"
	"fmt"
	"io"

	"mailer/internal/db"
	"mailer/internal/errs"
)

type migrateCmd struct {
	Check bool   `xor:"what" help:"Change nothing; end with status 65 when the schema is not up to date."`
	Grant string `xor:"what" placeholder:"ROLE" help:"Afterwards let this role of Postgres run the program: change rows, but no tables and not the audit log."`
}

func (migrateCmd) Help() string {
	return `Every command does this by itself when it starts; this one is for deployments that want it as a step of its own. It
needs MAILER_DATABASE_URL only. Several may run at once: one works, the others wait.

With --grant the program can run as another role than the one that owns the tables, see docs/people.md; say it at every migration.

Examples:
  mailer migrate
  mailer migrate --check && systemctl restart mailer
  MAILER_DATABASE_URL=postgres://mailer_owner@localhost/mailer mailer migrate --grant mailer`
}

// Run migrates. It opens the database alone, since the other settings of production may not be known where it runs.
func (c *migrateCmd) Run(ctx context.Context, p *program) error {
	cfg, err := p.configure()
	if err != nil {
		return err
	}
	if cfg.Production && cfg.DatabaseURL == "" {
		return cfg.Complete()
	}
	a := &app{cfg: cfg, log: logger(p, cfg)}
	defer a.close()
	if err := a.connect(ctx, p); err != nil {
		return err
	}
	before, latest, err := db.Version(ctx, a.db)
	if err != nil {
		return err
	}
	if !c.Check {
		if err := db.Migrate(ctx, a.db); err != nil {
			return err
		}
	}
	if c.Grant != "" {
		if err := db.Grant(ctx, a.db, c.Grant); err != nil {
			return err
		}
	}
	result := struct {
		Before   int64 `json:"before"`
		Current  int64 `json:"current"`
		Latest   int64 `json:"latest"`
		UpToDate bool  `json:"up_to_date"`
	}{before, latest, latest, true}
	if c.Check {
		result.Current, result.UpToDate = before, before == latest
	}
	err = p.show(result, func(w io.Writer) {
		switch {
		case !result.UpToDate:
			fmt.Fprintf(w, "The schema is at %d, and this program wants %d.\n", before, latest)
		case before == latest:
			fmt.Fprintf(w, "The schema is up to date (%d).\n", latest)
		default:
			fmt.Fprintf(w, "The schema went from %d to %d.\n", before, latest)
		}
	})
	if err == nil && !result.UpToDate {
		return errs.New(errs.Conflict, "the schema is not up to date; run: mailer migrate")
	}
	return err
}
