package privacy

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailer/internal/audit"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/feedback"
	"mailer/internal/outbox"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
)

// Kinds of happenings.
const (
	HappenedConsent  = "consent"  // What is the event of the consent log
	HappenedMail     = "mail"     // What is the state of the delivery
	HappenedLetter   = "letter"   // What is the kind of the single mail
	HappenedChange   = "change"   // of the address
	HappenedReturned = "returned" // What is the kind of the mail that came back
	HappenedSignup   = "signup"   // a form that waits to be dealt with
)

// mailsShown is how many campaigns a history tells of.
const mailsShown = 100

// Happening is one line of a reader's history.
type Happening struct {
	At                                   time.Time
	Kind, What                           string
	List                                 string // its name; empty: all mail, or none
	Method, Source, SourceURL            string
	Wording, Network, Was                string
	Campaign                             int64
	Subject                              string // of the mail
	State                                string // of a single mail
	Attempts                             int
	Code                                 string // of the reply to a mail, with the enhanced one
	Reply, Relay                         string
	Address                              string // of a change: the new one
	OldConfirmed, NewConfirmed, Finished *time.Time
}

// History is what happened to one reader, newest first.
type History struct {
	Happenings []Happening
	MoreMails  bool // there were more campaigns, before those shown

	Suppressions []subscribers.RecordSuppression // why nothing is mailed now; that they began stands in the consent log
}

// History gathers what happened to a reader, for people of the publication: how they came, what they were sent and what came of it,
// what they changed, and how they left. Nothing says what they opened or clicked. With lists only what belongs to these is told.
func (s *Service) History(ctx context.Context, id subscribers.Identity, lists []int64) (h History, err error) {
	all, err := s.Subscribers.Lists(ctx)
	if err != nil {
		return h, err
	}
	names := make(map[int64]string, len(all))
	for _, l := range all {
		names[l.ID] = l.Name
	}
	g := gatherer{s: s, id: id, names: names, seen: func(list int64) bool { return lists == nil || slices.Contains(lists, list) }}
	for _, part := range []func(context.Context) error{g.consent, g.mails, g.letters, g.standing, g.returned} {
		if err := part(ctx); err != nil {
			return h, err
		}
	}
	slices.SortStableFunc(g.History.Happenings, func(a, b Happening) int { return b.At.Compare(a.At) })
	return g.History, nil
}

type gatherer struct {
	History
	s     *Service
	id    subscribers.Identity
	names map[int64]string
	seen  func(list int64) bool
}

func (g *gatherer) add(h Happening) { g.Happenings = append(g.Happenings, h) }

func (g *gatherer) consent(ctx context.Context) error {
	for _, n := range g.id.Numbers() {
		log, err := g.s.Subscribers.ConsentLog(ctx, n)
		if err != nil {
			return err
		}
		for _, c := range log {
			if c.ListID != nil && !g.seen(*c.ListID) {
				continue
			}
			h := Happening{At: c.At, Kind: HappenedConsent, What: c.Event, Method: c.Method, Source: c.Source, SourceURL: c.SourceURL, Wording: c.Wording, Network: c.Network, Was: c.Was}
			if c.ListID != nil {
				h.List = g.names[*c.ListID]
			}
			if c.CampaignID != nil {
				h.Campaign = *c.CampaignID
			}
			g.add(h)
		}
	}
	return nil
}

func (g *gatherer) mails(ctx context.Context) error {
	var got []delivery.Mailed
	var ids []int64
	for _, n := range g.id.Numbers() {
		more, err := g.s.Delivery.Traces().Lately(ctx, n, 0, mailsShown+1)
		if err != nil {
			return err
		}
		if len(more) > mailsShown {
			more, g.MoreMails = more[:mailsShown], true
		}
		got = append(got, more...)
	}
	for _, m := range got {
		ids = append(ids, m.Campaign)
	}
	named, err := campaigns.Names(ctx, g.s.DB, ids)
	if err != nil {
		return err
	}
	for _, m := range got {
		c, ok := named[m.Campaign]
		if !ok || !g.seen(c.List) {
			continue
		}
		h := Happening{Kind: HappenedMail, What: m.State, List: g.names[c.List], Campaign: m.Campaign, Subject: cmp.Or(c.Subject, c.Name), Attempts: m.Attempts, Reply: m.Reply, Relay: m.Relay}
		if m.Code != 0 {
			h.Code = strings.TrimSpace(strconv.Itoa(m.Code) + " " + m.Enhanced)
		}
		if m.At != nil {
			h.At = *m.At
		} else {
			h.At = g.s.Now() // it waits
		}
		g.add(h)
	}
	return nil
}

func (g *gatherer) letters(ctx context.Context) error {
	for _, a := range g.id.Addresses() {
		letters, err := outbox.To(ctx, g.s.DB, a)
		if err != nil {
			return err
		}
		for _, l := range letters {
			g.add(Happening{At: l.CreatedAt, Kind: HappenedLetter, What: l.Kind, State: l.State, Reply: delivery.MaskReply(l.LastReply), Finished: l.FinishedAt})
		}
		waiting, err := signup.Of(ctx, g.s.DB, a)
		if err != nil {
			return err
		}
		for _, w := range waiting {
			g.add(Happening{At: w.At, Kind: HappenedSignup, Wording: w.Wording, SourceURL: w.SourceURL, Network: w.Network})
		}
	}
	return nil
}

// standing is why nothing is mailed to the reader, and how the address changed.
func (g *gatherer) standing(ctx context.Context) error {
	rec, err := g.s.Subscribers.Records().Of(ctx, g.id)
	if err != nil {
		return err
	}
	for i := range rec.Suppressions {
		rec.Suppressions[i].Detail = delivery.MaskReply(rec.Suppressions[i].Detail)
	}
	g.Suppressions = rec.Suppressions
	for _, c := range rec.Changes {
		g.add(Happening{At: c.At, Kind: HappenedChange, Address: c.Address, OldConfirmed: c.OldConfirmedAt, NewConfirmed: c.NewConfirmedAt, Finished: c.DoneAt})
	}
	return nil
}

func (g *gatherer) returned(ctx context.Context) error {
	mails, err := feedback.Of(ctx, g.s.DB, g.id.Numbers())
	if err != nil {
		return err
	}
	for _, m := range mails {
		g.add(Happening{At: m.At, Kind: HappenedReturned, What: m.Kind, Campaign: m.Campaign, Finished: m.HandledAt})
	}
	return nil
}

// Handout is Report for somebody of the publication who was asked by the reader; the audit log says who took it.
func (s *Service) Handout(ctx context.Context, reader int64, who string) (Report, error) {
	id, err := s.Subscribers.Records().Find(ctx, reader)
	if err != nil {
		return Report{}, err
	}
	if err := audit.Log(ctx, s.DB, who, "reader.data", subscribers.SubscriberSubject(reader), nil); err != nil {
		return Report{}, err
	}
	return s.Report(ctx, id)
}
