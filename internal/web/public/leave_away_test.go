package public_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/spool"
	"mailer/internal/subscribers"
)

// awayRig is the public pages on a database that can be cut off, with a spool. Its store looks into the database directly.
type awayRig struct {
	*rig
	line   *dbtest.Line
	over   *sqlx.DB // through the line
	dir    string
	spool  *spool.Spool
	leaver *subscribers.Leaver
}

func newAwayRig(t *testing.T) *awayRig {
	t.Helper()
	direct, through, line := dbtest.OpenLine(t)
	r := &awayRig{rig: newRigOn(t, direct, newRing(t, "first")), line: line, over: through, dir: t.TempDir()}
	r.open()
	return r
}

// open starts the pages anew on what there is.
func (r *awayRig) open() {
	r.t.Helper()
	var err error
	if r.spool, err = spool.Open(r.dir, slog.New(slog.DiscardHandler)); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.spool.Close)
	store := subscribers.NewStore(r.over, r.ring)
	r.leaver = subscribers.NewLeaver(store, r.spool, slog.New(slog.NewTextHandler(r.log, nil)))
	d := r.deps()
	d.Subscribers, d.Leaver = store, r.leaver
	r.base = serve(r.t, d)
}

func (r *awayRig) drain() {
	r.t.Helper()
	if _, err := r.leaver.Drain(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// UNS-11: while the database is away, whether it refuses or hangs, a wish is kept and answered 200, and comes about when it is back:
// once, with the time at which the reader asked.
func TestUNS11Away(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lose func(*dbtest.Line)
		ask  string
	}{
		"cut, one-click":  {(*dbtest.Line).Cut, oneClick},
		"cut, the button": {(*dbtest.Line).Cut, "action=list"},
		"hangs":           {(*dbtest.Line).Hang, oneClick},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newAwayRig(t)
			r.want("with the database", r.do("GET", "/u/"+r.token, ""), 200, subscribers.Confirmed)
			tc.lose(r.line)
			page := r.do("GET", "/u/"+r.token, "")
			if page.status != 200 || !strings.Contains(page.body, `value="list"`) || !strings.Contains(page.body, "The Daily &amp; Co") || strings.Contains(page.body, "•••") {
				t.Errorf("the page: %d\n%s", page.status, page.body)
			}
			before := time.Now()
			a := r.post("/u/"+r.token, tc.ask)
			r.want("recorded", a, 200, subscribers.Confirmed)
			if !strings.Contains(strings.ToLower(a.body), "recorded") || r.spool.Pending() != 1 {
				t.Errorf("%d are kept; the page says:\n%s", r.spool.Pending(), a.body)
			}
			after := time.Now()
			kept := r.copySpool()
			r.line.Restore()
			r.drain()
			for range 2 { // UNS-11: what is done twice, as after a crash in the midst of it, is done once
				log, err := r.store.ConsentLog(t.Context(), r.person.ID)
				if err != nil || r.state() != subscribers.Unsubscribed || len(log) != 2 || r.count(`SELECT count(*) FROM leaves`) != 1 {
					t.Fatalf("%s, %v, %v", r.state(), log, err)
				}
				if c := log[1]; c.At.Before(before.Add(-time.Millisecond)) || c.At.After(after) || *c.CampaignID != 7 || c.Event != "unsubscribed" { // UNS-17
					t.Errorf("evidence %+v; it was asked at %v", c, before)
				}
				kept()
				r.reopen()
			}
			if r.spool.Pending() != 0 {
				t.Errorf("%d are left", r.spool.Pending())
			}
		})
	}
}

