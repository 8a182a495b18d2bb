package campaigns

import (
	"context"
	"slices"
	"strings"
	"time"

	"mailer/internal/render"
)

// checkColours notes a colour of the list that no text can have on its paper: mails show another one.
func (p *prepared) checkColours() {
	accent, paper := p.list.AccentColour, p.list.PaperColour
	v := render.Judge(accent, paper)
	if !v.Changed {
		return
	}
	shown := v.Used
	p.find(Problem{Level: Noted, Code: "contrast", Where: &Place{Part: "list"},
		Message: "the list's colour " + accent + " is hard to read on its paper " + paper + "; the mail has " + shown + " in its place",
		Advice:  "Nothing has to be done. To have a say in it, choose a colour with more contrast for the list, such as " + shown + "."})
}

// checkGrief looks for an appeal right beside a story of grief, which readers do not forgive.
func (r *Reviews) checkGrief(ctx context.Context, c Campaign, p *prepared) error {
	if !slices.ContainsFunc(p.content.Blocks, func(b render.Block) bool { return b.Appeal != nil }) {
		return nil
	}
	set, err := r.Settings(ctx, c.ListID)
	if err != nil {
		return err
	}
	// Dividers, images and such do not keep two blocks apart.
	var told []int
	for i, b := range p.content.Blocks {
		if b.Appeal != nil {
			told = append(told, i)
		} else if len(b.Stories) > 0 {
			told = append(told, i)
		}
	}
	for n, i := range told {
		if p.content.Blocks[i].Appeal == nil {
			continue
		}
		for _, beside := range [...]int{n - 1, n + 1} {
			if beside < 0 || beside >= len(told) {
				continue
			}
			b := p.content.Blocks[told[beside]]
			for _, st := range b.Stories {
				if tag := grief(st, set.GriefTags); tag != "" {
					p.at(Place{Block: i + 1, ID: p.content.Blocks[i].ID, Story: st.ArticleID}, Warned, "grief", "the appeal stands beside “%s”, a story of grief (%s)", clip(st.Title, 60), tag)
				}
			}
		}
	}
	return nil
}

// grief returns the tag or section for which a story is one of grief, or nothing.
func grief(st render.Story, tags []string) string {
	for _, tag := range append([]string{st.Section}, st.Tags...) {
		if slices.Contains(tags, strings.ToLower(strings.TrimSpace(tag))) {
			return tag
		}
	}
	return ""
}

// checkExtras looks at images and sponsors.
func (p *prepared) checkExtras(day time.Time) {
	for i, b := range p.content.Blocks {
		at := Place{Block: i + 1, ID: b.ID}
		p.checkPhoto(at, "the image", b.Image)
		switch s := b.Sponsor; {
		case b.Kind == render.KindSection && len(b.Stories) == 0:
			p.at(at, Noted, "empty", "the section “%s” has no story, so no reader sees it", clip(b.Title, 60))
		case b.Image != nil && b.Image.URL == "":
			p.at(at, Noted, "image", "an image block has no image yet, so no reader sees it")
		case s == nil:
		case s.URL == "" || strings.TrimSpace(s.Heading+s.Text) == "":
			p.at(at, Warned, "sponsor", "a sponsor has no words or no link yet")
		case !s.Runs(day):
			p.at(at, Noted, "sponsor", "the sponsor %s is not shown: its days are %s to %s", s.Name, anyDay(s.From), anyDay(s.To))
		case s.Image != nil && s.Image.URL != "" && s.Image.Alt == "":
			p.at(at, Noted, "alt", "the sponsor's image has no description")
		}
	}
}

func anyDay(day string) string {
	if day == "" {
		return "any"
	}
	return day
}

// checkPhoto wants words for those who do not see a photo, and the name of who took it.
func (p *prepared) checkPhoto(at Place, what string, i *render.Image) {
	if i == nil || i.URL == "" {
		return
	}
	switch {
	case i.Alt == "" && i.Caption == "":
		p.at(at, Noted, "alt", "%s has neither description nor caption", what)
	case i.Alt == "":
		p.at(at, Noted, "alt", "%s has no description; those who do not see it are read its caption", what)
	}
	if i.Credit == "" {
		p.at(at, Noted, "credit", "%s has no credit", what)
	}
}
