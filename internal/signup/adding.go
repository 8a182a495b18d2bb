package signup

import (
	"context"
	"strings"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// AddReader puts a person on a list for somebody of the publication. Without evidence (Confirmed, with a source of the consent) the
// person is pending and asked by a mail to confirm; asked reports that the mail is on its way. It returns errs.Invalid for what is wrong
// with the request, such as a consent of which nobody says where it comes from.
func (s *Service) AddReader(ctx context.Context, l subscribers.List, r subscribers.AddRequest, who string) (added subscribers.Added, asked bool, err error) {
	r.ListID, r.Method = l.ID, subscribers.MethodAdmin
	if r.Source = strings.TrimSpace(r.Source); r.Source == "" {
		if r.Confirmed {
			return added, false, errs.Field("source", `say where this person agreed, like "sign-up sheet at the fair, May 2026"; without that they are asked by mail`)
		}
		r.Source = "added by " + who
	}
	// The confirm mail is enqueued with the subscription: neither is there without the other.
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		var err error
		if added, err = s.Subscribers.AddTx(ctx, tx, r); err != nil || added.Suppressed {
			return err
		}
		if asked = false; added.NeedsConfirm {
			if asked, err = s.Letters.Confirm(ctx, tx, added.Subscriber, l); err != nil {
				return err
			}
		}
		return audit.Log(ctx, tx, who, "subscriber.add", subscribers.SubscriberSubject(added.Subscriber.ID),
			map[string]any{"list": l.Slug, "state": added.State, "asked": asked})
	})
	return added, asked, err
}
