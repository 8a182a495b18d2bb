package campaigns

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// Limits of what an editor may put into one campaign.
const (
	maxBlocks  = 100
	maxContent = 2 << 20 // bytes of all blocks together
	maxText    = 20_000  // characters of one text
)

// unapproved is what a change of content makes of an approval: it lapses.
const unapproved = `approved_by = '', approved_at = NULL, approved_hash = NULL, forced = false, checked_at = NULL`

// Edit is an editor's change of content. What is nil stays as it is.
type Edit struct {
	Version   int // of the campaign that the editor had before them
	Subject   *string
	Preheader *string
	Blocks    []render.Block
	Segments  *[]string // only readers in all of these; empty: everybody
	Exclude   *[]string // no reader in any of these

	atDesk bool
}

// Edit changes the content of a campaign that has not been launched. An approval lapses with that: the campaign is a draft
// again (a held one stays held), and it is not composed anew any more. Errors: NotFound; Invalid with the field at fault;
// Conflict when someone else has changed it since e.Version, or it is past editing.
func (s *Service) Edit(ctx context.Context, id int64, e Edit, who string) (Campaign, error) {
	was, err := load(ctx, s.DB, id)
	if err != nil {
		return was, err
	}
	if err := e.check(); err != nil {
		return was, err
	}
	if e.Blocks != nil {
		// At the door, so that what is kept is what can be shown.
		e.Blocks = slices.Clone(e.Blocks)
		for i := range e.Blocks {
			e.Blocks[i].Stories = slices.Clone(e.Blocks[i].Stories)
			for j := range e.Blocks[i].Stories {
				if body := &e.Blocks[i].Stories[j].BodyHTML; *body != "" {
					*body = render.SanitizeBody(*body, nil)
				}
			}
		}
	}
	picked, err := s.pickedFor(ctx, was, e.Blocks)
	if err != nil {
		return was, err
	}
	l, err := s.Lists.List(ctx, was.ListID)
	if err != nil {
		return was, err
	}
	for i, b := range e.Blocks {
		if err := s.checkTopic(ctx, l, fmt.Sprintf("blocks[%d]", i+1), b.Topic, true); err != nil {
			return was, err
		}
	}
	return s.act(ctx, id, who, "campaign.edit", func(tx *sqlx.Tx, c Campaign) error {
		if !c.open() && c.State != Held {
			return conflict(c, "it can no longer be edited")
		}
		if c.Version != e.Version {
			return errMoved
		}
		ct := content{Subject: c.Subject, Preheader: c.Preheader, Blocks: e.Blocks}
		if e.Subject != nil {
			ct.Subject = *e.Subject
		}
		if e.Preheader != nil {
			ct.Preheader = *e.Preheader
		}
		if err := s.editAudience(ctx, tx, c, e); err != nil {
			return err
		}
		if e.Blocks == nil {
			if ct.Blocks, err = loadBlocks(ctx, tx, id); err != nil {
				return err
			}
		}
		hash, err := hashOf(c.Template, ct, l)
		if err != nil {
			return err
		}
		state := Draft
		if c.State == Held {
			state = Held
		}
		err = change(ctx, tx, c, s.Now(), `state = $4, subject = $5, preheader = $6, content_hash = $7, edited_by = $8, edited_at = $3, `+unapproved, state, ct.Subject, ct.Preheader, hash, who)
		if err != nil || e.Blocks == nil {
			return err
		}
		return keep(ctx, tx, id, e.Blocks, picked)
	}, nil)
}

func (e *Edit) check() error {
	for field, value := range map[string]*string{"subject": e.Subject, "preheader": e.Preheader} {
		if value != nil && *value != "" {
			if err := checkLine(field, *value, 500); err != nil {
				return err
			}
			if err := render.CheckSubject(field, *value); err != nil {
				return err
			}
		}
	}
	if len(e.Blocks) > maxBlocks {
		return errs.Field("blocks", "there are %d; %d is the limit", len(e.Blocks), maxBlocks)
	}
	if data, err := json.Marshal(e.Blocks); err != nil || len(data) > maxContent {
		return errs.Field("blocks", "they are larger than %d kB", maxContent>>10)
	}
	for i, b := range e.Blocks {
		field := fmt.Sprintf("blocks[%d]", i+1)
		stories := map[string][2]int{render.KindText: {0, 0}, render.KindDivider: {0, 0}, render.KindAppeal: {0, 0}, render.KindStory: {1, 1}, render.KindSection: {1, 50},
			render.KindImage: {0, 0}, render.KindSponsor: {0, 0}}
		n, ok := stories[b.Kind]
		if e.atDesk && b.Kind == render.KindSection {
			n[0] = 0 // its stories are still to come; until then no reader sees it
		}
		switch {
		case !ok:
			return errs.Field(field, "there is no kind of block %q", b.Kind)
		case len(b.Stories) < n[0] || len(b.Stories) > n[1]:
			return errs.Field(field, "a block of kind %s cannot have %d stories", b.Kind, len(b.Stories))
		case (b.Kind == render.KindAppeal) != (b.Appeal != nil):
			return errs.Field(field, "an appeal belongs into a block of its kind, and that needs one")
		case b.Kind == render.KindAppeal && b.Topic != "":
			return errs.Field(field, "an appeal is for every reader and has no topic")
		case (b.Kind == render.KindImage) != (b.Image != nil):
			return errs.Field(field, "an image belongs into a block of its kind, and that needs one")
		case (b.Kind == render.KindSponsor) != (b.Sponsor != nil):
			return errs.Field(field, "a sponsor belongs into a block of its kind, and that needs one")
		}
		if err := checkPaid(field, b); err != nil {
			return err
		}
		if b.Text != "" {
			if err := checkMarkdown(field, b.Text, maxText); err != nil {
				return err
			}
		}
		for _, st := range b.Stories {
			if strings.TrimSpace(st.Title) == "" {
				return errs.Field(field, "a story needs a title")
			}
		}
	}
	return nil
}

// checkPaid refuses an image or a sponsor that no mail can show.
func checkPaid(field string, b render.Block) error {
	err := render.CheckLink("url", b.URL)
	if err == nil && b.Image != nil {
		err = b.Image.Check()
	}
	if err == nil && b.Sponsor != nil {
		err = b.Sponsor.Check()
	}
	if err != nil {
		return errs.Field(field, "%s", errs.Public(err))
	}
	return nil
}

// pickedFor returns the stories of the blocks as they were picked, or as they are now for those an editor has added.
func (s *Service) pickedFor(ctx context.Context, c Campaign, blocks []render.Block) (map[int64]render.Story, error) {
	picked, err := loadPicked(ctx, s.DB, c.ID)
	if err != nil {
		return nil, err
	}
	for _, st := range storiesOf(blocks) {
		if _, ok := picked[st.ArticleID]; ok || st.ArticleID == 0 {
			continue
		}
		a, err := s.Articles.Article(ctx, st.ArticleID)
		if errs.KindOf(err) == errs.NotFound {
			return nil, errs.Field("blocks", "there is no story %d", st.ArticleID)
		} else if err != nil {
			return nil, err
		}
		picked[a.ID] = freeze(a, c.Template)
	}
	return picked, nil
}
