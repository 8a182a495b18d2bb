// Package preferences does what readers ask for in the preference centre: their lists, topics, how often, pauses, their language and
// name, and a change of address. It owns no tables; it brings the people, the letters and the limits together.
package preferences

import (
	"context"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/letters"
	"mailer/internal/limits"
	"mailer/internal/subscribers"
)

// Deps is what the room stands on. All are needed.
type Deps struct {
	DB          *sqlx.DB
	Subscribers *subscribers.Store
	Letters     *letters.Service
	Limits      *limits.Store
}

// Service does what readers ask for. It is safe for concurrent use.
type Service struct{ Deps }

// New returns the room on its dependencies.
func New(d Deps) *Service { return &Service{d} }

// Visitor is who has the link.
type Visitor struct {
	Subscriber, List int64
	Campaign         int64  // whose mail carried the link; 0: none
	Network          string // for the consent log and for limits
	// Proven: the link was mailed to the address just now, so that its bearer may see and change what is personal.
	Proven bool
}

// ListWish is what is to change about one list. What is nil stays as it is.
type ListWish struct {
	List        subscribers.CentreList
	On          *bool
	Frequency   *string
	Pause       *time.Time // the zero time ends it
	TopicsOff   *uint64
	TopicsShown uint64
	Wording     string // by which the reader agreed, where On is true
}

func (w ListWish) chooses() bool { return w.Frequency != nil || w.Pause != nil || w.TopicsOff != nil }

// What came of a wish for one list.
const (
	Unchanged = ""
	Joined    = "joined"
	Asked     = "asked"   // a mail asks to confirm
	Waiting   = "waiting" // one that was sent before does
	Returned  = "returned"
	Left      = "left"
	Closed    = "closed" // nobody can join the list here
	Chosen    = "chosen" // within the subscription
)

// Done is what came of it.
type Done struct {
	List subscribers.CentreList
	What string
}

// Save does what a reader wishes, list by list, and then what they say of themselves; it returns what came of each wish that changed
// something, and whether anything about the person changed. It returns errs.Invalid with the name of what cannot be done; what was
// done before that stays.
func (s *Service) Save(ctx context.Context, v Visitor, wishes []ListWish, person subscribers.PersonRequest) (done []Done, changed bool, err error) {
	// What is read without a transaction is read before one begins: to wait for a second connection while one is held stops
	// everybody as soon as as many do so as there are connections.
	reader, _, err := s.Subscribers.Get(ctx, v.Subscriber)
	if err != nil {
		return nil, false, err
	}
	var asked []subscribers.List
	for _, w := range wishes {
		what, err := s.list(ctx, v, reader, w)
		if err != nil {
			return done, false, err
		}
		if what != Unchanged {
			done = append(done, Done{w.List, what})
		}
		if what == Asked {
			l, err := s.Subscribers.List(ctx, w.List.ID)
			if err != nil {
				return done, false, err
			}
			asked = append(asked, l)
		}
	}
	person.Subscriber, person.Campaign, person.Network = v.Subscriber, v.Campaign, v.Network
	if !v.Proven {
		person.Name = nil
		if person.Tracking != nil && *person.Tracking { // a consent is the reader's own; to end one takes no proof
			person.Tracking = nil
		}
	}
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if changed, err = s.Subscribers.Choices.SetPersonTx(ctx, tx, person); err != nil || len(asked) == 0 {
			return err
		}
		sent, err := s.Letters.Confirm(ctx, tx, reader, asked...)
		for i := range done {
			if done[i].What == Asked && !sent {
				done[i].What = Waiting
			}
		}
		return err
	})
	return done, changed, err
}

// list does what is wished for one list.
func (s *Service) list(ctx context.Context, v Visitor, reader subscribers.Subscriber, w ListWish) (what string, err error) {
	if w.On != nil && !*w.On {
		leave := subscribers.LeaveRequest{Subscriber: v.Subscriber, List: w.List.ID, Campaign: v.Campaign, Method: subscribers.MethodForm, Network: v.Network}
		if w.List.ID != v.List {
			leave.Through = v.List
		}
		if changed, err := s.Subscribers.Leave(ctx, leave); err != nil || !changed {
			return Unchanged, err
		}
		return Left, nil
	}
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		what = Unchanged
		if w.On != nil {
			if what, err = s.join(ctx, tx, v, reader, w); err != nil {
				return err
			}
		}
		if !w.chooses() {
			return nil
		}
		changed, err := s.Subscribers.Choices.SetTx(ctx, tx, subscribers.ChoiceRequest{Subscriber: v.Subscriber, List: w.List.ID, Campaign: v.Campaign,
			Method: subscribers.MethodPreferences, Network: v.Network, Frequency: w.Frequency, PauseUntil: w.Pause, TopicsOff: w.TopicsOff, TopicsShown: w.TopicsShown})
		if changed && what == Unchanged {
			what = Chosen
		}
		return err
	})
	if err == nil && what == Joined {
		// The proof is as good as a confirm link: it came to the address just now.
		_, err = s.Subscribers.Confirm(ctx, subscribers.ConfirmRequest{Subscriber: v.Subscriber, List: w.List.ID, Issued: s.Subscribers.Now(), Network: v.Network})
	}
	return what, err
}

