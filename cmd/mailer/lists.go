package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/BurntSushi/toml"

	"mailer/internal/audit"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

type listsCmd struct {
	Create listCreateCmd `cmd:"" help:"Make a list."`
	Update listUpdateCmd `cmd:"" help:"Change what a list says of itself."`
	Show   listShowCmd   `cmd:"" help:"Show one list with its numbers."`
	List   listListCmd   `cmd:"" default:"withargs" help:"Show all lists."`
}

func (listsCmd) Help() string {
	return `A list is what readers subscribe to. Every mail of it names its sender, its publisher and a postal address, as the law
wants; a campaign cannot start before they are there.

Examples:
  mailer lists create weekly --name "The Weekly" --from-name "The Weekly" --from-address weekly@news.example.org \
      --legal-name "Example Press Ltd" --postal-address "1 High Street, Anytown AB1 2CD" \
      --contact hello@news.example.org --time-zone Europe/London
  mailer lists create --file weekly.toml
  mailer lists update weekly --accent-colour "#7a1f2b"
  mailer lists show weekly --json`
}

// listFields are the columns of a list that a person sets; nil means not given. The names are the same in a file.
type listFields struct {
	Name           *string `toml:"name" help:"Name of the newsletter, as readers see it."`
	Description    *string `toml:"description" help:"What it is about, in a sentence."`
	FromName       *string `toml:"from_name" help:"Sender's name in the inbox."`
	FromAddress    *string `toml:"from_address" help:"Sender's address; its domain must be yours (DMARC)."`
	ReplyTo        *string `toml:"reply_to" help:"Where replies go; default: the sender's address."`
	EnvelopeDomain *string `toml:"envelope_domain" help:"Domain of MAIL FROM; default: that of the sender's address."`
	LegalName      *string `toml:"legal_name" help:"Publisher, as the footer names it."`
	PostalAddress  *string `toml:"postal_address" help:"Postal address of the publisher."`
	Contact        *string `toml:"contact" help:"Address, telephone number or page for questions."`
	HomeURL        *string `toml:"home_url" name:"home-url" help:"Web site of the publication."`
	Reason         *string `toml:"reason" help:"Why the reader gets this mail; default: a sentence in the list's language."`
	Language       *string `toml:"language" help:"Language of the mails, such as en or fr."`
	TimeZone       *string `toml:"time_zone" help:"Time zone of dates and schedules, such as Europe/Paris."`
	LogoURL        *string `toml:"logo_url" name:"logo-url" help:"Address of the logo."`
	LogoWidth      *int    `toml:"logo_width" help:"Width of the logo as shown, in pixels."`
	LogoHeight     *int    `toml:"logo_height" help:"Height of the logo as shown, in pixels."`
	AccentColour   *string `toml:"accent_colour" help:"Colour of links and buttons, such as #1f4e79."`
	TypeFace       *string `toml:"type_face" help:"Fonts of the mails: book, clean or clear; empty: the usual ones."`
	PaperColour    *string `toml:"paper_colour" help:"Colour of the background, such as #fdfdfb."`
	SignupOpen     *bool   `toml:"signup_open" name:"signup-open" negatable:"" help:"Whether anybody may sign up on the public page."`
	ArchiveOpen    *bool   `toml:"archive_open" name:"archive-open" negatable:"" help:"Whether past campaigns stand on public pages."`
	Welcome        *bool   `toml:"welcome" negatable:"" help:"Whether those who confirm get a welcome mail; they do unless it is switched off."`
}

// apply sets what was given.
func (f listFields) apply(l *subscribers.List) {
	for _, s := range []struct {
		from *string
		to   *string
	}{
		{f.Name, &l.Name}, {f.Description, &l.Description}, {f.FromName, &l.FromName}, {f.FromAddress, &l.FromAddress},
		{f.ReplyTo, &l.ReplyTo}, {f.EnvelopeDomain, &l.EnvelopeDomain}, {f.LegalName, &l.LegalName},
		{f.PostalAddress, &l.PostalAddress}, {f.Contact, &l.Contact}, {f.HomeURL, &l.HomeURL}, {f.Reason, &l.Reason},
		{f.Language, &l.Language}, {f.TimeZone, &l.TimeZone}, {f.LogoURL, &l.LogoURL},
		{f.AccentColour, &l.AccentColour}, {f.PaperColour, &l.PaperColour}, {f.TypeFace, &l.TypeFace},
	} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	for _, s := range []struct{ from, to *bool }{{f.SignupOpen, &l.SignupOpen}, {f.ArchiveOpen, &l.ArchiveOpen}} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	if f.Welcome != nil {
		l.NoWelcome = !*f.Welcome
	}
	if f.LogoWidth != nil {
		l.LogoWidth = *f.LogoWidth
	}
	if f.LogoHeight != nil {
		l.LogoHeight = *f.LogoHeight
	}
}

// listFile is a list as it is written in a file.
type listFile struct {
	Slug string `toml:"slug"`
	listFields
}

