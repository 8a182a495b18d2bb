package delivery

import (
	"context"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// stateAge is how often the state of relays is written down when it has not changed; what is older than stateFresh says nothing
// any more: its process is gone.
const (
	stateAge   = 10 * time.Second
	stateFresh = 3 * stateAge
)

// States of a relay, as a process finds it.
const (
	RelayOK      = "ok"
	RelayResting = "resting" // it could not be used; it is tried again at a certain time
	RelayCapped  = "capped"  // its day's messages are sent
)

// keepLanes reads which lanes are slowed, and writes down how the relays are, until ctx ends.
func (s *Sender) keepLanes(ctx context.Context) {
	last, written := map[string]relayState{}, time.Time{}
	failing := false
	for {
		err := s.refreshLanes(ctx)
		now := map[string]relayState{}
		changed := time.Since(written) > stateAge
		for _, l := range s.relays.lines {
			now[l.Name] = l.state()
			changed = changed || now[l.Name] != last[l.Name]
		}
		if err == nil && changed {
			if err = s.writeStates(ctx); err == nil {
				last, written = now, time.Now()
			}
		}
		if err == nil {
			err = s.relays.carryOver(ctx, s.store)
		}
		if err != nil && ctx.Err() == nil && !failing {
			s.log.Error("could not read the lanes; it is tried again", "err", err)
		}
		failing = err != nil
		if !pause(ctx, budgetTick) {
			return
		}
	}
}

// relayState is what a process knows of a relay, without what changes all the time.
type relayState struct {
	state  string
	said   string
	saidAt time.Time
}

func (l *line) state() relayState {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := relayState{RelayOK, l.said, l.saidAt}
	switch {
	case l.circuit.left() > 0 || l.fault != "":
		r.state = RelayResting
	case !l.cap.capped().IsZero():
		r.state = RelayCapped
	}
	return r
}

// writeStates writes down how this process finds each relay, and how much it has sent.
func (s *Sender) writeStates(ctx context.Context) error {
	for _, l := range s.relays.lines {
		r := l.state()
		var retryIn *float64
		if wait := l.wait(time.Now()); wait > 0 {
			seconds := wait.Seconds()
			retryIn = &seconds
		}
		var saidAt *time.Time
		if !r.saidAt.IsZero() {
			saidAt = &r.saidAt
		}
		const q = `
			INSERT INTO relay_states (relay, process, host, connections, state, retry_at, said, said_at)
			VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 second', $7, $8)
			ON CONFLICT (relay, process) DO UPDATE SET host = EXCLUDED.host, connections = EXCLUDED.connections, state = EXCLUDED.state,
				retry_at = EXCLUDED.retry_at, said = EXCLUDED.said, said_at = EXCLUDED.said_at, at = clock_timestamp()`
		if _, err := s.store.db.ExecContext(ctx, q, l.Name, s.h.process, l.Relay.Name(), l.open.Load(), r.state, retryIn, r.said, saidAt); err != nil {
			return db.Err(err, "write down how the relay is")
		}
		if err := s.countDay(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// countDay adds what a relay without a cap has taken to its day.
func (s *Sender) countDay(ctx context.Context, l *line) error {
	n := l.sent.Swap(0)
	if n == 0 {
		return nil
	}
	const q = `
		INSERT INTO relay_days (relay, day, sent) VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date, $2)
		ON CONFLICT (relay, day) DO UPDATE SET sent = relay_days.sent + EXCLUDED.sent`
	if _, err := s.store.db.ExecContext(ctx, q, l.Name, n); err != nil {
		l.sent.Add(n)
		return db.Err(err, "count the relay's day")
	}
	return nil
}

// giveUpBudgets leaves to others what this process has of limits, at its end.
func (s *Sender) giveUpBudgets(ctx context.Context) {
	s.budgets.giveUp(ctx)
	for _, l := range s.relays.lines {
		err := s.countDay(ctx, l)
		if err == nil && l.cap != nil {
			err = l.cap.giveBack(ctx)
		}
		if err != nil {
			s.log.Warn("could not count the relay's day", "relay", l.Name, "err", err)
		}
	}
	if _, err := s.store.db.ExecContext(ctx, `DELETE FROM relay_states WHERE process = $1`, s.h.process); err != nil {
		s.log.Warn("could not take back how the relays are", "err", err)
	}
}

// RelayState is how the senders find a relay.
type RelayState struct {
	Name        string     `db:"relay" json:"name"`
	Host        string     `db:"host" json:"host"`
	State       string     `db:"state" json:"state"` // RelayOK, when any process can use it, or the state of the last one
	Processes   int        `db:"processes" json:"processes"`
	Connections int        `db:"connections" json:"connections"`
	Today       int64      `db:"today" json:"today"` // messages on this day (UTC)
	RetryAt     *time.Time `db:"retry_at" json:"retry_at,omitempty"`
	Said        string     `db:"said" json:"said,omitempty"` // the last trouble
	SaidAt      *time.Time `db:"said_at" json:"said_at,omitempty"`
}

// Relays returns how the running senders find the relays that they use, and what each took today.
func (s *Store) Relays(ctx context.Context) ([]RelayState, error) {
	const q = `
		WITH live AS (
			SELECT * FROM relay_states WHERE at > clock_timestamp() - $1 * interval '1 second'
		), today AS (
			SELECT relay, sent FROM relay_days WHERE day = (clock_timestamp() AT TIME ZONE 'UTC')::date
		)
		SELECT relay, coalesce(max(l.host), '') AS host, count(l.process) AS processes, coalesce(sum(l.connections), 0) AS connections,
		       coalesce(max(t.sent), 0) AS today,
		       CASE WHEN count(l.process) = 0 THEN '' WHEN bool_or(l.state = 'ok') THEN 'ok' ELSE max(l.state) END AS state,
		       CASE WHEN NOT bool_or(l.state = 'ok') THEN min(l.retry_at) END AS retry_at,
		       coalesce((array_agg(l.said ORDER BY l.said_at DESC NULLS LAST))[1], '') AS said, max(l.said_at) AS said_at
		FROM live l FULL JOIN today t USING (relay)
		GROUP BY relay ORDER BY relay`
	var states []RelayState
	err := s.db.SelectContext(ctx, &states, q, int64(stateFresh.Seconds()))
	return states, db.Err(err, "read how the relays are")
}

// ResumeLane lets a slowed lane go at full speed again, at once. It returns errs.NotFound when it is not slowed.
func (s *Store) ResumeLane(ctx context.Context, q db.Q, relay, provider string) error {
	res, err := q.ExecContext(ctx, `DELETE FROM lanes WHERE relay = $1 AND provider = $2 AND until > clock_timestamp()`, relay, provider)
	if err != nil {
		return db.Err(err, "resume a lane")
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return db.Err(err, "resume a lane")
		}
		return errs.New(errs.NotFound, "the lane %s at %s is not slowed; mailer lanes lists those that are", provider, relay)
	}
	return nil
}

// forgetRelays removes what says nothing any more: states and shares of processes that are gone, lanes that have recovered.
func (s *Store) forgetRelays(ctx context.Context) error {
	for _, q := range []string{
		`DELETE FROM relay_states WHERE at < clock_timestamp() - interval '1 hour'`,
		`DELETE FROM lanes WHERE until < clock_timestamp() - interval '1 day'`,
		`DELETE FROM relay_days WHERE day < (clock_timestamp() AT TIME ZONE 'UTC')::date - 400`,
		`DELETE FROM budgets WHERE until < clock_timestamp() - interval '1 minute'`,
	} {
		if _, err := s.db.ExecContext(ctx, q); err != nil {
			return db.Err(err, "forget old states of relays")
		}
	}
	return nil
}
