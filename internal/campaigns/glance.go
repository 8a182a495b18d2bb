package campaigns

import (
	"context"
	"slices"

	"mailer/internal/links"
	"mailer/internal/message"
)

// Glance is a mail as one reader would see it, made while it is being written: nothing is counted and no link is looked at. Preview says
// more and takes longer.
type Glance struct {
	Subject  string
	HTML     string
	Text     string
	HTMLSize int  // bytes
	Nothing  bool // a reader like this would get no mail: no story is left
	Version  int  // of the campaign
}

// Glance renders a campaign as it is now. Its links to leave and to give lead nowhere. Errors: NotFound; Invalid where it cannot be
// rendered.
func (l *Listing) Glance(ctx context.Context, id int64, r Reader) (g Glance, err error) {
	s := l.svc
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return g, err
	}
	ct := content{Subject: c.Subject, Preheader: c.Preheader}
	if ct.Blocks, err = loadBlocks(ctx, s.DB, id); err != nil {
		return g, err
	}
	list, err := s.Lists.List(ctx, c.ListID)
	if err != nil {
		return g, err
	}
	grouped, err := s.group(ctx, s.DB, c, ct)
	if err != nil {
		return g, err
	}
	// A topic that no block has makes no difference to a reader.
	r.TopicsOff = slices.DeleteFunc(slices.Clone(r.TopicsOff), func(slug string) bool { return grouped.Topics[slug] == 0 })
	groups, err := grouped.of(r)
	if err != nil {
		return g, err
	}
	pr, err := s.print(c, ct, grouped, list, s.Now(), forPreview, true)
	if err != nil {
		return g, err
	}
	eml, err := pr.compiled.Append(nil, &message.Reader{To: previewAddress, MessageID: links.NewMessageID(s.MailDomain), Name: r.Name,
		LeaveToken: "preview", Groups: groups})
	if err != nil {
		return g, err
	}
	g = Glance{Subject: c.Subject, HTMLSize: pr.compiled.HTMLSize(groups), Nothing: !grouped.reaches(groups), Version: c.Version}
	g.Text, g.HTML, err = parts(eml)
	return g, err
}
