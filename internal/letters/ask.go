package letters

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// askBatch is how many people are asked in one transaction.
const askBatch = 200

// AskPending asks everybody on a list to confirm who waits for it and was never asked, as after an import: each person by one mail, within
// the limits of Confirm. It works in batches; what is committed stays done when it ends early, and the same call again goes on.
// progress is called after each batch. held are those to whom the mailbox's own limit did not allow a mail now.
func (s *Service) AskPending(ctx context.Context, d *sqlx.DB, u subscribers.Unasked, l subscribers.List, progress func(asked int64)) (asked, held int64, err error) {
	if l.ArchivedAt != nil {
		return 0, 0, errs.New(errs.Conflict, "the list is archived and takes nobody any more")
	}
	for after := int64(0); ; {
		var people []subscribers.Subscriber
		var mailed []int64
		err := db.InTx(ctx, d, func(tx *sqlx.Tx) (err error) {
			mailed = nil
			if people, err = u.Take(ctx, tx, l.ID, after, askBatch); err != nil {
				return err
			}
			for _, p := range people {
				ok, err := s.Confirm(ctx, tx, p, l)
				if err != nil {
					return err
				}
				if ok {
					mailed = append(mailed, p.ID)
				}
			}
			return u.Asked(ctx, tx, l.ID, mailed)
		})
		if err != nil {
			return asked, held, err
		}
		asked, held = asked+int64(len(mailed)), held+int64(len(people)-len(mailed))
		progress(asked)
		if len(people) < askBatch {
			return asked, held, nil
		}
		after = people[len(people)-1].ID
	}
}
