package delivery

import (
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

// SND-22: a pause lets at most one message per connection end, nothing new goes out, and a resume goes on exactly there.
func TestPauseResume(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]string{"SND-22 retry": PolicyRetry, "SND-22 hold": PolicyHold} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(1200)
			s := smtptest.Start(t)
			r.launch(func(l *Launch) { l.DoubtPolicy = policy })
			r.sender(r.relay(s))
			for n := range 4 {
				if err := s.Wait(t.Context(), 200+200*n); err != nil {
					t.Fatal(err)
				}
				if err := r.store.Pause(t.Context(), testCampaign, "a person wants to look"); err != nil {
					t.Fatal(err)
				}
				after := s.Len()
				r.until("everything is given back", func() bool {
					return r.count(`SELECT count(*) FROM chunks WHERE owner IS NOT NULL`) == 0
				})
				if n := s.Len() - after; n > 4 {
					t.Errorf("%d messages after the pause, over 4 connections", n)
				}
				rest := s.Len()
				b := r.balance()
				if b.State != StatePaused || b.Reason == "" || b.Accepted != int64(rest) {
					t.Errorf("%d messages in the ledger, balance: %+v", rest, b)
				}
				quiet := 150 * time.Millisecond // several looks for work
				if n == 3 {
					quiet = time.Second
				}
				<-time.After(quiet)
				if s.Len() != rest {
					t.Errorf("%d messages in the pause", s.Len()-rest)
				}
				if err := r.store.Resume(t.Context(), testCampaign); err != nil {
					t.Fatal(err)
				}
			}
			if b := r.state(StateDone); b.Accepted != 1200 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(1200)...)
			if n := r.count(`SELECT count(*) FROM outcomes`); n != 1200 {
				t.Errorf("%d outcomes for 1200 readers", n)
			}
		})
	}
}

// SND-23: after a cancel the rest is cancelled and the counts add up, also for those who were to be tried again.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(2000)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if strings.Contains(e.Line, "7@") {
			return smtptest.Reply("450 4.2.1 later")
		}
		return smtptest.Go()
	}))
	r.launch()
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return time.Hour } }))
	if err := s.Wait(t.Context(), 300); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Cancel(t.Context(), testCampaign, "the wrong story"); err != nil {
		t.Fatal(err)
	}
	after := s.Len()
	r.until("everything is closed", func() bool {
		return r.count(`SELECT count(*) FROM chunks WHERE closed_at IS NULL`)+r.count(`SELECT count(*) FROM retries`) == 0
	})
	if n := s.Len() - after; n > 4 {
		t.Errorf("%d messages after the cancel, over 4 connections", n)
	}
	b := r.balance()
	if b.State != StateCancelled || b.Reason != "the wrong story" || b.Accepted != int64(s.Len()) || b.Cancelled != b.Audience-b.Accepted || b.Open() != 0 {
		t.Errorf("%d messages in the ledger, balance: %+v", s.Len(), b)
	}
	r.agrees()
	for _, err := range []error{r.store.Pause(t.Context(), testCampaign, ""), r.store.Resume(t.Context(), testCampaign)} {
		if errs.KindOf(err) != errs.Conflict {
			t.Errorf("a cancelled send was moved: %v", err)
		}
	}
	if err := r.store.Cancel(t.Context(), testCampaign, "again"); err != nil {
		t.Errorf("a second cancel: %v", err)
	}
}

// A reader whose final dot may have been written when a send was cancelled and its sender died is in doubt, not cancelled.
func TestCancelledInDoubt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(30)
	gate := smtptest.NewGate()
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, gate.Hook(smtptest.Go())))
	r.launch()
	dead := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections, c.Lease = 1, 300*time.Millisecond }))
	<-gate.Reached()
	dead.kill()
	gate.Open()
	if err := r.store.Cancel(t.Context(), testCampaign, "the wrong story"); err != nil {
		t.Fatal(err)
	}
	r.sender(r.relay(s))
	r.until("everything is closed", func() bool { return r.count(`SELECT count(*) FROM chunks WHERE closed_at IS NULL`) == 0 })
	if b := r.balance(); b.Unknown != 1 || b.Cancelled != 29 {
		t.Errorf("balance: %+v", b)
	}
	r.agrees()
}

