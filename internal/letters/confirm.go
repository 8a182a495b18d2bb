package letters

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/lang"
	"mailer/internal/links"
	"mailer/internal/outbox"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// askAgain is how long a reader who has been asked to confirm is left alone (RULES 1.8): a form that anyone can fill in
// must not become a weapon against a mailbox.
const (
	askAgain = 24 * time.Hour
	maxAsked = 3
)

// Confirm asks a new reader to confirm a subscription, in the caller's transaction, and reports whether it did: one
// person is asked once in 24 hours, whatever the lists, and three times in all while the outbox remembers.
func (s *Service) Confirm(ctx context.Context, tx *sqlx.Tx, l subscribers.List, sub subscribers.Subscriber) (asked bool, err error) {
	now := s.Now()
	n, newest, err := outbox.Seen(ctx, tx, subscribers.ConfirmKey(sub.ID, 0))
	if err != nil || n >= maxAsked || n > 0 && now.Sub(newest) < askAgain {
		return false, err
	}
	m := Letter{Kind: "confirm", From: l, To: sub.Wire,
		// Of two at the same moment both come after the same mail, so they have the same key, and one of them is dropped.
		Key:  fmt.Sprintf("%s%d", subscribers.ConfirmKey(sub.ID, l.ID), newest.UnixMicro()),
		Text: render.Letter{List: List(l)}}
	m.Text.List.Language = LanguageOf(sub, l)
	w := lang.For(m.Text.List.Language)
	m.Text.Subject, m.Text.Preheader = w.T("confirm.subject", l.Name), w.T("confirm.preheader", l.Name)
	m.Text.Heading, m.Text.Paragraphs = w.T("confirm.heading"), []string{w.T("confirm.text", l.Name, sub.Address)}
	m.Text.Button, m.Text.Note = w.T("confirm.button"), w.T("confirm.ignore")
	m.Text.URL = s.URLs.Confirm(s.Ring.ConfirmToken(s.Ring.Current(), links.Confirm{Subscriber: sub.ID, List: l.ID, Issued: now}))
	err = s.Enqueue(ctx, tx, m)
	return err == nil, err
}
