package demo

import (
	"context"
	"strings"

	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
)

// What the newsroom is called in mailer.
const (
	ListSlug   = "morning"
	DigestSlug = "weekday"
	AppealSlug = "keep-it-free"
)

// who did it, as the audit log says.
const who = "demo"

// Rooms are where the newsroom is put into.
type Rooms struct {
	Subscribers *subscribers.Store
	Transfer    *transfer.Store
	Articles    *articles.Store
	Appeals     *appeals.Store
	Campaigns   *campaigns.Service
}

// Seed makes of the newsroom what is not there yet: its list, readers, appeal, feeds with their stories, and digest. Each step
// stands by itself, so that what was interrupted is completed the next time. say is told what was done.
func (n *Newsroom) Seed(ctx context.Context, r Rooms, say func(format string, args ...any)) (subscribers.List, error) {
	list, err := n.seedList(ctx, r)
	if err != nil {
		return list, err
	}
	if err := n.seedReaders(ctx, r, list, say); err != nil {
		return list, err
	}
	if err := n.seedAppeal(ctx, r); err != nil {
		return list, err
	}
	if err := n.seedFeeds(ctx, r, say); err != nil {
		return list, err
	}
	return list, n.seedDigest(ctx, r)
}

func (n *Newsroom) seedList(ctx context.Context, r Rooms) (subscribers.List, error) {
	list, err := r.Subscribers.ListBySlug(ctx, ListSlug)
	if none, err := missing(err); !none {
		return list, err
	}
	return r.Subscribers.CreateList(ctx, subscribers.List{
		Slug: ListSlug, Name: "The Quayside Morning", Description: "What the Review found out since yesterday, every weekday at seven.",
		FromName: "The Quayside Review", FromAddress: "morning@example.org", ReplyTo: "editors@example.org",
		LegalName: "Quayside Review Cooperative", PostalAddress: "14 Cooper Street\nEastwater EW1 4QR", Contact: "editors@example.org",
		HomeURL: n.Base + "/", Language: "en", TimeZone: "Europe/London", AccentColour: "#1f4e79", PaperColour: "#fdfdfb", SignupOpen: true, ArchiveOpen: true,
	})
}

func (n *Newsroom) seedReaders(ctx context.Context, r Rooms, list subscribers.List, say func(string, ...any)) error {
	counts, err := r.Subscribers.Counts(ctx, list.ID)
	if err != nil || counts.Confirmed > 0 {
		return err
	}
	report, err := r.Transfer.Import(ctx, transfer.ImportRequest{ListID: list.ID, FileName: "readers.csv",
		Source: "sample readers of the demo", R: strings.NewReader(Readers()), Confirmed: true, Who: who}, nil)
	if err != nil {
		return err
	}
	if report.Rejected > 0 {
		return errs.New(errs.Internal, "sample readers were rejected: %v", report.Errors)
	}
	say("imported %d readers", report.Added)
	_, err = r.Subscribers.SuppressAddress(ctx, SuppressedReader, "complaint", "sample: reported an earlier mail as spam", who)
	return err
}

func (n *Newsroom) seedAppeal(ctx context.Context, r Rooms) error {
	_, err := r.Appeals.Get(ctx, AppealSlug)
	if none, err := missing(err); !none {
		return err
	}
	_, err = r.Appeals.Create(ctx, appeals.NewAppeal{Slug: AppealSlug, Heading: "Nobody else counts the people on a night bus",
		Body: AppealText(), Button: "Become a supporter", URL: n.Base + "/support"}, who)
	return err
}

func (n *Newsroom) seedFeeds(ctx context.Context, r Rooms, say func(string, ...any)) error {
	for _, f := range Feeds {
		_, err := r.Articles.Feed(ctx, f.Slug)
		if none, err := missing(err); err != nil {
			return err
		} else if !none {
			continue
		}
		if _, err := r.Articles.AddFeed(ctx, articles.Feed{Slug: f.Slug, URL: n.Base + f.Path, Section: f.Section}); err != nil {
			return err
		}
		polled, err := r.Articles.Poll(ctx, f.Slug)
		if err != nil {
			return err
		}
		if polled.Error != "" {
			return errs.New(errs.Unavailable, "the sample feed %s: %s", f.Slug, polled.Error)
		}
		say("polled %s: %d stories", n.Base+f.Path, polled.New)
	}
	return nil
}

func (n *Newsroom) seedDigest(ctx context.Context, r Rooms) error {
	_, err := r.Campaigns.Digests.Get(ctx, DigestSlug)
	if none, err := missing(err); !none {
		return err
	}
	recipe, err := campaigns.ParseRecipe([]byte(Recipe()))
	if err != nil {
		return err
	}
	_, err = r.Campaigns.Digests.Create(ctx, recipe, who)
	return err
}

// missing reports whether err says that something is not there, and passes other errors on.
func missing(err error) (bool, error) {
	if errs.KindOf(err) == errs.NotFound {
		return true, nil
	}
	return false, err
}
