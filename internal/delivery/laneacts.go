package delivery

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
)

// LaneActs are what people do to lanes.
type LaneActs struct{ s *Store }

// LaneActs returns the part of the store that people act on lanes with.
func (s *Store) LaneActs() LaneActs { return LaneActs{s} }

// Resume lets a slowed lane go at full speed again, at once, and notes who did it. It returns errs.NotFound when it is not slowed.
func (a LaneActs) Resume(ctx context.Context, relay, provider, who string) error {
	return db.InTx(ctx, a.s.db, func(tx *sqlx.Tx) error {
		if err := a.s.ResumeLane(ctx, tx, relay, provider); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "lane.resume", "lane "+relay+" "+provider, nil)
	})
}

// RelayView is a relay as it is set, and as the senders find it.
type RelayView struct {
	RelayState
	Weight      int      `json:"weight,omitempty"`
	Most        int      `json:"connections_limit,omitempty"`
	PerSecond   float64  `json:"rate_limit,omitempty"`
	DailyCap    int      `json:"daily_cap,omitempty"`
	Lists       []string `json:"lists,omitempty"`
	NotInConfig bool     `json:"not_in_configuration,omitempty"` // of senders with another configuration, or of today before it was changed
}
