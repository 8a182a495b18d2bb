package delivery

import (
	"slices"
	"sync"
	"time"
)

// budget is a limit that all processes have together, as one of them sees it: so many tokens, of which this process has a
// share that it renews in the database again and again (see budgets).
//
// A limit of connections is that many tokens: one is taken before a connection is opened and put back when it is closed. A rate is that
// many tokens too, each of which rests for the length of the rate's window once its message is over. Since a relay counts
// a message somewhere between the two moments, no window of that length, wherever it begins, holds more messages than
// there are tokens, however late or bunched messages come there.
type budget struct {
	key   string        // the same in all processes
	rest  time.Duration // of a token after its use
	lease time.Duration // how long a share outlives a dead process, beside the rest of its tokens
	kick  func()        // asks for a renewal soon

	mu      sync.Mutex
	most    int         // tokens of all processes together
	held    int         // those of ours, by the database
	use     int         // as many of them may be in use; fewer than held while others wait for their part
	until   time.Time   // none is taken after this: our share may be somebody else's by then
	renewed time.Time   // when the database was last asked
	out     int         // taken
	resting []time.Time // when each of the used ones may be taken again, in order
	last    time.Time   // when one was last taken
	peak    int         // most that were out or resting since the last renewal
	short   bool        // one was asked for in vain since then
	denied  bool        // the last renewal gave less than was wanted
	over    bool        // nothing is taken any more: the process ends
}

// soon is how long to wait for a token of which it is not known when it comes back.
const soon = 10 * time.Millisecond

// take takes a token. Without one it says how long to wait before the next try.
func (b *budget) take() (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.wake(now)
	switch {
	case b.over:
		return time.Second, false
	case b.use == 0 || now.After(b.until):
		return b.ask(now), false
	case b.out+len(b.resting) >= b.use:
		wait = b.ask(now)
		if len(b.resting) > 0 {
			wait = min(wait, b.resting[0].Sub(now))
		}
		return wait, false
	}
	if b.rest > 0 { // spread over the window, instead of all at once and then none
		if d := b.last.Add(b.rest * 9 / 10 / time.Duration(b.use)).Sub(now); d > 0 && b.use > 1 {
			return d, false
		}
	}
	b.out++
	b.last = now
	b.peak = max(b.peak, b.out+len(b.resting))
	return 0, true
}

// ask asks for more tokens of ours, and returns when that may have come to something. When others have the rest, the next
// renewal that comes by itself is soon enough. The caller holds mu.
func (b *budget) ask(now time.Time) time.Duration {
	b.short = true
	if b.use >= b.most && now.Before(b.until) || b.denied && now.Sub(b.renewed) < budgetTick {
		return 4 * soon
	}
	b.kick()
	return soon
}

// empty reports whether there is surely no token for us now: none of ours is left, and they are all there are, or the database
// did not give more a moment ago.
func (b *budget) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.wake(now)
	none := b.out+len(b.resting) >= b.use || now.After(b.until)
	if none && (b.use >= b.most || b.denied && now.Sub(b.renewed) < 2*budgetTick) {
		b.short = true // so that the next renewal asks again
		return true
	}
	return false
}

// crowded reports whether more tokens are out than others leave us.
func (b *budget) crowded() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out > b.use
}

// put gives a token back after its use.
func (b *budget) put() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out--
	if b.rest > 0 {
		b.resting = append(b.resting, time.Now().Add(b.rest))
	}
}

// unused gives a token back that was not used.
func (b *budget) unused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out--
}

// wake ends rests that are over. The caller holds mu.
func (b *budget) wake(now time.Time) {
	n := 0
	for n < len(b.resting) && !b.resting[n].After(now) {
		n++
	}
	b.resting = slices.Delete(b.resting, 0, n)
}

// setMost changes the limit; the shares follow with the next renewals.
func (b *budget) setMost(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = n
}

// end keeps any more tokens from being taken.
func (b *budget) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// shareOf is another process's part of a limit.
type shareOf struct{ want, held int }

// share returns what this process may hold: what it wants, as far as others leave it; when one of them has less than its equal
// part and wants more, no more than its own equal part.
func share(most, want int, others []shareOf) int {
	taken, active, starving := 0, 1, false
	for _, o := range others {
		taken += o.held
		if o.want > 0 {
			active++
		}
	}
	fair := max(most/active, 1)
	for _, o := range others {
		starving = starving || o.want > o.held && o.held < fair
	}
	if starving {
		want = min(want, fair)
	}
	return max(min(want, most-taken), 0)
}