// readListFile reads the file, when one is named. Unknown keys are refused: they are slips of the pen.
func readListFile(path string) (f listFile, err error) {
	if path == "" {
		return f, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return f, errs.Wrap(err, errs.NotFound, "the file %s cannot be read", path)
	}
	meta, err := toml.Decode(string(text), &f)
	if err != nil {
		return f, errs.Field("file", "%s: %v", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return f, errs.Field("file", "%s: %s is not a key of a list", path, unknown[0])
	}
	return f, nil
}

type listCreateCmd struct {
	Slug       string `arg:"" optional:"" help:"Short name for addresses and commands, such as weekly."`
	File       string `short:"f" placeholder:"FILE" help:"TOML file with slug, name, from_name and so on; flags win over it."`
	listFields `group:""`
}

func (c *listCreateCmd) Run(ctx context.Context, p *program) error {
	file, err := readListFile(c.File)
	if err != nil {
		return err
	}
	l := subscribers.List{Slug: file.Slug}
	if c.Slug != "" {
		l.Slug = c.Slug
	}
	file.apply(&l)
	c.apply(&l)
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.CreateList(ctx, l)
		if err != nil {
			return err
		}
		if err := audit.Log(ctx, a.db, p.who(), "list.create", "list "+l.Slug, nil); err != nil {
			return err
		}
		return showList(p, a, l, nil)
	})
}

type listUpdateCmd struct {
	Slug       string `arg:"" help:"Which list."`
	File       string `short:"f" placeholder:"FILE" help:"TOML file with what changes; flags win over it."`
	listFields `group:""`
}

func (c *listUpdateCmd) Run(ctx context.Context, p *program) error {
	file, err := readListFile(c.File)
	if err != nil {
		return err
	}
	if file.Slug != "" && file.Slug != c.Slug {
		return errs.Field("slug", "the file is about %s, the command about %s; a slug never changes", file.Slug, c.Slug)
	}
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, c.Slug)
		if err != nil {
			return err
		}
		file.apply(&l)
		c.apply(&l)
		if l, err = a.subscribers.UpdateList(ctx, l); err != nil {
			return err
		}
		if err := audit.Log(ctx, a.db, p.who(), "list.update", "list "+l.Slug, nil); err != nil {
			return err
		}
		return showList(p, a, l, nil)
	})
}

type listShowCmd struct {
	Slug string `arg:"" help:"Which list."`
}

func (c *listShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, c.Slug)
		if err != nil {
			return err
		}
		counts, err := a.subscribers.Counts(ctx, l.ID)
		if err != nil {
			return err
		}
		return showList(p, a, l, &counts)
	})
}

// showList prints a list, and how many readers it has where that is known.
func showList(p *program, a *app, l subscribers.List, n *subscribers.Counts) error {
	out := struct {
		subscribers.List
		Readers *subscribers.Counts `json:"readers,omitempty"`
		Missing []string            `json:"missing"`
		DKIM    []string            `json:"dkim"` // the keys that sign its mail, by the names of their records
	}{l, n, append([]string{}, l.Missing()...), []string{}}
	_, domain, _ := strings.Cut(l.FromAddress, "@")
	signing := "left to the relay; to sign here: mailer dkim new " + domain
	for i, k := range a.dkim.For(domain) {
		if i == 0 {
			signing = "signed here for " + k.Domain + " with " + selectors(a.dkim.For(domain))
		}
		out.DKIM = append(out.DKIM, k.Name())
	}
	return p.show(out, func(w io.Writer) {
		pairs(w, "list", l.Slug, "name", l.Name, "description", l.Description, "from", l.FromName+" <"+l.FromAddress+">", "reply to", l.ReplyTo,
			"envelope domain", l.EnvelopeDomain, "dkim", signing, "publisher", l.LegalName, "postal address", l.PostalAddress, "contact", l.Contact,
			"home", l.HomeURL, "reason", l.Reason, "language", l.Language, "time zone", l.TimeZone, "logo", l.LogoURL,
			"colours", l.AccentColour+" on "+l.PaperColour, "sign-up page", l.SignupOpen, "public archive", l.ArchiveOpen, "welcome mail", !l.NoWelcome)
		if n != nil {
			pairs(w, "readers", fmt.Sprintf("%d get mail; %d confirmed, %d pending, %d unsubscribed, %d suppressed; %d supporters",
				n.Mailable, n.Confirmed, n.Pending, n.Unsubscribed, n.Suppressed, n.Supporters))
		}
		for _, m := range out.Missing {
			fmt.Fprintf(w, "Before a campaign can start it needs %s.\n", m)
		}
	})
}

type listListCmd struct{}

func (c *listListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		lists, err := a.subscribers.Lists(ctx)
		if err != nil {
			return err
		}
		return list(p, lists, "There are no lists yet. Make one: mailer lists create --help", []string{"LIST", "NAME", "FROM", "LANGUAGE", "ZONE"},
			func(l subscribers.List) []any { return []any{l.Slug, l.Name, l.FromAddress, l.Language, l.TimeZone} })
	})
}
