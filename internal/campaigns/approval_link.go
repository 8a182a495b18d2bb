package campaigns

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// LinkLife is how long a link in a proof approves or holds.
const LinkLife = 72 * time.Hour

// Link is what a link in a proof leads to.
type Link struct {
	Review
	Who        string // whose link it is: an address of somebody who may approve
	MayApprove bool
	MayHold    bool
	Why        string // why it may not be approved by this link (any more); empty: it may
	audience   []byte
	content    string
}

// OpenLink returns what the link in a proof leads to. It changes nothing. Errors: NotFound for what is no such link, always with
// the same words.
func (r *Reviews) OpenLink(ctx context.Context, token string) (l Link, err error) {
	tok, err := r.svc.Ring.ParseApprove(token)
	if err != nil {
		return l, err
	}
	var proof struct {
		Campaign int64     `db:"campaign_id"`
		Address  string    `db:"address"`
		Content  []byte    `db:"content_hash"`
		Audience []byte    `db:"audience_hash"`
		May      bool      `db:"may_approve"`
		SentAt   time.Time `db:"sent_at"`
	}
	err = r.svc.DB.GetContext(ctx, &proof, `SELECT campaign_id, address, content_hash, audience_hash, may_approve, sent_at FROM proofs WHERE id = $1`, tok.Proof)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (proof.Campaign != tok.Campaign || !proof.May) {
		_, err = r.svc.Ring.ParseApprove("") // the proof is forgotten: the one neutral answer
		return l, err
	} else if err != nil {
		return l, db.Err(err, "read the proof")
	}
	if l.Review, err = r.Look(ctx, proof.Campaign); err != nil {
		return l, err
	}
	approvers, err := r.approvers(ctx, l.Campaign)
	if err != nil {
		return l, err
	}
	l.Who, l.content, l.audience = proof.Address, ContentOf(Campaign{ContentHash: proof.Content}), proof.Audience
	for _, a := range approvers {
		if containsFold([]string{a}, proof.Address) {
			l.Who = a
		}
	}
	now, c := r.svc.Now(), l.Campaign
	holder, err := r.heldBy(ctx, c, proof.SentAt, l.Who)
	if err != nil {
		return l, err
	}
	allowed := containsFold(approvers, proof.Address)
	switch err := r.svc.approvable(c, l.Stale != ""); {
	case !allowed:
		l.Why = "You may not approve campaigns of this list any more."
	case now.Sub(proof.SentAt) >= LinkLife:
		l.Why = "This link has expired: it was good for three days."
	case err != nil:
		l.Why = errs.Public(err) + "."
	case holder != "":
		l.Why = "It was held by " + holder + " since this proof was sent, so it cannot be approved by this link. Log in to approve it all the same, or ask for a new proof."
	case l.Content != l.content || string(l.audienceHash) != string(l.audience):
		l.Why = "The campaign has been changed since this proof was sent, so it cannot be approved by this link. Look at it as it is now, or ask for a new proof."
	}
	l.MayApprove = l.Why == ""
	l.MayHold = allowed && now.Sub(proof.SentAt) < LinkLife && c.open()
	return l, nil
}

// heldBy returns who else holds a campaign since a proof of it was sent: a link that somebody has kept, or passed on, does not overrule a
// person who has stopped it. What the clock holds, for want of an approval, it may still approve.
func (r *Reviews) heldBy(ctx context.Context, c Campaign, sent time.Time, who string) (holder string, err error) {
	if c.State != Held || !c.UpdatedAt.After(sent) {
		return "", nil
	}
	err = r.svc.DB.GetContext(ctx, &holder, `SELECT actor FROM audit_log WHERE subject = $1 AND action = 'campaign.hold' AND lower(actor) <> lower($2)
		ORDER BY id DESC LIMIT 1`, auditName(c.ID), who)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return holder, db.Err(err, "read who holds the campaign")
}

