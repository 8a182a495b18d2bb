package campaigns

import (
	"context"

	"mailer/internal/articles"
	"mailer/internal/db"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Looks shows what the settings of a list make of its mails, before they are saved.
type Looks struct{ svc *Service }

// NewLooks returns the looks of the lists of a service.
func NewLooks(s *Service) *Looks { return &Looks{s} }

// ListMail is a mail of a list.
type ListMail struct {
	Campaign Campaign // whose content it has; the zero one where the list has none yet and the newest stories stand in
	HTML     string
}

// lookStories is how many of the newest stories stand in for a campaign.
const lookStories = 5

// Mail renders the newest campaign of l's list with what l says, which need not be saved. Errors: Invalid where it cannot be rendered.
func (k *Looks) Mail(ctx context.Context, l subscribers.List) (ListMail, error) {
	c, ct, err := k.content(ctx, l)
	if err != nil {
		return ListMail{}, err
	}
	html, err := k.html(l, c, ct)
	return ListMail{c, html}, err
}

// Appeal renders a mail of l's list that has nothing but an appeal. Errors: Invalid where it cannot be rendered.
func (k *Looks) Appeal(_ context.Context, l subscribers.List, a render.Appeal) (ListMail, error) {
	c := Campaign{ListID: l.ID, Template: render.TemplateDigest, Subject: l.Name}
	html, err := k.html(l, c, content{Subject: l.Name, Blocks: []render.Block{{Kind: render.KindAppeal, Appeal: &a}}})
	return ListMail{c, html}, err
}

// html renders a content as somebody would get it who gets all of it.
func (k *Looks) html(l subscribers.List, c Campaign, ct content) (string, error) {
	s := k.svc
	if c.ID == 0 {
		c.ID = 1 // a mail to a list has the number of a campaign in its headers, which nobody sees here
	}
	pr, err := s.print(c, ct, grouping{}, l, s.Now(), forPreview, true)
	if err != nil {
		return "", err
	}
	eml, err := pr.compiled.Append(nil, &message.Reader{To: previewAddress, MessageID: links.NewMessageID(s.MailDomain), LeaveToken: "preview", Groups: everyoneGroups})
	if err != nil {
		return "", err
	}
	_, html, err := parts(eml)
	return html, err
}

// content returns the newest campaign of a list that has stories, or one made up of the newest stories there are.
func (k *Looks) content(ctx context.Context, l subscribers.List) (Campaign, content, error) {
	s := k.svc
	var ids []int64
	if err := s.DB.SelectContext(ctx, &ids, `SELECT c.id FROM campaigns c WHERE c.list_id = $1 AND c.state <> 'cancelled'
		AND EXISTS (SELECT FROM campaign_blocks b WHERE b.campaign_id = c.id) ORDER BY c.id DESC LIMIT 1`, l.ID); err != nil {
		return Campaign{}, content{}, db.Err(err, "look for a campaign of the list")
	}
	if len(ids) > 0 {
		c, err := load(ctx, s.DB, ids[0])
		if err != nil {
			return Campaign{}, content{}, err
		}
		blocks, err := loadBlocks(ctx, s.DB, c.ID)
		return c, content{c.Subject, c.Preheader, blocks}, err
	}
	newest, err := s.Articles.Select(ctx, articles.Selection{Limit: lookStories})
	if err != nil {
		return Campaign{}, content{}, err
	}
	ct := content{Subject: l.Name}
	var more []render.Story
	for i, a := range newest {
		if i == 0 {
			ct.Blocks = append(ct.Blocks, render.Block{Kind: render.KindStory, Lead: true, Stories: []render.Story{a.Story()}})
			continue
		}
		more = append(more, a.Story())
	}
	if len(more) > 0 {
		ct.Blocks = append(ct.Blocks, render.Block{Kind: render.KindSection, Title: "More stories", Stories: more})
	}
	if len(newest) == 0 {
		ct.Blocks = []render.Block{{Kind: render.KindText, Text: "## This is a headline\n\nAnd this is how text looks, with [a link](" + s.URLs.Base + ") in it. Add a feed or import a story, and a real one stands here."}}
	}
	return Campaign{ListID: l.ID, Template: render.TemplateDigest, Subject: l.Name}, ct, nil
}
