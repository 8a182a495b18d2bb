package public_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// SEC-22: a flood from many networks causes as many mails as the cap allows and no more, and readers go on being served.
func TestSEC22Flood(t *testing.T) {
	t.Parallel()
	flood, mails := 10_000, 300
	if testing.Short() {
		flood = 1000
	}
	j := newJoining(t, func(d *signup.Deps, _ *public.Deps) {
		d.Caps = signup.Caps{Address: 3, Network: 20, Domain: 50, Total: mails}
	})
	ctx, stop := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() { j.signup.Run(ctx) })
	stamp := j.stamp("/subscribe/daily", 10*time.Second)
	page := func() time.Duration {
		start := time.Now()
		if a := j.do("GET", "/u/"+j.token, ""); a.status != 200 {
			t.Errorf("a reader's page: %d", a.status)
		}
		return time.Since(start)
	}
	var calm, storm []time.Duration
	for range 200 {
		calm = append(calm, page())
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50}, CheckRedirect: noRedirect.CheckRedirect}
	var next, taken, busy atomic.Int64
	var attack sync.WaitGroup
	start := time.Now()
	for range 20 {
		attack.Go(func() {
			for i := next.Add(1); i <= int64(flood); i = next.Add(1) {
				body := url.Values{"address": {fmt.Sprintf("victim%d@domain%d.org", i, i%4000)}, "stamp": {stamp}}.Encode()
				a := j.doWith(client, "POST", "/subscribe/daily", strings.NewReader(body), "Content-Type", formType, "Origin", ownOrigin,
					"X-Forwarded-For", fmt.Sprintf("%d.%d.%d.9", 11+i%150, i>>8&255, i&255))
				switch a.status {
				case 200:
					taken.Add(1)
				case 429:
					busy.Add(1)
				default:
					t.Errorf("answer %d", a.status)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { attack.Wait(); close(over) }()
	for running := true; running; {
		storm = append(storm, page())
		select {
		case <-over:
			running = false
		default:
		}
	}
	took := time.Since(start)
	stop()
	worker.Wait()
	j.work()
	if got := j.confirms(); got != mails || int(taken.Load()) != mails || int(busy.Load()) != flood-mails {
		t.Errorf("%d mails, %d taken, %d asked to come back; want %d mails", got, taken.Load(), busy.Load(), mails)
	}
	if got := j.count(`SELECT count(*) FROM subscribers`); got != mails+1 {
		t.Errorf("%d subscribers; want %d", got, mails+1)
	}
	show := func(d []time.Duration) string {
		slices.Sort(d)
		return fmt.Sprintf("median %s, 99 %% within %s, of %d", d[len(d)/2].Round(10*time.Microsecond), d[len(d)*99/100].Round(10*time.Microsecond), len(d))
	}
	t.Logf("SEC-22: %d sign-ups from as many networks in %s (%.0f/s): %d mails, cap %d", flood, took.Round(time.Millisecond), float64(flood)/took.Seconds(), j.confirms(), mails)
	t.Logf("SEC-22: a reader's page: before: %s; during: %s", show(calm), show(storm))
	if a := j.post("/u/"+j.token, oneClick); a.status != 200 || j.state() != subscribers.Unsubscribed {
		t.Error("a reader cannot leave")
	}
}
