package reports

import (
	"context"
	"time"

	"mailer/internal/db"
	"mailer/internal/delivery"
)

// Series is what came in over time, in steps of the same length. Steps in which nothing came in stand in it too, so that a plot shows a
// pause as what it is.
type Series struct {
	Every  int64             `json:"every_seconds"` // how long a step is
	Points []delivery.Minute `json:"points"`        // At is where a step begins
}

// maxPoints is how many steps a series has at most: about as many as a plot shows apart from each other.
const maxPoints = 240

// steps are the lengths a step may have.
var steps = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 24 * time.Hour}

// seriesOf puts minutes, the earliest first, into steps.
func seriesOf(minutes []delivery.Minute) Series {
	s := Series{Every: 60, Points: []delivery.Minute{}}
	if len(minutes) == 0 {
		return s
	}
	step, first, last := steps[0], minutes[0].At, minutes[len(minutes)-1].At
	for _, step = range steps {
		if last.Sub(first)/step < maxPoints {
			break
		}
	}
	s.Every = int64(step / time.Second)
	begin := first.Truncate(step)
	for at := begin; !at.After(last); at = at.Add(step) {
		s.Points = append(s.Points, delivery.Minute{At: at})
	}
	for _, m := range minutes {
		p := &s.Points[m.At.Sub(begin)/step]
		p.Accepted, p.Deferred, p.Failed = p.Accepted+m.Accepted, p.Deferred+m.Deferred, p.Failed+m.Failed
	}
	return s
}

// ClickHour is how often the appeal's button was followed within one hour.
type ClickHour struct {
	At       time.Time `db:"hour" json:"at"`
	Clicks   int64     `db:"clicks" json:"clicks"`
	Machines int64     `db:"machines" json:"machines"`
}

// maxHours is how many hours of clicks a report has: two weeks.
const maxHours = 336

func (s *Store) hours(ctx context.Context, id int64, r *Report) error {
	err := s.db.SelectContext(ctx, &r.Hours, `SELECT hour, sum(clicks)::bigint AS clicks, sum(machine_clicks)::bigint AS machines FROM appeal_clicks
		WHERE campaign_id = $1 GROUP BY hour ORDER BY hour LIMIT $2`, id, maxHours)
	return db.Err(err, "read clicks")
}
