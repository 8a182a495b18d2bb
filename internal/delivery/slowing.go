package delivery

import (
	"context"
	"strings"
	"time"

	"mailer/internal/db"
	"mailer/internal/relay"
)

// Slowed is a lane that goes slower than it may, because of what replies said. It recovers by itself.
type Slowed struct {
	Relay       string    `db:"relay" json:"relay"`
	Provider    string    `db:"provider" json:"provider"`
	Suspended   bool      `db:"suspended" json:"suspended"`            // nothing is sent at all
	Connections int       `db:"connections" json:"connections"`        // most that carry its mail; 0: as usual
	PerMinute   float64   `db:"per_minute" json:"messages_per_minute"` // 0: as usual
	Said        string    `db:"said" json:"said"`                      // the reply that did it
	Since       time.Time `db:"since" json:"since"`
	Until       time.Time `db:"until" json:"until"`
}

// reaction is what certain words of a reply do to the lane that they came on.
type reaction struct {
	words       []string
	replies     int  // that many within askedWithin; one is enough where it is 1
	anyCode     bool // also in a reply that is about the connection
	suspended   bool
	connections int
	perMinute   float64
	lasts       time.Duration
}

// askedWithin is how long a reply that asks for less counts.
const askedWithin = 5 * time.Minute

// reactions, the more particular first. The general words need some replies: single mailboxes have limits too.
var reactions = []reaction{
	{words: []string{"[tss04]"}, replies: 1, anyCode: true, suspended: true, lasts: 2 * time.Hour},
	{words: []string{"unusual rate"}, replies: 1, anyCode: true, perMinute: 10, lasts: 30 * time.Minute},
	{words: []string{"temporarily deferred", "rate limit", "rate-limit", "ratelimit", "server busy", "server is busy", "sending too fast",
		"too many messages", "too many connections", "throttl"}, replies: 3, connections: 1, perMinute: 1, lasts: 90 * time.Minute},
}

// A lane of many hosts is not slowed for what one of them says. When nothing but such replies comes it is the relay that has
// enough, and then the lane is left alone for a while: else a whole list would be deferred at full speed.
const (
	enoughInARow = 20
	shortRest    = 5 * time.Minute
)

// hear takes notice of what came of an attempt, and returns how the lane is to be slowed, or nil.
func (l *lane) hear(res relay.Result) *Slowed {
	if res.Kind == relay.Accepted {
		if l.asked.Load() > 0 {
			l.asked.Store(0)
		}
		return nil
	}
	r := reactionTo(res)
	if r == nil {
		return nil
	}
	now := time.Now()
	s := &Slowed{Relay: l.relay, Provider: l.provider, Suspended: r.suspended, Connections: r.connections, PerMinute: r.perMinute,
		Said: MaskReply(said(res)), Since: now, Until: now.Add(r.lasts)}
	inARow := l.asked.Add(1)
	if l.provider == unnamed {
		if inARow < enoughInARow {
			return nil
		}
		l.asked.Store(0)
		s.Suspended, s.Connections, s.PerMinute, s.Until = true, 0, 0, now.Add(shortRest)
		return s
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.throttled) > 0 && now.Sub(l.throttled[0]) > askedWithin {
		l.throttled = l.throttled[1:]
	}
	l.throttled = append(l.throttled, now)
	if len(l.throttled) < r.replies {
		return nil
	}
	l.throttled = nil
	return s
}

// reactionTo returns what a reply asks for, nil when it is nothing of that kind. A refusal for good asks for nothing.
func reactionTo(res relay.Result) *reaction {
	if res.Code < 400 || res.Code > 499 || res.Class == relay.ClassGreylist {
		return nil
	}
	text := strings.ToLower(res.Text)
	for i := range reactions {
		r := &reactions[i]
		if res.Kind != relay.Deferred && !r.anyCode {
			continue // it is about the connection: the relay itself has enough, which is for its circuit
		}
		for _, w := range r.words {
			if strings.Contains(text, w) {
				return r
			}
		}
	}
	return nil
}

// slow writes down that a lane is slowed. Of two reasons the stricter and the longer one stands.
func (s *Store) slow(ctx context.Context, lane *Slowed) error {
	const q = `
		WITH live AS (SELECT * FROM lanes WHERE relay = $1 AND provider = $2 AND until > clock_timestamp())
		INSERT INTO lanes (relay, provider, suspended, connections, per_minute, said, since, until)
		SELECT $1, $2, $3 OR coalesce(l.suspended, false), coalesce(least(nullif($4::int, 0), nullif(l.connections, 0)), 0),
		       coalesce(least(nullif($5::float8, 0), nullif(l.per_minute, 0)), 0), $6, coalesce(l.since, clock_timestamp()),
		       greatest(clock_timestamp() + $7 * interval '1 millisecond', l.until)
		FROM (SELECT 1) one LEFT JOIN live l ON true
		ON CONFLICT (relay, provider) DO UPDATE
		SET suspended = EXCLUDED.suspended, connections = EXCLUDED.connections, per_minute = EXCLUDED.per_minute, said = EXCLUDED.said,
		    since = EXCLUDED.since, until = EXCLUDED.until`
	_, err := s.db.ExecContext(ctx, q, lane.Relay, lane.Provider, lane.Suspended, lane.Connections, lane.PerMinute, lane.Said,
		time.Until(lane.Until).Milliseconds())
	return db.Err(err, "slow a lane")
}

// Slowed lists the lanes that are slowed now.
func (s *Store) Slowed(ctx context.Context) ([]Slowed, error) {
	const q = `
		SELECT relay, provider, suspended, connections, per_minute, said, since, until,
		       extract(epoch FROM until - clock_timestamp()) AS left
		FROM lanes WHERE until > clock_timestamp() ORDER BY relay, provider`
	var rows []struct {
		Slowed
		Left float64 `db:"left"`
	}
	if err := s.db.SelectContext(ctx, &rows, q); err != nil {
		return nil, db.Err(err, "read the slowed lanes")
	}
	lanes := make([]Slowed, len(rows))
	now := time.Now()
	for i, r := range rows { // the clock of the database counts
		lanes[i] = r.Slowed
		lanes[i].Until = now.Add(time.Duration(r.Left * float64(time.Second)))
	}
	return lanes, nil
}
