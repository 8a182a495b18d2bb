package letters

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"mailer/internal/lang"
	"mailer/internal/links"
	"mailer/internal/outbox"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Welcome greets a reader who has just confirmed, with one mail for all lists, in the transaction of the confirmation: what
// will come, where to choose topics and how often, and how to leave. Lists that want no welcome mail are left out.
func (s *Service) Welcome(ctx context.Context, tx *sqlx.Tx, sub subscribers.Subscriber, confirmed []subscribers.List) error {
	var lists []subscribers.List
	for _, l := range confirmed {
		if !l.NoWelcome {
			lists = append(lists, l)
		}
	}
	if len(lists) == 0 {
		return nil
	}
	first := lists[0]
	t := render.Letter{List: List(first)}
	t.List.Language = LanguageOf(sub, first)
	w := lang.For(t.List.Language)
	t.Subject, t.Preheader = w.T("welcome.subject", subjectOf(w, lists)), w.T("welcome.preheader")
	t.Heading = w.T("welcome.heading")
	t.Paragraphs = []string{w.T("welcome.text", Enumerate(w, lists), sub.Address)}
	for _, l := range lists {
		switch {
		case l.Description == "":
		case len(lists) == 1:
			t.Paragraphs = append(t.Paragraphs, l.Description)
		default:
			t.Paragraphs = append(t.Paragraphs, w.T("letter.colon", l.Name, l.Description))
		}
	}
	t.Paragraphs = append(t.Paragraphs, w.T("welcome.choose"))
	key := s.Ring.Current()
	t.Button = w.T("welcome.button")
	t.URL = s.URLs.Preferences(s.Ring.PreferencesToken(key, links.Preferences{Subscriber: sub.ID, List: first.ID}))
	t.Note = w.T("welcome.sender", first.FromAddress)
	t.LeaveURL = s.URLs.Leave(s.Ring.LeaveToken(key, links.Leave{Subscriber: sub.ID, List: first.ID}))
	prefix := fmt.Sprintf("welcome:%d:%d:", sub.ID, first.ID)
	// Whoever leaves and comes back is greeted again; a repeat of the same press is not one, as it confirms nothing.
	n, _, err := outbox.Seen(ctx, tx, prefix)
	if err != nil {
		return err
	}
	return s.Enqueue(ctx, tx, Letter{Key: fmt.Sprintf("%s%d", prefix, n), From: first, To: sub.Wire, Text: t})
}
