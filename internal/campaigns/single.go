package campaigns

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/lang"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/outbox"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Proof sends a test copy of a campaign to an address: marked as one in subject and body, with a Message-ID of its own and a
// leave link that does nothing; no report counts it (MSG-39). Errors: NotFound; Invalid for the address, or where the
// campaign cannot be rendered.
func (s *Service) Proof(ctx context.Context, id int64, address string, r Reader, who string) error {
	if err := checkWho(who); err != nil {
		return err
	}
	to, err := s.Lists.Policy.ParseAddress(address)
	if err != nil {
		return err
	}
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return err
	}
	p, err := s.prepare(ctx, c)
	if err != nil {
		return err
	}
	pr, err := s.print(c, p.content, p.list, s.Now(), forProof, true)
	if err != nil {
		return err
	}
	groups := everyoneGroups
	if r.Supporter {
		groups = supporterGroups
	}
	data, err := s.finished(pr.compiled, &message.Reader{To: to.Wire, MessageID: links.NewMessageID(s.MailDomain), Name: r.Name, Groups: groups})
	if err != nil {
		return err
	}
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		m := outbox.Mail{DedupeKey: "proof:" + rand.Text(), Kind: "proof", EnvelopeFrom: s.singleSender(p.list), Recipient: to.Wire, Data: data}
		if err := outbox.Enqueue(ctx, tx, m); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "campaign.proof", auditName(id), map[string]any{"supporter": r.Supporter})
	})
}

// singleSender is the envelope sender of a mail that belongs to no send.
func (s *Service) singleSender(l subscribers.List) string {
	return s.Ring.EnvelopeSender(s.Ring.Current(), links.Bounce{}, l.EnvelopeDomain)
}

// finished builds a single mail and signs it. It is signed here and not when it is sent, so that the outbox holds the very
// octets of every try.
func (s *Service) finished(c *message.Compiled, r *message.Reader) ([]byte, error) {
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

// askAgain is how long a reader who has been asked to confirm is left alone (RULES 1.8): a form that anyone can fill in
// must not become a weapon against a mailbox.
const (
	askAgain = 24 * time.Hour
	maxAsked = 3
)

// ConfirmMail asks a new reader to confirm a subscription, in the caller's transaction, and reports whether it did: one
// person is asked once in 24 hours, whatever the lists, and three times in all while the outbox remembers.
func (s *Service) ConfirmMail(ctx context.Context, tx *sqlx.Tx, l subscribers.List, sub subscribers.Subscriber) (asked bool, err error) {
	now := s.Now()
	n, newest, err := outbox.Seen(ctx, tx, subscribers.ConfirmKey(sub.ID, 0))
	if err != nil || n >= maxAsked || n > 0 && now.Sub(newest) < askAgain {
		return false, err
	}
	key := s.Ring.Current()
	words := lang.For(l.Language)
	marks := message.NewMarks(rand.Text())
	confirm := s.URLs.Confirm(s.Ring.ConfirmToken(key, links.Confirm{Subscriber: sub.ID, List: l.ID, Issued: now}))
	out, err := s.Templates.Confirm(render.ConfirmContent{List: renderList(l), Address: sub.Address, ConfirmURL: confirm}, marks)
	if err != nil {
		return false, err
	}
	zone, err := loadZone(l.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	compiled, err := message.Compile(message.Draft{Key: key, Domain: s.MailDomain, DKIM: s.DKIM.Stamp(l.FromAddress, now), FromName: l.FromName, FromAddress: l.FromAddress, ReplyTo: l.ReplyTo,
		Subject: words.T("confirm.subject", l.Name), Date: now.In(zone).Truncate(time.Second), AutoSubmitted: true, Marks: marks, HTML: out.HTML, Text: out.Text})
	if err != nil {
		return false, err
	}
	data, err := s.finished(compiled, &message.Reader{To: sub.Wire, MessageID: links.NewMessageID(s.MailDomain), Name: sub.Name})
	if err != nil {
		return false, err
	}
	// Of two at the same moment both come after the same mail, so they have the same key, and one of them is dropped.
	err = outbox.Enqueue(ctx, tx, outbox.Mail{DedupeKey: fmt.Sprintf("%s%d", subscribers.ConfirmKey(sub.ID, l.ID), newest.UnixMicro()), Kind: "confirm",
		EnvelopeFrom: s.singleSender(l), Recipient: sub.Wire, Data: data})
	return err == nil, err
}
