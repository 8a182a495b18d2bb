package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"mailer/internal/audit"
	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/privacy"
	"mailer/internal/subscribers"
)

// Personal data, for the operator to whom somebody writes a letter instead of opening the page of their own.

type subscriberDataCmd struct {
	Who string `arg:"" help:"Address or number of the person."`
}

func (c *subscriberDataCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		id, report, err := known(ctx, a, c.Who)
		if err != nil {
			return err
		}
		if id.ID != 0 {
			if err := audit.Log(ctx, a.db, p.who(), "reader.data", subscribers.SubscriberSubject(id.ID), nil); err != nil {
				return err
			}
		}
		return p.show(report, func(w io.Writer) {
			v := report.View(lang.For(""))
			fmt.Fprintf(w, "All that is known of %s, as of %s.\n", cell(id.Canonical), v.MadeAt)
			v.Text(w, clean)
		})
	})
}

type subscriberConsentCmd struct {
	Who      string `arg:"" help:"Address or number of the person."`
	HTML     bool   `name:"html" help:"As a page for printing."`
	Language string `help:"Language of the record, such as fr."`
}

func (c *subscriberConsentCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		id, err := identify(ctx, a, c.Who)
		if err != nil {
			return err
		}
		record, err := a.privacy.Consent(ctx, id, lang.For(c.Language))
		if err != nil {
			return err
		}
		if c.HTML {
			return record.HTML(p.stdout)
		}
		return p.show(record.Sections, func(w io.Writer) {
			for _, line := range record.Head() {
				fmt.Fprintln(w, cell(line))
			}
			record.Text(w, clean)
		})
	})
}

type subscriberEraseCmd struct {
	Who string `arg:"" help:"Address or number of the person."`
	Yes bool   `help:"Do not ask."`
}

func (c *subscriberEraseCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		id, _, err := known(ctx, a, c.Who)
		if err != nil {
			return err
		}
		if err := p.confirm(c.Yes, "Everything about %s will be erased for good, from all lists; what stays is a hash of the address, by which it is not mailed again.",
			cell(id.Canonical)); err != nil {
			return err
		}
		begun, err := a.privacy.Erase(ctx, id, p.who())
		if err != nil && begun {
			return errs.Wrap(err, errs.KindOf(err), "the reader gets no more mail, but the erasure broke off; a running service ends it, and so does the same command again")
		}
		if err != nil {
			return err
		}
		out := struct {
			Erased bool `json:"erased"`
		}{true}
		return p.show(out, func(w io.Writer) {
			fmt.Fprintf(w, "%s is erased. Answers of mail servers that are still under way are taken away within an hour or so, while mailer serve runs.\n", cell(id.Canonical))
		})
	})
}

// known returns a person and all that is known of them; errs.NotFound when that is nothing.
func known(ctx context.Context, a *app, who string) (subscribers.Identity, privacy.Report, error) {
	id, err := identify(ctx, a, who)
	if err != nil {
		return id, privacy.Report{}, err
	}
	report, err := a.privacy.Report(ctx, id)
	if err == nil && !report.Known() {
		err = errs.New(errs.NotFound, "nothing is known of %s", who)
	}
	return id, report, err
}

// identify finds a person by number, or by address in any of its forms.
func identify(ctx context.Context, a *app, who string) (subscribers.Identity, error) {
	if id, err := strconv.ParseInt(who, 10, 64); err == nil {
		return a.subscribers.Records().Find(ctx, id)
	}
	return a.subscribers.Records().FindAddress(ctx, who)
}
