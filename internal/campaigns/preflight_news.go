package campaigns

import (
	"context"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"mailer/internal/render"
)

// TakeNews brings the stories of a campaign up to what their publishers say now, where the pre-flight found them changed: what an
// editor rewrote stays. It is an edit like others, so an approval lapses. It returns how many stories were changed. Errors: NotFound,
// Conflict.
func (r *Reviews) TakeNews(ctx context.Context, id int64, who string) (changed int, err error) {
	s := r.svc
	was, err := load(ctx, s.DB, id)
	if err != nil {
		return 0, err
	}
	news, err := r.news(ctx, was)
	if err != nil || len(news) == 0 {
		return 0, err
	}
	l, err := s.Lists.List(ctx, was.ListID)
	if err != nil {
		return 0, err
	}
	_, err = s.act(ctx, id, who, "campaign.edit", func(tx *sqlx.Tx, c Campaign) error {
		if !c.open() && c.State != Held {
			return conflict(c, "it can no longer be edited")
		}
		if c.Version != was.Version {
			return errMoved
		}
		picked, err := loadPicked(ctx, tx, id)
		if err != nil {
			return err
		}
		blocks, err := loadBlocks(ctx, tx, id)
		if err != nil {
			return err
		}
		after := content{Subject: c.Subject, Preheader: c.Preheader, Blocks: mergeAll(blocks, picked, news)}
		for n, story := range news {
			picked[n] = story
		}
		hash, err := hashOf(c.Template, after, l)
		if err != nil {
			return err
		}
		state := Draft
		if c.State == Held {
			state = Held
		}
		if err := change(ctx, tx, c, s.Now(), `state = $4, content_hash = $5, edited_by = $6, edited_at = $3, `+unapproved, state, hash, who); err != nil {
			return err
		}
		return keep(ctx, tx, id, after.Blocks, picked)
	}, map[string]any{"taken_over": len(news)})
	if err != nil {
		return 0, err
	}
	return len(news), nil
}

// news returns the stories of a campaign that say something else now than when they were picked. Withdrawn ones are not among them.
func (r *Reviews) news(ctx context.Context, c Campaign) (map[int64]render.Story, error) {
	picked, err := loadPicked(ctx, r.svc.DB, c.ID)
	if err != nil {
		return nil, err
	}
	news := map[int64]render.Story{}
	now, err := r.svc.Articles.Some(ctx, slices.Collect(maps.Keys(picked)))
	if err != nil {
		return nil, err
	}
	for id, a := range now {
		if story := freeze(a, c.Template); a.GoneAt == nil && isNews(picked[id], story) {
			news[id] = story
		}
	}
	return news, nil
}
