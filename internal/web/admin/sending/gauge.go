package sending

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"mailer/internal/delivery"
)

const (
	fresh     = 900 * time.Millisecond // so long several who watch share one look
	slowEvery = 3 * time.Second        // between two looks at what costs more
	rateOver  = 15 * time.Second       // the rate is that of the last so many seconds
	forget    = 10 * time.Minute       // a gauge that nobody reads
)

// look is how a send stands at one moment.
type look struct {
	delivery.Glimpse
	Balance delivery.Balance
	Rate    float64       // readers with an answer in a second; 0: not known
	Left    time.Duration // until those have one who are not put off; 0: not known
	Refused []delivery.RefusedAs
	Waits   []delivery.Wait
}

// gauge measures one send for all who watch it: the queries are made once a second, however many they are.
type gauge struct {
	mu      sync.Mutex
	used    time.Time
	at      time.Time
	look    look
	samples []sample
	slowAt  time.Time // when the next slow look is due
}

// sample is how many readers had an answer at a moment.
type sample struct {
	at   time.Time
	done int64
}

// look reads how a send stands; now makes sure that it is not an answer of a moment ago.
func (rm *room) look(ctx context.Context, campaign int64, now bool) (look, error) {
	g := rm.gauge(campaign)
	g.mu.Lock()
	defer g.mu.Unlock()
	at := rm.Now()
	if !now && at.Sub(g.at) < fresh {
		return g.look, nil
	}
	seen, err := rm.glimpses.Send(ctx, campaign)
	if err != nil {
		return look{}, err
	}
	l := look{Glimpse: seen, Refused: g.look.Refused, Waits: g.look.Waits}
	if l.Balance, err = rm.Delivery.Balance(ctx, campaign); err != nil {
		return look{}, err
	}
	if now || !at.Before(g.slowAt) {
		if l.Refused, err = rm.glimpses.Refused(ctx, campaign); err != nil {
			return look{}, err
		}
		if l.Waits, err = rm.Delivery.Waiting(ctx, campaign); err != nil {
			return look{}, err
		}
		l.Waits = slices.DeleteFunc(l.Waits, func(w delivery.Wait) bool { return w.For == "paused" || w.For == "undo" }) // said above them
		for i := range l.Waits {
			l.Waits[i].Text = plainly(l.Waits[i].Text)
		}
		g.slowAt = at.Add(max(slowEvery, 10*rm.Now().Sub(at)))
	}
	g.measure(&l, at)
	g.at, g.look = at, l
	return l, nil
}

// measure works out how fast it goes, from what was seen in the last seconds.
func (g *gauge) measure(l *look, at time.Time) {
	done := l.Balance.Audience - l.Balance.Open()
	if n := len(g.samples); n > 0 && (done < g.samples[n-1].done || at.Sub(g.samples[n-1].at) > rateOver) {
		g.samples = nil // sent once more, or nobody has looked for a while
	}
	g.samples = append(g.samples, sample{at, done})
	for len(g.samples) > 2 && at.Sub(g.samples[1].at) > rateOver {
		g.samples = g.samples[1:]
	}
	first := g.samples[0]
	if took := at.Sub(first.at).Seconds(); took >= 1 && l.State == delivery.StateRunning {
		l.Rate = float64(done-first.done) / took
	}
	if open := l.Balance.Queued + l.Balance.Claimed; l.Rate > 0 && l.Complete && open > 0 {
		l.Left = max(time.Second, time.Duration(float64(open)/l.Rate*float64(time.Second)))
	}
}

// gauge returns that of a campaign, and forgets those that nobody reads any more.
func (rm *room) gauge(campaign int64) *gauge {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	now := rm.Now()
	for id, g := range rm.gauges {
		if now.Sub(g.used) > forget {
			delete(rm.gauges, id)
		}
	}
	g := rm.gauges[campaign]
	if g == nil {
		g = &gauge{}
		rm.gauges[campaign] = g
	}
	g.used = now
	return g
}

// plainly leaves out of a sentence what to type on a command line: here are buttons.
func plainly(text string) string {
	text = strings.Replace(text, " at other wait for", " at other providers wait for", 1)
	at := strings.LastIndex(text, ": mailer ")
	if at < 0 {
		return text
	}
	text = text[:at]
	if i := strings.LastIndex(text, ". To "); i >= 0 {
		text = text[:i]
	}
	if rest, ok := strings.CutSuffix(text, "; start one"); ok {
		text = rest + ". Tell whoever runs this service"
	}
	return text
}
