package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"mailer/internal/audit"
	"mailer/internal/errs"
	"mailer/internal/signup"
)

type formsCmd struct {
	Show  formShowCmd  `cmd:"" help:"Show the sign-up form of a list: its page, its wording, the sites that may hold it."`
	Set   formSetCmd   `cmd:"" help:"Change the wording, or the sites that may hold the form."`
	Embed formEmbedCmd `cmd:"" help:"Print the form as HTML for a page of your own site."`
}

func (formsCmd) Help() string {
	return `A list that is open for sign-up has a page, and a form that can stand on pages of your own site. What people agree to
is kept with their consent, word for word, under a version that a change raises.

Examples:
  mailer lists update weekly --signup-open
  mailer forms show weekly
  mailer forms set weekly --site https://www.example.org --wording "Send me The Weekly every Friday."
  mailer forms embed weekly > signup.html
  mailer forms embed --publication courier`
}

// whichForm names a form.
type whichForm struct {
	List        string `arg:"" optional:"" help:"Of which list."`
	Publication string `placeholder:"SLUG" help:"The form for all open lists of a publication, in its place."`
}

func (c whichForm) find(ctx context.Context, a *app) (signup.Form, error) {
	switch {
	case (c.List == "") == (c.Publication == ""):
		return signup.Form{}, errs.New(errs.Usage, "name a list or --publication, and not both")
	case c.Publication != "":
		return a.signup.ForPublication(ctx, c.Publication)
	}
	return a.signup.ForList(ctx, c.List)
}

func (c whichForm) subject() string {
	if c.Publication != "" {
		return "form of publication " + c.Publication
	}
	return "form of list " + c.List
}

type formShowCmd struct{ whichForm }

func (c *formShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		f, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		return showForm(p, a, f)
	})
}

func showForm(p *program, a *app, f signup.Form) error {
	var lists []string
	for _, l := range f.Lists {
		lists = append(lists, l.Slug)
	}
	out := struct {
		Page    string   `json:"page"`
		Lists   []string `json:"lists"`
		Wording string   `json:"wording"`
		Own     bool     `json:"own_wording"`
		Sites   []string `json:"sites"`
	}{a.cfg.BaseURL + f.Path, lists, f.Wording(f.Words("")), f.Own != "", append([]string{}, f.Sites...)}
	return p.show(out, func(w io.Writer) {
		pairs(w, "page", out.Page, "lists", strings.Join(out.Lists, ", "), "wording", out.Wording, "sites", strings.Join(out.Sites, " "), "home", f.HomeURL)
		if len(out.Sites) == 0 && f.HomeURL == "" {
			fmt.Fprintln(w, "Only its own page may hold it. To put it on your site: mailer forms set … --site https://www.example.org")
		}
	})
}

type formSetCmd struct {
	whichForm
	Wording *string  `help:"What people agree to, in a sentence; empty: the usual one. Who publishes is added to it."`
	Site    []string `sep:"none" placeholder:"URL" help:"Site whose pages may hold the form, besides the home page's; may be repeated, and replaces those set before."`
	NoSites bool     `help:"No other site may hold it."`
}

func (c *formSetCmd) Run(ctx context.Context, p *program) error {
	sites := c.Site
	if c.NoSites {
		sites = []string{}
	}
	return p.with(ctx, func(a *app) error {
		f, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		if f, err = a.signup.Set(ctx, f, c.Wording, sites); err != nil {
			return err
		}
		if err := audit.Log(ctx, a.db, p.who(), "form.set", c.subject(), map[string]any{"wording": f.Own, "sites": f.Sites}); err != nil {
			return err
		}
		return showForm(p, a, f)
	})
}

type formEmbedCmd struct {
	whichForm
	Language string `placeholder:"TAG" help:"Language of the form: en or fr; default: that of the list."`
}

func (c *formEmbedCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		f, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		w := f.Words(c.Language)
		html, err := a.signup.Snippet(f, w)
		if err != nil {
			return err
		}
		version, err := a.signup.Version(ctx, f, w)
		if err != nil {
			return err
		}
		if f.HomeURL == "" && len(f.Sites) == 0 {
			p.say("no other site may hold this form yet; allow yours with: mailer forms set … --site https://www.example.org")
		}
		out := struct {
			HTML    string `json:"html"`
			Version int    `json:"version"`
		}{html, version}
		return p.show(out, func(w io.Writer) { fmt.Fprint(w, html) })
	})
}
