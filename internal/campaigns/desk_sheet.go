package campaigns

import (
	"context"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Sheet is a campaign as the desk shows it.
type Sheet struct {
	Campaign Campaign // with Version and Blocks
	List     subscribers.List
	Refused  string // why it cannot be edited; empty: it can
	Items    []Item // one for each block, in order
	Revision int64  // newest of the history; 0: none yet
	Unsaved  []Unsaved
}

// Item is a block with what an editor should know of it.
type Item struct {
	Block   render.Block
	Stories []ItemStory // one for each of Block.Stories
	By      string      // who changed it last at the desk; empty: nobody
	At      time.Time
	Version int // of the campaign at that change
}

// ItemStory is a story in a mail beside its original.
type ItemStory struct {
	render.Story
	Original render.Story // as it was picked; the same where that is not known
	Differs  []string     // of StoryFields: written for this mail only
	Changed  bool         // its publisher has changed it since it was picked
	Gone     bool         // its publisher has taken it back
}

// Open returns what the desk shows of a campaign to a person. Errors: NotFound.
func (k *Desk) Open(ctx context.Context, id int64, who string) (s Sheet, err error) {
	if s.Campaign, err = k.svc.Campaign(ctx, id); err != nil {
		return s, err
	}
	if s.List, err = k.svc.Lists.List(ctx, s.Campaign.ListID); err != nil {
		return s, err
	}
	if c := s.Campaign; !c.open() && c.State != Held {
		s.Refused = errs.Public(conflict(c, "it can no longer be edited"))
	}
	picked, err := loadPicked(ctx, k.svc.DB, id)
	if err != nil {
		return s, err
	}
	now, err := k.svc.Articles.Some(ctx, articlesOf(s.Campaign.Blocks))
	if err != nil {
		return s, err
	}
	for _, b := range s.Campaign.Blocks {
		it := Item{Block: b}
		for _, st := range b.Stories {
			is := ItemStory{Story: st, Original: st}
			if original, ok := picked[st.ArticleID]; ok {
				is.Original, is.Differs = original, differs(st, original)
			}
			if a, ok := now[st.ArticleID]; ok {
				is.Changed, is.Gone = isNews(is.Original, freeze(a, s.Campaign.Template)), a.GoneAt != nil
			}
			it.Stories = append(it.Stories, is)
		}
		s.Items = append(s.Items, it)
	}
	if err := k.tellChanges(ctx, id, &s); err != nil {
		return s, err
	}
	s.Unsaved, err = k.Unsaved(ctx, id, who)
	return s, err
}

// recentRevisions is how far back the desk looks for who changed a block last.
const recentRevisions = 50

// tellChanges fills in who changed which block last.
func (k *Desk) tellChanges(ctx context.Context, id int64, s *Sheet) error {
	var recent []revision
	err := k.svc.DB.SelectContext(ctx, &recent, `SELECT id, campaign_id, first_version, version, account, begun_at, at, what, fold, restored, touched, ''::bytea AS content
		FROM campaign_revisions WHERE campaign_id = $1 ORDER BY id DESC LIMIT $2`, id, recentRevisions)
	if err != nil {
		return db.Err(err, "read the history")
	}
	for n := range recent {
		r := &recent[n]
		if err := r.read(); err != nil {
			return err
		}
		s.Revision = max(s.Revision, r.ID)
		for i := range s.Items {
			it := &s.Items[i]
			if it.By != "" {
				continue
			}
			parts := []string{blockPart(it.Block.ID, "")}
			for _, st := range it.Block.Stories {
				parts = append(parts, storyPart(st.ArticleID, ""))
			}
			for part, version := range r.touched {
				for _, p := range parts {
					if part != everything && overlap(p, part) {
						it.By, it.At, it.Version = r.Account, r.At, max(it.Version, version)
					}
				}
			}
		}
	}
	return nil
}
