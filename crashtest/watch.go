package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// watch counts the audience again and again while the send runs: it must be the sum of its parts at every look, in the database
// and in what the operator is told, and what has come to an end must stay there.
type watch struct {
	f      *field
	cancel context.CancelFunc
	done   sync.WaitGroup
	looks  int
	last   map[string]int
	ended  bool
}

const (
	lookEvery   = 300 * time.Millisecond
	reportEvery = 10 // looks
)

func (f *field) startWatch() *watch {
	ctx, cancel := context.WithCancel(f.ctx)
	w := &watch{f: f, cancel: cancel, last: map[string]int{}}
	w.done.Go(func() {
		for again(ctx, lookEvery) {
			w.look(ctx)
			if w.looks%reportEvery == reportEvery-1 {
				w.askReport()
			}
		}
	})
	f.cleanup(w.stop)
	return w
}

func (w *watch) stop() {
	w.cancel()
	w.done.Wait()
}

// look counts once, in one snapshot. While the database is away there is nothing to see.
func (w *watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := w.f.count(ctx)
	if err != nil {
		return
	}
	w.looks++
	sum := 0
	for _, n := range c.states {
		sum += n
	}
	if sum != c.audience {
		w.f.breaks("the audience is %d and its parts are %v (SND-36)", c.audience, c.states)
	}
	if now, before := c.states["accepted"], w.last["accepted"]; now < before {
		w.f.breaks("%d readers were accepted, and now %d are", before, now)
	}
	open := c.states["queued"] + c.states["claimed"] + c.states["deferred"]
	if c.state == "done" && (open > 0 || !c.complete) {
		w.f.breaks("the send is done with %d readers open (SND-36)", open)
	}
	if w.ended && c.state != "done" {
		w.f.breaks("the send was done and is %s", c.state)
	}
	w.last, w.ended = c.states, c.state == "done"
}

// census is one look at the database.
type census struct {
	state    string
	audience int
	complete bool
	states   map[string]int
}

func (f *field) count(ctx context.Context) (c census, err error) {
	tx, err := f.db.BeginTxx(ctx, nil)
	if err != nil {
		return c, err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`); err != nil {
		return c, err
	}
	var s struct {
		State    string `db:"state"`
		Audience int    `db:"audience"`
		Complete bool   `db:"audience_complete"`
	}
	if err := tx.GetContext(ctx, &s, `SELECT state, audience, audience_complete FROM sends WHERE campaign_id = $1`, f.campaign); err != nil {
		return c, err
	}
	c = census{state: s.State, audience: s.Audience, complete: s.Complete}
	c.states, err = countStates(ctx, tx, f.campaign)
	return c, err
}

func countStates(ctx context.Context, tx sqlx.QueryerContext, campaign int64) (map[string]int, error) {
	var rows []struct {
		State string `db:"state"`
		N     int    `db:"n"`
	}
	if err := sqlx.SelectContext(ctx, tx, &rows, `SELECT state, count(*) AS n FROM delivery_state WHERE campaign_id = $1 GROUP BY state`, campaign); err != nil {
		return nil, err
	}
	states := map[string]int{}
	for _, r := range rows {
		states[r.State] = r.N
	}
	return states, nil
}

// parts are the numbers of a report that add up to the audience.
var parts = []string{"queued", "claimed", "accepted", "deferred", "failed", "suppressed", "cancelled", "expired", "unknown"}

// askReport asks as an operator would, while the database answers.
func (w *watch) askReport() {
	b, err := w.f.report()
	if err != nil {
		return
	}
	if sum := sumOf(b); sum != b["audience"] {
		w.f.breaks("the report says audience %v, and its parts are %s (SND-36)", b["audience"], partsOf(b))
	}
}

func sumOf(balance map[string]any) float64 {
	sum := 0.0
	for _, p := range parts {
		n, _ := balance[p].(float64)
		sum += n
	}
	return sum
}

func partsOf(balance map[string]any) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%s %v ", p, balance[p])
	}
	return strings.TrimSpace(b.String())
}
