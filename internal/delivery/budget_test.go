package delivery

import (
	"testing"
	"testing/synctest"
	"time"
)

// What a process may hold of a limit: all that is free as long as nobody else wants it, its equal part when somebody does, and
// never so much that all together hold more than there is.
func TestShare(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		most, want int
		others     []shareOf
		got        int
	}{
		"alone":                            {10, 10, nil, 10},
		"alone and modest":                 {10, 3, nil, 3},
		"another wants nothing":            {10, 10, []shareOf{{0, 0}}, 10},
		"another holds all":                {10, 10, []shareOf{{10, 10}}, 0},
		"another has none and wants some":  {10, 10, []shareOf{{10, 0}}, 5},
		"another has its part":             {10, 10, []shareOf{{10, 5}}, 5},
		"another has more than its part":   {10, 10, []shareOf{{10, 7}}, 3},
		"another is content with little":   {10, 10, []shareOf{{2, 2}}, 8},
		"one for three":                    {1, 1, []shareOf{{1, 1}, {1, 0}}, 0},
		"the one is ours, though two wait": {1, 1, []shareOf{{1, 0}, {1, 0}}, 1},
		"nothing wanted":                   {10, 0, []shareOf{{10, 0}}, 0},
	} {
		if got := share(tc.most, tc.want, tc.others); got != tc.got {
			t.Errorf("%s: %d, want %d", name, got, tc.got)
		}
	}
}

// Who holds more than its part when another one comes gets no more until it has given so much back.
func TestCrowded(t *testing.T) {
	t.Parallel()
	b := &budget{most: 4, held: 4, use: 4, until: time.Now().Add(time.Hour), kick: func() {}}
	for range 4 {
		if _, ok := b.take(); !ok {
			t.Fatal("a token of ours was refused")
		}
	}
	if b.crowded() {
		t.Error("crowded with what is ours")
	}
	b.use = 2 // another one wants its part
	for left := 3; left >= 2; left-- {
		if !b.crowded() {
			t.Errorf("not crowded with %d of 2", left+1)
		}
		b.unused()
		if _, ok := b.take(); ok {
			t.Error("a token was taken that another one waits for")
		}
	}
	if b.crowded() {
		t.Error("crowded with its part")
	}
}

// A token rests after its use for as long as the window is, so that no window holds more than there are tokens, also when
// messages take their time and arrive in a bunch.
func TestTokenRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &budget{rest: time.Second, most: 3, held: 3, use: 3, until: time.Now().Add(time.Hour), kick: func() {}}
		next := func() time.Time {
			for {
				wait, ok := b.take()
				if ok {
					return time.Now()
				}
				time.Sleep(wait)
			}
		}
		for range 3 {
			next()
		}
		if _, ok := b.take(); ok {
			t.Fatal("a fourth token")
		}
		time.Sleep(5 * time.Second) // the messages take that long, and end together
		end := time.Now()
		for range 3 {
			b.put()
		}
		for i := range 6 {
			at := next()
			if at.Before(end.Add(time.Second)) {
				t.Errorf("token %d was used again %s after its last message", i, at.Sub(end))
			}
			b.put()
		}
		b.use = 0
		if _, ok := b.take(); ok {
			t.Error("a token of a share that is none")
		}
		b.use, b.until = 3, time.Now().Add(-time.Millisecond)
		time.Sleep(2 * time.Second)
		if _, ok := b.take(); ok {
			t.Error("a token of a share whose lease is over")
		}
	})
}
