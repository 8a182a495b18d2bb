package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

type peopleCmd struct {
	List    peopleListCmd    `cmd:"" default:"withargs" help:"Show who has an account."`
	Owner   peopleOwnerCmd   `cmd:"" help:"Make the link of the first visit, while there is no owner."`
	Invite  peopleInviteCmd  `cmd:"" help:"Make an account, and a link to choose its password."`
	Reset   peopleResetCmd   `cmd:"" help:"Make a link to choose another password: the way back in."`
	Role    peopleRoleCmd    `cmd:"" help:"Give a role, on all lists or on one."`
	Disable peopleDisableCmd `cmd:"" help:"Shut an account and end its sessions."`
	Enable  peopleEnableCmd  `cmd:"" help:"Open an account again."`
}

func (peopleCmd) Help() string {
	return `Who may log in to the editors' desk, and what they may do. The roles, each of which may do what those before it may:
viewer (reads campaigns and reports), writer (writes campaigns and stories), editor (approves and sends; lists, digests,
readers), owner (everything, and people, relays and settings).

Links printed here let whoever has them in, once. Hand them over by a way that only that person can read.

Examples:
  mailer people
  mailer people invite ines@example.org --name "Ines Moreau" --role editor
  mailer people invite tom@example.org --role writer --list morning
  mailer people reset ines@example.org --factor      (a new password, and no second factor until they set one up)`
}

type peopleListCmd struct{}

func (peopleListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.accounts.People.All(ctx)
		if err != nil {
			return err
		}
		lists, err := a.subscribers.Lists(ctx)
		if err != nil {
			return err
		}
		return list(p, all, "Nobody has an account yet; see: mailer people owner", []string{"ADDRESS", "NAME", "ROLES", "SECOND FACTOR", "LAST LOG-IN", "STATE"},
			func(x accounts.Account) []any {
				state := ""
				switch {
				case x.Disabled != nil:
					state = "disabled"
				case !x.Joined:
					state = "invited"
				}
				return []any{x.Email, x.Name, rolesText(x.Grants, lists), x.SecondFactor, x.LastLogin, state}
			})
	})
}

// rolesText says what somebody may do: "editor; writer on morning".
func rolesText(g accounts.Grants, lists []subscribers.List) string {
	var texts []string
	for _, x := range g {
		text := x.Role.String()
		if x.List != 0 {
			where := fmt.Sprint(x.List)
			for _, l := range lists {
				if l.ID == x.List {
					where = l.Slug
				}
			}
			text += " on " + where
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

type peopleOwnerCmd struct{}

func (peopleOwnerCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		url, err := a.accounts.Links.Owner(ctx)
		if err == nil && url == "" {
			err = errs.New(errs.Conflict, "there is an owner already; see: mailer people")
		}
		if err != nil {
			return err
		}
		return p.link(url)
	})
}

type peopleInviteCmd struct {
	Email string   `arg:"" help:"Their address."`
	Name  string   `help:"Their name."`
	Role  string   `default:"editor" enum:"viewer,writer,editor,owner" help:"What they may do: viewer, writer, editor or owner (${default})."`
	List  []string `placeholder:"LIST" help:"On these lists only; all of them unless given."`
	Mail  bool     `help:"Mail the link instead of printing it."`
}

func (c *peopleInviteCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		grants, err := a.grants(ctx, c.Role, c.List)
		if err != nil {
			return err
		}
		person, err := a.accounts.People.Create(ctx, accounts.Person{Email: c.Email, Name: c.Name, Grants: grants}, p.who())
		if err != nil {
			return err
		}
		return a.handOver(ctx, p, person, c.Mail)
	})
}

// grants are a role on some lists, or on all.
func (a *app) grants(ctx context.Context, role string, slugs []string) (g accounts.Grants, err error) {
	r, err := accounts.ParseRole(role)
	if err != nil {
		return nil, err
	}
	if len(slugs) == 0 {
		return accounts.Grants{{Role: r}}, nil
	}
	for _, slug := range slugs {
		l, err := a.subscribers.ListBySlug(ctx, slug)
		if err != nil {
			return nil, err
		}
		g = append(g, accounts.Grant{List: l.ID, Role: r})
	}
	return g, nil
}

