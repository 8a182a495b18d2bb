package main

import (
	"context"
	"strings"

	"mailer/cmd/mailer/demo"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

const (
	demoList   = "morning"
	demoDigest = "weekday"
	demoAppeal = "keep-it-free"
)

func (d *demoRun) seedList(ctx context.Context) (subscribers.List, error) {
	list, err := d.svc.subscribers.ListBySlug(ctx, demoList)
	if none, err := missing(err); !none {
		return list, err
	}
	return d.svc.subscribers.CreateList(ctx, subscribers.List{
		Slug: demoList, Name: "The Quayside Morning", Description: "What the Review found out since yesterday, every weekday at seven.",
		FromName: "The Quayside Review", FromAddress: "morning@example.org", ReplyTo: "editors@example.org",
		LegalName: "Quayside Review Cooperative", PostalAddress: "14 Cooper Street\nEastwater EW1 4QR", Contact: "editors@example.org",
		HomeURL: d.news.Base + "/", Language: "en", TimeZone: "Europe/London", AccentColour: "#1f4e79", PaperColour: "#fdfdfb", SignupOpen: true, ArchiveOpen: true,
	})
}

func (d *demoRun) seedReaders(ctx context.Context, list subscribers.List) error {
	n, err := d.svc.subscribers.Counts(ctx, list.ID)
	if err != nil || n.Confirmed > 0 {
		return err
	}
	report, err := d.svc.subscribers.Import(ctx, subscribers.ImportRequest{ListID: list.ID, FileName: "readers.csv",
		Source: "sample readers of the demo", R: strings.NewReader(demo.Readers()), Confirmed: true, Who: "demo"}, nil)
	if err != nil {
		return err
	}
	if report.Rejected > 0 {
		return errs.New(errs.Internal, "sample readers were rejected: %v", report.Errors)
	}
	d.p.say("imported %s", plural(report.Added, "reader", "readers"))
	_, err = d.svc.subscribers.SuppressAddress(ctx, demo.SuppressedReader, "complaint", "sample: reported an earlier mail as spam", "demo")
	return err
}

func (d *demoRun) seedAppeal(ctx context.Context, _ subscribers.List) error {
	_, err := d.svc.appeals.Get(ctx, demoAppeal)
	if none, err := missing(err); !none {
		return err
	}
	_, err = d.svc.appeals.Create(ctx, appeals.NewAppeal{Slug: demoAppeal, Heading: "Nobody else counts the people on a night bus",
		Body: demo.AppealText(), Button: "Become a supporter", URL: d.news.Base + "/support"}, "demo")
	return err
}

func (d *demoRun) seedFeeds(ctx context.Context, _ subscribers.List) error {
	for _, f := range demo.Feeds {
		_, err := d.svc.articles.Feed(ctx, f.Slug)
		if none, err := missing(err); err != nil {
			return err
		} else if !none {
			continue
		}
		if _, err := d.svc.articles.AddFeed(ctx, articles.Feed{Slug: f.Slug, URL: d.news.Base + f.Path, Section: f.Section}); err != nil {
			return err
		}
		polled, err := d.svc.articles.Poll(ctx, f.Slug)
		if err != nil {
			return err
		}
		if polled.Error != "" {
			return errs.New(errs.Unavailable, "the sample feed %s: %s", f.Slug, polled.Error)
		}
		d.p.say("polled %s: %d stories", d.news.Base+f.Path, polled.New)
	}
	return nil
}

func (d *demoRun) seedDigest(ctx context.Context, _ subscribers.List) error {
	_, err := d.svc.campaigns.Digests.Get(ctx, demoDigest)
	if none, err := missing(err); !none {
		return err
	}
	recipe, err := campaigns.ParseRecipe([]byte(demo.Recipe()))
	if err != nil {
		return err
	}
	_, err = d.svc.campaigns.Digests.Create(ctx, recipe, "demo")
	return err
}
