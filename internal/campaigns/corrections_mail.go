package campaigns

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"

	"mailer/internal/articles"
	"mailer/internal/audience"
	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Mail makes the draft of a mail that takes a correction to those of a list who were sent the story, and to nobody else. It is reviewed and
// approved like any other. There is one for each list, ever: asked again, it returns the one there is, unless that was cancelled before it
// went out. A reader of several lists is in the audience of the first of these mails alone. Errors: NotFound; Conflict when the correction was
// taken back, or nobody of the list was sent the story.
func (k *Corrections) Mail(ctx context.Context, correction int64, list, who string) (Campaign, error) {
	if err := checkWho(who); err != nil {
		return Campaign{}, err
	}
	l, err := k.svc.Lists.ListBySlug(ctx, list)
	if err != nil {
		return Campaign{}, err
	}
	c, err := k.All.Get(ctx, correction)
	if err != nil {
		return Campaign{}, err
	}
	if c.TakenBack != nil {
		return Campaign{}, errs.New(errs.Conflict, "this correction was taken back; make a new one")
	}
	carriers, err := k.Carriers(ctx, correction)
	if err != nil {
		return Campaign{}, err
	}
	a, err := k.svc.Articles.Article(ctx, c.ArticleID)
	if err != nil {
		return Campaign{}, err
	}
	slugs, err := k.svc.Lists.Slugs(ctx)
	if err != nil {
		return Campaign{}, err
	}
	var id int64
	err = db.InTx(ctx, k.svc.DB, func(tx *sqlx.Tx) error {
		// One at a time: whom a mail leaves out follows from those that there are.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('corrections.mail'), $1::int)`, correction); err != nil {
			return db.Err(err, "wait for the other mails of the correction")
		}
		others, mine, err := otherMails(ctx, tx, correction, l.ID)
		if id = mine; err != nil || mine != 0 {
			return err
		}
		var without []string
		for _, list := range others {
			without = append(without, slugs[list])
		}
		slices.Sort(without)
		rule, err := whoWasSent(c, l, carriers, without)
		if err != nil {
			return err
		}
		id, err = k.insertMail(ctx, tx, c, l, a, rule, who)
		return err
	})
	if err != nil {
		return Campaign{}, err
	}
	return k.svc.Campaign(ctx, id)
}

// otherMails returns the other lists that have mails of the correction, and the mail of this one if there is one.
func otherMails(ctx context.Context, tx *sqlx.Tx, correction, list int64) (others []int64, mine int64, err error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM correction_mails m USING campaigns c
		WHERE m.correction_id = $1 AND m.list_id = $2 AND c.id = m.campaign_id AND c.state IN ('cancelled', 'expired')`, correction, list); err != nil {
		return nil, 0, db.Err(err, "look for the mail of the correction")
	}
	var rows []struct {
		List     int64 `db:"list_id"`
		Campaign int64 `db:"campaign_id"`
	}
	if err := tx.SelectContext(ctx, &rows, `SELECT list_id, campaign_id FROM correction_mails WHERE correction_id = $1`, correction); err != nil {
		return nil, 0, db.Err(err, "look for the mails of the correction")
	}
	for _, r := range rows {
		if r.List == list {
			mine = r.Campaign
			continue
		}
		others = append(others, r.List)
	}
	return others, mine, nil
}

// whoWasSent is the rule of the mail to a list: who was sent the story before it was corrected, whatever list they had it from, but for
// readers of lists that have a mail of their own.
func whoWasSent(c articles.Correction, l subscribers.List, carriers []Carrier, others []string) ([]byte, error) {
	var ids []string
	carried := false
	for _, x := range carriers {
		carried = carried || x.List.ID == l.ID
		for _, id := range x.Campaigns {
			ids = append(ids, strconv.FormatInt(id, 10))
		}
	}
	if !carried {
		return nil, errs.New(errs.Conflict, "nobody of %s was sent this story before it was corrected", l.Name)
	}
	text := fmt.Sprintf("was sent story %d and was sent any of %s", c.ArticleID, strings.Join(ids, ", "))
	for _, slug := range others {
		text += " and not on list " + slug
	}
	rule, err := audience.Parse(text)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "say whom the correction goes to")
	}
	data, err := json.Marshal(rule)
	return data, errs.Wrap(err, errs.Internal, "say whom the correction goes to")
}

func (k *Corrections) insertMail(ctx context.Context, tx *sqlx.Tx, c articles.Correction, l subscribers.List, a articles.Article, rule []byte, who string) (id int64, err error) {
	words, now := lang.For(l.Language), k.svc.Now()
	story := freeze(a, render.TemplateDigest)
	item := correctionItem(l, a, c.ID, c.Note)
	item.Text = words.T("correction.intro") + "\n\n" + item.Text
	ct := content{Subject: clip(withoutReply(words.T("correction.subject", a.Title)), maxSubject), Preheader: clip(strings.Join(strings.Fields(c.Note), " "), maxPreheader),
		Blocks: []render.Block{item, {Kind: render.KindSection, Stories: []render.Story{story}}}}
	hash, err := hashOf(render.TemplateDigest, ct, l)
	if err != nil {
		return 0, err
	}
	err = tx.GetContext(ctx, &id, `INSERT INTO campaigns (list_id, edition, name, template, subject, preheader, content_hash, composed_at, created_by, created_at, updated_at, own_rule)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $8, $10) RETURNING id`,
		l.ID, manualEdition(), clip("Correction: "+a.Title, 100), render.TemplateDigest, ct.Subject, ct.Preheader, hash, now, who, rule)
	if err != nil {
		return 0, db.Err(err, "make a campaign")
	}
	if err := keep(ctx, tx, id, ct.Blocks, map[int64]render.Story{a.ID: story}); err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO correction_mails (correction_id, list_id, campaign_id) VALUES ($1, $2, $3)`, c.ID, l.ID, id); err != nil {
		return 0, db.Err(err, "note the mail of the correction")
	}
	return id, audit.Log(ctx, tx, who, "campaign.create", auditName(id), map[string]any{"correction": c.ID, "article": a.ID})
}
