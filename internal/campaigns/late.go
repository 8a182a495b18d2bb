package campaigns

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/delivery"
)

// Late counts the late joiners of a launched campaign: who is in its audience now and was not when it was written. Errors: NotFound;
// Conflict when nothing of it can go to them any more.
func (s *Sends) Late(ctx context.Context, id int64) (int64, error) {
	return delivery.NewWaves(s.svc.Delivery).Late(ctx, id)
}

// AddLate sends a launched campaign to its late joiners, for a person who has typed how many they were shown, and returns how many
// it goes to. Two clicks add them once. Errors: those of Late, and Invalid with the field readers.
func (s *Sends) AddLate(ctx context.Context, id int64, g Go) (n int64, err error) {
	if err := checkWho(g.Who); err != nil {
		return 0, err
	}
	err = db.InTx(ctx, s.svc.DB, func(tx *sqlx.Tx) error {
		var err error
		if n, err = delivery.NewWaves(s.svc.Delivery).AddTx(ctx, tx, id); err != nil {
			return err
		}
		if err := typedRight(g.Typed, g.Shown, n); err != nil {
			return err
		}
		return audit.Log(ctx, tx, g.Who, "campaign.late", auditName(id), map[string]any{"readers": n})
	})
	return n, err
}
