package desk

import (
	"cmp"
	"context"
	"strings"

	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/render"
	"mailer/internal/web/admin/frame"
)

// clash is a change of the person's that met with one of somebody else, as the page shows it: both, and the choice.
type clash struct {
	*sheet
	ID    int64
	Block string // may be empty
	Who   string // of the other
	When  string
	What  string // they did
	Mine  string // what was to be done, in words
	Pairs []pair
	Lost  bool // what it is about is no longer there
}

// pair is a text in both its versions.
type pair struct{ Name, Theirs, Mine string }

// tellClashes puts the changes that wait for their author beside what they are about.
func (rm *room) tellClashes(ctx context.Context, v *frame.Visit, s *sheet) {
	for _, u := range s.Unsaved {
		c := clash{sheet: s, ID: u.ID, Mine: u.What, What: "changed it", Who: "Somebody"}
		ch := u.Change
		switch ch.Do {
		case campaigns.SetSubject:
			c.Pairs = []pair{{"Subject", s.Campaign.Subject, ch.Text}}
		case campaigns.SetPreheader:
			c.Pairs = []pair{{"Preheader", s.Campaign.Preheader, ch.Text}}
		}
		at := s.blockOf(ch)
		if at == nil {
			c.Lost = ch.Block != "" && ch.Do != campaigns.AddBlock && ch.Do != campaigns.AddStory
			s.Clashes = append(s.Clashes, c)
			continue
		}
		c.Block = at.ID
		if at.By != "" {
			c.Who, c.When = rm.names.of(ctx, v, at.By), at.At.In(v.Zone()).Format("15:04")
		}
		c.Pairs = append(c.Pairs, pairsOf(ch, at)...)
		at.Clashes = append(at.Clashes, c)
	}
}

// tell adds to the page what is known of a clash that has just come about.
func (rm *room) tell(ctx context.Context, v *frame.Visit, s *sheet, met *campaigns.Clash) {
	set := func(list []clash) {
		for i := range list {
			if list[i].ID == met.Kept {
				list[i].Who, list[i].When, list[i].What = rm.names.of(ctx, v, met.By), met.At.In(v.Zone()).Format("15:04"), met.What
				list[i].Lost = !met.Fits
			}
		}
	}
	set(s.Clashes)
	for i := range s.Blocks {
		set(s.Blocks[i].Clashes)
	}
}

// blockOf returns the block that a change is about, wherever its story is now; nil where there is none any more.
func (s *sheet) blockOf(ch campaigns.Change) *block {
	for i := range s.Blocks {
		for _, st := range s.Blocks[i].Block.Stories {
			if ch.Article != 0 && st.ArticleID == ch.Article {
				return &s.Blocks[i]
			}
		}
	}
	for i := range s.Blocks {
		if ch.Article == 0 && ch.Block != "" && s.Blocks[i].ID == ch.Block {
			return &s.Blocks[i]
		}
	}
	return nil
}

// pairsOf returns the texts of a change beside what stands in the mail.
func pairsOf(ch campaigns.Change, b *block) (list []pair) {
	switch ch.Do {
	case campaigns.SetText:
		return []pair{{"Text", b.Block.Text, ch.Text}}
	case campaigns.SetTitle:
		return []pair{{"Title", b.Block.Title, ch.Text}}
	case campaigns.EditStory:
	default:
		return nil
	}
	for _, st := range b.Block.Stories {
		if st.ArticleID != ch.Article || ch.Story == nil {
			continue
		}
		text := func(name, theirs string, mine *string) {
			if mine != nil && *mine != theirs {
				list = append(list, pair{name, theirs, *mine})
			}
		}
		text("Headline", st.Title, ch.Story.Title)
		text("Dek", st.Dek, ch.Story.Dek)
		text("Label", st.Section, ch.Story.Section)
		text("Link", st.URL, ch.Story.URL)
		if ch.Story.Authors != nil {
			mine := articles.BylineText(*ch.Story.Authors)
			text("Byline", articles.BylineText(st.Authors), &mine)
		}
		if ch.Story.Image != nil {
			mine := imageText(ch.Story.Image)
			text("Photo", imageText(st.Image), &mine)
		}
	}
	return list
}

// imageText says what an image is, in lines.
func imageText(img *render.Image) string {
	if img == nil || img.URL == "" {
		return "none"
	}
	var parts []string
	for _, p := range []string{img.Caption, img.Alt, img.Credit, img.URL} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return cmp.Or(strings.Join(parts, "\n"), "none")
}
