package signup

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/outbox"
	"mailer/internal/subscribers"
)

// Confirm completes a double opt-in and greets the reader; with latest it sends the most recent campaign of each list too. A
// repeat confirms nothing and sends nothing.
func (s *Service) Confirm(ctx context.Context, r subscribers.ConfirmRequest, latest bool) (subscribers.ConfirmPage, error) {
	page, err := s.Subscribers.Confirm(ctx, r)
	if err != nil || len(page.New) == 0 {
		return page, err
	}
	// The confirmation stands, whatever becomes of the mails.
	if err := s.greet(ctx, page, latest); err != nil {
		s.Log.Error("a new reader could not be greeted", "subscriber", page.Subscriber, "err", err)
	}
	return page, nil
}

func (s *Service) greet(ctx context.Context, page subscribers.ConfirmPage, latest bool) error {
	person, _, err := s.Subscribers.Get(ctx, page.Subscriber)
	if err != nil {
		return err
	}
	var lists []subscribers.List
	for _, id := range page.New {
		l, err := s.Subscribers.List(ctx, id)
		if err != nil {
			return err
		}
		lists = append(lists, l)
	}
	// Read before the transaction: it must not wait for a second connection.
	issues := map[int64]delivery.Past{}
	for _, l := range lists {
		if !latest {
			break
		}
		past, err := s.Delivery.Latest(ctx, l.ID)
		switch errs.KindOf(err) {
		case errs.OK:
			issues[l.ID] = past
		case errs.NotFound: // the list has none yet
		default:
			return err
		}
	}
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		if err := s.Letters.Welcome(ctx, tx, person, lists); err != nil {
			return err
		}
		for list, past := range issues {
			if err := s.sendLatest(ctx, tx, person, list, past); err != nil {
				return err
			}
		}
		return nil
	})
}

// sendLatest sends the most recent campaign of a list to one reader, as a single mail with their own leave link.
func (s *Service) sendLatest(ctx context.Context, tx *sqlx.Tx, to subscribers.Subscriber, list int64, past delivery.Past) error {
	key := past.Compiled.Key()
	groups := past.Groups
	if to.Supporter {
		groups = past.SupporterGroups
	}
	bounce := links.Bounce{Campaign: past.Campaign, Subscriber: to.ID}
	data, err := s.Letters.Build(past.Compiled, &message.Reader{To: to.Wire, MessageID: links.NewMessageID(past.Compiled.Domain()), Name: to.Name,
		LeaveToken:       s.Ring.LeaveToken(key, links.Leave{Subscriber: to.ID, List: list, Campaign: past.Campaign}),
		PreferencesToken: s.Ring.PreferencesToken(key, links.Preferences{Subscriber: to.ID, List: list, Campaign: past.Campaign}),
		Ref:              s.Ring.BounceToken(key, bounce), Groups: groups})
	if err != nil {
		return err
	}
	return outbox.Enqueue(ctx, tx, outbox.Mail{DedupeKey: fmt.Sprintf("issue:%d:%d", to.ID, past.Campaign), Kind: "issue",
		EnvelopeFrom: s.Ring.EnvelopeSender(key, bounce, past.EnvelopeDomain), Recipient: to.Wire, Data: data})
}

// HasLatest reports whether one of these lists has a campaign to send to who joins.
func (s *Service) HasLatest(ctx context.Context, lists []subscribers.ConfirmList) (bool, error) {
	for _, l := range lists {
		if l.Status != subscribers.ConfirmOpen {
			continue
		}
		if has, err := s.Delivery.HasLatest(ctx, l.ID); err != nil || has {
			return has, err
		}
	}
	return false, nil
}

// AskAgain sends another confirm mail for the lists of a link that has become too old, when the reader still waits to be
// confirmed and has not been asked too often. It reports nothing: the page says the same in any case.
func (s *Service) AskAgain(ctx context.Context, r subscribers.ConfirmRequest) error {
	page, err := s.Subscribers.Confirming(ctx, r)
	if err != nil || !page.Again {
		return err
	}
	person, subs, err := s.Subscribers.Get(ctx, page.Subscriber)
	if err != nil {
		return err
	}
	var lists []subscribers.List
	for _, l := range page.Lists {
		waits := slices.ContainsFunc(subs, func(sn subscribers.Subscription) bool { return sn.ListID == l.ID && sn.State == subscribers.Pending })
		if !l.Named || !waits {
			continue
		}
		list, err := s.Subscribers.List(ctx, l.ID)
		if err != nil {
			return err
		}
		if list.ArchivedAt == nil {
			lists = append(lists, list)
		}
	}
	return db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		_, err := s.Letters.Confirm(ctx, tx, person, lists...)
		return err
	})
}
