package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"mailer/internal/links"
)

// leaving has readers leave while the send runs: most by the one-click POST that their mail program sends, some by a complaint
// that the operator enters.
type leaving struct {
	f      *field
	cancel context.CancelFunc
	done   sync.WaitGroup
	rnd    *rand.Rand

	mu   sync.Mutex
	left map[int64]time.Time // by subscriber: when the program had said that they left
	try  map[int64]bool      // who asked to leave, answered or not
}

// leaveEvery is how long the next reader waits.
const leaveEvery = 40 * time.Millisecond

func (f *field) startLeaving(n int) *leaving {
	ctx, cancel := context.WithCancel(f.ctx)
	l := &leaving{f: f, cancel: cancel, left: map[int64]time.Time{}, try: map[int64]bool{}, rnd: rand.New(rand.NewPCG(f.rnd.Uint64(), 2))}
	var all []struct {
		ID   int64  `db:"id"`
		Wire string `db:"wire"`
	}
	f.must(f.db.SelectContext(f.ctx, &all, `SELECT id, wire FROM subscribers ORDER BY id`))
	l.done.Go(func() {
		for i, at := range l.rnd.Perm(len(all)) {
			if i == n {
				return
			}
			r := all[at]
			l.asks(r.ID)
			leave := func(ctx context.Context) bool { return l.oneClick(ctx, r.ID) }
			if i%20 == 19 {
				leave = func(ctx context.Context) bool { return l.complain(ctx, r.Wire) }
			}
			for !leave(ctx) { // nobody answers while the web server is dead; a mail program tries again
				if !again(ctx, leaveEvery) {
					return
				}
			}
			l.goes(r.ID)
			if !again(ctx, leaveEvery) {
				return
			}
		}
	})
	f.cleanup(l.stop)
	return l
}

func (l *leaving) stop() {
	l.cancel()
	l.done.Wait()
}

func (l *leaving) asks(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.try[id] = true
}

func (l *leaving) goes(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left[id] = time.Now()
}

// oneClick is the POST of RFC 8058; it reports whether the program has answered that it is done.
func (l *leaving) oneClick(ctx context.Context, subscriber int64) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	token := l.f.ring.LeaveToken(l.f.ring.Current(), links.Leave{Subscriber: subscriber, List: l.f.list, Campaign: l.f.campaign})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.f.address+"/u/"+token, strings.NewReader("List-Unsubscribe=One-Click"))
	if err != nil {
		return false
	}
	req.Host = strings.TrimPrefix(baseURL, "https://")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// complain enters a complaint by hand, which suppresses the address everywhere.
func (l *leaving) complain(ctx context.Context, address string) bool {
	_, err := l.f.lab.command(ctx, l.f.lab.env(l.f.url, l.f.relay.url()), "suppressions", "add", address, "--reason", "complaint")
	return err == nil
}
