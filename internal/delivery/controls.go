package delivery

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
)

// Controls are the acts of people on a running send; each is noted with the person in the audit log, in its transaction. None waits
// for anything that takes longer than a row: they take effect within a message.
type Controls struct{ store *Store }

// NewControls returns the controls of the sends of a queue.
func NewControls(s *Store) *Controls { return &Controls{store: s} }

// Pause is Store.Pause by a person; reason says why, for people. Asking again changes and notes nothing.
func (c *Controls) Pause(ctx context.Context, campaign int64, reason, who string) error {
	return db.InTx(ctx, c.store.db, func(tx *sqlx.Tx) error {
		moved, err := move(ctx, tx, campaign, StatePaused, reason, StateRunning)
		if err != nil || !moved {
			return err
		}
		return audit.Log(ctx, tx, who, "campaign.pause", campaignSubject(campaign), map[string]any{"reason": reason})
	})
}

// Resume is Store.Resume by a person. Asking again changes and notes nothing.
func (c *Controls) Resume(ctx context.Context, campaign int64, who string) error {
	return db.InTx(ctx, c.store.db, func(tx *sqlx.Tx) error {
		moved, err := move(ctx, tx, campaign, StateRunning, "", StatePaused)
		if err != nil || !moved {
			return err
		}
		if err := markBrake(ctx, tx, campaign); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "campaign.resume", campaignSubject(campaign), nil)
	})
}
