package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mailer/internal/articles"
	"mailer/internal/audit"
	"mailer/internal/errs"
)

type feedsCmd struct {
	Add    feedAddCmd    `cmd:"" help:"Add a feed and read it."`
	List   feedListCmd   `cmd:"" default:"withargs" help:"Show all feeds and how they are."`
	Poll   feedPollCmd   `cmd:"" help:"Read feeds now."`
	Remove feedRemoveCmd `cmd:"" help:"Stop reading a feed; its stories stay."`
}

func (feedsCmd) Help() string {
	return `A running scheduler reads every feed when it is due. A feed that breaks is shown with its last error and keeps the
stories it has brought. One whose first reading fails is added all the same, and the command ends with status 75.

Examples:
  mailer feeds add https://news.example.org/science.xml --slug science --section Science
  mailer feeds poll science
  mailer feeds`
}

type feedAddCmd struct {
	URL      string        `arg:"" name:"url" help:"Address of an RSS, Atom or JSON feed."`
	Slug     string        `help:"Short name for recipes and commands; default: made of its title or host."`
	Title    string        `help:"Title; default: the feed's own."`
	Section  string        `help:"Section of stories that name none themselves."`
	Language string        `help:"Language of stories that name none themselves."`
	Every    time.Duration `default:"15m" help:"How often to read it, at least a minute apart."`
	NoPoll   bool          `help:"Do not read it now."`
}

func (c *feedAddCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		f, err := a.articles.AddFeed(ctx, articles.Feed{URL: c.URL, Slug: c.Slug, Title: c.Title, Section: c.Section, Language: c.Language,
			PollSeconds: int(c.Every / time.Second)})
		if err != nil {
			return err
		}
		if err := audit.Log(ctx, a.db, p.who(), "feed.add", "feed "+f.Slug, map[string]any{"url": f.URL}); err != nil {
			return err
		}
		out := struct {
			Feed articles.Feed        `json:"feed"`
			Poll *articles.PollResult `json:"poll,omitempty"`
		}{Feed: f}
		if !c.NoPoll {
			r, err := a.articles.Poll(ctx, f.Slug)
			if err != nil {
				return err
			}
			out.Poll = &r
			if out.Feed, err = a.articles.Feed(ctx, f.Slug); err != nil {
				return err
			}
		}
		err = p.show(out, func(w io.Writer) {
			fmt.Fprintf(w, "The feed %s was added.\n", out.Feed.Slug)
			if out.Poll != nil {
				fmt.Fprintln(w, pollLine(*out.Poll))
			}
		})
		if err == nil && out.Poll != nil && out.Poll.Error != "" { // a script must not take a mistyped address for a feed
			err = errs.New(errs.Unavailable, "the feed %s could not be read yet; it is kept and tried again every %s, unless you take it back: mailer feeds remove %s",
				out.Feed.Slug, time.Duration(out.Feed.PollSeconds)*time.Second, out.Feed.Slug)
		}
		return err
	})
}

// pollLine says in a sentence what a poll came to.
func pollLine(r articles.PollResult) string {
	switch {
	case r.Error != "":
		return fmt.Sprintf("%s: %s", r.Slug, cell(r.Error))
	case r.Unchanged:
		return fmt.Sprintf("%s: nothing new", r.Slug)
	}
	s := fmt.Sprintf("%s: %d items, %d new, %d changed", r.Slug, r.Items, r.New, r.Changed)
	if r.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", r.Skipped)
	}
	return s
}

type feedListCmd struct{}

func (c *feedListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		feeds, err := a.articles.Feeds(ctx)
		if err != nil {
			return err
		}
		return list(p, feeds, "There are no feeds yet. Add one: mailer feeds add https://…",
			[]string{"FEED", "TITLE", "SECTION", "STORIES", "LAST READ", "NEXT", "TROUBLE"},
			func(f articles.Feed) []any {
				trouble := ""
				if f.LastError != "" {
					trouble = fmt.Sprintf("%s (%d times)", shorten(f.LastError, 80), f.Failures)
				}
				return []any{f.Slug, shorten(f.Title, 40), f.Section, f.Stories, f.GoodAt, f.NextPollAt, trouble}
			})
	})
}

type feedPollCmd struct {
	Slugs []string `arg:"" optional:"" name:"feed" help:"Which feeds; default: all."`
}

func (c *feedPollCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		slugs := c.Slugs
		if len(slugs) == 0 {
			feeds, err := a.articles.Feeds(ctx)
			if err != nil {
				return err
			}
			for _, f := range feeds {
				slugs = append(slugs, f.Slug)
			}
		}
		results := []articles.PollResult{}
		var broken []string
		for _, slug := range slugs {
			r, err := a.articles.Poll(ctx, slug)
			if err != nil {
				return err
			}
			if r.Error != "" {
				broken = append(broken, slug)
			}
			results = append(results, r)
		}
		err := p.show(results, func(w io.Writer) {
			for _, r := range results {
				fmt.Fprintln(w, pollLine(r))
			}
		})
		if err == nil && len(broken) > 0 {
			err = errs.New(errs.Unavailable, "could not be read: %s; their last good stories stay", strings.Join(broken, ", "))
		}
		return err
	})
}

type feedRemoveCmd struct {
	Slug string `arg:"" name:"feed" help:"Which feed."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

func (c *feedRemoveCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		f, err := a.articles.Feed(ctx, c.Slug)
		if err != nil {
			return err
		}
		if err := p.confirm(c.Yes, "Stop reading %s (%s)? Its stories stay.", f.Slug, cell(f.URL)); err != nil {
			return err
		}
		if err := a.articles.RemoveFeed(ctx, c.Slug); err != nil {
			return err
		}
		if err := audit.Log(ctx, a.db, p.who(), "feed.remove", "feed "+c.Slug, nil); err != nil {
			return err
		}
		return p.show(map[string]any{"removed": c.Slug}, func(w io.Writer) { fmt.Fprintf(w, "The feed %s is no longer read.\n", c.Slug) })
	})
}
