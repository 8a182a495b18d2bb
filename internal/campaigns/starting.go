package campaigns

import (
	"context"
	"encoding/hex"
	"strings"

	"mailer/internal/audience"
	"mailer/internal/delivery"
	"mailer/internal/errs"
)

// Sends is what people do to start a campaign and while it goes out.
type Sends struct{ svc *Service }

// NewSends returns the sends of a service's campaigns.
func NewSends(s *Service) *Sends { return &Sends{svc: s} }

// Ready is a campaign as a person looks at it before they start it.
type Ready struct {
	Campaign Campaign
	Readers  int64 // who would get it now
	Content  string
	Problems []Problem // that stand in the way of it, without those of its links, which take their time: Start looks at all
	Blocked  bool      // something is found that nobody can pass over
	Warned   bool      // something is found that has to be passed over
	Care     Caution   // how it would be launched
}

// Go is what a person says who starts a campaign.
type Go struct {
	Who     string // the e-mail address of their account
	Typed   string // the number of readers, typed by hand
	Shown   int64  // the number that they were shown
	Content string // of Ready: what they looked at
	Force   bool   // pass over warnings
}

// Ready counts the readers of a campaign and checks it. The count reads the list, so it is for a person who is about to start.
// Errors: NotFound; Conflict when it is past starting.
func (s *Sends) Ready(ctx context.Context, id int64) (Ready, error) {
	c, err := s.svc.Campaign(ctx, id)
	if err != nil {
		return Ready{}, err
	}
	if err := c.Startable(); err != nil {
		return Ready{Campaign: c}, err
	}
	p, err := s.svc.prepare(ctx, c)
	if err != nil {
		return Ready{}, err
	}
	r := Ready{Campaign: c, Content: hex.EncodeToString(p.hash), Care: s.svc.careOf(c)}
	if r.Readers, err = s.svc.expected(ctx, c, &p); err != nil {
		return Ready{}, err
	}
	if err := s.svc.Reviews.checkUsual(ctx, c, &p, &audience.Count{Readers: r.Readers}); err != nil {
		return Ready{}, err
	}
	for _, pr := range p.problems {
		if pr.Level == Noted {
			continue
		}
		r.Problems = append(r.Problems, pr)
		r.Blocked = r.Blocked || pr.Level == Refused
		r.Warned = r.Warned || pr.Level == Warned
	}
	return r, nil
}

// Start sends a campaign now, for a person who has typed how many readers get it: nothing goes to a whole list by a slip. Whoever
// asks for the same thing again, by a double click, finds it started. Errors: NotFound; Invalid with the field readers when the
// number is not the one that was shown, or not any more, else with all that stands in the way; Denied where another person has to
// approve; Conflict when it is past starting or not what was looked at.
func (s *Sends) Start(ctx context.Context, id int64, g Go) (Campaign, error) {
	c, err := load(ctx, s.svc.DB, id)
	if err != nil {
		return c, err
	}
	if g.started(&c, s.svc) {
		return s.svc.Campaign(ctx, id)
	}
	if err := c.Startable(); err != nil {
		return c, err
	}
	p, err := s.svc.prepare(ctx, c)
	if err != nil {
		return c, err
	}
	n, err := s.svc.expected(ctx, c, &p)
	if err != nil {
		return c, err
	}
	if err := typedRight(g.Typed, g.Shown, n); err != nil {
		return c, err
	}
	if g.Content == "" {
		return c, errs.New(errs.Invalid, "it does not say what was looked at; open the page again")
	}
	started, err := s.svc.Reviews.Start(ctx, id, Assent{Who: g.Who, Force: g.Force, Readers: g.Typed, Content: g.Content})
	if errs.KindOf(err) == errs.Conflict {
		if now, lost := load(ctx, s.svc.DB, id); lost == nil && g.started(&now, s.svc) {
			return s.svc.Campaign(ctx, id)
		}
	}
	return started, err
}

// started reports whether what a person wants has been done already, or is being done: the very content that they looked at.
func (g *Go) started(c *Campaign, s *Service) bool {
	if g.Content == "" || !strings.EqualFold(g.Content, hex.EncodeToString(c.Approval)) {
		return false
	}
	now := s.Now()
	due := c.SendAt != nil && !c.SendAt.After(now)
	atIt := c.CheckedAt != nil || c.CheckUntil != nil && c.CheckUntil.After(now)
	return c.State == Launched || c.State == Approved && due && atIt
}

// typedRight compares what a person typed with the number of readers that they were shown, to the last digit, and that with the one
// that it is now, which may have changed a little.
func typedRight(typed string, shown, now int64) error {
	n, ok := typedNumber(typed)
	switch off := max(now-shown, shown-now); {
	case strings.TrimSpace(typed) == "":
		return errs.Field("readers", "type the number of readers, %s, so that nothing goes out by a slip", thousands(now))
	case off > max(fewReaders, shown/100):
		return errs.Field("readers", "meanwhile it is %s readers, not %s; look at the audience again, then type that number", thousands(now), thousands(shown))
	case !ok || n != shown:
		return errs.Field("readers", "%q is not the number of readers, which is %s", clip(typed, 20), thousands(shown))
	}
	return nil
}

// fewReaders may come or go between a person's look and their word.
const fewReaders = 10

// expected counts who would get a campaign that was launched now, to the last reader: after its segments, the choice of frequency
// and topics, and what readers have had already.
func (s *Service) expected(ctx context.Context, c Campaign, p *prepared) (int64, error) {
	frequency, err := frequencyOf(ctx, s.DB, c)
	if err != nil {
		return 0, err
	}
	rule, err := p.aimed.marshal(c)
	if err != nil {
		return 0, err
	}
	g := p.groups
	return s.Delivery.Expected(ctx, delivery.Launch{List: c.ListID, Groups: everyoneGroups | g.switched(), SupporterGroups: supporterGroups | g.switched(),
		Frequency: frequency, TopicGroups: g.topics(), Stories: g.stories, Headings: g.heads, Repeats: g.repeats, Rule: rule})
}
