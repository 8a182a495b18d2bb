package delivery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

// SND-27: under the policy hold a kill costs nobody a second copy, and every reader who may have been lost stands in the list of
// those in doubt, no more of them than there were connections.
func TestHoldThroughKills(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers, kills, connections = 900, 4, 4
	r.readers(readers)
	s := smtptest.Start(t)
	r.launch(func(l *Launch) { l.DoubtPolicy = PolicyHold })
	for kill := 1; kill <= kills; kill++ {
		run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections, c.Lease = connections, 300*time.Millisecond }))
		if err := s.Wait(t.Context(), kill*readers/(kills+2)); err != nil {
			t.Fatal(err)
		}
		run.kill()
	}
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Lease = 300 * time.Millisecond }))
	b := r.state(StateDone)
	got := copies(s)
	unknown := map[string]bool{}
	doubts, err := r.store.Doubts(t.Context(), testCampaign, true, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range doubts {
		unknown[d.Address] = true
	}
	if n := int64(len(unknown)); n != b.Unknown || n > kills*connections || b.Accepted+b.Unknown != readers {
		t.Errorf("SND-27: %d in doubt after %d kills of %d connections; balance: %+v", n, kills, connections, b)
	}
	for _, to := range all(readers) {
		switch n := got[to]; {
		case n > 1:
			t.Errorf("SND-27: %s got %d copies", to, n)
		case n == 0 && !unknown[to]:
			t.Errorf("SND-27: %s got none and is not listed", to)
		}
	}
	r.agrees()
}

// held sends to 30 readers, of whom three are in doubt; the first of the three has the mail.
func held(t *testing.T) (*rig, *smtptest.Relay, []string) {
	t.Helper()
	r := newRig(t)
	r.readers(30)
	victims := []string{addressOf(3), addressOf(9), addressOf(20)}
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, forFirst(victims[0], 1, smtptest.Drop())),
		smtptest.On(smtptest.Dot, forFirst(victims[1], 1, smtptest.Drop())), smtptest.On(smtptest.Dot, forFirst(victims[2], 1, smtptest.Drop())))
	r.launch(func(l *Launch) { l.DoubtPolicy = PolicyHold })
	r.sender(r.relay(s))
	if b := r.state(StateDone); b.Unknown != 3 || b.Accepted != 27 {
		t.Fatalf("balance: %+v", b)
	}
	return r, s, victims
}

func seqsOf(doubts []Doubt, addresses ...string) (seqs []int64) {
	for _, d := range doubts {
		if slices.Contains(addresses, d.Address) {
			seqs = append(seqs, d.Seq)
		}
	}
	return seqs
}