// join brings a reader onto a list: back, where the same link took them off it just now; at once with a fresh proof, since then it
// is certain who asks; else by a mail that asks to confirm, since the mail that carried the link may be old and have been passed on.
func (s *Service) join(ctx context.Context, tx *sqlx.Tx, v Visitor, reader subscribers.Subscriber, w ListWish) (what string, err error) {
	back, err := s.Subscribers.Choices.ReturnTx(ctx, tx, subscribers.LeaveRequest{Subscriber: v.Subscriber, List: w.List.ID, Campaign: v.Campaign, Network: v.Network})
	if err != nil || back {
		return Returned, err
	}
	if !w.List.Open {
		return Closed, nil
	}
	added, err := s.Subscribers.AddTx(ctx, tx, subscribers.AddRequest{Address: reader.Address, ListID: w.List.ID, Method: subscribers.MethodForm,
		Source: "preference centre", Wording: w.Wording, Network: v.Network})
	switch {
	case err != nil:
		return Unchanged, err
	case added.Suppressed:
		return Closed, nil
	case !added.NeedsConfirm:
		return Unchanged, nil
	case v.Proven:
		return Joined, nil
	}
	return Asked, nil
}

// LeaveAll stops all mail to the reader.
func (s *Service) LeaveAll(ctx context.Context, v Visitor) (bool, error) {
	return s.Subscribers.Leave(ctx, subscribers.LeaveRequest{Subscriber: v.Subscriber, List: v.List, Campaign: v.Campaign, All: true, Method: subscribers.MethodForm, Network: v.Network})
}

// UndoAll takes that back within 24 hours, with what else the same link took away by leaving.
func (s *Service) UndoAll(ctx context.Context, v Visitor) (bool, error) {
	return s.Subscribers.Undo(ctx, subscribers.LeaveRequest{Subscriber: v.Subscriber, List: v.List, Campaign: v.Campaign, Method: subscribers.MethodForm, Network: v.Network})
}

// Limits of mails with fresh links and of changes of address.
const (
	freshADay   = 3  // to one reader
	freshHourly = 20 // from one network
	changesADay = 3  // of one reader
	toOneADay   = 2  // to one new mailbox, whoever asks
)

// errOften is told to a reader who has asked too often.
var errOften = errs.New(errs.Denied, "there were several mails already; look into your mailbox, or try again tomorrow")

// MailFresh mails the reader a fresh link to what is personal. It returns errs.Denied when that was done too often. An address that must
// not be mailed is not, and nothing says so: the link that asks may be in other hands.
func (s *Service) MailFresh(ctx context.Context, v Visitor) error {
	l, reader, err := s.who(ctx, v)
	if err != nil {
		return err
	}
	for _, reason := range reader.Suppressed {
		if reason != subscribers.ReasonUnsubscribed {
			return nil
		}
	}
	rules := []limits.Rule{{Name: "fresh", Key: strconv.FormatInt(reader.ID, 10), Max: freshADay, Per: 24 * time.Hour}}
	if v.Network != "" {
		rules = append(rules, limits.Rule{Name: "fresh-network", Key: v.Network, Max: freshHourly, Per: time.Hour})
	}
	ok, err := s.Limits.Allow(ctx, rules...)
	if err != nil {
		return err
	}
	if !ok {
		return errOften
	}
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error { return s.Letters.Fresh(ctx, tx, l, reader) })
}

// ChangeAddress begins a change of address: it mails both. Whether the new one is known here cannot be seen from outside. It returns
// errs.Invalid for what is no other address and errs.Denied when it was asked too often, or without proof.
func (s *Service) ChangeAddress(ctx context.Context, v Visitor, address string) (c subscribers.AddressChange, err error) {
	if !v.Proven {
		return c, errs.New(errs.Denied, "a change of address needs a fresh link")
	}
	l, reader, err := s.who(ctx, v)
	if err != nil {
		return c, err
	}
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if c, err = s.Subscribers.AddressChanges().BeginTx(ctx, tx, reader.ID, l.ID, address); err != nil {
			return err
		}
		ok, err := s.Limits.AllowIn(ctx, tx, limits.Rule{Name: "address", Key: strconv.FormatInt(reader.ID, 10), Max: changesADay, Per: 24 * time.Hour})
		if err != nil {
			return err
		}
		if !ok {
			return errOften
		}
		mailbox := subscribers.Address{Canonical: c.Canonical}.Bucket()
		toNew, err := s.Limits.AllowIn(ctx, tx, limits.Rule{Name: "address-new", Key: mailbox, Max: toOneADay, Per: 24 * time.Hour})
		if err != nil {
			return err
		}
		return s.Letters.NewAddress(ctx, tx, l, reader, c, toNew)
	})
	return c, err
}

func (s *Service) who(ctx context.Context, v Visitor) (subscribers.List, subscribers.Subscriber, error) {
	reader, _, err := s.Subscribers.Get(ctx, v.Subscriber)
	if err != nil {
		return subscribers.List{}, reader, err
	}
	l, err := s.Subscribers.List(ctx, v.List)
	return l, reader, err
}