// handOver mails somebody a link to choose a password, or prints it.
func (a *app) handOver(ctx context.Context, p *program, person accounts.Account, mail bool) error {
	if mail {
		if err := a.accounts.Links.Send(ctx, person, p.who()); err != nil {
			return err
		}
		return p.show(struct {
			Mailed string `json:"mailed"`
		}{person.Email}, func(w io.Writer) { fmt.Fprintf(w, "A link is on its way to %s.\n", person.Email) })
	}
	url, err := a.accounts.Links.For(ctx, person, p.who())
	if err != nil {
		return err
	}
	return p.link(url)
}

// link prints an address that lets somebody in.
func (p *program) link(url string) error {
	return p.show(struct {
		URL string `json:"url"`
	}{url}, func(w io.Writer) { fmt.Fprintln(w, url) })
}

type peopleResetCmd struct {
	Email  string `arg:"" help:"Whose account."`
	Factor bool   `help:"Remove the second factor too, for somebody who has lost their telephone and their recovery codes."`
	Mail   bool   `help:"Mail the link instead of printing it."`
}

func (c *peopleResetCmd) Run(ctx context.Context, p *program) error {
	return p.person(ctx, c.Email, func(a *app, person accounts.Account) error {
		if c.Factor {
			if err := a.accounts.Factors.Remove(ctx, person, p.who()); err != nil {
				return err
			}
		}
		return a.handOver(ctx, p, person, c.Mail)
	})
}

type peopleRoleCmd struct {
	Email string   `arg:"" help:"Whose account."`
	Role  string   `arg:"" enum:"none,viewer,writer,editor,owner" help:"none, viewer, writer, editor or owner."`
	List  []string `placeholder:"LIST" help:"On these lists; on all of them unless given."`
}

func (c *peopleRoleCmd) Run(ctx context.Context, p *program) error {
	return p.person(ctx, c.Email, func(a *app, person accounts.Account) error {
		given, err := a.grants(ctx, c.Role, c.List)
		if err != nil {
			return err
		}
		grants := given
		for _, had := range person.Grants {
			replaced := false
			for _, g := range given {
				replaced = replaced || g.List == had.List
			}
			if !replaced {
				grants = append(grants, had)
			}
		}
		if err := a.accounts.People.SetGrants(ctx, person.ID, grants, p.who()); err != nil {
			return err
		}
		return p.personNow(ctx, a, person.ID)
	})
}

type peopleDisableCmd struct {
	Email string `arg:"" help:"Whose account."`
}

func (c *peopleDisableCmd) Run(ctx context.Context, p *program) error {
	return p.person(ctx, c.Email, func(a *app, person accounts.Account) error {
		if err := a.accounts.People.Disable(ctx, person.ID, p.who()); err != nil {
			return err
		}
		return p.personNow(ctx, a, person.ID)
	})
}

type peopleEnableCmd struct {
	Email string `arg:"" help:"Whose account."`
}

func (c *peopleEnableCmd) Run(ctx context.Context, p *program) error {
	return p.person(ctx, c.Email, func(a *app, person accounts.Account) error {
		if err := a.accounts.People.Enable(ctx, person.ID, p.who()); err != nil {
			return err
		}
		return p.personNow(ctx, a, person.ID)
	})
}

// person does something to an account named by its address.
func (p *program) person(ctx context.Context, email string, do func(a *app, person accounts.Account) error) error {
	return p.with(ctx, func(a *app) error {
		person, err := a.accounts.People.ByEmail(ctx, email)
		if errs.KindOf(err) == errs.NotFound {
			return errs.Wrap(err, errs.NotFound, "nobody has an account with the address %s; see: mailer people", email)
		}
		if err != nil {
			return err
		}
		return do(a, person)
	})
}

// personNow shows an account after a change.
func (p *program) personNow(ctx context.Context, a *app, id int64) error {
	person, err := a.accounts.People.Get(ctx, id)
	if err != nil {
		return err
	}
	lists, err := a.subscribers.Lists(ctx)
	if err != nil {
		return err
	}
	return p.show(person, func(w io.Writer) {
		state := rolesText(person.Grants, lists)
		if state == "" {
			state = "no role"
		}
		if person.Disabled != nil {
			state = "disabled"
		}
		fmt.Fprintf(w, "%s: %s\n", person.Email, state)
	})
}
