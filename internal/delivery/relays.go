package delivery

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mailer/internal/relay"
)

// RelayLine is one relay that a Sender may use. Zero values of all but Relay mean no limit, or the default.
type RelayLine struct {
	Relay                 *relay.Relay
	Name                  string  // as it stands in tables and logs; the relay's host and port unless set
	Weight                int     // its share of the messages beside the others', 1
	Connections           int     // most at once, of all processes together
	MessagesPerConnection int     // most over one connection
	Rate                  float64 // most messages per second, of all processes together
	DailyCap              int     // most messages on one day (UTC), of all processes together; the rest waits for the next
	Lists                 []int64 // it carries these lists and no others; a list that any relay names is carried by no other
}

// line is a relay as this process sees it.
type line struct {
	RelayLine
	circuit     *circuit
	connections *budget // nil: no limit
	rate        *budget // nil: no limit
	cap         *dayCap // nil: no limit

	sent atomic.Int64 // messages since this was last written down; not used with a cap
	open atomic.Int64 // connections of this process

	mu      sync.Mutex
	fault   string // what only a person can mend, "" when there is nothing
	said    string // the last trouble, and when
	saidAt  time.Time
	holdOff time.Time // its rate leaves nothing before this
	served  float64   // messages claimed for it, over its weight
}

// setFault notes trouble that only a person can mend, or with "" that there is none any more.
func (l *line) setFault(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = why
	if why != "" {
		l.said, l.saidAt = MaskReply(why), time.Now()
	}
}

func (l *line) faulty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault != ""
}

// complains notes trouble that passes by itself, for people.
func (l *line) complains(said string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said, l.saidAt = MaskReply(said), time.Now()
}

// enter takes a place at the relay, of which a limit of connections leaves only so many.
func (l *line) enter() bool {
	if l.connections == nil {
		l.open.Add(1)
		return true
	}
	if _, ok := l.connections.take(); !ok {
		return false
	}
	l.open.Add(1)
	return true
}

// leave gives it back, once the connection is closed.
func (l *line) leave() {
	l.open.Add(-1)
	if l.connections != nil {
		l.connections.unused()
	}
}

// crowded reports whether this process has more places at the relay than others leave it: one of them is to be given back.
func (l *line) crowded() bool { return l != nil && l.connections != nil && l.connections.crowded() }

// hold keeps the relay from being claimed for until a moment.
func (l *line) hold(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holdOff = until
}

// wait returns how long until the relay may be tried, 0 when it may be now.
func (l *line) wait(now time.Time) time.Duration {
	return max(l.circuit.left(), l.limited(now), 0)
}

// limited returns how long its limits leave nothing for the relay; not above 0 when they do.
func (l *line) limited(now time.Time) time.Duration {
	l.mu.Lock()
	until := l.holdOff
	l.mu.Unlock()
	return max(until.Sub(now), l.cap.capped().Sub(now))
}

// usable reports whether the relay may be tried now, by one who is connected to it or not.
func (l *line) usable(connected bool, now time.Time) bool {
	return l.limited(now) <= 0 && (connected || l.circuit.left() <= 0)
}

// relays are the relays of a sender.
type relays struct {
	lines  []*line
	routed []int64 // the lists that some relay names
}

func newRelays(lines []RelayLine, backoff func(int) time.Duration, bs *budgets) *relays {
	rs := &relays{}
	for _, r := range lines {
		r.Name = cmp.Or(r.Name, r.Relay.Name())
		r.Weight = max(r.Weight, 1)
		l := &line{RelayLine: r, circuit: newCircuit(backoff)}
		if r.Connections > 0 {
			l.connections = bs.connections(r.Name, r.Connections)
		}
		if r.Rate > 0 {
			l.rate = bs.rate(r.Name, r.Rate)
		}
		if r.DailyCap > 0 {
			l.cap = &dayCap{db: bs.db, relay: r.Name, most: r.DailyCap}
		}
		rs.lines = append(rs.lines, l)
		rs.routed = append(rs.routed, r.Lists...)
	}
	return rs
}

