package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
)

type digestsCmd struct {
	Create digestCreateCmd `cmd:"" help:"Make a digest of a recipe."`
	Update digestUpdateCmd `cmd:"" help:"Replace the recipe of a digest."`
	List   digestListCmd   `cmd:"" default:"withargs" help:"Show all digests."`
	Show   digestShowCmd   `cmd:"" help:"Show one digest."`
	Run    digestRunCmd    `cmd:"" help:"Compose an edition now, by hand."`
	Pause  digestPauseCmd  `cmd:"" help:"Stop the schedule of a digest."`
	Resume digestResumeCmd `cmd:"" help:"Start the schedule again; what was missed is not made up for."`
	Skip   digestSkipCmd   `cmd:"" help:"Leave out the editions of a day, such as a holiday."`
	Unskip digestUnskipCmd `cmd:"" help:"Take a day back that was to be left out."`
}

func (digestsCmd) Help() string {
	return `A digest is a recipe: which stories of which feeds, in which order, with which appeal, when, and what happens when there are
too few or nobody approves. Its editions are campaigns. docs/recipes.md explains every key.

Examples:
  mailer digests create morning.toml
  mailer digests run morning
  mailer digests skip morning 2026-12-25 --reason "Christmas"`
}

// readRecipe reads a recipe file.
func readRecipe(path string) (campaigns.Recipe, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return campaigns.Recipe{}, errs.Wrap(err, errs.NotFound, "the file %s cannot be read", path)
	}
	return campaigns.ParseRecipe(text)
}

type digestCreateCmd struct {
	File string `arg:"" help:"Recipe, a TOML file."`
}

func (c *digestCreateCmd) Run(ctx context.Context, p *program) error {
	r, err := readRecipe(c.File)
	if err != nil {
		return err
	}
	return p.with(ctx, func(a *app) error {
		d, err := a.campaigns.Digests.Create(ctx, r, p.who())
		if err != nil {
			return err
		}
		return showDigest(p, d, nil)
	})
}

type digestUpdateCmd struct {
	File string `arg:"" help:"Recipe, a TOML file; its slug says which digest."`
}

func (c *digestUpdateCmd) Run(ctx context.Context, p *program) error {
	r, err := readRecipe(c.File)
	if err != nil {
		return err
	}
	return p.with(ctx, func(a *app) error {
		d, err := a.campaigns.Digests.Update(ctx, r, p.who())
		if err != nil {
			return err
		}
		return showDigest(p, d, nil)
	})
}

type digestListCmd struct{}

func (c *digestListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.campaigns.Digests.List(ctx)
		if err != nil {
			return err
		}
		return list(p, all, "There are no digests yet. Make one: mailer digests create --help",
			[]string{"DIGEST", "NAME", "LIST", "SCHEDULE", "ZONE", "NEXT", "RUNS"}, func(d campaigns.Digest) []any {
				return []any{d.Slug, shorten(d.Name, 40), d.Recipe.List, d.Schedule, d.TimeZone, nextEdition(d), d.Active}
			})
	})
}

type digestShowCmd struct {
	Slug string `arg:"" name:"digest" help:"Which digest."`
}

func (c *digestShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		d, err := a.campaigns.Digests.Get(ctx, c.Slug)
		if err != nil {
			return err
		}
		skips, err := a.campaigns.Digests.Skips(ctx, c.Slug)
		if err != nil {
			return err
		}
		return showDigest(p, d, skips)
	})
}

func showDigest(p *program, d campaigns.Digest, skips []campaigns.SkipDay) error {
	out := struct {
		campaigns.Digest
		Skips []campaigns.SkipDay `json:"skips,omitempty"`
	}{d, skips}
	return p.show(out, func(w io.Writer) {
		r := d.Recipe
		schedule := "by hand only"
		if d.Schedule != "" {
			schedule = d.Schedule + " in " + d.TimeZone
		}
		pairs(w, "digest", d.Slug, "name", d.Name, "list", r.List, "segments", strings.Join(r.Segments, ", "), "without", strings.Join(r.Exclude, ", "), "schedule", schedule, "runs", d.Active, "next edition", nextEdition(d),
			"subject", r.Subject, "template", r.Template, "stories", fmt.Sprintf("%d to %d, else %s", r.Stories.Min, r.Stories.Max, r.Stories.TooFew),
			"not approved", r.Clock.NoApproval, "appeal", appealOf(r))
		for _, s := range r.Sections {
			pairs(w, "section", fmt.Sprintf("%s, at most %d", s.Title, s.Max))
		}
		for _, s := range skips {
			pairs(w, "no edition on", cell(s.Day)+" "+cell(s.Reason))
		}
	})
}

// nextEdition is when the next edition is due, by the clock of its readers.
func nextEdition(d campaigns.Digest) string {
	if d.Next == nil {
		return "-"
	}
	zone, err := time.LoadLocation(d.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return d.Next.In(zone).Format("2006-01-02 15:04 MST")
}

func appealOf(r campaigns.Recipe) string {
	if r.Appeal.Slug == "" {
		return ""
	}
	return r.Appeal.Slug + ", " + r.Appeal.Place
}

type digestRunCmd struct {
	Slug string `arg:"" name:"digest" help:"Which digest."`
}

func (c *digestRunCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		made, err := a.campaigns.Digests.Run(ctx, c.Slug, p.who())
		if err != nil {
			return err
		}
		return showCampaign(p, made, nextSteps(made))
	})
}

type digestPauseCmd struct {
	Slug string `arg:"" name:"digest" help:"Which digest."`
}

func (c *digestPauseCmd) Run(ctx context.Context, p *program) error {
	return setActive(ctx, p, c.Slug, false)
}

type digestResumeCmd struct {
	Slug string `arg:"" name:"digest" help:"Which digest."`
}

func (c *digestResumeCmd) Run(ctx context.Context, p *program) error {
	return setActive(ctx, p, c.Slug, true)
}

func setActive(ctx context.Context, p *program, slug string, active bool) error {
	return p.with(ctx, func(a *app) error {
		if err := a.campaigns.Digests.SetActive(ctx, slug, active, p.who()); err != nil {
			return err
		}
		d, err := a.campaigns.Digests.Get(ctx, slug)
		if err != nil {
			return err
		}
		return showDigest(p, d, nil)
	})
}

type digestSkipCmd struct {
	Slug   string `arg:"" name:"digest" help:"Which digest."`
	Day    string `arg:"" help:"Day in the digest's time zone, such as 2026-12-25."`
	Reason string `help:"Why, for those who wonder."`
}

func (c *digestSkipCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		if err := a.campaigns.Digests.Skip(ctx, c.Slug, c.Day, c.Reason, p.who()); err != nil {
			return err
		}
		return showSkips(ctx, p, a, c.Slug)
	})
}

type digestUnskipCmd struct {
	Slug string `arg:"" name:"digest" help:"Which digest."`
	Day  string `arg:"" help:"Day in the digest's time zone, such as 2026-12-25."`
}

func (c *digestUnskipCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		if err := a.campaigns.Digests.Unskip(ctx, c.Slug, c.Day, p.who()); err != nil {
			return err
		}
		return showSkips(ctx, p, a, c.Slug)
	})
}

func showSkips(ctx context.Context, p *program, a *app, slug string) error {
	days, err := a.campaigns.Digests.Skips(ctx, slug)
	if err != nil {
		return err
	}
	return list(p, days, "No day is left out.", []string{"DAY", "REASON", "BY THE RECIPE"},
		func(s campaigns.SkipDay) []any { return []any{s.Day, s.Reason, s.Recipe} })
}
