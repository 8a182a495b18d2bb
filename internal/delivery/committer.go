package delivery

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mailer/internal/failpoint"
)

// committer is the one place of a process where permits are asked for and outcomes committed. Connections hand in both;
// one goroutine, run, takes whatever has come in while the last group was under way and makes the next group of it.
//
// The rule of the whole room hangs on what it keeps: a delivery is in risk from the moment a permit is asked for until its
// connection says what came of it, then its outcome is in outs until it is known to be committed, and every group notes
// both. So at any moment a final dot that may have been written stands in permits, in outcomes, or in both.
type committer struct {
	store   *Store
	h       holder
	log     *slog.Logger
	linger  time.Duration // how long an outcome waits for a permit to go with
	gather  gathering     // how long permits wait for each other
	timeout time.Duration // of one group; a permit older than that is none
	hold    time.Duration // after the database was away no permit is given for so long: first come the leaves that were kept meanwhile
	hooks   *hooks

	mu      sync.Mutex
	wants   []*asking
	outs    []*outcome // in the order of offered
	risk    map[*item]struct{}
	offered uint64
	hurry   bool          // somebody waits for a group
	dirtied uint64        // how often permits came to note something that is not at risk
	cleaned uint64        // as of which of these times they are known not to any more
	away    bool          // the last group failed
	retryAt time.Time     // then: when the next one is tried
	heldTo  time.Time     // since the database is back: when permits are given again
	changed chan struct{} // closed and replaced when a group is over
	wake    chan struct{}

	// Only used by run, and after it by finish.
	line      groupLine
	serial    int64
	before    int64   // the row in permits that the next group takes the place of
	leftovers []int64 // rows of groups whose reply was lost: they may be there, or appear
	failures  int
}

// want is one request for a permit. It can be used again once it was answered.
type want struct{ *asking }

type asking struct {
	it      *item
	answer  chan verdict
	refused func() // called when the answer is no; may be nil
	at      time.Time
}

// hooks let tests stop the world at certain points. They are nil in production.
type hooks struct {
	beforeGroup func(*group) error // before the statement; an error takes its place
	afterGroup  func(*group) error // committed, not yet known to be; an error takes the place of the reply
}

