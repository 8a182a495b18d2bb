package letters

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"mailer/internal/lang"
	"mailer/internal/links"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Fresh mails a reader a link to what is personal about them, in the caller's transaction: who opens it reads the mail of that
// address now. How often that is done is for the caller to limit.
func (s *Service) Fresh(ctx context.Context, tx *sqlx.Tx, l subscribers.List, sub subscribers.Subscriber) error {
	now := s.Now()
	m := Letter{From: l, To: sub.Wire, Key: fmt.Sprintf("fresh:%d:%d", sub.ID, now.UnixMicro()), Text: render.Letter{List: List(l)}}
	m.Text.List.Language = LanguageOf(sub, l)
	w := lang.For(m.Text.List.Language)
	m.Text.Subject, m.Text.Preheader, m.Text.Heading = w.T("fresh.subject", l.Name), w.T("fresh.preheader"), w.T("fresh.heading")
	m.Text.Paragraphs = []string{w.T("fresh.text", l.Name)}
	m.Text.Button, m.Text.Note = w.T("fresh.button"), w.T("fresh.ignore")
	m.Text.URL = s.URLs.Proof(s.Ring.ProofToken(s.Ring.Current(), links.Proof{Act: links.ActPersonal, Subscriber: sub.ID, List: l.ID, Issued: now}))
	return s.Enqueue(ctx, tx, m)
}
