package campaigns

import (
	"context"

	"mailer/internal/audience"
)

// judge adds to what prepare has found all that is for the eyes of whoever approves. None of it stands in the way of the clock,
// apart from an audience far from usual.
func (r *Reviews) judge(ctx context.Context, c Campaign, p *prepared) error {
	n, err := r.svc.countAudience(ctx, c, p)
	if err != nil {
		return err
	}
	return r.look(ctx, c, p, n)
}

// look is judge where the readers have been counted; n is nil where they were not.
func (r *Reviews) look(ctx context.Context, c Campaign, p *prepared, n *audience.Count) error {
	p.checkColours()
	p.checkExtras(r.svc.dayOf(c, p.list, r.svc.Now()))
	for _, check := range []func(context.Context, Campaign, *prepared) error{r.checkNews, r.checkGrief, r.checkLinks} {
		if err := check(ctx, c, p); err != nil {
			return err
		}
	}
	return r.checkUsual(ctx, c, p, n)
}

// count is the count of the readers, where they were counted.
func (w *Whom) count() *audience.Count {
	if w.Readers == nil || w.Of == nil {
		return nil
	}
	return &audience.Count{Readers: *w.Readers, Of: *w.Of}
}

// assent is what was said at the approval of a campaign.
func (c *Campaign) assent() Assent {
	a := Assent{Who: c.ApprovedBy, Force: c.Forced}
	if c.ApprovedReaders != nil {
		a.Readers = thousands(*c.ApprovedReaders)
	}
	return a
}
