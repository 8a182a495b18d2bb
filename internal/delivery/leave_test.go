package delivery

import (
	"strings"
	"testing"

	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

func (r *rig) leave(address string, allMail bool) {
	r.Helper()
	if _, err := r.subs.Leave(r.Context(), subscribers.LeaveRequest{Subscriber: r.subscriber(address), List: testList,
		Campaign: testCampaign, All: allMail, Method: subscribers.MethodOneClick}); err != nil {
		r.Fatalf("leave: %v", err)
	}
}

// UNS-12: whoever leaves during a send gets nothing more, wherever their delivery stands; at most the dot that was already
// permitted goes out.
func TestLeaving(t *testing.T) {
	t.Parallel()
	for name, allMail := range map[string]bool{"this list": false, "all mail": true} {
		t.Run("UNS-12 pending, "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(20)
			r.launch()
			if _, err := r.store.extendAudience(t.Context()); err != nil { // they are in the audience
				t.Fatal(err)
			}
			r.leave(addressOf(4), allMail)
			s := smtptest.Start(t)
			r.sender(r.relay(s))
			if b := r.state(StateDone); b.Accepted != 19 || b.Suppressed != 1 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(20, addressOf(4))...)
			for _, c := range s.Commands() {
				if strings.Contains(c, addressOf(4)) {
					t.Errorf("the relay heard of a reader who had left: %s", c)
				}
			}
			r.agrees()
		})

		t.Run("UNS-12 leased, "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(20)
			gate := smtptest.NewGate()
			s := smtptest.Start(t, smtptest.On(smtptest.MailFrom, gate.Hook(smtptest.Go())))
			r.launch()
			r.sender(r.relay(s))
			<-gate.Reached()
			r.until("all chunks are claimed", func() bool { return r.balance().Claimed == 20 })
			var leavers []string // the last of each chunk: its connection is at the first
			if err := r.db.SelectContext(t.Context(), &leavers, `SELECT d.recipient FROM chunks c JOIN deliveries d ON d.campaign_id = c.campaign_id AND d.seq = c.to_seq`); err != nil {
				t.Fatal(err)
			}
			for _, a := range leavers {
				r.leave(a, allMail)
			}
			gate.Open()
			if b := r.state(StateDone); b.Suppressed != int64(len(leavers)) {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(20, leavers...)...)
			r.agrees()
		})

		t.Run("UNS-12 before DATA is answered, "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(20)
			gate := smtptest.NewGate()
			leaver := addressOf(6)
			s := smtptest.Start(t, smtptest.On(smtptest.Data, hookOnce(leaver, gate.Hook(smtptest.Go()))))
			r.launch()
			r.sender(r.relay(s))
			<-gate.Reached()
			r.leave(leaver, allMail)
			gate.Open()
			if b := r.state(StateDone); b.Suppressed != 1 || b.Accepted != 19 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(20, leaver)...)
		})

		t.Run("UNS-12 permitted, "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(20)
			gate := smtptest.NewGate()
			leaver := addressOf(6)
			s := smtptest.Start(t, smtptest.On(smtptest.Dot, hookOnce(leaver, gate.Hook(smtptest.Go()))))
			r.launch()
			r.sender(r.relay(s))
			<-gate.Reached()
			r.leave(leaver, allMail)
			gate.Open()
			if b := r.state(StateDone); b.Accepted != 20 {
				t.Errorf("balance: %+v", b)
			}
			r.once(s, all(20)...)
		})
	}
}

// A deferred reader who leaves is not tried again; one who leaves and takes it back is.
func TestLeavingWhileDeferred(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(9)
	gone, back := addressOf(2), addressOf(3)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(gone, 1, smtptest.Reply("450 4.2.1 later"))),
		smtptest.On(smtptest.RcptTo, forFirst(back, 1, smtptest.Reply("450 4.2.1 later"))))
	r.launch()
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = Backoff }))
	r.until("both are deferred", func() bool { b := r.balance(); return b.Deferred == 2 && b.Accepted == 7 })
	r.leave(gone, false)
	r.leave(back, false)
	if _, err := r.subs.Undo(t.Context(), subscribers.LeaveRequest{Subscriber: r.subscriber(back), List: testList,
		Campaign: testCampaign, Method: subscribers.MethodOneClick}); err != nil {
		t.Fatal(err)
	}
	r.exec(`UPDATE retries SET due = now()`)
	if b := r.state(StateDone); b.Accepted != 8 || b.Suppressed != 1 {
		t.Errorf("balance: %+v", b)
	}
	run.stop()
	r.once(s, all(9, gone)...)
	r.agrees()
}
