package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

type subscribersCmd struct {
	Add     subscriberAddCmd     `cmd:"" help:"Put one person on a list."`
	Import  subscriberImportCmd  `cmd:"" help:"Put the people of a CSV file on a list."`
	Imports subscriberImportsCmd `cmd:"" help:"List the imports, also those that were broken off."`
	Ask     subscriberAskCmd     `cmd:"" help:"Ask people to confirm who were imported as pending."`
	Export  subscriberExportCmd  `cmd:"" help:"Write everybody on a list as CSV."`
	Show    subscriberShowCmd    `cmd:"" help:"Show one person: subscriptions, and how consent came about."`
	Leave   subscriberLeaveCmd   `cmd:"" help:"Take a person off a list who asked for it by other means."`
	Choose  subscriberChooseCmd  `cmd:"" help:"Save what a person chose who said so by other means: how often, a pause, topics."`
	Data    subscriberDataCmd    `cmd:"" help:"Show everything that is known of one person, for them."`
	Consent subscriberConsentCmd `cmd:"" help:"Print how one person agreed, as evidence."`
	Erase   subscriberEraseCmd   `cmd:"" help:"Forget one person for good."`
}

func (subscribersCmd) Help() string {
	return `Nobody gets mail before they agreed. Who is added without --confirmed gets a mail with a confirm link first; --confirmed
is for people who agreed elsewhere, and --source says where. No import lifts a suppression or brings back who left.

Examples:
  mailer subscribers add ada@example.org --list weekly --name "Ada"
  mailer subscribers import readers.csv --list weekly --confirmed --source "sign-up sheets, book fair 2026"
  mailer subscribers ask --list weekly
  mailer subscribers export --list weekly --output readers.csv
  mailer subscribers show ada@example.org
  mailer subscribers data ada@example.org --json > ada.json
  mailer subscribers consent ada@example.org --html > ada.html
  mailer subscribers erase ada@example.org`
}

type subscriberAddCmd struct {
	Address   string            `arg:"" help:"Mail address."`
	List      string            `required:"" short:"l" help:"Which list."`
	Name      string            `help:"Name, as mails may greet them."`
	Language  string            `help:"Language, such as en."`
	Supporter *bool             `negatable:"" help:"They support the publication: appeals are not shown to them."`
	Attribute map[string]string `short:"a" placeholder:"KEY=VALUE" help:"Anything else worth keeping; may be repeated."`
	Confirmed bool              `help:"They agreed already, as --source says; no confirm mail is sent."`
	Source    string            `help:"Where their consent comes from."`
	Wording   string            `help:"What they were told when they agreed."`
	Expires   string            `placeholder:"DATE" help:"With --confirmed: the consent is only implied and ends on that day (UTC), such as 2027-01-31."`
}

func (c *subscriberAddCmd) Run(ctx context.Context, p *program) error {
	if c.Confirmed && c.Source == "" {
		return errs.New(errs.Usage, "--confirmed needs --source: where these people agreed, in your words")
	}
	source := c.Source
	if source == "" {
		source = "added by " + p.who()
	}
	var expires time.Time
	if c.Expires != "" {
		var err error
		if expires, err = time.Parse(time.DateOnly, c.Expires); err != nil {
			return errs.New(errs.Usage, "--expires must be a date like 2027-01-31")
		}
	}
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, c.List)
		if err != nil {
			return err
		}
		var added subscribers.Added
		var asked bool
		// The confirm mail is enqueued with the subscription: neither is there without the other.
		err = db.InTx(ctx, a.db, func(tx *sqlx.Tx) (err error) {
			added, err = a.subscribers.AddTx(ctx, tx, subscribers.AddRequest{Address: c.Address, Name: c.Name, Language: c.Language, ListID: l.ID,
				Supporter: c.Supporter, Attributes: c.Attribute, Confirmed: c.Confirmed, Expires: expires, Source: source, Wording: c.Wording,
				Method: subscribers.MethodAdmin})
			if err != nil || !added.NeedsConfirm {
				return err
			}
			asked, err = a.letters.Confirm(ctx, tx, added.Subscriber, l)
			return err
		})
		if err != nil {
			return err
		}
		return showAdded(p, l, added, asked)
	})
}

