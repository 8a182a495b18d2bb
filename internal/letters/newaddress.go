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

// NewAddress asks both addresses of a reader to confirm a change from the one to the other, in the caller's transaction. The new one
// is left alone where no mail may be sent to it or toNew is false.
func (s *Service) NewAddress(ctx context.Context, tx *sqlx.Tx, l subscribers.List, sub subscribers.Subscriber, c subscribers.AddressChange, toNew bool) error {
	language := LanguageOf(sub, l)
	w := lang.For(language)
	ask := func(act links.Act, to, text, ignore string) error {
		m := Letter{From: l, To: to, Key: fmt.Sprintf("address:%d:%d", c.ID, act), Text: render.Letter{List: List(l)}}
		m.Text.List.Language = language
		m.Text.Subject, m.Text.Preheader, m.Text.Heading = w.T("address.subject", l.Name), w.T("address.preheader"), w.T("address.heading")
		m.Text.Paragraphs = []string{text, w.T("address.both")}
		m.Text.Button, m.Text.Note = w.T("address.button"), ignore
		m.Text.URL = s.URLs.Proof(s.Ring.ProofToken(s.Ring.Current(), links.Proof{Act: act, Subscriber: sub.ID, List: c.ID, Issued: s.Now()}))
		return s.Enqueue(ctx, tx, m)
	}
	if err := ask(links.ActOldAddress, sub.Wire, w.T("address.text_old", c.New), w.T("address.ignore_old")); err != nil || !toNew || !c.Reachable {
		return err
	}
	// Whoever reads mail at the new address may be somebody else, so it is not told the old one.
	return ask(links.ActNewAddress, c.NewWire, w.T("address.text_new", c.New), w.T("address.ignore_new"))
}
