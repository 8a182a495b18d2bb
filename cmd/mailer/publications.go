package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"mailer/internal/audit"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

type publicationsCmd struct {
	Create publicationCreateCmd `cmd:"" help:"Make a publication."`
	Update publicationUpdateCmd `cmd:"" help:"Change what it says of itself."`
	Add    publicationAddCmd    `cmd:"" help:"Put lists into a publication."`
	Remove publicationRemoveCmd `cmd:"" help:"Take lists out of a publication."`
	Show   publicationShowCmd   `cmd:"" help:"Show one publication and its lists."`
	List   publicationListCmd   `cmd:"" default:"withargs" help:"Show all publications."`
}

func (publicationsCmd) Help() string {
	return `A publication offers several lists together, on one sign-up page: whoever ticks three of them gets one mail to confirm.

Examples:
  mailer publications create courier --name "The Courier" --home-url https://www.example.org/
  mailer publications add courier weekly morning
  mailer forms show --publication courier`
}

// publicationFields are the columns that a person sets; nil means not given.
type publicationFields struct {
	Name         *string `help:"Name, as readers see it."`
	Description  *string `help:"What it is about, in a sentence."`
	HomeURL      *string `name:"home-url" help:"Web site of the publication."`
	Language     *string `help:"Language of its sign-up page, such as en or fr."`
	AccentColour *string `help:"Colour of its sign-up page, such as #1f4e79."`
}

func (f publicationFields) apply(p *subscribers.Publication) {
	for _, s := range []struct{ from, to *string }{{f.Name, &p.Name}, {f.Description, &p.Description}, {f.HomeURL, &p.HomeURL},
		{f.Language, &p.Language}, {f.AccentColour, &p.AccentColour}} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
}

type publicationCreateCmd struct {
	Slug              string `arg:"" help:"Short name for addresses and commands, such as courier."`
	publicationFields `group:""`
}

func (c *publicationCreateCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		pub := subscribers.Publication{Slug: c.Slug}
		c.apply(&pub)
		pub, err := a.subscribers.Publications.Create(ctx, pub)
		if err != nil {
			return err
		}
		return notePublication(ctx, p, a, "publication.create", pub)
	})
}

type publicationUpdateCmd struct {
	Slug              string `arg:"" help:"Which publication."`
	publicationFields `group:""`
}

func (c *publicationUpdateCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		pub, err := a.subscribers.Publications.BySlug(ctx, c.Slug)
		if err != nil {
			return err
		}
		c.apply(&pub)
		if pub, err = a.subscribers.Publications.Update(ctx, pub); err != nil {
			return err
		}
		return notePublication(ctx, p, a, "publication.update", pub)
	})
}

type publicationAddCmd struct {
	Slug string   `arg:"" help:"Which publication."`
	List []string `arg:"" help:"Lists to put into it."`
}

func (c *publicationAddCmd) Run(ctx context.Context, p *program) error {
	return c.move(ctx, p, "publication.add", func(pub subscribers.Publication, l *subscribers.List) error {
		if l.PublicationID != nil && *l.PublicationID != pub.ID {
			return errs.New(errs.Conflict, "the list %s belongs to another publication; take it out there first", l.Slug)
		}
		l.PublicationID = &pub.ID
		return nil
	})
}

func (c *publicationAddCmd) move(ctx context.Context, p *program, action string, change func(subscribers.Publication, *subscribers.List) error) error {
	return p.with(ctx, func(a *app) error {
		pub, err := a.subscribers.Publications.BySlug(ctx, c.Slug)
		if err != nil {
			return err
		}
		for _, slug := range c.List {
			l, err := a.subscribers.ListBySlug(ctx, slug)
			if err != nil {
				return err
			}
			if err := change(pub, &l); err != nil {
				return err
			}
			if _, err := a.subscribers.UpdateList(ctx, l); err != nil {
				return err
			}
		}
		return notePublication(ctx, p, a, action, pub)
	})
}

type publicationRemoveCmd struct {
	publicationAddCmd
}

func (c *publicationRemoveCmd) Run(ctx context.Context, p *program) error {
	return c.move(ctx, p, "publication.remove", func(pub subscribers.Publication, l *subscribers.List) error {
		if l.PublicationID == nil || *l.PublicationID != pub.ID {
			return errs.New(errs.Conflict, "the list %s is not of this publication", l.Slug)
		}
		l.PublicationID = nil
		return nil
	})
}

type publicationShowCmd struct {
	Slug string `arg:"" help:"Which publication."`
}

func (c *publicationShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		pub, err := a.subscribers.Publications.BySlug(ctx, c.Slug)
		if err != nil {
			return err
		}
		return showPublication(ctx, p, a, pub)
	})
}

// notePublication writes down who did what, and shows how it stands now.
func notePublication(ctx context.Context, p *program, a *app, action string, pub subscribers.Publication) error {
	if err := audit.Log(ctx, a.db, p.who(), action, "publication "+pub.Slug, nil); err != nil {
		return err
	}
	return showPublication(ctx, p, a, pub)
}

func showPublication(ctx context.Context, p *program, a *app, pub subscribers.Publication) error {
	lists, err := a.subscribers.Publications.Lists(ctx, pub.ID, false)
	if err != nil {
		return err
	}
	out := struct {
		subscribers.Publication
		Lists []string `json:"lists"`
		Open  []string `json:"open_lists"`
		Page  string   `json:"page,omitempty"`
	}{pub, []string{}, []string{}, ""}
	for _, l := range lists {
		out.Lists = append(out.Lists, l.Slug)
		if l.SignupOpen {
			out.Open = append(out.Open, l.Slug)
			out.Page = a.cfg.BaseURL + "/subscribe/to/" + pub.Slug
		}
	}
	return p.show(out, func(w io.Writer) {
		pairs(w, "publication", pub.Slug, "name", pub.Name, "description", pub.Description, "home", pub.HomeURL, "language", pub.Language,
			"colour", pub.AccentColour, "lists", strings.Join(out.Lists, ", "), "sign-up page", out.Page)
		if out.Page == "" {
			fmt.Fprintln(w, "It has no sign-up page: none of its lists is open. Open one with: mailer lists update LIST --signup-open")
		}
	})
}

type publicationListCmd struct{}

func (c *publicationListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.subscribers.Publications.All(ctx)
		if err != nil {
			return err
		}
		return list(p, all, "There are no publications. Make one: mailer publications create --help", []string{"PUBLICATION", "NAME", "LANGUAGE", "HOME"},
			func(pub subscribers.Publication) []any { return []any{pub.Slug, pub.Name, pub.Language, pub.HomeURL} })
	})
}
