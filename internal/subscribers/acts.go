package subscribers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Acts are what people of the publication do to one reader. They only take mail away; nobody here can agree in a reader's place.
type Acts struct{ s *Store }

// Acts returns the part of the store that people of the publication act with.
func (s *Store) Acts() Acts { return Acts{s} }

// Unsubscribe takes a reader off a list, as they asked by letter or telephone. It counts for running sends as Store.Leave does, and
// reports whether anything changed. It returns errs.NotFound when there is no such reader.
func (a Acts) Unsubscribe(ctx context.Context, reader int64, list List, who string) (changed bool, err error) {
	err = db.InTx(ctx, a.s.db, func(tx *sqlx.Tx) error {
		changed, err = leaveIn(ctx, tx, LeaveRequest{Subscriber: reader, List: list.ID, Method: MethodAdmin})
		if err != nil || !changed {
			return err
		}
		return audit.Log(ctx, tx, who, "subscriber.unsubscribe", SubscriberSubject(reader), map[string]any{"list": list.Slug})
	})
	return changed && err == nil, err
}

// Suppress stops all mail to a reader, for a reason as Store.SuppressAddress takes it, and reports whether anything changed.
func (a Acts) Suppress(ctx context.Context, reader int64, reason, detail, who string) (changed bool, err error) {
	p, _, err := a.s.Get(ctx, reader)
	if err != nil {
		return false, err
	}
	return a.s.SuppressAddress(ctx, p.Address, reason, detail, who)
}

// Lift takes back a suppression by hand, as Store.Unsuppress does; the audit log says why.
func (a Acts) Lift(ctx context.Context, address, why, who string) error {
	why, err := OneLine("why", why, 500)
	if err != nil {
		return err
	}
	if why == "" {
		return errs.Field("why", "say why this address may be mailed again; it stands in the audit log")
	}
	return a.s.Unsuppress(ctx, address, why, who)
}
