package delivery

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// LaneLimits are the limits of one lane, a relay and a provider, in place of the usual ones. What is nil stays as it is usually;
// zero means no limit.
type LaneLimits struct {
	Relay                 string // its name; empty: every relay
	Provider              string
	Connections           *int     // most at once that carry this provider's mail, of all processes together
	MessagesPerConnection *int     // most over a connection that carries this provider's mail
	Rate                  *float64 // most messages per second, of all processes together
}

// Limits are those of a lane. Zero means no limit.
type Limits struct {
	Connections           int
	MessagesPerConnection int
	Rate                  float64
}

// unnamed is the provider of all domains that are not known by name. It lumps many hosts.
const unnamed = "other"

// usual are the limits of providers as they are used in practice; of providers that are known by name and not listed, those of
// the first row. There is none for domains that are not known by name: they are many hosts.
var usual = map[string]Limits{
	"":          {Connections: 10, MessagesPerConnection: 100},
	"google":    {Connections: 5, MessagesPerConnection: 50},
	"microsoft": {Connections: 5, MessagesPerConnection: 50},
	"yahoo":     {Connections: 10, MessagesPerConnection: 20},
	"yahoojp":   {Connections: 2, MessagesPerConnection: 20, Rate: 10},
	"apple":     {Connections: 10, MessagesPerConnection: 5},
	"comcast":   {Connections: 25, MessagesPerConnection: 1000},
	"orange":    {Connections: 2, MessagesPerConnection: 100},
	"gmx":       {Connections: 4, MessagesPerConnection: 20},
	"kpn":       {Connections: 10, MessagesPerConnection: 10},
	"tencent":   {Connections: 4, MessagesPerConnection: 8},
	"netease":   {Connections: 4, MessagesPerConnection: 7},
}

// LimitsOf returns the limits of a lane. Of several settings for it the one that names the relay wins, value by value.
func LimitsOf(relay, provider string, settings []LaneLimits) Limits {
	var l Limits
	if provider != unnamed {
		var known bool
		if l, known = usual[provider]; !known {
			l = usual[""]
		}
	}
	for _, named := range []bool{false, true} {
		for _, s := range settings {
			if s.Provider != provider || (s.Relay != "") != named || named && s.Relay != relay {
				continue
			}
			if s.Connections != nil {
				l.Connections = *s.Connections
			}
			if s.MessagesPerConnection != nil {
				l.MessagesPerConnection = *s.MessagesPerConnection
			}
			if s.Rate != nil {
				l.Rate = *s.Rate
			}
		}
	}
	return l
}

// lane is a relay and a provider, as this process sees them.
type lane struct {
	relay, provider string
	limits          Limits
	budgets         *budgets
	rate            *budget      // nil: no limit
	shut            atomic.Bool  // nothing new is begun on it
	paced           atomic.Bool  // messages need budgets
	asked           atomic.Int64 // replies in a row that asked for less

	mu          sync.Mutex
	connections *budget // nil: no limit
	slow        *budget // the rate while it is slowed; nil: it is not
	slowed      *Slowed // as the database says; nil: it is not
	holdOff     time.Time
	throttled   []time.Time // when replies asked for less, lately
}

// lanes are the lanes that this process has seen.
type lanes struct {
	settings []LaneLimits
	budgets  *budgets

	refreshing sync.Mutex // held while the database is read or written

	mu  sync.Mutex
	all map[laneKey]*lane
}

type laneKey struct{ relay, provider string }

func newLanes(settings []LaneLimits, bs *budgets) *lanes {
	return &lanes{settings: settings, budgets: bs, all: map[laneKey]*lane{}}
}

// get returns a lane.
func (ls *lanes) get(relay, provider string) *lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	k := laneKey{relay, provider}
	l := ls.all[k]
	if l == nil {
		l = &lane{relay: relay, provider: provider, limits: LimitsOf(relay, provider, ls.settings), budgets: ls.budgets}
		if l.limits.Connections > 0 {
			l.connections = ls.budgets.connections(l.key(), l.limits.Connections)
		}
		if l.limits.Rate > 0 {
			l.rate = ls.budgets.rate(l.key(), l.limits.Rate)
			l.paced.Store(true)
		}
		ls.all[k] = l
	}
	return l
}

// key names a lane among the budgets.
func (l *lane) key() string { return l.relay + " " + l.provider }

// of returns the lanes of a relay that this process has seen.
func (ls *lanes) of(relay string) []*lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var list []*lane
	for k, l := range ls.all {
		if k.relay == relay {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *lane) int { return cmp.Compare(a.provider, b.provider) })
	return list
}

// closed returns the providers whose mail cannot go over a relay now, and when the first of them opens by itself.
func (ls *lanes) closed(relay string) (providers texts, opens time.Time) {
	now := time.Now()
	for _, l := range ls.of(relay) {
		until, closed := l.closedUntil(now)
		if !closed {
			continue
		}
		providers = append(providers, l.provider)
		if opens.IsZero() || until.Before(opens) {
			opens = until
		}
	}
	return providers, opens
}

// closedUntil says whether nothing can be begun on the lane now, and until when as far as is known.
func (l *lane) closedUntil(now time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.slowed != nil && l.slowed.Suspended && now.Before(l.slowed.Until):
		return l.slowed.Until, true
	case now.Before(l.holdOff):
		return l.holdOff, true
	case l.connections != nil && l.connections.empty():
		return now.Add(budgetTick), true
	}
	return time.Time{}, false
}

// enter takes a place on the lane for a claim, to be given back by its unused; it may have to ask the database for one. The place
// is nil where there is no limit. False: there is none.
func (l *lane) enter(ask func()) (place *budget, ok bool) {
	l.mu.Lock()
	place = l.connections
	l.mu.Unlock()
	if place == nil {
		return nil, true
	}
	if _, ok = place.take(); !ok {
		ask()
		_, ok = place.take()
	}
	return place, ok
}

// hold keeps the lane from being claimed until a moment.
func (l *lane) hold(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holdOff = until
}

// apply takes over what the database says of the lane; nil: it is not slowed.
func (l *lane) apply(s *Slowed) {
	bs := l.budgets
	l.mu.Lock()
	defer l.mu.Unlock()
	if s == nil && l.slowed == nil {
		return
	}
	l.slowed, l.slow = s, nil
	most := l.limits.Connections
	if s != nil {
		if s.PerMinute > 0 {
			l.slow = bs.rate(fmt.Sprintf("%s at %g a minute", l.key(), s.PerMinute), s.PerMinute/60)
		}
		if s.Connections > 0 && (most == 0 || s.Connections < most) {
			most = s.Connections
		}
	}
	if most == 0 {
		l.connections = nil
	} else {
		l.connections = bs.connections(l.key(), most)
		l.connections.setMost(most)
	}
	l.shut.Store(s != nil && s.Suspended)
	l.paced.Store(l.rate != nil || l.slow != nil)
}

// rates returns the budgets that a message on the lane needs.
func (l *lane) rates() (rate, slow *budget) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate, l.slow
}