// carries reports whether a relay may carry a list.
func (rs *relays) carries(l *line, list int64) bool {
	if len(l.Lists) > 0 {
		return slices.Contains(l.Lists, list)
	}
	return !slices.Contains(rs.routed, list)
}

// route returns what a claim for a relay may be of, beside closed lanes.
func (rs *relays) route(l *line, usable []*line) route {
	r := route{relay: l.Name, only: l.Lists}
	if len(l.Lists) == 0 {
		r.not = rs.routed
	}
	for _, o := range usable {
		if o != l {
			r.others = append(r.others, o.Name)
		}
	}
	return r
}

// replaceable reports whether another relay than l may carry a list and is not in trouble that only a person can mend.
func (rs *relays) replaceable(l *line, list int64) bool {
	return slices.ContainsFunc(rs.lines, func(o *line) bool { return o != l && rs.carries(o, list) && !o.faulty() })
}

// nearEnough is how many messages beyond its share the relay that a worker is connected to may get, so that connections are not
// changed for nothing.
const nearEnough = chunkSize

// usable returns the relays that may be tried now, the one first whose turn it is: that which has had the least for its weight,
// or the one that the worker has a place at, while that is not far ahead of its share. The latter may be tried as long as
// its connection lasts, whatever others find.
func (rs *relays) usable(seat *line, now time.Time) []*line {
	if len(rs.lines) == 1 { // the plain case
		if l := rs.lines[0]; l.usable(l == seat, now) {
			return rs.lines
		}
		return nil
	}
	type turn struct {
		*line
		served float64
	}
	var turns []turn
	for _, l := range rs.lines {
		if l.usable(l == seat, now) {
			l.mu.Lock()
			turns = append(turns, turn{l, l.served})
			l.mu.Unlock()
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.served, b.served) })
	if i := slices.IndexFunc(turns, func(t turn) bool { return t.line == seat }); i > 0 &&
		turns[i].served-turns[0].served <= float64(nearEnough)/float64(turns[0].Weight) {
		mine := turns[i]
		turns = slices.Insert(slices.Delete(turns, i, i+1), 0, mine)
	}
	list := make([]*line, len(turns))
	for i, t := range turns {
		list[i] = t.line
	}
	return list
}

// serve notes that messages were claimed for a relay. One that was away does not make up for it: it goes on from where the
// others are.
func (rs *relays) serve(l *line, messages int, usable []*line) {
	if len(rs.lines) == 1 {
		return
	}
	least := -1.0
	for _, o := range usable {
		if o == l {
			continue
		}
		o.mu.Lock()
		if least < 0 || o.served < least {
			least = o.served
		}
		o.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.served = max(l.served, least-float64(nearEnough)) + float64(messages)/float64(l.Weight)
}

// wait returns how long until the first relay may be tried.
func (rs *relays) wait(now time.Time) time.Duration {
	first := time.Duration(1<<63 - 1)
	for _, l := range rs.lines {
		first = min(first, l.wait(now))
	}
	return first
}

// forMails returns the relay for single mails: the one that may be tried first, and of several the first that is bound to no
// list.
func (rs *relays) forMails(now time.Time) *line {
	return slices.MinFunc(rs.lines, func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.wait(now), b.wait(now)), cmp.Compare(len(a.Lists), len(b.Lists)))
	})
}

// carryOver gives sends time that wait for the next day of their relays.
func (rs *relays) carryOver(ctx context.Context, s *Store) error {
	var free []*line
	var next time.Time
	var capped []*line
	for _, l := range rs.lines {
		until := l.cap.capped()
		if until.IsZero() {
			free = append(free, l)
			continue
		}
		capped = append(capped, l)
		if until.After(next) {
			next = until
		}
	}
	for _, l := range capped {
		r := rs.route(l, nil)
		for _, o := range free { // who carries the same does not wait
			if len(o.Lists) == 0 && len(l.Lists) == 0 {
				r.relay = ""
			}
			r.not = append(slices.Clip(r.not), o.Lists...)
		}
		if r.relay == "" {
			continue
		}
		if err := s.carryOver(ctx, r, next); err != nil {
			return err
		}
	}
	return nil
}
