package campaigns

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/outbox"
	"mailer/internal/subscribers"
)

// Limits of proofs, so that nobody sends mail to readers by way of them.
const (
	maxProofs     = 50  // at once
	maxProofsHour = 300 // of one person
)

// ProofRequest says who gets a test copy, and through whose eyes.
type ProofRequest struct {
	Addresses []string
	Group     int64 // a saved group as well; 0: none
	Reader    Reader
}

// SentProof is a test copy that was mailed.
type SentProof struct {
	ID         int64     `db:"id"`
	Address    string    `db:"address"`
	MayApprove bool      `db:"may_approve"` // a link to approve or hold stood in it
	SentBy     string    `db:"sent_by"`
	SentAt     time.Time `db:"sent_at"`
	Current    bool      `db:"current"` // the content is the same as now
}

// SendProofs sends test copies of a campaign: marked as such in subject and body, each with a Message-ID of its own, with links to
// leave that do nothing and links to give that count nothing; no report counts them (MSG-39). In those to people who may approve on
// the list stands a link to approve or hold, which is theirs alone and good for this content only. It returns how many were
// sent. Errors: NotFound; Invalid (field addresses), or where the campaign cannot be rendered; Conflict beyond 300 in an hour.
func (r *Reviews) SendProofs(ctx context.Context, id int64, req ProofRequest, who string) (sent int, err error) {
	s := r.svc
	if err := checkWho(who); err != nil {
		return 0, err
	}
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return 0, err
	}
	to, err := r.recipients(ctx, c, req)
	if err != nil {
		return 0, err
	}
	p, err := s.prepare(ctx, c)
	if err != nil {
		return 0, err
	}
	groups, err := p.groups.of(req.Reader)
	if err != nil {
		return 0, err
	}
	approvers, err := r.approvers(ctx, c)
	if err != nil {
		return 0, err
	}
	plain, err := s.print(c, p.content, p.groups, p.list, s.Now(), forProof, true)
	if err != nil {
		return 0, err
	}
	return len(to), db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if err := r.hourly(ctx, tx, who, len(to)); err != nil {
			return err
		}
		for _, a := range to {
			may := containsFold(approvers, a.Canonical) || containsFold(approvers, a.Wire)
			n, err := r.noteProof(ctx, tx, c, &p, a, may, who)
			if err != nil {
				return err
			}
			pr := plain
			if may {
				review := s.URLs.Approve(s.Ring.ApproveToken(s.Ring.Current(), links.Approve{Proof: n, Campaign: c.ID, Issued: s.Now()}))
				if pr, err = s.printWith(review, c, p.content, p.groups, p.list, s.Now(), forProof, true); err != nil {
					return err
				}
			}
			data, err := s.Letters.Build(pr.compiled, &message.Reader{To: a.Wire, MessageID: links.NewMessageID(s.MailDomain), Name: req.Reader.Name, Groups: groups})
			if err != nil {
				return err
			}
			m := outbox.Mail{DedupeKey: "proof:" + rand.Text(), Kind: "proof", EnvelopeFrom: s.Letters.Sender(p.list), Recipient: a.Wire, Data: data}
			if err := outbox.Enqueue(ctx, tx, m); err != nil {
				return err
			}
		}
		return audit.Log(ctx, tx, who, "campaign.proof", auditName(id), map[string]any{"supporter": req.Reader.Supporter, "copies": len(to), "hash": p.hash})
	})
}

// recipients returns whom a request names, each once.
func (r *Reviews) recipients(ctx context.Context, c Campaign, req ProofRequest) ([]subscribers.Address, error) {
	named := req.Addresses
	if req.Group != 0 {
		g, err := r.Group(ctx, req.Group)
		if err != nil {
			return nil, err
		}
		if g.ListID != nil && *g.ListID != c.ListID {
			return nil, errs.New(errs.NotFound, "there is no such group for this list")
		}
		named = append(append([]string{}, named...), g.Addresses...)
	}
	to, err := r.parseAddresses(named, maxProofs)
	if err == nil && len(to) == 0 {
		err = errs.Field("addresses", "name somebody: an address, or a group")
	}
	return to, err
}

// parseAddresses reads addresses as people list them: several in one text, between commas, semicolons or on lines of their own.
func (r *Reviews) parseAddresses(texts []string, most int) ([]subscribers.Address, error) {
	var to []subscribers.Address
	seen := map[string]bool{}
	for _, text := range texts {
		for _, one := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(",;\r\n", c) }) {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			a, err := r.svc.Lists.Policy.ParseAddress(one)
			if err != nil {
				return nil, errs.Field("addresses", "“%s”: %s", clip(one, 80), strings.TrimPrefix(errs.Public(err), "address: "))
			}
			if !seen[a.Canonical] {
				seen[a.Canonical] = true
				to = append(to, a)
			}
		}
	}
	if len(to) > most {
		return nil, errs.Field("addresses", "there are %d; %d is the limit", len(to), most)
	}
	return to, nil
}

// hourly refuses more proofs of one person than anybody needs.
func (r *Reviews) hourly(ctx context.Context, tx *sqlx.Tx, who string, more int) error {
	var n int
	if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM proofs WHERE sent_by = $1 AND sent_at > $2`, who, r.svc.Now().Add(-time.Hour)); err != nil {
		return db.Err(err, "count proofs")
	}
	if n+more > maxProofsHour {
		return errs.New(errs.Conflict, "you have sent %d proofs in the last hour, and %d is the limit; wait a while", n, maxProofsHour)
	}
	return nil
}

func (r *Reviews) noteProof(ctx context.Context, tx *sqlx.Tx, c Campaign, p *prepared, a subscribers.Address, may bool, who string) (id int64, err error) {
	err = tx.GetContext(ctx, &id, `INSERT INTO proofs (campaign_id, address, content_hash, audience_hash, may_approve, sent_by, sent_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`, c.ID, a.Canonical, p.hash, p.aimed.hash, may, who, r.svc.Now())
	return id, db.Err(err, "note a proof")
}

// approvers returns who may approve a campaign.
func (r *Reviews) approvers(ctx context.Context, c Campaign) ([]string, error) {
	if r.svc.Approvers == nil {
		return nil, nil
	}
	return r.svc.Approvers(ctx, c.ListID)
}

// Proofs returns the proofs of a campaign, newest first, at most 50.
func (r *Reviews) Proofs(ctx context.Context, id int64) ([]SentProof, error) {
	list := []SentProof{}
	err := r.svc.DB.SelectContext(ctx, &list, `SELECT p.id, p.address, p.may_approve, p.sent_by, p.sent_at, p.content_hash = c.content_hash AS current
		FROM proofs p JOIN campaigns c ON c.id = p.campaign_id WHERE p.campaign_id = $1 ORDER BY p.id DESC LIMIT 50`, id)
	return list, db.Err(err, "read the proofs")
}