func showAdded(p *program, l subscribers.List, added subscribers.Added, asked bool) error {
	out := struct {
		ID          int64  `json:"id,omitempty"`
		Address     string `json:"address"`
		List        string `json:"list"`
		State       string `json:"state"`
		Created     bool   `json:"created"`
		Suppressed  bool   `json:"suppressed"`
		Reason      string `json:"reason,omitempty"`
		ConfirmMail bool   `json:"confirm_mail"`
		Suggestion  string `json:"suggestion,omitempty"`
	}{added.Subscriber.ID, added.Address.Typed, l.Slug, added.State, added.Created, added.Suppressed, added.Reason, asked,
		added.Address.Suggestion}
	return p.show(out, func(w io.Writer) {
		who := cell(out.Address)
		switch {
		case out.Suppressed:
			fmt.Fprintf(w, "%s was not added to %s: %s.\n", who, l.Slug, cell(out.Reason))
		case out.ConfirmMail:
			fmt.Fprintf(w, "%s is %s on %s; a mail with a confirm link is on its way.\n", who, out.State, l.Slug)
		case added.NeedsConfirm:
			fmt.Fprintf(w, "%s is %s on %s, and was asked to confirm before; a person is asked once a day, and three times in all.\n", who, out.State, l.Slug)
		case out.Created:
			fmt.Fprintf(w, "%s is %s on %s.\n", who, out.State, l.Slug)
		default:
			fmt.Fprintf(w, "%s was on %s already, and is %s.\n", who, l.Slug, out.State)
		}
		if out.Suggestion != "" {
			fmt.Fprintf(w, "Did they mean %s?\n", cell(out.Suggestion))
		}
	})
}

type subscriberShowCmd struct {
	Who string `arg:"" help:"Address or number of the person."`
}

func (c *subscriberShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		var person subscribers.Subscriber
		var subs []subscribers.Subscription
		var err error
		if id, convErr := strconv.ParseInt(c.Who, 10, 64); convErr == nil {
			person, subs, err = a.subscribers.Get(ctx, id)
		} else {
			person, subs, err = a.subscribers.ByAddress(ctx, c.Who)
		}
		if err != nil {
			return err
		}
		consent, err := a.subscribers.ConsentLog(ctx, person.ID)
		if err != nil {
			return err
		}
		out := struct {
			subscribers.Subscriber
			Subscriptions []subscribers.Subscription `json:"subscriptions"`
			Consent       []subscribers.Consent      `json:"consent"`
		}{person, append([]subscribers.Subscription{}, subs...), append([]subscribers.Consent{}, consent...)}
		return p.show(out, func(w io.Writer) {
			pairs(w, "subscriber", person.ID, "address", person.Address, "name", person.Name, "language", person.Language,
				"supporter", person.Supporter, "provider", person.Provider, "since", person.CreatedAt,
				"not mailed because", strings.Join(person.Suppressed, ", "))
			fmt.Fprintln(w)
			table(w, []string{"LIST", "STATE", "CHOSEN", "CONFIRMED", "CONSENT ENDS", "LEFT", "SOURCE"}, subs, func(s subscribers.Subscription) []any {
				return []any{s.List, s.State, chosen(s), s.ConfirmedAt, s.ExpiresAt, s.UnsubscribedAt, s.Source}
			})
			slugs := map[int64]string{}
			for _, s := range subs {
				slugs[s.ListID] = s.List
			}
			fmt.Fprintln(w)
			table(w, []string{"WHEN", "LIST", "EVENT", "BY", "SOURCE", "WORDING"}, consent, func(e subscribers.Consent) []any {
				of := "all"
				if e.ListID != nil {
					of = cmp.Or(slugs[*e.ListID], fmt.Sprint("list ", *e.ListID)) // a list that they are not on any more has its number
				}
				return []any{e.At, of, e.Event, e.Method, e.Source, shorten(e.Wording, 60)}
			})
		})
	})
}

// chosen says in a line what a reader chose within a subscription.
func chosen(s subscribers.Subscription) string {
	said := []string{"each edition"}
	if s.Frequency == subscribers.Weekly {
		said[0] = "weekly"
	}
	if s.PausedUntil != nil && s.PausedUntil.After(time.Now()) {
		said = append(said, "paused until "+s.PausedUntil.Format(time.DateOnly))
	}
	if len(s.TopicsOff) > 0 {
		said = append(said, "not "+strings.Join(s.TopicsOff, ", "))
	}
	return strings.Join(said, "; ")
}

type subscriberLeaveCmd struct {
	Address string `arg:"" help:"Mail address."`
	List    string `short:"l" xor:"what" required:"" help:"Which list."`
	All     bool   `xor:"what" required:"" help:"All mail of this service."`
}

func (c *subscriberLeaveCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		person, _, err := a.subscribers.ByAddress(ctx, c.Address)
		if err != nil {
			return err
		}
		r := subscribers.LeaveRequest{Subscriber: person.ID, All: c.All, Method: subscribers.MethodAdmin}
		what := "all mail"
		if !c.All {
			l, err := a.subscribers.ListBySlug(ctx, c.List)
			if err != nil {
				return err
			}
			r.List, what = l.ID, l.Slug
		}
		changed, err := a.subscribers.Leave(ctx, r)
		if err != nil {
			return err
		}
		out := struct {
			ID      int64 `json:"id"`
			Changed bool  `json:"changed"`
		}{person.ID, changed}
		return p.show(out, func(w io.Writer) {
			if changed {
				fmt.Fprintf(w, "%s has left %s.\n", cell(person.Address), what)
			} else {
				fmt.Fprintf(w, "%s had left %s already.\n", cell(person.Address), what)
			}
		})
	})
}
