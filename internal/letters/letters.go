// Package letters makes the single mails of the service to one reader, such as the one that asks for a confirmation: worded,
// built, signed, and put into the outbox within the caller's transaction, so that neither happens without the other.
package letters

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dkim"
	"mailer/internal/lang"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/outbox"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Deps is what letters are made with. All are needed, but for DKIM.
type Deps struct {
	Ring       *links.Ring
	DKIM       *dkim.Ring // keys that mail is signed with; nil where there are none
	Templates  *render.Templates
	URLs       links.URLs // where the public pages are
	MailDomain string     // right side of Message-ID
	Now        func() time.Time
	Limits     *limits.Store // how often one mailbox is written to because of a form; nil: as often as one subscriber
}

// Service makes letters. It is safe for concurrent use.
type Service struct{ Deps }

// New returns the room on its dependencies.
func New(d Deps) *Service { return &Service{d} }

// List is what a mail says of its list.
func List(l subscribers.List) render.List {
	return render.List{Name: l.Name, LegalName: l.LegalName, PostalAddress: l.PostalAddress, Contact: l.Contact, HomeURL: l.HomeURL,
		Reason: l.Reason, Language: l.Language, TimeZone: l.TimeZone, LogoURL: l.LogoURL, LogoWidth: l.LogoWidth, LogoHeight: l.LogoHeight,
		Accent: l.AccentColour, Paper: l.PaperColour, Face: l.TypeFace, FromName: l.FromName}
}

// LanguageOf is the language that a reader is written to in: their own where we have words of it, else the list's.
func LanguageOf(sub subscribers.Subscriber, l subscribers.List) string {
	if lang.Speaks(sub.Language) {
		return sub.Language
	}
	return l.Language
}

// Letter is one mail. Its words are finished, in the language of Text.List.
type Letter struct {
	Key  string // names it in the outbox: a second one with the same key is dropped
	Kind string // of the outbox: confirm, or letter (empty)
	From subscribers.List
	To   string // address as it goes on the wire
	Text render.Letter
}

// Enqueue builds a letter, signs it and puts it into the outbox. It is signed here and not when it is sent, so that the outbox
// holds the very octets of every try.
func (s *Service) Enqueue(ctx context.Context, tx *sqlx.Tx, m Letter) error {
	out, err := s.Templates.Letter(m.Text)
	if err != nil {
		return err
	}
	now := s.Now()
	zone, err := time.LoadLocation(m.From.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	compiled, err := message.Compile(message.Draft{Key: s.Ring.Current(), Domain: s.MailDomain, DKIM: s.DKIM.Stamp(m.From.FromAddress, now),
		FromName: m.From.FromName, FromAddress: m.From.FromAddress, ReplyTo: m.From.ReplyTo, Subject: m.Text.Subject,
		Date: now.In(zone).Truncate(time.Second), AutoSubmitted: true, HTML: out.HTML, Text: out.Text})
	if err != nil {
		return err
	}
	data, err := s.Build(compiled, &message.Reader{To: m.To, MessageID: links.NewMessageID(s.MailDomain)})
	if err != nil {
		return err
	}
	kind := m.Kind
	if kind == "" {
		kind = "letter"
	}
	return outbox.Enqueue(ctx, tx, outbox.Mail{DedupeKey: m.Key, Kind: kind, EnvelopeFrom: s.Sender(m.From), Recipient: m.To, Data: data})
}

// Sender is the envelope sender of a mail that belongs to no send.
func (s *Service) Sender(l subscribers.List) string {
	return s.Ring.EnvelopeSender(s.Ring.Current(), links.Bounce{}, l.EnvelopeDomain)
}

// Build builds one reader's copy of a compiled message and signs it.
func (s *Service) Build(c *message.Compiled, r *message.Reader) ([]byte, error) {
	data, err := c.Append(nil, r)
	if err != nil {
		return nil, err
	}
	signer, err := s.DKIM.Signer(c.DKIM())
	if err != nil || signer == nil {
		return data, err
	}
	head, err := signer.Append(nil, data)
	return append(head, data...), err
}
