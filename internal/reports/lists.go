package reports

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/subscribers"
)

// ListReport is how a list has grown, and what became of its campaigns.
type ListReport struct {
	List    subscribers.List      `json:"list"`
	Tally   subscribers.Tally     `json:"tally"`
	From    time.Time             `json:"from"` // both are days of the list's time zone, and both are in it
	To      time.Time             `json:"to"`
	Days    []subscribers.ListDay `json:"days"` // every day of the time, but for those before anything was known
	Sum     subscribers.ListDay   `json:"sum"`  // of these days
	Sends   []Line                `json:"sends"`
	Reasons []Reason              `json:"reasons"` // why people left in this time, as far as they said
}

// MaxDays is how many days a report of a list can have: ten years.
const MaxDays = 3660

// List reports on a list from one day to another, both included, by dates of its time zone.
func (s *Store) List(ctx context.Context, l subscribers.List, from, to time.Time) (ListReport, error) {
	r := ListReport{List: l, From: from, To: to, Reasons: []Reason{}}
	var err error
	if r.Tally, err = s.tallies.Of(ctx, l.ID); err != nil {
		return r, err
	}
	known, err := s.tallies.Days(ctx, l.ID, from, to)
	if err != nil {
		return r, err
	}
	r.Days = everyDay(known, to)
	for _, d := range known {
		r.Sum.Signups, r.Sum.Joins, r.Sum.Leaves, r.Sum.Erased = r.Sum.Signups+d.Signups, r.Sum.Joins+d.Joins, r.Sum.Leaves+d.Leaves, r.Sum.Erased+d.Erased
	}
	if len(r.Days) > 0 {
		r.Sum.Total = r.Days[len(r.Days)-1].Total
	}
	if r.Sends, err = s.Past(ctx, PastFilter{Lists: []int64{l.ID}, Since: inZone(from, l.TimeZone), Limit: 100}); err != nil {
		return r, err
	}
	err = s.db.SelectContext(ctx, &r.Reasons, `SELECT reason, sum(readers)::bigint AS readers FROM leave_reasons
		WHERE list_id = $1 AND day BETWEEN $2::date AND $3::date GROUP BY reason ORDER BY readers DESC, reason`, l.ID, from.Format(time.DateOnly), to.Format(time.DateOnly))
	return r, db.Err(err, "read why readers left")
}

// inZone is midnight of a date in a time zone.
func inZone(day time.Time, name string) time.Time {
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC
	}
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
}

// everyDay fills in the days on which nothing happened, from the first known one up to a day.
func everyDay(known []subscribers.ListDay, to time.Time) []subscribers.ListDay {
	days := []subscribers.ListDay{}
	for i, d := range known {
		days = append(days, d)
		next := to.AddDate(0, 0, 1)
		if i+1 < len(known) {
			next = known[i+1].Day
		}
		for day := d.Day.AddDate(0, 0, 1); day.Before(next) && len(days) < MaxDays; day = day.AddDate(0, 0, 1) {
			days = append(days, subscribers.ListDay{Day: day, Total: d.Total})
		}
	}
	return days
}

// Growth is how a list has changed lately.
type Growth struct {
	Tally  subscribers.Tally
	Joins  int64
	Leaves int64 // those who were erased among them
}

// Growths returns how lists have changed since a day, by list.
func (s *Store) Growths(ctx context.Context, lists []int64, since time.Time) (map[int64]Growth, error) {
	tallies, err := s.tallies.All(ctx)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		List   int64 `db:"list_id"`
		Joins  int64 `db:"joins"`
		Leaves int64 `db:"leaves"`
	}
	err = s.db.SelectContext(ctx, &rows, `SELECT list_id, sum(joins)::bigint AS joins, sum(leaves + erased)::bigint AS leaves FROM list_days
		WHERE list_id = ANY ($1) AND day >= $2::date GROUP BY list_id`, pq.Array(lists), since.Format(time.DateOnly))
	if err != nil {
		return nil, db.Err(err, "read how lists have grown")
	}
	all := make(map[int64]Growth, len(lists))
	for _, id := range lists {
		all[id] = Growth{Tally: tallies[id]}
	}
	for _, r := range rows {
		g := all[r.List]
		g.Joins, g.Leaves = g.Joins+r.Joins, g.Leaves+r.Leaves
		all[r.List] = g
	}
	return all, nil
}
