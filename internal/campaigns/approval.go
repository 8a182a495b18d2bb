package campaigns

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Reviews is what happens to a campaign between writing and sending: what the pre-flight finds, proofs, and who approves.
type Reviews struct{ svc *Service }

// Assent is what a person says who approves or starts a campaign.
type Assent struct {
	Who     string // their name in the audit log: the e-mail address of an account
	Force   bool   // they have seen the warnings and pass over them
	Readers string // the number of readers as they typed it, where the audience is far from usual
	Content string // ContentOf the campaign that they looked at; empty: whatever it is now

	audience []byte // hash of the audience that they looked at; only with bound
	bound    bool   // Content and audience are those of a proof
}

// ContentOf names the content of a campaign as it is, for Assent.
func ContentOf(c Campaign) string { return hex.EncodeToString(c.ContentHash) }

// Approve lets a campaign go out at its time, as it is now: the approval is bound to its content and audience and lapses when
// either changes. Errors: NotFound; Invalid with all that stands in the way, with the field readers where a number has to be typed;
// Denied where another person has to approve (four eyes); Conflict when it is past approving, or not what was looked at.
func (r *Reviews) Approve(ctx context.Context, id int64, a Assent) (Campaign, error) {
	if err := checkWho(a.Who); err != nil {
		return Campaign{}, err
	}
	c, err := load(ctx, r.svc.DB, id)
	if err != nil {
		return c, err
	}
	lapsed := false
	if c.State == Approved && c.ApprovedBy != bySchedule {
		p, err := r.svc.prepare(ctx, c)
		if err != nil {
			return c, err
		}
		lapsed = p.strayed(c) != ""
	}
	if err := r.svc.approvable(c, lapsed); err != nil {
		return c, err
	}
	if err := r.svc.approve(ctx, c, a); err != nil {
		return c, err
	}
	return r.svc.Campaign(ctx, id)
}

// Start sends a campaign now; see Service.Start. Errors as of Approve.
func (r *Reviews) Start(ctx context.Context, id int64, a Assent) (Campaign, error) {
	return r.svc.start(ctx, id, a)
}

// fits returns a Conflict where the campaign is not what the person looked at.
func (a Assent) fits(p *prepared) error {
	if a.Content != "" && !strings.EqualFold(a.Content, hex.EncodeToString(p.hash)) || a.bound && string(a.audience) != string(p.aimed.hash) {
		return errs.New(errs.Conflict, "the campaign has changed since you looked at it, so nothing was done; look at it as it is now")
	}
	return nil
}

// stands reports whether a person has approved this very content and audience, so that the approval is still good.
func (p *prepared) stands(c Campaign) bool {
	return c.State == Approved && c.ApprovedBy != bySchedule && p.strayed(c) == ""
}

// agree runs do in a transaction in which the campaign is locked and as it was read, unless the person may not approve it alone:
// then their agreement is noted, and the error says who else has to. do makes the approval; the hands and signatures before
// it have had their say then.
func (r *Reviews) agree(ctx context.Context, c Campaign, p *prepared, who string, do func(tx *sqlx.Tx) error) error {
	var alone error
	err := db.InTx(ctx, r.svc.DB, func(tx *sqlx.Tx) error {
		var version int
		if err := tx.GetContext(ctx, &version, `SELECT version FROM campaigns WHERE id = $1 FOR UPDATE`, c.ID); err != nil {
			return db.Err(err, "lock campaign")
		}
		if version != c.Version {
			return errMoved
		}
		var err error
		if alone, err = r.alone(ctx, tx, c, p, who); err != nil || alone != nil {
			return err
		}
		if err := do(tx); err != nil || who == bySchedule {
			return err
		}
		_, err = tx.ExecContext(ctx, `WITH s AS (DELETE FROM campaign_signatures WHERE campaign_id = $1) DELETE FROM campaign_hands WHERE campaign_id = $1`, c.ID)
		return db.Err(err, "end a review")
	})
	if err != nil {
		return err
	}
	return alone
}

// alone says why one person is not enough to approve a campaign, or nothing. With four eyes, whoever has changed it since its last
// approval, or wrote its recipe since somebody else approved an edition of it, needs another: somebody who has not, or, where all have, somebody who agreed to the very same content.
func (r *Reviews) alone(ctx context.Context, tx *sqlx.Tx, c Campaign, p *prepared, who string) (why, err error) {
	set, err := r.settings(ctx, tx, c.ListID)
	if err != nil || !set.FourEyes {
		return nil, err
	}
	var hands []string
	if err := tx.SelectContext(ctx, &hands, `SELECT who FROM campaign_hands WHERE campaign_id = $1 ORDER BY at, who`, c.ID); err != nil {
		return nil, db.Err(err, "read who changed the campaign")
	}
	authors, err := recipeAuthors(ctx, tx, c)
	if err != nil {
		return nil, err
	}
	hands = append(hands, authors...)
	switch {
	case len(hands) == 0:
		return nil, nil
	case who == bySchedule:
		return errs.New(errs.Invalid, "it was changed by %s, and on this list somebody else has to approve that (four eyes)", strings.Join(hands, ", ")), nil
	case !containsFold(hands, who):
		return nil, nil
	}
	var seconded bool
	if err := tx.GetContext(ctx, &seconded, `SELECT EXISTS (SELECT FROM campaign_signatures WHERE campaign_id = $1 AND lower(who) <> lower($2)
		AND content_hash = $3 AND audience_hash IS NOT DISTINCT FROM $4)`, c.ID, who, p.hash, p.aimed.hash); err != nil {
		return nil, db.Err(err, "read who agreed to the campaign")
	}
	if seconded {
		return nil, nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO campaign_signatures (campaign_id, who, content_hash, audience_hash, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (campaign_id, who) DO UPDATE SET content_hash = EXCLUDED.content_hash, audience_hash = EXCLUDED.audience_hash, at = EXCLUDED.at`,
		c.ID, who, p.hash, p.aimed.hash, r.svc.Now()); err != nil {
		return nil, db.Err(err, "note an agreement")
	}
	return errs.New(errs.Denied, "This list asks for four eyes, and you have changed this campaign or its recipe yourself: somebody else has to approve it. Your agreement is noted. "+
		"Who works alone can have four eyes switched off in the review settings of the list."), audit.Log(ctx, tx, who, "campaign.sign", auditName(c.ID), map[string]any{"hash": p.hash})
}

// recipeAuthors returns who has written the recipe of a campaign without anybody else having approved an edition of it since: what stands
// in a recipe, such as its introduction, goes out as much as what is written into an edition.
func recipeAuthors(ctx context.Context, tx *sqlx.Tx, c Campaign) (who []string, err error) {
	if c.DigestID == nil {
		return nil, nil
	}
	err = tx.SelectContext(ctx, &who, `SELECT DISTINCT l.actor FROM digests d JOIN audit_log l ON l.subject = 'digest ' || d.slug AND l.action IN ('digest.create', 'digest.update')
		WHERE d.id = $1 AND NOT EXISTS (SELECT FROM campaigns e WHERE e.digest_id = d.id AND e.composed_at > l.at AND e.approved_at IS NOT NULL
			AND e.approved_by NOT IN ('', $2) AND lower(e.approved_by) <> lower(l.actor)) ORDER BY l.actor`, *c.DigestID, bySchedule)
	return who, db.Err(err, "read who wrote the recipe")
}

func containsFold(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}
