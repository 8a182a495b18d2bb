package delivery

import (
	"sync/atomic"
	"time"
)

// gathering says how long the first who asks for a permit waits for others, so that they share one statement and one commit: with
// a relay that answers at once, groups of half the connections cost a third of what small ones do, and the other half talks
// to the relay meanwhile. With a slow relay nobody comes in time, and then nobody is waited for.
type gathering struct {
	carriers atomic.Int32  // workers that carry a claim
	wait     time.Duration // used by the goroutine of the committer, with its lock
	groups   int           // since nobody is waited for
}

const (
	longestWait  = time.Millisecond
	waitStep     = 100 * time.Microsecond
	waitTryAgain = 100 // groups
)

// enough is the number of requests with which nobody waits any more.
func (g *gathering) enough() int { return max(1, int(g.carriers.Load())/2) }

// learn is told how many were in a group. While waiting brings most of those who are expected it may take longer.
func (g *gathering) learn(wants int) {
	enough := g.enough()
	switch {
	case wants == 0 || enough == 1:
	case 4*wants >= 3*enough:
		g.wait = min(g.wait+waitStep, longestWait)
	case g.wait > waitStep/2:
		g.wait /= 2
	default:
		g.wait = 0
		if g.groups++; g.groups%waitTryAgain == 0 {
			g.wait = 2 * waitStep
		}
	}
}
