package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"mailer/internal/appeals"
	"mailer/internal/errs"
)

type appealsCmd struct {
	Create appealCreateCmd `cmd:"" help:"Make an appeal."`
	Revise appealReviseCmd `cmd:"" help:"Give an appeal a new wording; campaigns already composed keep the old one."`
	Show   appealShowCmd   `cmd:"" help:"Show one appeal."`
	Retire appealRetireCmd `cmd:"" help:"Take an appeal out of use."`
	List   appealListCmd   `cmd:"" default:"withargs" help:"Show all appeals."`
}

func (appealsCmd) Help() string {
	return `An appeal stands after a story or at the end of a mail and ends in a button. Supporters do not see it.

Examples:
  mailer appeals create autumn --heading "Keep this reporting free" --body-file appeal.md \
      --button "Become a supporter" --url https://news.example.org/support
  mailer appeals`
}

// wording is what an appeal says.
type wording struct {
	Heading  string `required:"" help:"Heading, one line."`
	Body     string `xor:"body" required:"" help:"A few paragraphs of Markdown."`
	BodyFile string `xor:"body" required:"" placeholder:"FILE" help:"File with the paragraphs."`
	Button   string `required:"" help:"Text of the button."`
	URL      string `required:"" name:"url" help:"Where the button leads."`
}

func (w wording) appeal(slug string) (appeals.NewAppeal, error) {
	n := appeals.NewAppeal{Slug: slug, Heading: w.Heading, Body: w.Body, Button: w.Button, URL: w.URL}
	if w.BodyFile != "" {
		text, err := os.ReadFile(w.BodyFile)
		if err != nil {
			return n, errs.Wrap(err, errs.NotFound, "the file %s cannot be read", w.BodyFile)
		}
		n.Body = string(text)
	}
	return n, nil
}

type appealCreateCmd struct {
	Slug    string `arg:"" help:"Short name for recipes and commands."`
	wording `group:""`
}

func (c *appealCreateCmd) Run(ctx context.Context, p *program) error {
	n, err := c.appeal(c.Slug)
	if err != nil {
		return err
	}
	return p.with(ctx, func(a *app) error {
		ap, err := a.appeals.Create(ctx, n, p.who())
		if err != nil {
			return err
		}
		return showAppeal(p, ap)
	})
}

type appealReviseCmd struct {
	Slug    string `arg:"" help:"Which appeal."`
	wording `group:""`
}

func (c *appealReviseCmd) Run(ctx context.Context, p *program) error {
	n, err := c.appeal(c.Slug)
	if err != nil {
		return err
	}
	return p.with(ctx, func(a *app) error {
		ap, err := a.appeals.Revise(ctx, n, p.who())
		if err != nil {
			return err
		}
		return showAppeal(p, ap)
	})
}

// saveAppeal creates the appeal, or gives the one of that name this wording.
func saveAppeal(ctx context.Context, a *app, n appeals.NewAppeal, who string) (appeals.Appeal, error) {
	ap, err := a.appeals.Create(ctx, n, who)
	if errs.KindOf(err) == errs.Conflict {
		return a.appeals.Revise(ctx, n, who)
	}
	return ap, err
}

type appealShowCmd struct {
	Slug string `arg:"" help:"Which appeal."`
}

func (c *appealShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		ap, err := a.appeals.Get(ctx, c.Slug)
		if err != nil {
			return err
		}
		return showAppeal(p, ap)
	})
}

func showAppeal(p *program, ap appeals.Appeal) error {
	return p.show(ap, func(w io.Writer) {
		pairs(w, "appeal", ap.Slug, "heading", ap.Heading, "button", ap.Button, "leads to", ap.URL, "wordings", ap.Variants, "retired", ap.RetiredAt)
		fmt.Fprintln(w)
		fmt.Fprintln(w, paragraphs(ap.Body))
	})
}

type appealRetireCmd struct {
	Slug string `arg:"" help:"Which appeal."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

func (c *appealRetireCmd) Run(ctx context.Context, p *program) error {
	if err := p.confirm(c.Yes, "Take the appeal %s out of use?", cell(c.Slug)); err != nil {
		return err
	}
	return p.with(ctx, func(a *app) error {
		if err := a.appeals.Retire(ctx, c.Slug, p.who()); err != nil {
			return err
		}
		return p.show(map[string]any{"retired": c.Slug}, func(w io.Writer) { fmt.Fprintf(w, "The appeal %s is out of use.\n", c.Slug) })
	})
}

type appealListCmd struct{}

func (c *appealListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.appeals.List(ctx)
		if err != nil {
			return err
		}
		return list(p, all, "There are no appeals yet. Make one: mailer appeals create --help", []string{"APPEAL", "HEADING", "BUTTON", "WORDINGS", "CHANGED", "RETIRED"},
			func(ap appeals.Appeal) []any {
				return []any{ap.Slug, shorten(ap.Heading, 60), ap.Button, ap.Variants, ap.ChangedAt, ap.RetiredAt}
			})
	})
}
