package campaigns

import (
	"context"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/articles"
	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// NewBlank is what a person says to write a campaign from an empty sheet.
type NewBlank struct {
	List   string // slug
	Name   string // for the newsroom only
	SendAt *time.Time
}

// Blank makes an empty campaign. It waits for approval; with a SendAt by which nobody approved it is held. Errors: NotFound for the list;
// Invalid with the field at fault.
func (k *Desk) Blank(ctx context.Context, n NewBlank, who string) (Campaign, error) {
	if err := checkWho(who); err != nil {
		return Campaign{}, err
	}
	n.Name = strings.TrimSpace(n.Name)
	if err := checkLine("name", n.Name, 100); err != nil {
		return Campaign{}, err
	}
	s, now := k.svc, k.svc.Now()
	if n.SendAt != nil && (n.SendAt.Before(now) || n.SendAt.After(now.AddDate(1, 0, 0))) {
		return Campaign{}, errs.Field("send_at", "%s must lie within the next year", n.SendAt.Format(time.RFC3339))
	}
	l, err := s.Lists.ListBySlug(ctx, n.List)
	if err != nil {
		return Campaign{}, err
	}
	var id int64
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		id, err = insertBlank(ctx, tx, l, n, who, now)
		return err
	})
	if err != nil {
		return Campaign{}, err
	}
	return s.Campaign(ctx, id)
}

func insertBlank(ctx context.Context, tx *sqlx.Tx, l subscribers.List, n NewBlank, who string, now time.Time) (id int64, err error) {
	hash, err := hashOf(render.TemplateDigest, content{}, l)
	if err != nil {
		return 0, err
	}
	var expires *time.Time
	if n.SendAt != nil {
		t := n.SendAt.Add(usualLife)
		expires = &t
	}
	err = tx.GetContext(ctx, &id, `INSERT INTO campaigns (list_id, edition, name, template, content_hash, send_at, approval_due_at, expires_at, created_by, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $9) RETURNING id`,
		l.ID, manualEdition(), n.Name, render.TemplateDigest, hash, n.SendAt, expires, who, now)
	if err != nil {
		return 0, db.Err(err, "make a campaign")
	}
	return id, audit.Log(ctx, tx, who, "campaign.create", auditName(id), map[string]any{"blank": true, "send_at": n.SendAt})
}

// AddURL adds the story of a page on the web to a campaign: it is read, kept as a story, and placed as the change says, whose Do and Article
// are filled in. A story that is known already is taken as it is. Errors as Do, and those of articles.Editing.FromURL.
func (k *Desk) AddURL(ctx context.Context, id int64, version int, address string, ch Change, who string) (Campaign, error) {
	a, _, err := articles.NewEditing(k.svc.Articles).FromURL(ctx, address, who)
	if err != nil {
		return Campaign{}, err
	}
	ch.Do, ch.Article = AddStory, a.ID
	return k.Do(ctx, id, version, ch, who)
}
