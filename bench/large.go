package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// largeSent is what came of the send to the large list.
type largeSent struct {
	sent
	complete    time.Duration // from the launch until the audience was written
	page        time.Duration // 99th percentile of a public page, while it was being written
	query       time.Duration // and of a trivial query
	pageBefore  time.Duration // the same with nothing else to do
	queryBefore time.Duration
	samples     int
}

// largeSend sends one campaign to the large list and looks, while its audience is being written, whether anything else has to
// wait. It is done once for a round: parts 5 and 6 share it.
func (b *bench) largeSend(ctx context.Context) (*largeSent, error) {
	if b.large != nil {
		return b.large, nil
	}
	s, err := b.site(ctx, b.options.million)
	if err != nil {
		return nil, err
	}
	sink, err := b.startSink(0)
	if err != nil {
		return nil, err
	}
	defer sink.stop()
	p, web, err := s.serve(sink.setting())
	if err != nil {
		return nil, err
	}
	defer p.stop()
	id, err := s.campaign(ctx)
	if err != nil {
		return nil, err
	}
	page, err := s.leavePage(ctx, web)
	if err != nil {
		return nil, err
	}
	r := &largeSent{}
	// The schedule of this program must not be what is measured: what waits here, waits in the service.
	r.pageBefore, r.queryBefore, _ = s.bystanders(ctx, page, func() bool { return true })
	m := b.newMeter([]*process{p}, sink.process)
	if err := s.launch(ctx, id); err != nil {
		return nil, err
	}
	var st sendState
	r.page, r.query, r.samples = s.bystanders(ctx, page, func() bool {
		if st, err = s.state(ctx, id); err != nil {
			return true
		}
		return st.Complete
	})
	if err != nil {
		return nil, err
	}
	r.complete = time.Since(st.Launched)
	b.say("the audience is complete after %v", r.complete.Round(time.Millisecond))
	if st, err = s.untilDone(ctx, id, p); err != nil {
		return nil, err
	}
	if r.stats, err = sink.stats(); err != nil {
		return nil, err
	}
	if r.stats.Messages != int64(s.readers) {
		return nil, fmt.Errorf("%d readers, %d messages", s.readers, r.stats.Messages)
	}
	r.memory, r.cpu = peakMemory(p.cmd.Process.Pid), m.perMessage(st.Audience)
	r.launched, r.done, r.audience, r.first = st.Launched, st.Finished.Time, st.Audience, time.Unix(0, r.stats.First)
	b.large = r
	return r, nil
}

var unsubscribe = regexp.MustCompile(`(?s)List-Unsubscribe:\s*<https://[^/]+(/[^>]+)>`)

// leavePage returns the address of a reader's page to leave, which looks into the database.
func (s *site) leavePage(ctx context.Context, web string) (string, error) {
	msg, err := s.message(ctx)
	if err != nil {
		return "", err
	}
	found := unsubscribe.FindSubmatch(msg)
	if found == nil {
		return "", fmt.Errorf("the message has no List-Unsubscribe")
	}
	return "http://" + web + strings.Join(strings.Fields(string(found[1])), ""), nil
}

// shortestWatch is how long bystanders are watched at least.
const shortestWatch = time.Second

// bystanders asks for a page and runs a trivial query again and again until over says so, and returns what 99 of 100 took at most.
func (s *site) bystanders(ctx context.Context, page string, over func() bool) (pages, queries time.Duration, samples int) {
	var took [2][]time.Duration
	ended := make(chan struct{})
	var all sync.WaitGroup
	for i, ask := range []func(){
		func() {
			if r, err := http.Get(page); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		},
		func() { _, _ = s.db.ExecContext(ctx, `UPDATE lists SET description = description WHERE id = 1`) },
	} {
		all.Go(func() {
			for {
				select {
				case <-ended:
					return
				case <-ctx.Done():
					return
				case <-time.After(5 * time.Millisecond):
				}
				start := time.Now()
				ask()
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	for begin := time.Now(); sleep(ctx, 20*time.Millisecond); {
		if over() && time.Since(begin) >= shortestWatch {
			break
		}
	}
	close(ended)
	all.Wait()
	return percentile(took[0], 99), percentile(took[1], 99), len(took[0])
}

func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, len(all)*p/100)]
}
