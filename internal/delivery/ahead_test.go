package delivery

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mailer/internal/smtptest"
)

// The envelope of the next message is with the relay, announced by the final dot of the one before. What then takes its permit
// away still does: nothing of it is sent, and nobody is in doubt. SND-22, SND-23, SND-24
func TestAnnouncedAndNotSent(t *testing.T) {
	t.Parallel()
	const before = 3 // messages that went out until then
	for name, tc := range map[string]struct {
		act    func(r *rig, run *running, announced string)
		after  string // state to wait for; empty: the sender has ended
		others bool   // the rest goes on
	}{
		"SND-22 pause": {func(r *rig, _ *running, _ string) {
			if err := r.store.Pause(r.Context(), testCampaign, "a look"); err != nil {
				r.Error(err)
			}
		}, StatePaused, false},
		"SND-23 cancel": {func(r *rig, _ *running, _ string) {
			if err := r.store.Cancel(r.Context(), testCampaign, "wrong"); err != nil {
				r.Error(err)
			}
		}, StateCancelled, false},
		"leave":       {func(r *rig, _ *running, announced string) { r.leave(announced, false) }, StateDone, true},
		"SND-24 stop": {func(_ *rig, run *running, _ string) { run.ask() }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(20)
			r.exec(`UPDATE subscribers SET provider = 'other'`) // one chunk
			ready, done := make(chan *running, 1), make(chan struct{})
			var once sync.Once
			announced := ""
			stage := smtptest.RcptTo // the envelope has arrived with the dot before, and that is answered
			if tc.after == "" {
				stage = smtptest.Recorded // it has arrived, and that is not answered: the sender is within a message
			}
			s := smtptest.Start(t, smtptest.On(stage, func(e smtptest.Event) smtptest.Action {
				if e.Accepted == before {
					once.Do(func() {
						if stage == smtptest.RcptTo {
							announced = strings.TrimSuffix(strings.TrimPrefix(e.Line, "RCPT TO:<"), ">")
						}
						tc.act(r, <-ready, announced)
						close(done)
					})
				}
				return smtptest.Go()
			}))
			r.launch()
			run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections = 1 }))
			ready <- run
			want := before
			if tc.others {
				want = 19
			}
			<-done
			if tc.after != "" {
				r.state(tc.after)
			}
			run.stop()
			if err := s.WaitClosed(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.Len() != want || copies(s)[announced] != 0 {
				t.Errorf("%d messages went out, want %d; to %q: %d", s.Len(), want, announced, copies(s)[announced])
			}
			if n := r.count(`SELECT count(*) FROM outcomes WHERE kind IN ('doubt', 'unknown')`) + r.count(`SELECT count(*) FROM permits`); n != 0 {
				t.Errorf("%d doubts or notes", n)
			}
			if v := s.Violations(); len(v) > 0 {
				t.Errorf("%q", v)
			}
			r.agrees()
		})
	}
}

// Envelopes do go ahead: a connection says the next MAIL before its last message is answered.
func TestAnnounces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(60)
	r.exec(`UPDATE subscribers SET provider = 'other'`)
	var ahead atomic.Int64
	s := smtptest.Start(t, smtptest.On(smtptest.Dot, func(e smtptest.Event) smtptest.Action {
		if e.Beyond > 0 {
			ahead.Add(1)
		}
		return smtptest.Go()
	}))
	r.launch()
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections = 1 }))
	r.state(StateDone)
	run.stop()
	r.once(s, all(60)...)
	if n := s.Connections(); n > 1 || ahead.Load() < 50 { // all but the last of each chunk
		t.Errorf("%d connections, %d of 60 dots came with the next envelope", n, ahead.Load())
	}
	if n := r.count(`SELECT count(*) FROM outcomes WHERE kind = 'accepted'`); n != 60 {
		t.Errorf("%d outcomes", n)
	}
}