// A person decides about readers in doubt: who is sent to once more gets the same octets, who is left as is counts as unknown;
// each is on record with the name of the person, and the balance adds up throughout.
func TestDecideDoubts(t *testing.T) {
	t.Parallel()
	r, s, victims := held(t)
	ctx := t.Context()
	doubts, err := r.store.Doubts(ctx, testCampaign, true, 0, 0)
	if err != nil || len(doubts) != 3 || doubts[0].Attempts != 1 || doubts[0].At.IsZero() || doubts[0].Decision != "" {
		t.Fatalf("%+v, %v", doubts, err)
	}
	waits, err := r.store.Waiting(ctx, testCampaign)
	if err != nil || len(waits) != 1 || waits[0].For != "person" || !strings.Contains(waits[0].Text, "3 readers are in doubt") {
		t.Errorf("it waits for %+v, %v", waits, err)
	}
	if n, err := r.store.DecideDoubts(ctx, testCampaign, seqsOf(doubts, victims[2]), DecideAccept, "ed"); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := r.store.DecideDoubts(ctx, testCampaign, seqsOf(doubts, victims[2]), DecideResend, "ed"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("decided twice: %v", err)
	}
	if n, err := r.store.DecideDoubts(ctx, testCampaign, nil, DecideResend, "ada"); n != 2 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	r.adds(r.balance())
	if b := r.state(StateDone); b.Accepted != 29 || b.Unknown != 1 {
		t.Errorf("balance: %+v", b)
	}
	r.agrees()
	got := copies(s)
	if got[victims[0]] != 2 || got[victims[1]] != 1 || got[victims[2]] != 0 {
		t.Errorf("copies: %v", got)
	}
	var sums []string
	for _, e := range s.Ledger() {
		if e.To == victims[0] {
			sums = append(sums, e.Sum)
		}
	}
	if len(sums) != 2 || sums[0] != sums[1] {
		t.Errorf("MSG-05: the copies differ: %v", sums)
	}
	if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'campaign.doubts' AND actor IN ('ed', 'ada')`); n != 2 {
		t.Errorf("%d entries in the audit log", n)
	}
	if left, err := r.store.Doubts(ctx, testCampaign, true, 0, 0); len(left) != 0 || err != nil {
		t.Errorf("undecided: %+v, %v", left, err)
	}
	if left, err := r.store.Doubts(ctx, testCampaign, false, 0, 0); err != nil || len(left) != 1 || left[0].Decision != DecideAccept || left[0].DecidedBy != "ed" || left[0].DecidedAt == nil {
		t.Errorf("decided: %+v, %v", left, err)
	}
}

// In doubt again, a reader is unknown again and waits for another decision; a send whose time was over goes on for it; whoever
// left meanwhile gets nothing; of a cancelled send nothing is sent.
func TestDecideDoubtsEdges(t *testing.T) {
	t.Parallel()
	t.Run("in doubt again, time over, left", func(t *testing.T) {
		t.Parallel()
		r, s, victims := held(t)
		r.exec(`UPDATE sends SET expires_at = now() - interval '1 hour'`)
		r.leave(victims[1], false)
		before := s.Len()
		if n, err := r.store.DecideDoubts(t.Context(), testCampaign, nil, DecideResend, "ed"); n != 3 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if b := r.state(StateDone); b.Accepted != 29 || b.Suppressed != 1 || b.Unknown != 0 {
			t.Errorf("balance: %+v", b)
		}
		if s.Len()-before != 2 || copies(s)[victims[1]] != 0 {
			t.Errorf("%d messages, %d to whoever had left", s.Len()-before, copies(s)[victims[1]])
		}
		r.agrees()
	})
	t.Run("left, and that was pruned", func(t *testing.T) {
		t.Parallel()
		r, s, victims := held(t)
		r.leave(victims[1], false)
		if n, err := r.subs.PruneLeaves(t.Context(), time.Now().Add(time.Hour)); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := r.store.DecideDoubts(t.Context(), testCampaign, nil, DecideResend, "ed"); n != 3 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if b := r.state(StateDone); b.Accepted != 29 || b.Suppressed != 1 || copies(s)[victims[1]] != 0 {
			t.Errorf("%d copies to whoever had left; balance: %+v", copies(s)[victims[1]], b)
		}
		r.agrees()
	})
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(10)
		victim := addressOf(4)
		s := smtptest.Start(t, smtptest.On(smtptest.Dot, forFirst(victim, 2, smtptest.Drop())))
		r.launch(func(l *Launch) { l.DoubtPolicy = PolicyHold })
		r.sender(r.relay(s))
		for attempt := 1; attempt <= 2; attempt++ {
			r.until("the reader is unknown", func() bool { b := r.balance(); return b.State == StateDone && b.Unknown == 1 })
			doubts, err := r.store.Doubts(t.Context(), testCampaign, true, 0, 0)
			if err != nil || len(doubts) != 1 || doubts[0].Attempts != attempt {
				t.Fatalf("%+v, %v", doubts, err)
			}
			if _, err := r.store.DecideDoubts(t.Context(), testCampaign, nil, DecideResend, "ed"); err != nil {
				t.Fatal(err)
			}
		}
		if b := r.state(StateDone); b.Accepted != 10 || copies(s)[victim] != 1 {
			t.Errorf("balance: %+v", b)
		}
		r.agrees()
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(10)
		gate := smtptest.NewGate()
		t.Cleanup(gate.Open)
		s := smtptest.Start(t, smtptest.On(smtptest.Recorded, forFirst(addressOf(1), 1, smtptest.Drop())), smtptest.On(smtptest.RcptTo, forFirst(addressOf(2), 99, smtptest.Reply("450 4.2.1 later"))))
		r.launch(func(l *Launch) { l.DoubtPolicy = PolicyHold })
		r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return time.Hour } }))
		r.until("one is unknown", func() bool { b := r.balance(); return b.Unknown == 1 && b.Accepted == 8 })
		if err := r.store.Cancel(t.Context(), testCampaign, "enough"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.store.DecideDoubts(t.Context(), testCampaign, nil, DecideResend, "ed"); errs.KindOf(err) != errs.Conflict || !strings.Contains(err.Error(), "cancelled") {
			t.Errorf("resent of a cancelled send: %v", err)
		}
		if n, err := r.store.DecideDoubts(t.Context(), testCampaign, nil, DecideAccept, "ed"); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	r := newRig(t)
	if _, err := r.store.DecideDoubts(t.Context(), 99, nil, DecideAccept, "ed"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("of a campaign never launched: %v", err)
	}
	if _, err := r.store.DecideDoubts(t.Context(), 99, nil, "forget", "ed"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an unknown decision: %v", err)
	}
}
