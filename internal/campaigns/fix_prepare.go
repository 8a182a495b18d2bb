package campaigns

import (
	"context"
	"math/bits"

	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// prepare checks and renders a fix as prepare of the service does a campaign, with the groups that were settled at the launch.
func (f *Fixes) prepare(ctx context.Context, c Campaign, fix Fix) (p prepared, err error) {
	s := f.svc
	if p.list, err = s.Lists.List(ctx, c.ListID); err != nil {
		return p, err
	}
	p.content = content{Subject: fix.Subject, Preheader: fix.Preheader, Blocks: fix.Blocks}
	if p.hash, err = hashOf(c.Template, p.content, p.list); err != nil {
		return p, err
	}
	p.checkList()
	p.checkContent(c)
	if err := s.checkAppeal(ctx, &p); err != nil {
		return p, err
	}
	if p.groups, err = f.groups(ctx, c, p.content); err != nil {
		return p, err
	}
	p.checkTopics()
	return p, s.checkPrinted(c, &p)
}

// groups are those of a launched campaign: a reader's delivery names them, so they mean in a fix what they meant then.
func (f *Fixes) groups(ctx context.Context, c Campaign, ct content) (g grouping, err error) {
	g.Groups = render.Groups{Topics: map[string]int{}, Stories: map[int64]int{}, Headings: map[int]int{}}
	topics, headings, err := delivery.NewFixes(f.svc.Delivery).Groups(ctx, c.ID)
	if err != nil {
		return g, err
	}
	if g.offered, err = subscribers.TopicsOf(ctx, f.svc.DB, c.ListID, true); err != nil {
		return g, err
	}
	for _, t := range g.offered {
		for _, b := range ct.Blocks {
			if b.Topic == t.Slug {
				g.Topics[t.Slug] = firstTopicGroup + t.Bit
			}
		}
	}
	var rows []struct {
		Article int64 `db:"article_id"`
		Groups  int64 `db:"groups"`
	}
	if err := f.svc.DB.SelectContext(ctx, &rows, `SELECT article_id, groups FROM campaign_stories WHERE campaign_id = $1`, c.ID); err != nil {
		return g, db.Err(err, "read who gets which stories")
	}
	for _, r := range rows {
		if own := uint64(r.Groups) >> firstRepeatGroup; own != 0 {
			g.Stories[r.Article] = firstRepeatGroup + bits.TrailingZeros64(own)
		}
	}
	for _, h := range headings {
		for i, b := range ct.Blocks {
			if b.Kind == render.KindSection && b.Title != "" && storyGroups(ct.Blocks, i, g.Stories) == h.Stories {
				g.Headings[i] = bits.TrailingZeros64(h.Group)
			}
		}
	}
	g.tell(ct)
	if g.topics() != topics || len(g.Headings) != len(headings) {
		return g, errs.New(errs.Internal, "the groups of campaign %d are not those of its launch", c.ID)
	}
	return g, nil
}

// storyGroups are the groups of the stories of the section that begins at a block.
func storyGroups(blocks []render.Block, at int, stories map[int64]int) (groups uint64) {
	for j := at; j < len(blocks) && (j == at || continues(blocks[at], blocks[j])); j++ {
		for _, st := range blocks[j].Stories {
			groups |= 1 << stories[st.ArticleID]
		}
	}
	return groups
}

// glance is a prepared campaign as a reader would see it.
func (f *Fixes) glance(c Campaign, p *prepared) (g Glance, err error) {
	pr, err := f.svc.print(c, p.content, p.groups, p.list, f.svc.Now(), forPreview, true)
	if err != nil {
		return g, err
	}
	groups, err := p.groups.of(Reader{})
	if err != nil {
		return g, err
	}
	eml, err := pr.compiled.Append(nil, &message.Reader{To: previewAddress, MessageID: links.NewMessageID(f.svc.MailDomain), LeaveToken: "preview", Groups: groups})
	if err != nil {
		return g, err
	}
	g.Text, g.HTML, err = parts(eml)
	return g, err
}
