package sending

import (
	"testing"
	"time"

	"mailer/internal/delivery"
)

// What the queue says for the command line is said without commands where there are buttons.
func TestPlainly(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"The first slice is out: 10 of 100 readers, 9 with an answer; decides in 4 min. To go on at once: mailer campaigns release 7": "The first slice is out: 10 of 100 readers, 9 with an answer; decides in 4 min",
		"2 readers are in doubt: it is not known whether the mail arrived, and a person decides: mailer campaigns doubts 7":           "2 readers are in doubt: it is not known whether the mail arrived, and a person decides",
		"No sender is running; start one: mailer serve":                                    "No sender is running. Tell whoever runs this service",
		"8 at other wait for another try: 451 greylisted; next try at 08:17 UTC, in 5 min": "8 at other providers wait for another try: 451 greylisted; next try at 08:17 UTC, in 5 min",
		"The relay smtp.example.org:587 says 421 busy: come back":                          "The relay smtp.example.org:587 says 421 busy: come back",
	} {
		if got := plainly(from); got != want {
			t.Errorf("%q became %q", from, got)
		}
	}
}

// The rate is that of the last seconds; how long it takes follows from it, and is not said where it is not known.
func TestMeasure(t *testing.T) {
	t.Parallel()
	g, at := &gauge{}, time.Unix(0, 0)
	see := func(seconds int, done, open int64, state string) look {
		l := look{Glimpse: delivery.Glimpse{State: state, Complete: true}, Balance: delivery.Balance{Audience: done + open, Accepted: done, Queued: open}}
		g.measure(&l, at.Add(time.Duration(seconds)*time.Second))
		return l
	}
	if l := see(0, 0, 1000, "running"); l.Rate != 0 || l.Left != 0 {
		t.Errorf("at first: %+v", l)
	}
	if l := see(10, 100, 900, "running"); l.Rate != 10 || l.Left != 90*time.Second {
		t.Errorf("after 10 s: %g, %s", l.Rate, l.Left)
	}
	see(20, 500, 500, "running")
	if l := see(30, 900, 100, "running"); l.Rate != 40 || l.Left != 2500*time.Millisecond {
		t.Errorf("faster now: %g, %s", l.Rate, l.Left)
	}
	if l := see(31, 900, 100, "paused"); l.Rate != 0 || l.Left != 0 {
		t.Errorf("paused: %g, %s", l.Rate, l.Left)
	}
	if l := see(600, 901, 99, "running"); l.Rate != 0 {
		t.Errorf("after nobody has looked for long: %g", l.Rate)
	}
}
