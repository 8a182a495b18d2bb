package campaigns

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"mailer/internal/db"
	"mailer/internal/render"
)

// Changes says what a revision changed, for people, a line each; and with which subject it is. Errors: NotFound.
func (k *Desk) Changes(ctx context.Context, id, rev int64) ([]string, error) {
	now, err := k.record(ctx, k.svc.DB, id, rev)
	if err != nil {
		return nil, err
	}
	var r revision
	err = k.svc.DB.GetContext(ctx, &r, selectRevision+` WHERE campaign_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1`, id, rev)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, db.Err(err, "read the history")
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	return difference(r.content, now.content), nil
}

// Content returns the content of a revision as a campaign has it. Errors: NotFound.
func (k *Desk) Content(ctx context.Context, id, rev int64) (subject, preheader string, blocks []render.Block, err error) {
	r, err := k.record(ctx, k.svc.DB, id, rev)
	if err != nil {
		return "", "", nil, err
	}
	return r.Subject, r.Preheader, r.Blocks, nil
}

// difference says what there is to see between two states of a content.
func difference(a, b content) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if a.Subject != b.Subject {
		say("Subject: %s, before: %s", quoted(b.Subject), quoted(a.Subject))
	}
	if a.Preheader != b.Preheader {
		say("Preheader: %s, before: %s", quoted(b.Preheader), quoted(a.Preheader))
	}
	for _, old := range a.Blocks {
		if b.block(old.ID) < 0 && len(old.Stories) == 0 {
			say("Removed: %s", a.name(old.ID))
		}
	}
	for _, now := range b.Blocks {
		i := a.block(now.ID)
		switch {
		case i < 0 && now.Kind != render.KindStory:
			say("Added: %s", b.name(now.ID))
		case i >= 0:
			lines = append(lines, blockDifference(a, b, a.Blocks[i], now)...)
		}
	}
	lines = append(lines, storyDifference(a, b)...)
	if len(lines) == 0 && !slices.EqualFunc(a.Blocks, b.Blocks, func(x, y render.Block) bool { return x.ID == y.ID }) {
		say("In another order")
	}
	return lines
}

func blockDifference(a, b content, old, now render.Block) (lines []string) {
	if old.Title != now.Title {
		lines = append(lines, fmt.Sprintf("Section: %s, before: %s", quoted(now.Title), quoted(old.Title)))
	}
	if old.Topic != now.Topic || old.Lead != now.Lead {
		lines = append(lines, "For other readers, or at another rank: "+b.name(now.ID))
	}
	if old.Text != now.Text || old.URL != now.URL || !same(old.Appeal, now.Appeal) || !same(old.Sponsor, now.Sponsor) || !same(old.Image, now.Image) {
		lines = append(lines, "Rewritten: "+b.name(now.ID))
	}
	return lines
}

// storyDifference says what became of the stories.
func storyDifference(a, b content) (lines []string) {
	type spot struct {
		block string
		render.Story
	}
	spots := func(c content) map[int64]spot {
		m := map[int64]spot{}
		for _, bl := range c.Blocks {
			for _, st := range bl.Stories {
				m[st.ArticleID] = spot{bl.ID, st}
			}
		}
		return m
	}
	was, is := spots(a), spots(b)
	for _, st := range storiesOf(a.Blocks) {
		if _, ok := is[st.ArticleID]; !ok {
			lines = append(lines, "Removed: "+quoted(st.Title))
		}
	}
	for _, st := range storiesOf(b.Blocks) {
		old, ok := was[st.ArticleID]
		switch {
		case !ok:
			lines = append(lines, "Added: "+quoted(st.Title)+b.into(is[st.ArticleID].block))
		case old.Title != st.Title:
			lines = append(lines, fmt.Sprintf("Headline: %s, before: %s", quoted(st.Title), quoted(old.Title)))
		case len(differs(st, old.Story)) > 0:
			lines = append(lines, "Rewritten: "+listed(differs(st, old.Story))+" of "+quoted(st.Title))
		}
		if ok && old.block != is[st.ArticleID].block {
			lines = append(lines, "Moved: "+quoted(st.Title)+b.into(is[st.ArticleID].block))
		}
	}
	return lines
}
