package delivery

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/logtest"
	"mailer/internal/smtptest"
)

// The heartbeat keeps a claim while a relay takes its time over one reply; nobody else takes the chunk. SND-16 in small
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"chunk": false, "retry": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(30)
			gate := smtptest.NewGate()
			slow := addressOf(3)
			opts := []smtptest.Option{smtptest.On(smtptest.Recorded, hookOnce(slow, gate.Hook(smtptest.Go())))}
			if again {
				opts = append(opts, smtptest.On(smtptest.RcptTo, forFirst(slow, 1, smtptest.Reply("450 4.2.1 later"))))
			}
			s := smtptest.Start(t, opts...)
			r.launch()
			const lease = 400 * time.Millisecond
			for range 2 {
				r.sender(r.relay(s), with(func(c *SenderConfig) { c.Lease = lease }))
			}
			<-gate.Reached()
			<-time.After(4 * lease)
			if n := r.count(`SELECT count(*) FROM outcomes WHERE kind IN ('doubt', 'unknown')`); n != 0 {
				t.Errorf("%d doubts while a reply is awaited", n)
			}
			gate.Open()
			if b := r.state(StateDone); b.Accepted != 30 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(30)...)
		})
	}
}

// A permit whose answer took so long that the claim may have been lost meanwhile is none: it is asked for anew.
func TestLatePermit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	s := smtptest.Start(t)
	r.launch(func(l *Launch) { l.DoubtPolicy = PolicyHold })
	late, groups := map[int64]bool{}, 0 // seqs whose answer was late; only used by the goroutine of the committer
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Lease = time.Second }), func(sender *Sender) {
		sender.com.hooks.afterGroup = func(g *group) error {
			for _, it := range g.wanting {
				delete(late, it.Seq)
			}
			if groups++; len(g.wanting) > 0 && groups <= 3 {
				before := s.Len()
				<-time.After(sender.com.timeout + 50*time.Millisecond)
				if s.Len() != before {
					t.Errorf("%d messages went out while the answer was under way", s.Len()-before)
				}
				for _, it := range g.wanting {
					late[it.Seq] = true
				}
			}
			return nil
		}
	})
	if b := r.state(StateDone); b.Accepted != 20 {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, all(20)...)
	run.stop()
	if groups <= 3 || len(late) > 0 {
		t.Errorf("%d groups; late permits were used for %v", groups, late)
	}
}

// A relay that takes longer for the body of a message than a permit lasts gets it all the same, over the same connection.
func TestPermitOutlivedByTheBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := newCommitter(r.store, holder{process: newUUID(), lease: 30 * time.Second}, slog.New(slog.DiscardHandler))
	var w want
	it := &item{Campaign: testCampaign, Seq: 1, Attempt: 1}
	c.ask(&w, it, func() { t.Error("the connection was closed") })
	<-c.wake
	c.wants = nil
	w.give(verdictGo)
	w.at = time.Now().Add(-time.Minute) // the body took so long
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var asker sync.WaitGroup
	asker.Go(func() {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.wants[0].give(verdictGo)
	})
	if v := c.answer(ctx, &w); v != verdictGo || !it.permitted {
		t.Errorf("the answer is %q", v)
	}
	cancel()
	asker.Wait()
}

// Each attempt is one line in the log, with what is known of it and the address masked.
func TestMailLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(4)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(addressOf(2), 1, smtptest.Reply("450 4.2.1 later"))))
	r.launch()
	log := &logtest.Buffer{}
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }))
	r.state(StateDone)
	run.stop()
	text := log.String()
	if n := strings.Count(text, "msg=attempt"); n != 5 {
		t.Errorf("%d lines for 5 attempts:\n%s", n, text)
	}
	if strings.Contains(text, addressOf(2)) {
		t.Errorf("an address stands in the log:\n%s", text)
	}
	for _, want := range []string{"campaign=7", "seq=", "attempt=2", "relay=127.0.0.1:", "result=accepted", "result=deferred", "code=450", "later", "took=", "queue_id=", "r•••@"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
}

// What a former holder learned before DATA is left out: nothing was risked, and the present holder may be in a dialogue of its
// own under the same attempt number, whose acceptance must not be kept out by it.
func TestStaleRefusal(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{kindDeferred, kindFailed} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(5)
			r.launch()
			ctx := t.Context()
			if _, err := r.store.extendAudience(ctx); err != nil {
				t.Fatal(err)
			}
			former, present := holder{process: newUUID(), lease: time.Hour}, holder{process: newUUID(), lease: time.Hour}
			stale, err := r.store.claimChunk(ctx, former, route{relay: "relay"})
			if err != nil {
				t.Fatal(err)
			}
			r.exec(`UPDATE chunks SET lease_until = now() - interval '1 second' WHERE id = $1`, stale.chunk)
			fresh, err := r.store.claimChunk(ctx, present, route{relay: "relay"})
			if err != nil || fresh.chunk != stale.chunk || fresh.items[0].Attempt != stale.items[0].Attempt {
				t.Fatalf("re-claim: %+v, %v", fresh, err)
			}
			record := func(h holder, o *outcome) {
				if err := db.InTx(ctx, r.db, func(tx *sqlx.Tx) error { return r.store.record(ctx, tx, h, []*outcome{o}, nil) }); err != nil {
					t.Fatal(err)
				}
			}
			record(former, &outcome{item: stale.items[0], kind: kind, class: "hard", suppress: "550 5.1.1"})
			if n := r.count(`SELECT count(*) FROM outcomes`) + r.count(`SELECT count(*) FROM retries`) + r.count(`SELECT count(*) FROM suppressions`); n != 0 {
				t.Errorf("%d rows came of a refusal that a former holder got", n)
			}
			fresh.items[0].permitted = true
			record(present, &outcome{item: fresh.items[0], kind: kindAccepted})
			if got := r.outcomesOf(fresh.items[0].Recipient); len(got) != 1 || got[0] != kindAccepted {
				t.Errorf("outcomes: %v", got)
			}
			record(former, &outcome{item: stale.items[0], kind: kind, class: "hard", suppress: "550 5.1.1"})
			if got := r.outcomesOf(fresh.items[0].Recipient); len(got) != 1 || got[0] != kindAccepted {
				t.Errorf("outcomes after the former holder came again: %v", got)
			}
		})
	}
}