// ApproveByLink approves the campaign of a link in a proof, in the name of whom it was mailed to and exactly as that proof showed it.
// Of a, only Force and Readers count. Errors as of Approve, and Conflict or Denied with the reason why the link does not serve.
func (r *Reviews) ApproveByLink(ctx context.Context, token string, a Assent) (Campaign, error) {
	l, err := r.OpenLink(ctx, token)
	if err != nil {
		return Campaign{}, err
	}
	if !l.MayApprove {
		return l.Campaign, errs.New(errs.Conflict, "%s", l.Why)
	}
	return r.Approve(ctx, l.Campaign.ID, Assent{Who: l.Who, Force: a.Force, Readers: a.Readers, Content: l.content, audience: l.audience, bound: true})
}

// HoldByLink holds the campaign of a link in a proof until somebody decides, also when it has been changed since: that is always the
// safe side. Errors: NotFound, Conflict.
func (r *Reviews) HoldByLink(ctx context.Context, token, reason string) (Campaign, error) {
	l, err := r.OpenLink(ctx, token)
	if err != nil {
		return Campaign{}, err
	}
	if !l.MayHold {
		return l.Campaign, errs.New(errs.Conflict, "It cannot be held by this link any more.")
	}
	if reason != "" {
		if err := checkLine("reason", reason, 300); err != nil {
			return l.Campaign, err
		}
		reason = "held by " + l.Who + ": " + reason
	}
	return r.svc.Hold(ctx, l.Campaign.ID, reason, l.Who)
}

// Review is a campaign as those see it who have to approve it.
type Review struct {
	Campaign Campaign
	List     string // name of the list
	Slug     string
	Problems []Problem
	Whom     Whom
	Content  string // for Assent
	Stale    string // why the approval that it has does not fit any more; empty: it fits, or there is none
	Usual    int64  // readers of the sends before it; 0: not known
	Readers  int64  // of this one, where they were counted
	Settings ReviewSettings
	Hands    []Hand   // who changed it since its last approval
	Signed   []string // with four eyes: who agreed to it as it is now, and could not approve it alone

	audienceHash []byte
}

// Hand is somebody who changed a campaign.
type Hand struct {
	Who string    `db:"who"`
	At  time.Time `db:"at"`
}

// Look returns a campaign with all that the pre-flight finds, and who has had a say in it. Errors: NotFound.
func (r *Reviews) Look(ctx context.Context, id int64) (v Review, err error) {
	c, err := r.svc.Campaign(ctx, id)
	if err != nil {
		return v, err
	}
	v = Review{Campaign: c, Content: ContentOf(c), Problems: []Problem{}}
	p, err := r.svc.prepare(ctx, c)
	if err != nil {
		return v, err
	}
	v.List, v.Slug, v.audienceHash, v.Content = p.list.Name, p.list.Slug, p.aimed.hash, ContentOf(Campaign{ContentHash: p.hash})
	if v.Whom, err = r.svc.whom(ctx, c, &p); err != nil {
		return v, err
	}
	if c.State != Launched {
		if err := r.look(ctx, c, &p, v.Whom.count()); err != nil {
			return v, err
		}
		v.Problems = append(v.Problems, p.problems...)
	}
	v.Usual, v.Readers = p.usual, p.readers
	if c.State == Approved {
		v.Stale = p.strayed(c)
	}
	if v.Settings, err = r.Settings(ctx, c.ListID); err != nil {
		return v, err
	}
	if err := r.svc.DB.SelectContext(ctx, &v.Hands, `SELECT who, at FROM campaign_hands WHERE campaign_id = $1 ORDER BY at DESC, who`, id); err != nil {
		return v, db.Err(err, "read who changed the campaign")
	}
	err = r.svc.DB.SelectContext(ctx, &v.Signed, `SELECT who FROM campaign_signatures
		WHERE campaign_id = $1 AND content_hash = $2 AND audience_hash IS NOT DISTINCT FROM $3 ORDER BY at, who`, id, p.hash, p.aimed.hash)
	return v, db.Err(err, "read who agreed to the campaign")
}
