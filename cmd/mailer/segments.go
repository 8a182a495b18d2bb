package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mailer/internal/audience"
	"mailer/internal/errs"
)

type segmentsCmd struct {
	List   segmentListCmd   `cmd:"" default:"withargs" help:"Show all segments."`
	Create segmentCreateCmd `cmd:"" help:"Save a rule under a name."`
	Update segmentUpdateCmd `cmd:"" help:"Change the rule or the title of a segment."`
	Show   segmentShowCmd   `cmd:"" help:"Show one segment, and what uses it."`
	Delete segmentDeleteCmd `cmd:"" help:"Delete a segment that nothing uses."`
	Count  segmentCountCmd  `cmd:"" help:"Count the readers whom a rule means, before it is used."`
}

func (segmentsCmd) Help() string {
	return `A segment is a saved rule over readers. A campaign or a digest goes to those of its list who are in all of its segments and in none
of those it excludes. docs/readers.md describes the language of rules.

Examples:
  mailer segments count 'supporter and joined in the last 90 days' --list weekly
  mailer segments create paris 'city is "Paris" or "postal code" starts with "75"' --name "Paris and around"
  mailer segments count paris --list weekly
  mailer campaigns create --story 3 --list weekly --segment paris --exclude new-readers`
}

type segmentListCmd struct{}

func (c *segmentListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.audience.List(ctx)
		if err != nil {
			return err
		}
		return list(p, all, "There are no segments yet. Make one: mailer segments create --help", []string{"SEGMENT", "NAME", "RULE"},
			func(g audience.Segment) []any { return []any{g.Slug, shorten(g.Name, 40), shorten(g.Text, 100)} })
	})
}

// rule is a rule on the command line, or in a file.
type rule struct {
	Rule string `arg:"" optional:"" help:"The rule, in quotation marks for the shell."`
	File string `short:"f" placeholder:"FILE" help:"File with the rule, in place of the argument."`
}

// text returns the rule; ok says that there is one.
func (r rule) text() (text string, ok bool, err error) {
	switch {
	case r.Rule != "" && r.File != "":
		return "", false, errs.New(errs.Usage, "give the rule or a file with it, not both")
	case r.File == "":
		return r.Rule, r.Rule != "", nil
	}
	data, err := os.ReadFile(r.File)
	return string(data), true, errs.Wrap(err, errs.NotFound, "the file %s cannot be read", r.File)
}

type segmentCreateCmd struct {
	Slug string `arg:"" name:"segment" help:"Short name, for recipes and commands; it never changes."`
	Name string `help:"What people call it; default: the short name."`
	rule `group:""`
}

func (c *segmentCreateCmd) Run(ctx context.Context, p *program) error {
	text, ok, err := c.text()
	if err != nil {
		return err
	}
	if !ok {
		return errs.New(errs.Usage, "the rule is missing; see: mailer segments create --help")
	}
	return p.with(ctx, func(a *app) error {
		g, err := a.audience.Create(ctx, c.Slug, c.Name, text, p.who())
		if err != nil {
			return err
		}
		return showSegment(p, g)
	})
}

type segmentUpdateCmd struct {
	Slug string  `arg:"" name:"segment" help:"Which segment."`
	Name *string `help:"What people call it."`
	rule `group:""`
}

func (segmentUpdateCmd) Help() string {
	return `Campaigns that have not been launched follow the new rule, and those that were approved have to be approved again. What was launched
goes on with the rule as it was then.`
}

func (c *segmentUpdateCmd) Run(ctx context.Context, p *program) error {
	text, ok, err := c.text()
	if err != nil {
		return err
	}
	if !ok && c.Name == nil {
		return errs.New(errs.Usage, "say what to change: the rule, or --name")
	}
	var changed *string
	if ok {
		changed = &text
	}
	return p.with(ctx, func(a *app) error {
		if _, err := a.audience.Update(ctx, c.Slug, c.Name, changed, p.who()); err != nil {
			return err
		}
		g, err := a.audience.Get(ctx, c.Slug)
		if err != nil {
			return err
		}
		return showSegment(p, g)
	})
}

