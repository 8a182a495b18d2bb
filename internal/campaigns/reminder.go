package campaigns

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/letters"
	"mailer/internal/render"
)

// Chores does what reviews need done from time to time: it reminds those who may approve of what waits for them, looks at the links of
// what is about to be approved, and forgets old proofs and links. Any number of processes may, at once. It returns how many
// people were reminded.
func (r *Reviews) Chores(ctx context.Context) (reminded int, err error) {
	reminded, err = r.remind(ctx)
	return reminded, errors.Join(err, r.lookAhead(ctx), r.forget(ctx))
}

// remind writes, once of each deadline, to those who may approve a campaign that waits for it. A draft into which stories still come
// is nothing to approve yet.
func (r *Reviews) remind(ctx context.Context) (reminded int, err error) {
	s, now := r.svc, r.svc.Now()
	if s.Approvers == nil {
		return 0, nil
	}
	var due []int64
	err = s.DB.SelectContext(ctx, &due, `SELECT c.id FROM campaigns c LEFT JOIN review_settings s ON s.list_id = c.list_id
		WHERE c.state IN ('draft', 'in_review') AND c.approval_due_at > $1
			AND c.approval_due_at <= $1 + coalesce(s.reminder_minutes, $2) * interval '1 minute' AND (c.cutoff_at IS NULL OR c.cutoff_at <= $1)
			AND NOT EXISTS (SELECT FROM review_reminders x WHERE x.campaign_id = c.id AND x.due_at = c.approval_due_at)
		ORDER BY c.approval_due_at, c.id`, now, usualReview.Reminder)
	if err != nil {
		return 0, db.Err(err, "look for approvals that are due")
	}
	// One campaign of which nobody can be reminded keeps nobody from hearing of the others.
	for _, id := range due {
		n, failed := r.remindOf(ctx, id)
		reminded, err = reminded+n, errors.Join(err, failed)
	}
	return reminded, err
}

func (r *Reviews) remindOf(ctx context.Context, id int64) (reminded int, err error) {
	s := r.svc
	c, err := load(ctx, s.DB, id)
	if err != nil || c.ApprovalDue == nil { // it has no time any more
		return 0, err
	}
	l, err := s.Lists.List(ctx, c.ListID)
	if err != nil {
		return 0, err
	}
	to, err := r.approvers(ctx, c)
	if err != nil {
		return 0, err
	}
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		reminded = 0
		res, err := tx.ExecContext(ctx, `INSERT INTO review_reminders (campaign_id, due_at, sent_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id, c.ApprovalDue, s.Now())
		if err != nil {
			return db.Err(err, "note a reminder")
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return nil // another process was quicker
		}
		for _, address := range to {
			a, err := s.Lists.Policy.ParseAddress(address)
			if err != nil {
				s.Log.Warn("no reminder of an approval can be mailed to an account: its address takes no mail", "campaign", id)
				continue
			}
			m := letters.Letter{Key: fmt.Sprintf("remind:%d:%d:%s", id, c.ApprovalDue.Unix(), a.Canonical), From: l, To: a.Wire, Text: r.reminder(c, letters.List(l), l.TimeZone)}
			if err := s.Letters.Enqueue(ctx, tx, m); err != nil {
				return err
			}
			reminded++
		}
		return audit.Log(ctx, tx, bySchedule, "campaign.remind", auditName(id), map[string]any{"people": reminded, "due": c.ApprovalDue})
	})
	return reminded, err
}

// reminder words the mail. The desk speaks English.
func (r *Reviews) reminder(c Campaign, l render.List, zoneName string) render.Letter {
	zone, err := loadZone(zoneName)
	if err != nil {
		zone = time.UTC
	}
	clock := func(t time.Time) string { return t.In(zone).Format("15:04 on Monday 2 January") }
	l.Language = "en"
	otherwise := "If nobody approves it, it is held and does not go out."
	switch c.NoApproval {
	case "send":
		otherwise = "If nobody approves it, it goes out as it is."
	case "skip":
		otherwise = "If nobody approves it, this edition is skipped."
	}
	subject := strings.TrimSpace(c.Subject)
	if subject == "" {
		subject = c.Name
	}
	p := []string{fmt.Sprintf("“%s” for %s waits for an approval, which is due at %s (%s).", subject, l.Name, clock(*c.ApprovalDue), zoneName)}
	if c.SendAt != nil && !c.SendAt.Equal(*c.ApprovalDue) {
		p = append(p, fmt.Sprintf("It is to be sent at %s.", clock(*c.SendAt)))
	}
	return render.Letter{List: l, Subject: "To approve: " + clip(subject, 100), Preheader: "Due at " + clock(*c.ApprovalDue), Heading: "A campaign waits for approval",
		Paragraphs: append(p, otherwise), Button: "Look at it", URL: fmt.Sprintf("%s/admin/campaigns/%d/review", r.svc.URLs.Base, c.ID),
		Note: "You get this because you may approve campaigns of " + l.Name + ". When it is sent is a review setting of the list."}
}

// soon is how long before an approval is due the links of a campaign are looked at unasked, and how many campaigns at a time.
const (
	soon       = 2 * time.Hour
	soonAtOnce = 3
)

// lookAhead looks at the links of what is about to be approved, so that the answers are there when somebody looks.
func (r *Reviews) lookAhead(ctx context.Context) error {
	if r.svc.Fetch == nil {
		return nil
	}
	var ids []int64
	err := r.svc.DB.SelectContext(ctx, &ids, `SELECT id FROM campaigns WHERE state IN ('draft', 'in_review') AND approval_due_at BETWEEN $1 AND $2
		ORDER BY approval_due_at, id LIMIT $3`, r.svc.Now(), r.svc.Now().Add(soon), soonAtOnce)
	if err != nil {
		return db.Err(err, "look for approvals that are due")
	}
	for _, id := range ids {
		if _, err := r.LookAtLinks(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// proofsKept is how long is known to whom proofs were mailed. Their links have long expired by then.
const proofsKept = 90 * 24 * time.Hour

func (r *Reviews) forget(ctx context.Context) error {
	now := r.svc.Now()
	if _, err := r.svc.DB.ExecContext(ctx, `DELETE FROM link_checks WHERE checked_at < $1`, now.Add(-linkForgot)); err != nil {
		return db.Err(err, "forget old links")
	}
	_, err := r.svc.DB.ExecContext(ctx, `DELETE FROM proofs WHERE sent_at < $1`, now.Add(-proofsKept))
	return db.Err(err, "forget old proofs")
}
