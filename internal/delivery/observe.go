package delivery

import (
	"context"
	"slices"
	"time"

	"mailer/internal/relay"
)

// Waits for a budget, before the claim is given back for something else to be done.
const (
	patience      = time.Second            // when nothing else could be carried anyway
	shortPatience = 100 * time.Millisecond // when a slow lane, or one of several relays, would hold up the others
)

// admit is asked before each message of a claim is begun, and answers false when the claim is to be given back instead: a
// budget has nothing left for it now, or its lane was closed meanwhile. It may wait for a moment. Every message that was
// admitted must come to observe or to retract.
func (s *Sender) admit(ctx context.Context, c *claim, it *item) bool {
	if c.lane.shut.Load() {
		return false
	}
	if !s.paced(c) {
		return true
	}
	if !s.takeBudgets(ctx, c, it) {
		return false
	}
	if c.line.cap == nil {
		return true
	}
	_, ok, err := c.line.cap.take(ctx)
	if ok {
		return true
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("could not count the relay's day; it waits until it can", "relay", c.line.Name, "err", err)
		c.line.hold(time.Now().Add(time.Second))
	}
	s.giveBudgets(it, (*budget).unused)
	return false
}

// paced reports whether messages of a claim need budgets: then they are better not written ahead.
func (s *Sender) paced(c *claim) bool {
	return s.rate != nil || c.line.rate != nil || c.line.cap != nil || c.lane.paced.Load()
}

// takeBudgets takes what a message needs of each rate, all or nothing.
func (s *Sender) takeBudgets(ctx context.Context, c *claim, it *item) bool {
	laneRate, laneSlow := c.lane.rates()
	spent := time.Duration(0)
	for {
		scarce, wait := it.take(s.rate, c.line.rate, laneRate, laneSlow)
		if scarce == nil {
			return true
		}
		most := patience
		if scarce != s.rate && (scarce != c.line.rate || len(s.relays.lines) > 1) {
			most = shortPatience
		}
		if spent += wait; spent > most {
			until := time.Now().Add(wait)
			switch scarce {
			case s.rate:
				for _, l := range s.relays.lines {
					l.hold(until)
				}
			case c.line.rate:
				c.line.hold(until)
			default:
				c.lane.hold(until)
			}
			return false
		}
		if !pause(ctx, wait) {
			return false
		}
	}
}

// take takes one token of each budget, or none of any and says which one had none, and for how long.
func (it *item) take(budgets ...*budget) (scarce *budget, wait time.Duration) {
	it.budgets = it.budgets[:0]
	for _, b := range budgets {
		if b == nil {
			continue
		}
		wait, ok := b.take()
		if !ok {
			for _, taken := range it.budgets {
				taken.unused()
			}
			it.budgets = it.budgets[:0]
			return b, max(wait, time.Millisecond)
		}
		it.budgets = append(it.budgets, b)
	}
	return nil, 0
}

// giveBudgets gives back what a message has taken.
func (s *Sender) giveBudgets(it *item, give func(*budget)) {
	for _, b := range it.budgets {
		give(b)
	}
	it.budgets = it.budgets[:0]
}

// observe is told what came of every attempt, before it is settled.
func (s *Sender) observe(c *claim, it *item, res relay.Result) {
	s.observeBrake(it, res)
	s.after(c, it, res)
}

// after gives back what a message has taken of budgets, and heeds what the relay said.
func (s *Sender) after(c *claim, it *item, res relay.Result) {
	s.giveBudgets(it, (*budget).put)
	counted := res.Kind == relay.Accepted || res.Kind == relay.Doubt
	switch {
	case c.line.cap == nil && counted:
		c.line.sent.Add(1)
	case c.line.cap != nil && !counted:
		c.line.cap.back()
	}
	if slowed := c.lane.hear(res); slowed != nil {
		s.slow(slowed)
	}
}

// retract says that a message that was admitted is not sent after all.
func (s *Sender) retract(c *claim, it *item) {
	s.giveBudgets(it, (*budget).unused)
	if c.line.cap != nil {
		c.line.cap.back()
	}
}

// slow slows a lane, for all processes.
func (s *Sender) slow(slowed *Slowed) {
	s.log.Warn("a lane is slowed by what the relay said", "relay", slowed.Relay, "provider", slowed.Provider, "suspended", slowed.Suspended,
		"messages_per_minute", slowed.PerMinute, "until", slowed.Until.UTC().Format(time.RFC3339), "said", slowed.Said)
	s.lanes.refreshing.Lock()
	defer s.lanes.refreshing.Unlock()
	s.lanes.get(slowed.Relay, slowed.Provider).apply(slowed) // here at once; the others read it
	ctx, cancel := context.WithTimeout(context.Background(), budgetTimeout)
	defer cancel()
	if err := s.store.slow(ctx, slowed); err != nil {
		s.log.Error("could not write down that a lane is slowed", "relay", slowed.Relay, "provider", slowed.Provider, "err", err)
	}
}

// refreshLanes takes over what the database says of slowed lanes.
func (s *Sender) refreshLanes(ctx context.Context) error {
	s.lanes.refreshing.Lock()
	defer s.lanes.refreshing.Unlock()
	now, err := s.store.Slowed(ctx)
	if err != nil {
		return err
	}
	for _, l := range s.relays.lines {
		for _, known := range s.lanes.of(l.Name) {
			if !slices.ContainsFunc(now, func(x Slowed) bool { return x.Relay == l.Name && x.Provider == known.provider }) {
				known.apply(nil)
			}
		}
	}
	for i := range now {
		s.lanes.get(now[i].Relay, now[i].Provider).apply(&now[i])
	}
	return nil
}
