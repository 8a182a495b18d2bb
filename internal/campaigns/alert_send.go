package campaigns

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Send starts a breaking alert as Sends.Start does any campaign. Errors: as there, and Conflict with the time from which on it may go
// where the list has had its alerts for now; NotFound when the campaign is no alert.
func (a *Alerts) Send(ctx context.Context, id int64, g Go) (Campaign, error) {
	c, err := load(ctx, a.svc.DB, id)
	if err != nil {
		return c, err
	}
	is, err := a.Is(ctx, id)
	if err != nil {
		return c, err
	}
	if !is {
		return c, errs.New(errs.NotFound, "campaign %d is not an alert", id)
	}
	if c.State != Launched { // said before it is tried; the launch looks again
		l, err := a.svc.Lists.List(ctx, c.ListID)
		if err != nil {
			return c, err
		}
		room, err := a.svc.alertRoom(ctx, a.svc.DB, l, id)
		if err != nil {
			return c, err
		}
		if room.Why != "" && !g.started(&c, a.svc) {
			return c, errs.Wrap(errAlertLater, errs.Conflict, "%s", room.Why)
		}
	}
	return NewSends(a.svc).Start(ctx, id, g)
}

// Is reports whether a campaign is a breaking alert.
func (a *Alerts) Is(ctx context.Context, id int64) (is bool, err error) {
	err = a.svc.DB.GetContext(ctx, &is, `SELECT EXISTS (SELECT FROM alerts WHERE campaign_id = $1)`, id)
	return is, db.Err(err, "look whether it is an alert")
}

// Alert is a breaking alert as a page lists it.
type Alert struct {
	Campaign int64      `db:"id" json:"campaign"`
	ListID   int64      `db:"list_id" json:"list_id"`
	Subject  string     `db:"subject" json:"subject"`
	State    string     `db:"state" json:"state"`
	By       string     `db:"created_by" json:"by"`
	SentAt   *time.Time `db:"sent_at" json:"sent_at,omitempty"`
	MadeAt   time.Time  `db:"created_at" json:"made_at"`
}

// Recent returns the last alerts to some lists, the newest first.
func (a *Alerts) Recent(ctx context.Context, lists []int64, limit int) ([]Alert, error) {
	recent := []Alert{}
	err := a.svc.DB.SelectContext(ctx, &recent, `SELECT c.id, c.list_id, c.subject, c.state, c.created_by, t.sent_at, c.created_at
		FROM alerts t JOIN campaigns c ON c.id = t.campaign_id WHERE t.list_id = ANY ($1) ORDER BY c.id DESC LIMIT $2`, pq.Array(lists), min(max(limit, 1), 100))
	return recent, db.Err(err, "list alerts")
}
