package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/errs"
	"mailer/internal/render"
)

type articlesCmd struct {
	List   articleListCmd   `cmd:"" default:"withargs" help:"Show stories, the newest first."`
	Show   articleShowCmd   `cmd:"" help:"Show one story."`
	Import articleImportCmd `cmd:"" help:"Take a story from a Markdown, HTML or plain-text file."`
}

func (articlesCmd) Help() string {
	return `Examples:
  mailer articles --section Science --since 72h
  mailer articles import story.txt --dry-run
  mailer articles import story.txt --institution "Example University" --save-appeal autumn`
}

type articleListCmd struct {
	Feed    string        `help:"Only of this feed."`
	Section string        `help:"Only of this section."`
	Tag     string        `help:"Only with this tag."`
	Query   string        `short:"q" help:"Only with this in title or dek."`
	Since   time.Duration `placeholder:"48h" help:"Only of the last hours."`
	Limit   int           `default:"50" help:"How many."`
	Before  int64         `placeholder:"ID" help:"Only those that come after this one, for the next page."`
}

func (c *articleListCmd) Run(ctx context.Context, p *program) error {
	f := articles.Filter{Feed: c.Feed, Section: c.Section, Tag: c.Tag, Query: c.Query, Limit: c.Limit, BeforeID: c.Before}
	if c.Since > 0 {
		f.Since = time.Now().Add(-c.Since)
	}
	return p.with(ctx, func(a *app) error {
		all, err := a.articles.Articles(ctx, f)
		if err != nil {
			return err
		}
		return list(p, all, "There are no such stories.", []string{"ID", "PUBLISHED", "SECTION", "TITLE", "BY", "FEED"},
			func(s articles.Article) []any {
				return []any{s.ID, s.Published, s.Section, shorten(s.Title, 60), shorten(names(s.Authors), 40), s.Feed}
			})
	})
}

func names(authors []render.Author) string {
	var n []string
	for _, a := range authors {
		n = append(n, a.Name)
	}
	return strings.Join(n, ", ")
}

type articleShowCmd struct {
	ID int64 `arg:"" help:"Number of the story."`
}

func (c *articleShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		s, err := a.articles.Article(ctx, c.ID)
		if err != nil {
			return err
		}
		return p.show(s, func(w io.Writer) { writeArticle(w, s) })
	})
}

func writeArticle(w io.Writer, s articles.Article) {
	pairs(w, "story", s.ID, "title", s.Title, "dek", s.Dek)
	for _, a := range s.Authors {
		pairs(w, "by", strings.TrimRight(strings.Join([]string{a.Name, a.Title, a.Institution}, ", "), ", "))
	}
	pairs(w, "published", s.Published, "section", s.Section, "tags", strings.Join(s.Tags, ", "), "language", s.Language, "words", s.Words,
		"reading time", fmt.Sprintf("%d min", s.Story().ReadingMinutes()), "address", s.URL, "feed", s.Feed, "gone since", s.GoneAt)
	if s.Image != nil {
		pairs(w, "photo", s.Image.URL, "alt", s.Image.Alt, "caption", s.Image.Caption, "credit", s.Image.Credit)
	}
	if text := render.PlainText(s.BodyHTML); text != "" {
		fmt.Fprintf(w, "\n%s\n", paragraphs(text))
	}
}

type articleImportCmd struct {
	File string `arg:"" help:"File to read: .md, .html, anything else as plain text; - reads plain text from standard input."`

	Title       string   `help:"Headline."`
	Dek         string   `help:"Dek."`
	Author      string   `help:"Authors as in a byline, such as \"Jane Roe and John Doe\"."`
	AuthorTitle string   `help:"Author's title."`
	Institution string   `help:"Author's institution."`
	Date        string   `help:"Date of publication, such as 22 November 2026."`
	Section     string   `help:"Section."`
	Tags        []string `help:"Tags, separated by commas."`
	Image       string   `help:"Address of the photo."`
	Alt         string   `help:"What the photo shows, for those who do not see it."`
	Caption     string   `help:"Caption of the photo."`
	Credit      string   `help:"Who made the photo."`
	URL         string   `name:"url" help:"Address of the story."`
	Language    string   `help:"Language, such as en."`
	TimeZone    string   `default:"UTC" help:"Time zone of dates that name none."`
	NoAppeal    bool     `help:"Nothing in the file is an appeal for support."`
	AppealFrom  string   `placeholder:"TEXT" help:"The appeal starts at the paragraph that begins with this."`

	SaveAppeal    string `placeholder:"SLUG" help:"Keep the appeal that was found at the end, under this name."`
	AppealHeading string `placeholder:"TEXT" help:"Its heading, where the file has none."`
	AppealButton  string `placeholder:"TEXT" help:"Text of its button, where the file has none."`
	AppealURL     string `name:"appeal-url" placeholder:"URL" help:"Where its button leads, where the file does not say."`
	DryRun        bool   `short:"n" help:"Only print what was recognised."`
}