// copySpool returns a function that puts back what is in the spool now.
func (r *awayRig) copySpool() func() {
	r.t.Helper()
	names, err := filepath.Glob(filepath.Join(r.dir, "*.spool"))
	if err != nil || len(names) != 1 {
		r.t.Fatal(names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(names[0], data, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// reopen starts the process anew, as far as the spool goes.
func (r *awayRig) reopen() {
	r.t.Helper()
	r.spool.Close()
	var err error
	if r.spool, err = spool.Open(r.dir, slog.New(slog.DiscardHandler)); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.spool.Close)
	r.leaver = subscribers.NewLeaver(r.store, r.spool, slog.New(slog.DiscardHandler))
	r.drain()
}

// UNS-11: what was asked before the reader agreed anew is void.
func TestUNS11Void(t *testing.T) {
	t.Parallel()
	for _, ask := range []string{"list", "all"} {
		t.Run(ask, func(t *testing.T) {
			t.Parallel()
			r := newAwayRig(t)
			r.line.Cut()
			r.post("/u/"+r.token, "action="+ask)
			if r.spool.Pending() != 1 {
				t.Fatal("nothing is kept")
			}
			// The reader leaves through another node, signs up again and confirms; only then this one is back.
			if _, err := r.store.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: r.person.ID, List: r.list.ID, Campaign: 7, Method: subscribers.MethodForm}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.store.Add(t.Context(), subscribers.AddRequest{Address: "jane.doe@example.org", ListID: r.list.ID, Method: subscribers.MethodForm, Source: "test"}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.store.Confirm(t.Context(), subscribers.ConfirmRequest{Subscriber: r.person.ID, List: r.list.ID, Issued: time.Now()}); err != nil {
				t.Fatal(err)
			}
			r.line.Restore()
			r.drain()
			if r.spool.Pending() != 0 {
				t.Error("it is still kept")
			}
			if n := r.count(`SELECT count(*) FROM mailable`); n != 1 || r.state() != subscribers.Confirmed {
				t.Errorf("the reader is %s, and %d lists go to them", r.state(), n)
			}
		})
	}
}

// UNS-11: what follows a wish that is kept follows it in the spool, also when the database is back already.
func TestUNS11Order(t *testing.T) {
	t.Parallel()
	r := newAwayRig(t)
	r.line.Cut()
	r.post("/u/"+r.token, "action=all")
	r.line.Restore()
	r.forget()
	a := r.post("/u/"+r.token, "action=undo")
	r.want("undo", a, 200, subscribers.Confirmed)
	if r.spool.Pending() != 2 {
		t.Fatalf("%d are kept; the undo must not pass the act", r.spool.Pending())
	}
	r.drain()
	if n := r.count(`SELECT count(*) FROM mailable`); n != 1 {
		t.Error("the undo was lost")
	}
	if n := r.count(`SELECT count(*) FROM consent_log WHERE event IN ('unsubscribed_all', 'undone')`); n != 2 {
		t.Errorf("%d lines of evidence; want that of the act and that of the undo", n)
	}
	r.want("afterwards", r.post("/u/"+r.token, oneClick), 200, subscribers.Unsubscribed)
}

// forget starts the pages anew: they do not remember that the database was away a moment ago.
func (r *awayRig) forget() {
	r.t.Helper()
	d := r.deps()
	d.Subscribers = subscribers.NewStore(r.over, r.ring)
	r.leaver = subscribers.NewLeaver(d.Subscribers, r.spool, slog.New(slog.DiscardHandler))
	d.Leaver = r.leaver
	r.base = serve(r.t, d)
}

// UNS-11: only where the spool cannot be written either the answer is 503, and a forged token leaves nothing in it.
func TestUNS11NoSpool(t *testing.T) {
	t.Parallel()
	r := newAwayRig(t)
	r.line.Cut()
	for _, body := range []string{oneClick, "action=all"} {
		if a := r.post("/u/forged", body); a.status != 200 || r.spool.Pending() != 0 || strings.Contains(strings.ToLower(a.body), "recorded") {
			t.Errorf("forged: %d, %d kept\n%s", a.status, r.spool.Pending(), a.body)
		}
	}
	if a := r.do("GET", "/u/forged", ""); a.status != 200 || strings.Contains(a.body, "<form") {
		t.Errorf("forged: %d\n%s", a.status, a.body)
	}
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{oneClick, "action=list"} {
		if a := r.post("/u/"+r.token, body); a.status != 503 || a.header.Get("Retry-After") == "" || strings.Contains(a.body, "ecorded") {
			t.Errorf("%d %v; a leave that is not kept must not look like one", a.status, a.header)
		}
	}
	// Other pages say that they have to wait.
	key := r.ring.Current()
	d := r.deps()
	d.Subscribers = subscribers.NewStore(r.over, r.ring)
	d.Ready = func(ctx context.Context) error { _, err := d.Subscribers.Lists(ctx); return err }
	r.base = serve(t, d)
	if a := r.do("GET", "/c/"+r.ring.ConfirmToken(key, links.Confirm{Subscriber: 1, List: 1, Issued: time.Now()}), ""); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("confirm: %d", a.status)
	}
	if a := r.do("GET", "/readyz", ""); a.status != 503 {
		t.Errorf("/readyz: %d", a.status)
	}
	if a := r.do("GET", "/healthz", ""); a.status != 200 {
		t.Errorf("/healthz: %d; the process itself is well", a.status)
	}
}

// UNS-13: ten thousand one-click POSTs at once, as a mail provider sends them after a campaign, over 20 connections: every one is
// answered 200 and applied. How long it took is in the log of the test.
func TestUNS13Burst(t *testing.T) {
	t.Parallel()
	const n = 10_000
	r := newRig(t)
	r.quiet()
	if _, err := r.db.ExecContext(t.Context(), `
		WITH people AS (
			INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, decode(md5(a), 'hex'), 'other' FROM (SELECT 'reader' || i || '@example.org' AS a FROM generate_series(1, $1::int) i) x RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, $2, 'confirmed', 'test', now() FROM people`, n-1, r.list.ID); err != nil {
		t.Fatal(err)
	}
	var ids []int64
	if err := r.db.SelectContext(t.Context(), &ids, `SELECT subscriber_id FROM subscriptions`); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 20}, Timeout: time.Minute}
	began := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ids)); i = next.Add(1) - 1 {
				token := r.ring.LeaveToken(r.ring.Current(), links.Leave{Subscriber: ids[i], List: r.list.ID, Campaign: 7})
				resp, err := client.Post(r.base+"/u/"+token, formType, strings.NewReader(oneClick))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Errorf("%d", resp.StatusCode)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	t.Logf("%d one-click POSTs in %v: %.0f a second", n, took.Round(time.Millisecond), n/took.Seconds())
	if left := r.count(`SELECT count(*) FROM mailable`); left != 0 {
		t.Errorf("%d were not applied", left)
	}
	if lines := r.count(`SELECT count(DISTINCT subscriber_id) FROM consent_log WHERE event = 'unsubscribed' AND method = 'one-click' AND campaign_id = 7`); lines != n {
		t.Errorf("%d lines of evidence; want %d", lines, n)
	}
}

// quiet starts the pages with a log that goes nowhere, since ten thousand lines tell nothing.
func (r *rig) quiet() {
	d := r.deps()
	d.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	r.base = serve(r.t, d)
}

// tally counts the clicks so far.
func (r *rig) tally() {
	r.t.Helper()
	if err := r.appeals.Tally(r.t.Context(), 0); err != nil {
		r.t.Fatal(err)
	}
}