func newCommitter(s *Store, h holder, log *slog.Logger) *committer {
	return &committer{
		store: s, h: h, log: log, linger: 20 * time.Millisecond, timeout: h.lease / 3, hooks: &hooks{},
		line: groupLine{db: s.db},
		risk: map[*item]struct{}{}, changed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// permit asks whether the final dot of it may be written, and waits for the answer.
func (c *committer) permit(ctx context.Context, it *item) verdict {
	var w want
	c.ask(&w, it, nil)
	return c.answer(ctx, &w)
}

// ask begins to ask whether the final dot of it may be written. answer must follow. When the answer is no, refused is called
// from another goroutine, unless it is nil.
func (c *committer) ask(w *want, it *item, refused func()) {
	if w.asking == nil {
		w.asking = &asking{answer: make(chan verdict, 1)}
	}
	w.it, w.refused, w.at = it, refused, time.Now()
	c.mu.Lock()
	c.wants = append(c.wants, w.asking)
	n := len(c.wants)
	c.mu.Unlock()
	if n == 1 || n == c.gather.enough() {
		c.poke()
	}
}

// answer waits for the answer. It is no when ctx ends, when the database is away, and when it comes so late that the claim
// could have been lost meanwhile. One that is too old because the relay took its time for the body is asked for once more, or a slow
// relay would never get anything. Whatever the answer, settle must follow.
func (c *committer) answer(ctx context.Context, w *want) verdict {
	for again := false; ; again = true {
		select {
		case v := <-w.answer:
			if v == verdictGo && time.Since(w.at) > c.timeout {
				if again {
					return verdictAway
				}
				c.ask(w, w.it, w.refused) // it stays at risk until this is answered
				continue
			}
			w.it.permitted = v == verdictGo
			return v
		case <-ctx.Done():
			gone := w.asking
			w.asking = nil // its answer may come yet
			c.mu.Lock()
			c.wants = slices.DeleteFunc(c.wants, func(x *asking) bool { return x == gone })
			c.mu.Unlock()
			return verdictAway
		}
	}
}

// settle ends the risk of a delivery: with what came of it, or with nil when no dot was written. An outcome is kept
// until it is committed.
func (c *committer) settle(it *item, o *outcome) {
	first := false
	c.mu.Lock()
	_, risked := c.risk[it]
	delete(c.risk, it)
	if o == nil {
		it.permitted = false
		if risked {
			c.dirtied++
		}
	} else {
		c.offered++
		o.offered, o.at = c.offered, time.Now()
		c.outs = append(c.outs, o)
		first = len(c.outs) == 1 // later ones wait no longer than this one
	}
	c.mu.Unlock()
	failpoint.Hit("outcome-settled")
	if first {
		c.poke()
	}
}

// flush waits until every outcome settled so far is committed and permits note nothing that is no longer at risk: what is
// given back then is clean. It returns ctx's error when that ends first.
func (c *committer) flush(ctx context.Context) error {
	c.mu.Lock()
	mark, dirtied := c.offered, c.dirtied
	c.mu.Unlock()
	for {
		c.mu.Lock()
		if c.cleaned >= dirtied && (len(c.outs) == 0 || c.outs[0].offered > mark) {
			c.mu.Unlock()
			return nil
		}
		c.hurry = true
		changed := c.changed
		c.mu.Unlock()
		c.poke()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ready waits while the database is away. It returns false when ctx ends first.
func (c *committer) ready(ctx context.Context) bool {
	for ctx.Err() == nil {
		c.mu.Lock()
		away, changed := c.away, c.changed
		c.mu.Unlock()
		if !away {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return false
}

func (c *committer) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run makes groups until ctx ends. While the database is away it tries again and again, with nothing to do as well, so
// that ready finds out.
func (c *committer) run(ctx context.Context) {
	defer c.line.drop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait, needed := c.due()
		if needed && wait <= 0 {
			c.commit(ctx)
			continue
		}
		if !needed {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			c.refuse()
			return
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// due says whether a group is needed, and how long it can wait.
func (c *committer) due() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.away && c.heldTo.IsZero():
		return time.Until(c.retryAt), true
	case c.hurry:
		return 0, true
	case c.away && len(c.outs) > 0: // it is back, and only permits wait
		return min(c.linger-time.Since(c.outs[0].at), time.Until(c.retryAt)), true
	case c.away:
		return time.Until(c.retryAt), true
	case len(c.wants) > 0:
		if len(c.wants) >= c.gather.enough() {
			return 0, true
		}
		return c.gather.wait - time.Since(c.wants[0].at), true
	case len(c.outs) > 0:
		return c.linger - time.Since(c.outs[0].at), true
	}
	return 0, false
}

// commit makes one group of all that is there, and says whether it is known to be committed.
func (c *committer) commit(ctx context.Context) bool {
	c.mu.Lock()
	wants := c.wants
	c.wants, c.hurry = nil, false
	var early []*asking // as long as the database is away, and is held to be
	if c.away && c.hold > 0 && (c.heldTo.IsZero() || time.Now().Before(c.heldTo)) {
		wants, early = nil, wants
	}
	clean := c.dirtied // once this group is committed, and no sooner
	c.gather.learn(len(wants))
	c.serial++
	g := &group{serial: c.serial, before: c.before}
	plain, rest := c.sortOuts()
	g.outs = plain
	for it := range c.risk {
		g.atRisk = append(g.atRisk, it)
	}
	for _, o := range c.outs {
		if o.permitted {
			g.atRisk = append(g.atRisk, o.item)
		}
	}
	for _, w := range wants {
		g.wanting = append(g.wanting, w.it)
		c.risk[w.it] = struct{}{}
	}
	c.mu.Unlock()

	held, verdicts, err := c.execute(ctx, g, rest)
	if err != nil {
		c.log.Error("the database did not take a group of outcomes; sending waits until it does", "outcomes", len(plain)+len(rest),
			"permits", len(wants), "err", err)
		verdicts = slices.Repeat([]verdict{verdictAway}, len(wants))
		c.leftovers = append(c.leftovers, g.serial)
	} else {
		if len(plain)+len(rest) > 0 {
			failpoint.Hit("outcome-committed")
		}
		c.before = g.serial
		c.removeLeftovers(ctx)
	}

	c.mu.Lock()
	was := c.away
	if c.away = err != nil; c.away {
		c.failures++
		c.heldTo = time.Time{}
		c.retryAt = time.Now().Add(min(50*time.Millisecond<<min(c.failures, 6), 2*time.Second))
		c.dirtied++ // it may have been committed all the same
		for _, o := range plain {
			o.late = true // so it may be there already: it goes the longer way
		}
	} else {
		c.failures, c.cleaned = 0, clean
		c.forget(plain, rest, held)
		if c.away = was && c.holds(); c.away {
			c.retryAt = c.heldTo
		}
	}
	for i, w := range wants {
		if verdicts[i] != verdictGo {
			delete(c.risk, w.it)
		}
	}
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	for i, w := range wants {
		w.give(verdicts[i])
	}
	for _, w := range early {
		w.give(verdictAway)
	}
	return err == nil
}

// holds reports, of a database that is just back or was held to be away until now, whether permits have to wait still: for the
// leaves that the public pages have kept in files and now hand on, each on its node. The caller holds mu.
func (c *committer) holds() bool {
	now := time.Now()
	if c.hold > 0 && c.heldTo.IsZero() {
		c.heldTo = now.Add(c.hold)
		c.log.Info("the database is back; sending goes on when leaves that were kept meanwhile are in it", "in", c.hold)
	}
	if now.Before(c.heldTo) {
		return true
	}
	c.heldTo = time.Time{}
	return false
}

// sortOuts returns the outcomes of the next group: those that go into the one statement, and those that need more. Of
// two about one attempt the later one waits for the next group. The caller holds mu.
func (c *committer) sortOuts() (plain, rest []*outcome) {
	seen := make(map[outcomeKey]bool, len(c.outs))
	for _, o := range c.outs {
		switch {
		case seen[o.key()]:
		case o.plain():
			plain = append(plain, o)
		default:
			rest = append(rest, o)
		}
		seen[o.key()] = true
	}
	return plain, rest
}

// forget drops what has been committed. A plain outcome whose chunk was not ours any more was not written: it goes the
// longer way next time. The caller holds mu.
func (c *committer) forget(plain, rest []*outcome, held map[chunkKey]bool) {
	done := make(map[*outcome]bool, len(plain)+len(rest))
	for _, o := range rest {
		done[o] = true
	}
	for _, o := range plain {
		if held[chunkKey{o.Chunk, o.Token}] {
			done[o] = true
		} else {
			o.late = true
			c.hurry = true
		}
	}
	c.outs = slices.DeleteFunc(c.outs, func(o *outcome) bool { return done[o] })
}

// execute runs the statement, in a transaction with all that needs more than a row where there is such.
func (c *committer) execute(ctx context.Context, g *group, rest []*outcome) (held map[chunkKey]bool, verdicts []verdict, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := c.hooks.before(g); err != nil {
		return nil, nil, err
	}
	g.hit("permit-asked")
	if held, verdicts, err = c.line.execute(ctx, g, rest, c); err == nil {
		g.hit("permit-committed")
		err = c.hooks.after(g)
	}
	if err != nil {
		c.line.drop() // what it has done, or will do yet, is not known
	}
	return held, verdicts, err
}

// hit is a failpoint of groups that ask for permits.
func (g *group) hit(name string) {
	if len(g.wanting) > 0 {
		failpoint.Hit(name)
	}
}

// removeLeftovers deletes the rows of groups whose reply was lost. They do no harm but to note too much: at worst a delivery
// that was not risked is found in doubt. One that appears later still goes when the process ends, or with forgetNotes.
func (c *committer) removeLeftovers(ctx context.Context) {
	if len(c.leftovers) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout) // over a connection that may be broken, and permits wait for it
	defer cancel()
	const q = `DELETE FROM permits WHERE process = $1 AND serial = ANY($2)`
	if _, err := c.store.db.ExecContext(ctx, q, c.h.process, numbers(c.leftovers)); err == nil {
		c.leftovers = nil
	}
}

// refuse answers those who still wait, at the end.
func (c *committer) refuse() {
	c.mu.Lock()
	wants := c.wants
	c.wants = nil
	c.mu.Unlock()
	for _, w := range wants {
		w.give(verdictAway)
	}
}

// give answers. Nothing of a may be used afterwards: who asked may ask again with it.
func (a *asking) give(v verdict) {
	if v != verdictGo && a.refused != nil {
		a.refused()
	}
	a.answer <- v
}

// finish commits what is left and takes this process's notes away, when run is no longer there. Notes stay while any
// outcome could not be committed: they are then what the next holder goes by. It reports whether all is committed.
func (c *committer) finish(ctx context.Context) bool {
	defer c.line.drop()
	for {
		c.mu.Lock()
		left, risk := len(c.outs), len(c.risk)
		c.mu.Unlock()
		if left == 0 && risk == 0 {
			break
		}
		if ctx.Err() != nil {
			c.log.Error("stopped with outcomes that the database did not take; the next sender finds them in doubt", "outcomes", left, "at_risk", risk)
			return false
		}
		if !c.commit(ctx) {
			pause(ctx, 100*time.Millisecond)
		}
	}
	if _, err := c.store.db.ExecContext(ctx, `DELETE FROM permits WHERE process = $1`, c.h.process); err != nil {
		c.log.Error("could not remove the notes of this process", "err", err)
	}
	return true
}

func (h *hooks) before(g *group) error {
	if h.beforeGroup == nil {
		return nil
	}
	return h.beforeGroup(g)
}

func (h *hooks) after(g *group) error {
	if h.afterGroup == nil {
		return nil
	}
	return h.afterGroup(g)
}

// pause waits for d, or less when ctx ends; it reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