func (articleImportCmd) Help() string {
	return `Plain text is what one gets by copying a published page: headline, dek, By: lines, a date in words, a caption that ends in
agency and photographer, the author's title and institution on a line of their own, and perhaps an appeal for support at
the end. It prints what it took for what; flags correct it.

The same story again is brought up to date: it is known by its address, else by headline, authors and date. A second import
with another --url gives it that address.`
}

// importResult is what an import prints as JSON.
type importResult struct {
	Article    *articles.Article      `json:"article,omitempty"`
	Created    bool                   `json:"created"`
	DryRun     bool                   `json:"dry_run"`
	Recognised []string               `json:"recognised"`
	Appeal     *articles.ParsedAppeal `json:"appeal,omitempty"`
	SavedAs    string                 `json:"appeal_saved_as,omitempty"`
}

func (c *articleImportCmd) Run(ctx context.Context, p *program) error {
	parsed, err := c.parse(p)
	if err != nil {
		return err
	}
	if c.SaveAppeal != "" && parsed.Appeal == nil {
		return errs.New(errs.Invalid, "no appeal was found in %s; --appeal-from says where it starts", c.File)
	}
	out := importResult{DryRun: c.DryRun, Recognised: append([]string{}, parsed.Recognised...), Appeal: parsed.Appeal}
	if c.DryRun {
		return p.show(out, out.write)
	}
	return p.with(ctx, func(a *app) error {
		s, created, err := a.articles.Import(ctx, parsed)
		if err != nil {
			return err
		}
		out.Article, out.Created = &s, created
		if c.SaveAppeal != "" {
			if _, err := saveAppeal(ctx, a, c.appeal(*parsed.Appeal), p.who()); err != nil {
				return err
			}
			out.SavedAs = c.SaveAppeal
		}
		return p.show(out, out.write)
	})
}

// appeal is the appeal of the file, with what flags add.
func (c *articleImportCmd) appeal(found articles.ParsedAppeal) appeals.NewAppeal {
	return appeals.NewAppeal{Slug: c.SaveAppeal, Heading: cmp.Or(c.AppealHeading, found.Heading), Body: found.Body,
		Button: cmp.Or(c.AppealButton, found.Button), URL: cmp.Or(c.AppealURL, found.URL)}
}

// write says what was recognised, and what became of it.
func (r importResult) write(w io.Writer) {
	for _, line := range r.Recognised {
		fmt.Fprintln(w, clean(line))
	}
	fmt.Fprintln(w)
	switch {
	case r.DryRun:
		fmt.Fprintln(w, "Nothing was kept.")
	case r.Created:
		fmt.Fprintf(w, "Story %d was added.\n", r.Article.ID)
	case r.Article.FormerURL != "":
		fmt.Fprintf(w, "Story %d was there already, at %s. It is up to date now, and at %s.\n", r.Article.ID, clean(r.Article.FormerURL), clean(r.Article.URL))
	default:
		fmt.Fprintf(w, "Story %d was there already, and is up to date now.\n", r.Article.ID)
	}
	switch {
	case r.SavedAs != "":
		fmt.Fprintf(w, "Its appeal is kept as %s.\n", r.SavedAs)
	case r.Appeal != nil:
		fmt.Fprintln(w, "It ends in an appeal, which is not part of the story; --save-appeal keeps it.")
	}
}

// parse reads the file with the corrections of the flags.
func (c *articleImportCmd) parse(p *program) (articles.Parsed, error) {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return articles.Parsed{}, errs.Field("time-zone", "there is no time zone %q; write it like Europe/Paris", c.TimeZone)
	}
	var data []byte
	if c.File == "-" {
		data, err = io.ReadAll(io.LimitReader(p.stdin, articles.MaxFile+1))
	} else {
		data, err = readSmall(c.File)
	}
	if err != nil {
		return articles.Parsed{}, errs.Wrap(err, errs.NotFound, "the file %s cannot be read", c.File)
	}
	return articles.ParseFile(filepath.Base(c.File), data, articles.Overrides{Title: c.Title, Dek: c.Dek, Author: c.Author, AuthorTitle: c.AuthorTitle,
		Institution: c.Institution, Date: c.Date, Section: c.Section, Tags: c.Tags, Image: c.Image, Alt: c.Alt, Caption: c.Caption,
		Credit: c.Credit, URL: c.URL, Language: c.Language, NoAppeal: c.NoAppeal, AppealFrom: c.AppealFrom, Zone: zone})
}

// readSmall reads a file as far as is needed to see that it is too large.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, articles.MaxFile+1))
}
