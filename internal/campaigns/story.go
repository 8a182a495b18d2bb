package campaigns

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// NewStory is what a person says to make a mail of one story.
type NewStory struct {
	List      string // slug
	ArticleID int64
	Appeal    string     // slug; empty: none
	Subject   string     // empty: the headline
	Preheader string     // empty: the dek
	Topic     string     // slug: only for readers who want it; empty: for all
	SendAt    *time.Time // nil: when a person starts it
	Segments  []string   // only readers in all of these
	Exclude   []string   // no reader in any of these
}

// CreateStory makes a campaign of a single story: the whole text, then the appeal. It waits for approval; with a SendAt by
// which nobody approved it is held. Errors: NotFound for the list, the story or the appeal; Invalid with the field at
// fault.
func (s *Service) CreateStory(ctx context.Context, n NewStory, who string) (Campaign, error) {
	if err := checkWho(who); err != nil {
		return Campaign{}, err
	}
	e := Edit{Subject: &n.Subject, Preheader: &n.Preheader}
	if err := e.check(); err != nil {
		return Campaign{}, err
	}
	now := s.Now()
	if n.SendAt != nil && (n.SendAt.Before(now) || n.SendAt.After(now.AddDate(1, 0, 0))) {
		return Campaign{}, errs.Field("send_at", "%s must lie within the next year", n.SendAt.Format(time.RFC3339))
	}
	if err := checkSegments(n.Segments, n.Exclude); err != nil {
		return Campaign{}, err
	}
	l, err := s.Lists.ListBySlug(ctx, n.List)
	if err != nil {
		return Campaign{}, err
	}
	a, err := s.Articles.Article(ctx, n.ArticleID)
	if err != nil {
		return Campaign{}, err
	}
	if err := s.checkTopic(ctx, l, "topic", n.Topic, false); err != nil {
		return Campaign{}, err
	}
	story := freeze(a, render.TemplateStory)
	ct := content{Blocks: []render.Block{{Kind: render.KindStory, Lead: true, Topic: n.Topic, Stories: []render.Story{story}}}}
	if n.Appeal != "" {
		appeal, err := s.Appeals.Get(ctx, n.Appeal)
		if err != nil {
			return Campaign{}, err
		}
		ct.Blocks = append(ct.Blocks, render.Block{Kind: render.KindAppeal, Appeal: blockAppeal(appeal)})
	}
	ct.Subject, ct.Preheader = headings(Recipe{Subject: "{lead}", Preheader: "{dek}"}, l, now, []render.Story{story})
	if n.Subject != "" {
		ct.Subject = n.Subject
	}
	if n.Preheader != "" {
		ct.Preheader = n.Preheader
	}
	return s.insertStory(ctx, l, ct, story, n, who)
}

func (s *Service) insertStory(ctx context.Context, l subscribers.List, ct content, story render.Story, n NewStory, who string) (Campaign, error) {
	hash, err := hashOf(render.TemplateStory, ct, l)
	if err != nil {
		return Campaign{}, err
	}
	var expires *time.Time
	if n.SendAt != nil {
		t := n.SendAt.Add(usualLife)
		expires = &t
	}
	now := s.Now()
	var id int64
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if err := s.holdSegments(ctx, tx, n.Segments, n.Exclude); err != nil {
			return err
		}
		err := tx.GetContext(ctx, &id, `INSERT INTO campaigns (list_id, edition, name, template, subject, preheader, content_hash, composed_at,
				send_at, approval_due_at, expires_at, created_by, created_at, updated_at, segments, exclude)
			VALUES ($1, $2, $3, 'story', $4, $5, $6, $7, $8, $8, $9, $10, $7, $7, $11, $12) RETURNING id`,
			l.ID, manualEdition(), clip(story.Title, 100), ct.Subject, ct.Preheader, hash, now, n.SendAt, expires, who, pq.Array(n.Segments), pq.Array(n.Exclude))
		if err != nil {
			return db.Err(err, "make a campaign")
		}
		if err := keep(ctx, tx, id, ct.Blocks, map[int64]render.Story{story.ArticleID: story}); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "campaign.create", auditName(id), map[string]any{"article": story.ArticleID, "send_at": n.SendAt})
	})
	if err != nil {
		return Campaign{}, err
	}
	return s.Campaign(ctx, id)
}