// A reader in doubt who waits to be tried again when the send is cancelled, or its time runs out, may have the mail: the
// balance says unknown from that moment on, and goes on saying so.
func TestWaitingDoubtAtTheEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *rig) error{
		StateCancelled: func(r *rig) error { return r.store.Cancel(t.Context(), testCampaign, "the wrong story") },
		StateExpired: func(r *rig) error {
			r.exec(`UPDATE sends SET expires_at = now()`)
			return r.store.sweep(t.Context(), holder{process: newUUID(), lease: time.Hour, doubtWait: time.Hour})
		},
	} {
		t.Run("SND-23 "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(30)
			s := smtptest.Start(t, smtptest.On(smtptest.Recorded, forFirst(addressOf(7), 1, smtptest.Drop())))
			r.launch()
			sender := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return time.Hour } }))
			r.until("all but the doubts are out", func() bool { b := r.balance(); return b.Deferred > 0 && b.Accepted+b.Deferred == 30 })
			doubts := r.balance().Deferred
			sender.stop()
			if err := end(r); err != nil {
				t.Fatal(err)
			}
			if b := r.balance(); b.Unknown != doubts || b.Open() != 0 || b.Accepted != 30-doubts {
				t.Errorf("at the end: %+v; want %d unknown", b, doubts)
			}
			r.agrees()
			if err := r.store.sweep(t.Context(), holder{process: newUUID(), lease: time.Hour, doubtWait: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if n := r.count(`SELECT count(*) FROM retries`); n != 0 {
				t.Errorf("%d retry rows of an ended send", n)
			}
			if b := r.balance(); b.Unknown != doubts || b.Open() != 0 {
				t.Errorf("after the sweep: %+v; want %d unknown", b, doubts)
			}
			r.agrees()
		})
	}
}

// States and OldestOpen tell others of sends without their rows.
func TestOverview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if at, err := r.store.OldestOpen(t.Context()); !at.IsZero() || err != nil {
		t.Errorf("OldestOpen of nothing: %v, %v", at, err)
	}
	for _, c := range []int64{testCampaign, 8, 9} {
		l := r.launchOf(c)
		r.launchTx(l)
	}
	r.exec(`UPDATE sends SET created_at = now() - interval '3 hours' WHERE campaign_id = 8`)
	r.exec(`UPDATE sends SET created_at = now() - interval '9 hours', state = 'done', finished_at = now() WHERE campaign_id = 9`)
	if err := r.store.Pause(t.Context(), 8, "a look"); err != nil {
		t.Fatal(err)
	}
	if at, err := r.store.OldestOpen(t.Context()); err != nil || time.Since(at).Round(time.Hour) != 3*time.Hour {
		t.Errorf("OldestOpen: %v, %v", at, err)
	}
	states, err := r.store.States(t.Context(), []int64{testCampaign, 8, 9, 10})
	if err != nil || len(states) != 3 || states[testCampaign] != StateRunning || states[8] != StatePaused || states[9] != StateDone {
		t.Errorf("States: %v, %v", states, err)
	}
	if states, err := r.store.States(t.Context(), nil); err != nil || len(states) != 0 {
		t.Errorf("States of nothing: %v, %v", states, err)
	}
}

// A second signal ends the wait for what is in hand.
func TestCut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(10)
	gate := smtptest.NewGate()
	t.Cleanup(gate.Open)
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, gate.Hook(smtptest.Drop())))
	r.launch()
	second := make(chan struct{})
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Drain, c.Connections, c.Cut = time.Hour, 1, second }))
	<-gate.Reached()
	run.ask()
	close(second)
	run.stop()
	if n := r.count(`SELECT count(*) FROM outcomes WHERE kind = 'doubt'`); n != 1 {
		t.Errorf("%d doubts on record", n)
	}
	if n := r.count(`SELECT count(*) FROM chunks WHERE owner IS NOT NULL`); n != 0 {
		t.Errorf("%d chunks are still claimed", n)
	}
}

func TestControlErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.store.Pause(t.Context(), 99, "x"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("Pause of nothing: %v", err)
	}
	if _, err := r.store.Balance(t.Context(), 99); errs.KindOf(err) != errs.NotFound {
		t.Errorf("Balance of nothing: %v", err)
	}
	if _, err := r.store.WebPage(t.Context(), 99); errs.KindOf(err) != errs.NotFound {
		t.Errorf("WebPage of nothing: %v", err)
	}
	r.launch()
	if html, err := r.store.WebPage(t.Context(), testCampaign); err != nil || html != "<p>The week</p>" {
		t.Errorf("WebPage: %q, %v", html, err)
	}
	for range 2 { // a double click
		if err := r.store.Pause(t.Context(), testCampaign, "once"); err != nil {
			t.Errorf("Pause: %v", err)
		}
	}
	if b := r.balance(); b.State != StatePaused || b.Reason != "once" {
		t.Errorf("balance: %+v", b)
	}
	if _, err := r.store.Outcomes(t.Context(), testCampaign, Filter{State: "lost"}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("Outcomes of an unknown state: %v", err)
	}
}

// SND-24: a stop lets the message in hand end, leaves nothing in doubt and gives the rest back.
func TestStop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(900)
	gate := smtptest.NewGate()
	s := smtptest.Start(t, smtptest.On(smtptest.Dot, func(e smtptest.Event) smtptest.Action {
		if e.Accepted < 20 {
			return smtptest.Go()
		}
		return gate.Hook(smtptest.Go())(e)
	}))
	r.launch()
	run := r.sender(r.relay(s))
	<-gate.Reached()
	run.ask()
	select {
	case <-run.done:
		t.Error("the stop did not wait for the messages in hand")
	case <-time.After(100 * time.Millisecond):
	}
	gate.Open()
	run.stop()
	sent := s.Len()
	b := r.balance()
	if b.Accepted != int64(sent) || b.Claimed != 0 || b.State != StateRunning {
		t.Errorf("%d messages in the ledger, balance: %+v", sent, b)
	}
	if n := r.count(`SELECT count(*) FROM outcomes WHERE kind <> 'accepted'`) + r.count(`SELECT count(*) FROM permits`); n != 0 {
		t.Errorf("%d doubts or notes are left", n)
	}
	if n := r.count(`SELECT count(*) FROM chunks WHERE owner IS NOT NULL OR lease_until IS NOT NULL`); n != 0 {
		t.Errorf("%d chunks are still claimed", n)
	}
	r.sender(r.relay(s))
	r.state(StateDone)
	r.once(s, all(900)...)
}

// A stop that takes longer than its drain time cuts the connections; what was in hand is on record as a doubt, and the rest is
// given back all the same.
func TestStopCuts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(100)
	gate := smtptest.NewGate()
	t.Cleanup(gate.Open)
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, gate.Hook(smtptest.Drop())))
	r.launch(func(l *Launch) { l.DoubtPolicy = PolicyHold })
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Drain, c.Connections = 100*time.Millisecond, 2 }))
	r.until("both connections wait", func() bool { return s.Len() == 2 })
	run.stop()
	if b := r.balance(); b.Unknown != 2 || b.Claimed != 0 || b.Queued != 98 {
		t.Errorf("balance: %+v", b)
	}
	if n := r.count(`SELECT count(*) FROM chunks WHERE owner IS NOT NULL`) + r.count(`SELECT count(*) FROM permits`); n != 0 {
		t.Errorf("%d claims or notes are left", n)
	}
	r.agrees()
}
