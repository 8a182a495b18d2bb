package campaigns

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Agenda says what goes out next and what needs a person, over all digests of some lists.
type Agenda struct{ svc *Service }

// agendaLimit bounds each part of an agenda: more than that nobody reads on one page.
const agendaLimit = 200

// Waiting returns the campaigns of these lists that have not gone out and still may: those with a time first, in its order, then
// those without.
func (a *Agenda) Waiting(ctx context.Context, lists []int64) ([]Campaign, error) {
	return a.campaigns(ctx, `c.state IN ('draft', 'in_review', 'approved', 'held') AND c.list_id = ANY ($1) ORDER BY c.send_at NULLS LAST, c.id LIMIT $2`, pq.Array(lists), agendaLimit)
}

// Sending returns the campaigns of these lists that are being sent or paused, the newest first.
func (a *Agenda) Sending(ctx context.Context, lists []int64) ([]Campaign, error) {
	sends, err := a.svc.Delivery.Active(ctx)
	if err != nil || len(sends) == 0 {
		return nil, err
	}
	ids := make([]int64, len(sends))
	for i, s := range sends {
		ids[i] = s.Campaign
	}
	return a.campaigns(ctx, `c.id = ANY ($2) AND c.list_id = ANY ($1) ORDER BY c.id DESC`, pq.Array(lists), pq.Array(ids))
}

// Sent returns the campaigns of these lists that were launched since a moment, the newest first.
func (a *Agenda) Sent(ctx context.Context, lists []int64, since time.Time) ([]Campaign, error) {
	return a.campaigns(ctx, `c.state = 'launched' AND c.list_id = ANY ($1) AND c.launched_at >= $2 ORDER BY c.launched_at DESC LIMIT $3`, pq.Array(lists), since, agendaLimit)
}

// Between returns the campaigns of these lists whose time lies in [from, to), in its order.
func (a *Agenda) Between(ctx context.Context, lists []int64, from, to time.Time) ([]Campaign, error) {
	return a.campaigns(ctx, `c.list_id = ANY ($1) AND c.id IN (
			SELECT id FROM campaigns WHERE send_at >= $2 AND send_at < $3 AND state IN ('draft', 'in_review', 'approved', 'held')
			UNION ALL SELECT id FROM campaigns WHERE list_id = ANY ($1) AND launched_at >= $2 AND launched_at < $3 AND state = 'launched')
		ORDER BY coalesce(c.launched_at, c.send_at), c.id LIMIT $4`, pq.Array(lists), from, to, 2*agendaLimit)
}

func (a *Agenda) campaigns(ctx context.Context, where string, args ...any) ([]Campaign, error) {
	list := []Campaign{}
	if err := a.svc.DB.SelectContext(ctx, &list, selectCampaign+` WHERE `+where, args...); err != nil {
		return nil, db.Err(err, "read the agenda")
	}
	if err := a.svc.tellSends(ctx, list); err != nil {
		return nil, err
	}
	return list, a.svc.nameLists(ctx, list)
}

// PlannedEdition is an edition that a schedule will make.
type PlannedEdition struct {
	Digest  Digest
	Edition string // nominal local time
	Day     string // of it, as 2006-01-02
	At      time.Time
	Opens   time.Time // when its draft is composed for the first time
	Skip    string    // why there will be none; empty: there will
}

// Planned returns the editions that the schedules of these lists will make in [from, to) and that are not campaigns yet, in order of
// time. Skipped days are among them.
func (a *Agenda) Planned(ctx context.Context, lists []int64, from, to time.Time) ([]PlannedEdition, error) {
	digests, err := a.svc.Digests.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []PlannedEdition
	for _, d := range digests {
		if !d.Active || d.Schedule == "" || !slices.Contains(lists, d.ListID) {
			continue
		}
		sched, err := d.schedule()
		if err != nil {
			return nil, err
		}
		begin := from.Add(-time.Nanosecond)
		if d.PlannedTo.After(begin) {
			begin = d.PlannedTo
		}
		first, days := len(all), []string(nil)
		for slot, ok := sched.Next(begin); ok && slot.At.Before(to) && len(days) < agendaLimit; slot, ok = sched.Next(slot.At) {
			all = append(all, PlannedEdition{Digest: d, Edition: slot.Nominal, Day: slot.Day(), At: slot.At, Opens: slot.At.Add(-d.Recipe.Clock.Opens.std())})
			days = append(days, slot.Day())
		}
		if len(days) == 0 {
			continue
		}
		skips, err := skipsAmong(ctx, a.svc.DB, d, days)
		if err != nil {
			return nil, err
		}
		for i := first; i < len(all); i++ {
			all[i].Skip = skips[all[i].Day]
		}
	}
	slices.SortStableFunc(all, func(x, y PlannedEdition) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Digest.ID, y.Digest.ID))
	})
	return all, nil
}
