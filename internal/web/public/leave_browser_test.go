package public_test

import (
	"fmt"
	"testing"

	"mailer/internal/browsertest"
	"mailer/internal/subscribers"
)

// UNS-15: everything that the leave page can be, in a real browser without script: at 320 and 1280 px, light and dark, in both
// languages, by keyboard, and axe finds nothing.
func TestUNS15Leave(t *testing.T) {
	t.Parallel()
	r, _ := lessRig(t)
	b := browsertest.Open(t)
	for _, tc := range []struct {
		width  int64
		scheme string
		lang   string
	}{{320, "light", "en"}, {320, "dark", "fr"}, {1280, "light", "fr"}, {1280, "dark", "en"}} {
		if _, err := r.db.ExecContext(t.Context(), `UPDATE subscribers SET language = $1`, tc.lang); err != nil {
			t.Fatal(err)
		}
		b.Width(tc.width)
		b.Scheme(tc.scheme)
		look := func(name string) { b.Look(fmt.Sprintf("%s-%d-%s-%s", name, tc.width, tc.scheme, tc.lang)) }
		press := func(value string) { b.Press(fmt.Sprintf(`button[value=%q]`, value)) }
		b.Go(r.base + "/u/" + r.token)
		look("leave-less")
		for _, value := range []string{"weekly", "pause"} {
			press(value)
			look("leave-" + value)
			press("undo")
			b.Go(r.base + "/u/" + r.token)
		}
		press("list")
		if r.state() != subscribers.Unsubscribed {
			t.Fatal("the button did not unsubscribe")
		}
		look("leave-done")
		press("often")
		look("leave-thanks")
		press("undo")
		look("leave-undone")
		if r.state() != subscribers.Confirmed {
			t.Fatal("the button did not undo")
		}
	}
}

// UNS-11, UNS-15: the pages for the time when the database is away.
func TestUNS15Away(t *testing.T) {
	t.Parallel()
	r := newAwayRig(t)
	r.line.Cut()
	b := browsertest.Open(t)
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		b.Go(r.base + "/u/" + r.token)
		b.Look(fmt.Sprintf("leave-blank-%d", width))
		b.Press(`button[value="list"]`)
		b.Look(fmt.Sprintf("leave-recorded-%d", width))
	}
	r.line.Restore()
	r.drain()
	if r.state() != subscribers.Unsubscribed {
		t.Error("what was recorded did not come about")
	}
}
