package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

type topicsCmd struct {
	Create topicCreateCmd `cmd:"" help:"Make a topic of a list."`
	Rename topicRenameCmd `cmd:"" help:"Change what readers see of a topic."`
	Retire topicRetireCmd `cmd:"" help:"Take a topic out of use."`
	List   topicListCmd   `cmd:"" default:"withargs" help:"Show the topics of a list."`
}

func (topicsCmd) Help() string {
	return `Topics are the interests within a list. Everybody gets all of them, a new one too, until they switch one off: in the preference
centre, or on the page by which they leave. A story is of a topic by the recipe of its digest; see docs/recipes.md.

Examples:
  mailer topics create weekly politics --name "Politics"
  mailer topics weekly
  mailer topics rename weekly politics --name "Politics and law"
  mailer topics retire weekly politics`
}

type topicCreateCmd struct {
	List        string `arg:"" help:"Which list."`
	Topic       string `arg:"" help:"Short name for recipes and commands, such as local-news; it never changes."`
	Name        string `required:"" help:"Name, as readers see it."`
	Description string `help:"What it is about, in a few words."`
}

func (c *topicCreateCmd) Run(ctx context.Context, p *program) error {
	return onList(ctx, p, c.List, func(a *app, l subscribers.List) error {
		t, err := a.subscribers.Topics.Create(ctx, subscribers.Topic{ListID: l.ID, Slug: c.Topic, Name: c.Name, Description: c.Description}, p.who())
		return showTopic(p, l, t, err)
	})
}

type topicRenameCmd struct {
	List        string  `arg:"" help:"Which list."`
	Topic       string  `arg:"" help:"Which topic."`
	Name        *string `help:"Name, as readers see it."`
	Description *string `help:"What it is about, in a few words."`
}

func (c *topicRenameCmd) Run(ctx context.Context, p *program) error {
	if c.Name == nil && c.Description == nil {
		return errs.New(errs.Usage, "say what is to change: --name or --description")
	}
	return onList(ctx, p, c.List, func(a *app, l subscribers.List) error {
		t, err := a.subscribers.Topics.Rename(ctx, l.ID, c.Topic, c.Name, c.Description, p.who())
		return showTopic(p, l, t, err)
	})
}

type topicRetireCmd struct {
	List  string `arg:"" help:"Which list."`
	Topic string `arg:"" help:"Which topic."`
	Yes   bool   `short:"y" help:"Do not ask."`
}

func (c *topicRetireCmd) Run(ctx context.Context, p *program) error {
	return onList(ctx, p, c.List, func(a *app, l subscribers.List) error {
		t, err := a.subscribers.Topics.Find(ctx, l.ID, c.Topic)
		if err != nil {
			return err
		}
		if t.RetiredAt == nil {
			if err := p.confirm(c.Yes, "Retire the topic %q? Readers can no longer switch it on or off, and it never comes back.", t.Name); err != nil {
				return err
			}
		}
		t, err = a.subscribers.Topics.Retire(ctx, l.ID, c.Topic, p.who())
		return showTopic(p, l, t, err)
	})
}

type topicListCmd struct {
	List    string `arg:"" help:"Which list."`
	Retired bool   `help:"Those that are out of use as well."`
}

func (c *topicListCmd) Run(ctx context.Context, p *program) error {
	return onList(ctx, p, c.List, func(a *app, l subscribers.List) error {
		topics, err := a.subscribers.Topics.Of(ctx, l.ID, c.Retired)
		if err != nil {
			return err
		}
		off, err := a.subscribers.Topics.Off(ctx, l.ID)
		if err != nil {
			return err
		}
		type row struct {
			subscribers.Topic
			Off int64 `json:"readers_off"` // confirmed readers who switched it off
		}
		rows := []row{}
		for _, t := range topics {
			rows = append(rows, row{t, off[t.Bit]})
		}
		return list(p, rows, "The list has no topics. Make one: mailer topics create --help", []string{"TOPIC", "NAME", "SWITCHED OFF BY", "RETIRED", "ABOUT"},
			func(r row) []any { return []any{r.Slug, r.Name, r.Off, r.RetiredAt, r.Description} })
	})
}