type segmentShowCmd struct {
	Slug string `arg:"" name:"segment" help:"Which segment."`
}

func (c *segmentShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		g, err := a.audience.Get(ctx, c.Slug)
		if err != nil {
			return err
		}
		return showSegment(p, g)
	})
}

func showSegment(p *program, g audience.Segment) error {
	return p.show(g, func(w io.Writer) {
		pairs(w, "segment", g.Slug, "name", g.Name, "rule", g.Text, "used by", strings.Join(g.UsedBy, ", "), "changed", g.UpdatedAt, "by", g.UpdatedBy)
	})
}

type segmentDeleteCmd struct {
	Slug string `arg:"" name:"segment" help:"Which segment."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

func (c *segmentDeleteCmd) Run(ctx context.Context, p *program) error {
	if err := p.confirm(c.Yes, "Delete the segment %s?", cell(c.Slug)); err != nil {
		return err
	}
	return p.with(ctx, func(a *app) error {
		if err := a.audience.Delete(ctx, c.Slug, p.who()); err != nil {
			return err
		}
		return p.show(map[string]string{"deleted": c.Slug}, func(w io.Writer) { fmt.Fprintf(w, "The segment %s is deleted.\n", cell(c.Slug)) })
	})
}

type segmentCountCmd struct {
	List     string `required:"" short:"l" help:"Of which list."`
	Examples int    `default:"3" help:"How many readers to show, with masked addresses; at most 20."`
	rule     `group:""`
}

func (segmentCountCmd) Help() string {
	return `Give a rule, or the short name of a saved segment. With several of them use campaigns: mailer campaigns show tells how many readers
one goes to.`
}

func (c *segmentCountCmd) Run(ctx context.Context, p *program) error {
	text, ok, err := c.text()
	if err != nil {
		return err
	}
	if !ok {
		return errs.New(errs.Usage, "the rule, or the name of a segment, is missing; see: mailer segments count --help")
	}
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, c.List)
		if err != nil {
			return err
		}
		r, err := a.ruleOf(ctx, text)
		if err != nil {
			return err
		}
		f, err := a.audience.Freeze(ctx, r, l, time.Now())
		if err != nil {
			return err
		}
		out := struct {
			Rule string `json:"rule"`
			audience.Count
			Examples []audience.Example `json:"examples"`
			Unknown  []string           `json:"unknown_attributes"` // that no reader of the list has
		}{Rule: r.String()}
		if out.Count, err = a.audience.Count(ctx, f, ""); err != nil {
			return err
		}
		if out.Examples, err = a.audience.Examples(ctx, f, max(0, min(c.Examples, 20))); err != nil {
			return err
		}
		if out.Unknown, err = a.audience.Unknown(ctx, f); err != nil {
			return err
		}
		return p.show(out, func(w io.Writer) {
			pairs(w, "rule", out.Rule, "readers", fmt.Sprintf("%d of %d", out.Readers, out.Of))
			for _, name := range out.Unknown {
				fmt.Fprintf(w, "No reader of the list has the attribute %q.\n", clean(name))
			}
			for i, e := range out.Examples {
				if i == 0 {
					fmt.Fprintln(w, "\nSome of them:")
				}
				fmt.Fprintf(w, "  %s (%d), joined %s\n", cell(e.Address), e.Subscriber, e.Joined.Local().Format(time.DateOnly))
			}
		})
	})
}

// ruleOf returns the rule of a saved segment, or what was written. No rule of one word can be mistaken for a segment: they are
// everybody and supporter, and a segment of such a name comes after them.
func (a *app) ruleOf(ctx context.Context, text string) (audience.Rule, error) {
	r, err := audience.Parse(text)
	if err == nil {
		return r, a.audience.Check(ctx, r)
	}
	slug := strings.TrimSpace(text)
	if !audience.IsSlug(slug) {
		return r, err
	}
	g, err := a.audience.Get(ctx, slug)
	return g.Rule, err
}
