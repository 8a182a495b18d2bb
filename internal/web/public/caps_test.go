package public_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"mailer/internal/signup"
	"mailer/internal/web/public"
)

// SEC-22: each limit holds by itself: of one mailbox, which nobody is told, of one domain, and of all together. Large providers are no domain
// in this sense.
func TestSEC22Caps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		caps          signup.Caps
		address       func(i int) string
		taken, busy   int // of eight
		stored, mails int
	}{
		"mailbox":  {signup.Caps{Address: 3, Network: 1000, Domain: 1000, Total: 1000}, func(i int) string { return fmt.Sprintf("jane+%d@gmail.com", i) }, 8, 0, 3, 1},
		"domain":   {signup.Caps{Address: 3, Network: 1000, Domain: 5, Total: 1000}, func(i int) string { return fmt.Sprintf("r%d@example.org", i) }, 5, 3, 5, 5},
		"provider": {signup.Caps{Address: 3, Network: 1000, Domain: 5, Total: 1000}, func(i int) string { return fmt.Sprintf("r%d@gmail.com", i) }, 8, 0, 8, 8},
		"all":      {signup.Caps{Address: 3, Network: 1000, Domain: 1000, Total: 2}, func(i int) string { return fmt.Sprintf("r@example%d.org", i) }, 2, 6, 2, 2},
		"none":     {signup.Caps{Address: 3, Network: 1000, Domain: 1000}, func(i int) string { return fmt.Sprintf("r@example%d.org", i) }, 0, 8, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJoining(t, func(d *signup.Deps, _ *public.Deps) { d.Caps = tc.caps })
			stamp := j.stamp("/subscribe/daily", 10*time.Second)
			got := map[int]int{}
			for i := range 8 {
				a := j.joinWith("/subscribe/daily", url.Values{"address": {tc.address(i)}, "stamp": {stamp}}, "X-Forwarded-For", fmt.Sprintf("203.0.%d.1", i))
				got[a.status]++
			}
			if got[200] != tc.taken || got[429] != tc.busy || j.waiting() != tc.stored {
				t.Errorf("answers %v, %d stored; want %d taken, %d asked to come back, %d stored", got, j.waiting(), tc.taken, tc.busy, tc.stored)
			}
			if j.work(); j.confirms() != tc.mails {
				t.Errorf("%d mails; want %d", j.confirms(), tc.mails)
			}
		})
	}
}