// onList opens the app and finds a list.
func onList(ctx context.Context, p *program, slug string, do func(*app, subscribers.List) error) error {
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, slug)
		if err != nil {
			return err
		}
		return do(a, l)
	})
}

func showTopic(p *program, l subscribers.List, t subscribers.Topic, err error) error {
	if err != nil {
		return err
	}
	return p.show(t, func(w io.Writer) {
		pairs(w, "topic", t.Slug, "list", l.Slug, "name", t.Name, "about", t.Description, "retired", t.RetiredAt)
	})
}

type subscriberChooseCmd struct {
	Address string  `arg:"" help:"Mail address."`
	List    string  `required:"" short:"l" help:"Which list."`
	Every   string  `placeholder:"each|weekly" help:"How often: each edition, or weekly."`
	Pause   string  `placeholder:"DAY" help:"No mail until this day, such as 2027-01-31; none ends a pause."`
	Off     *string `placeholder:"TOPICS" help:"Topics that are not wanted, with commas between; none: all are wanted."`
}

func (c *subscriberChooseCmd) Run(ctx context.Context, p *program) error {
	if c.Every == "" && c.Pause == "" && c.Off == nil {
		return errs.New(errs.Usage, "say what they chose: --every, --pause or --off")
	}
	return onList(ctx, p, c.List, func(a *app, l subscribers.List) error {
		person, _, err := a.subscribers.ByAddress(ctx, c.Address)
		if err != nil {
			return err
		}
		r := subscribers.ChoiceRequest{Subscriber: person.ID, List: l.ID, Method: subscribers.MethodAdmin}
		switch c.Every {
		case "":
		case "each", "edition":
			r.Frequency = new(subscribers.EachEdition)
		case "weekly", "week":
			r.Frequency = new(subscribers.Weekly)
		default:
			return errs.New(errs.Usage, "--every: %q is neither each nor weekly", c.Every)
		}
		if r.PauseUntil, err = pauseUntil(c.Pause, l.TimeZone); err != nil {
			return err
		}
		if c.Off != nil {
			if r.TopicsOff, err = topicsOff(ctx, a, l, *c.Off); err != nil {
				return err
			}
		}
		changed, err := a.subscribers.Choices.Set(ctx, r)
		if err != nil {
			return err
		}
		return p.show(struct {
			ID      int64 `json:"id"`
			Changed bool  `json:"changed"`
		}{person.ID, changed}, func(w io.Writer) {
			if changed {
				fmt.Fprintf(w, "It is saved for %s on %s.\n", cell(person.Address), l.Slug)
			} else {
				fmt.Fprintf(w, "Nothing changed: %s has it like that on %s already, or has left it.\n", cell(person.Address), l.Slug)
			}
		})
	})
}

func topicsOff(ctx context.Context, a *app, l subscribers.List, slugs string) (*uint64, error) {
	var off uint64
	for slug := range strings.SplitSeq(slugs, ",") {
		if slug = strings.TrimSpace(slug); slug == "" || slug == "none" {
			continue
		}
		t, err := a.subscribers.Topics.Find(ctx, l.ID, slug)
		if err != nil {
			return nil, err
		}
		off |= t.Mask()
	}
	return &off, nil
}

// pauseUntil reads the day that a pause ends, which it does at its beginning in the list's time zone. Empty is nil; none, which ends
// a pause, is the zero time.
func pauseUntil(day, zone string) (*time.Time, error) {
	switch day {
	case "":
		return nil, nil
	case "none":
		return new(time.Time), nil
	}
	z, err := time.LoadLocation(zone)
	if err != nil {
		z = time.UTC
	}
	until, err := time.ParseInLocation(time.DateOnly, day, z)
	if err != nil {
		return nil, errs.Wrap(err, errs.Usage, "--pause: %q is no day; write it like 2027-01-31", day)
	}
	switch now := time.Now(); {
	case !until.After(now):
		return nil, errs.Field("--pause", "%s is over already; name a day to come", day)
	case until.After(now.Add(subscribers.MaxPause)):
		return nil, errs.Field("--pause", "%s is too far; a pause can last a year at most", day)
	}
	return &until, nil
}
