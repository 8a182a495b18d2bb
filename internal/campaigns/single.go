package campaigns

import (
	"context"
	"crypto/rand"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/outbox"
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
	pr, err := s.print(c, p.content, p.groups, p.list, s.Now(), forProof, true)
	if err != nil {
		return err
	}
	groups, err := p.groups.of(r)
	if err != nil {
		return err
	}
	data, err := s.Letters.Build(pr.compiled, &message.Reader{To: to.Wire, MessageID: links.NewMessageID(s.MailDomain), Name: r.Name, Groups: groups})
	if err != nil {
		return err
	}
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		m := outbox.Mail{DedupeKey: "proof:" + rand.Text(), Kind: "proof", EnvelopeFrom: s.Letters.Sender(p.list), Recipient: to.Wire, Data: data}
		if err := outbox.Enqueue(ctx, tx, m); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "campaign.proof", auditName(id), map[string]any{"supporter": r.Supporter})
	})
}
