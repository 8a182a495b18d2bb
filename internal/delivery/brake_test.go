package delivery

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"mailer/internal/logtest"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// refuser is a relay's rule: of the readers at a provider every nth is refused; after so many of them it answers nobody there until
// it is opened, so that a look at the brake has its time.
type refuser struct {
	provider string // "" for all
	nth      int64
	reply    string // %s is the address
	hold     int64
	seen     atomic.Int64
	off      atomic.Bool
	gate     *smtptest.Gate
}

func (f *refuser) option() smtptest.Option {
	return smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		_, rest, _ := strings.Cut(e.Line, "<")
		to, _, _ := strings.Cut(rest, ">")
		if f.off.Load() || f.provider != "" && !strings.HasSuffix(to, "@"+f.provider+".example") {
			return smtptest.Go()
		}
		n := f.seen.Add(1)
		if f.hold > 0 && n > f.hold {
			f.gate.Hook(smtptest.Go())(e)
		}
		if n%f.nth == 0 && !f.off.Load() {
			reply := f.reply
			if strings.Contains(reply, "%s") {
				reply = fmt.Sprintf(reply, to)
			}
			return smtptest.Reply(reply)
		}
		return smtptest.Go()
	})
}

// The brake: more than 5 % dead mailboxes or 10 % blocks, at one provider or over all, after 200 answers, pause the send. It says
// why with the figures and a reply, and is in the audit log once.
func TestBrake(t *testing.T) {
	t.Parallel()
	for id, tc := range map[string]struct {
		readers    int
		refuse     *refuser
		class      string
		suppresses bool
		reason     []string
	}{
		"SND-10 5.7.1": {900, &refuser{provider: "google", nth: 8, reply: "550 5.7.1 message refused by policy", hold: 240}, "block", false,
			[]string{"answered for google", "refused for policy, content or reputation; the limit is 10 %", "550 message refused by policy"}},
		"SND-10 5.7.26": {900, &refuser{provider: "google", nth: 8, reply: "550 5.7.26 unauthenticated sender", hold: 240}, "block", false,
			[]string{"google", "550 unauthenticated sender"}},
		"SND-10 5.7.515": {900, &refuser{provider: "microsoft", nth: 8, reply: "550 5.7.515 Access denied, sending domain does not meet the required level", hold: 240}, "block", false,
			[]string{"microsoft", "Access denied"}},
		"SND-10 S3150": {900, &refuser{provider: "microsoft", nth: 8, reply: "550 5.7.1 Unfortunately, messages from your host weren't sent: part of their network is on our block list (S3150)", hold: 240}, "block", false,
			[]string{"microsoft", "S3150"}},
		"SND-10 BLxx": {900, &refuser{provider: "other", nth: 8, reply: "553 5.7.1 [BL21] Connections will not be accepted", hold: 240}, "block", false,
			[]string{"other", "[BL21]"}},
		"hard": {900, &refuser{provider: "google", nth: 15, reply: "550 5.1.1 <%s>: no such user", hold: 260}, "hard", true,
			[]string{"answered for google", "refused for dead mailboxes; the limit is 5 %", "<r•••@google.example>"}},
		"over all providers": {480, &refuser{nth: 10, reply: "550 5.1.1 no such user", hold: 260}, "hard", true,
			[]string{"answered for all providers together"}},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(tc.readers)
			tc.refuse.gate = smtptest.NewGate()
			t.Cleanup(tc.refuse.gate.Open)
			s := smtptest.Start(t, tc.refuse.option())
			r.launch()
			log := &logtest.Buffer{}
			r.sender(r.relay(s), loud(log))
			r.sender(r.relay(s), loud(log)) // shared over nodes, by counting in the database
			b := r.state(StatePaused)
			tc.refuse.gate.Open()
			for _, want := range append(tc.reason, "The brake: of ", " %) ") {
				if !strings.Contains(b.Reason, want) {
					t.Errorf("the reason lacks %q: %s", want, b.Reason)
				}
			}
			if strings.Contains(b.Reason, "reader") {
				t.Errorf("the reason names a reader: %s", b.Reason)
			}
			r.until("the alert is in the log", func() bool {
				return strings.Count(log.String(), "level=ERROR msg=\"the send is paused\" campaign=7 reason=\"The brake: of ") == 1
			})
			r.until("everything is given back", func() bool { return r.count(`SELECT count(*) FROM chunks WHERE owner IS NOT NULL`) == 0 })
			b = r.balance()
			if b.Failed == 0 || b.Open() == 0 {
				t.Errorf("balance: %+v", b)
			}
			if n := r.count(`SELECT count(*) FROM outcomes WHERE kind = 'failed' AND class <> $1`, tc.class); n != 0 {
				t.Errorf("%d refusals of another class", n)
			}
			if n := r.count(`SELECT count(*) FROM suppressions`); tc.suppresses != (n > 0) {
				t.Errorf("%d readers are suppressed", n)
			}
			if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'campaign.brake' AND detail->>'reason' = $1`, b.Reason); n != 1 {
				t.Errorf("%d entries in the audit log", n)
			}
			waits, err := r.store.Waiting(t.Context(), testCampaign)
			if err != nil || len(waits) != 1 || !strings.HasPrefix(waits[0].Text, "It is paused: The brake: of ") {
				t.Errorf("it waits for %+v, %v", waits, err)
			}
			r.agrees()
		})
	}
}

// A person who resumes is not braked by the refusals that were there: only what is refused from then on counts. And again
// too many, it pauses again.
func TestBrakeAfterResume(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(2400)
	f := &refuser{provider: "google", nth: 8, reply: "550 5.7.1 message refused by policy", hold: 240, gate: smtptest.NewGate()}
	again := &refuser{provider: "google", nth: 2, reply: f.reply, hold: 200, gate: smtptest.NewGate()}
	again.off.Store(true)
	t.Cleanup(f.gate.Open)
	t.Cleanup(again.gate.Open)
	s := smtptest.Start(t, f.option(), again.option())
	r.launch()
	r.sender(r.relay(s))
	first := r.state(StatePaused)
	f.off.Store(true)
	f.gate.Open()
	r.until("everything is given back", func() bool { return r.count(`SELECT count(*) FROM chunks WHERE owner IS NOT NULL`) == 0 })
	if reason, err := r.store.checkBrake(t.Context(), testCampaign); reason != "" || err != nil {
		t.Errorf("a paused send was braked: %s, %v", reason, err)
	}
	if err := r.store.Resume(t.Context(), testCampaign); err != nil {
		t.Fatal(err)
	}
	if reason, err := r.store.checkBrake(t.Context(), testCampaign); reason != "" || err != nil {
		t.Fatalf("braked by old refusals: %s, %v", reason, err)
	}
	if err := s.Wait(t.Context(), 900); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Pause(t.Context(), testCampaign, "for a moment"); err != nil { // or it is over before it begins to refuse again
		t.Fatal(err)
	}
	again.off.Store(false)
	for range 2 { // a double click changes nothing
		if err := r.store.Resume(t.Context(), testCampaign); err != nil {
			t.Fatal(err)
		}
	}
	second := r.state(StatePaused)
	if second.Reason == first.Reason || !strings.HasPrefix(second.Reason, "The brake") {
		t.Errorf("first %s\nthen %s", first.Reason, second.Reason)
	}
	again.off.Store(true)
	again.gate.Open()
	if err := r.store.Resume(t.Context(), testCampaign); err != nil {
		t.Fatal(err)
	}
	if b := r.state(StateDone); b.Failed+b.Accepted != 2400 {
		t.Errorf("balance: %+v", b)
	}
	r.agrees()
}

// What a well-kept list has does not brake.
func TestNoBrake(t *testing.T) {
	t.Parallel()
	for id, tc := range map[string]struct {
		readers int
		refuse  *refuser
	}{
		"2.5 % dead":          {900, &refuser{nth: 40, reply: "550 5.1.1 no such user"}},
		"5 % blocked":         {900, &refuser{nth: 20, reply: "550 5.7.1 refused by policy"}},
		"few answers":         {180, &refuser{nth: 3, reply: "550 5.1.1 no such user"}},
		"put off, not failed": {300, &refuser{nth: 2, reply: "450 4.7.1 come back later"}},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(tc.readers)
			s := smtptest.Start(t, tc.refuse.option())
			r.launch()
			r.sender(r.relay(s))
			r.state(StateDone)
			if reason, err := r.store.checkBrake(t.Context(), testCampaign); reason != "" || err != nil {
				t.Errorf("braked: %s, %v", reason, err)
			}
			if counts, err := r.store.brakeCounts(t.Context(), testCampaign); err != nil || tooMuch(counts, brakeLeast) != nil {
				t.Errorf("too much: %+v, %v", counts, err)
			}
		})
	}
}

// The counts of the brake are those of the rows, whatever chunks are open or closed.
func TestBrakeCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(900)
	f := &refuser{nth: 30, reply: "550 5.1.1 no such user"}
	s := smtptest.Start(t, f.option())
	r.launch()
	run := r.sender(r.relay(s))
	if err := s.Wait(t.Context(), 400); err != nil {
		t.Fatal(err)
	}
	run.stop()
	counts, err := r.store.brakeCounts(t.Context(), testCampaign)
	if err != nil || len(counts) == 0 {
		t.Fatalf("%+v, %v", counts, err)
	}
	for _, c := range counts {
		answered := r.count(`SELECT count(*) FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE o.kind IN ('accepted', 'failed')
			AND d.recipient LIKE '%@' || $1 || '.example'`, c.Provider)
		hard := r.count(`SELECT count(*) FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE o.class = 'hard'
			AND d.recipient LIKE '%@' || $1 || '.example'`, c.Provider)
		if c.Answered != answered || c.Hard != hard || c.Blocked+c.Unbuilt != 0 {
			t.Errorf("%+v; the rows say %d answered, %d hard", c, answered, hard)
		}
	}
}

// SND-40: one reader whose message cannot be built fails alone and is visible; above 1 % of them the send pauses and says so.
func TestUnbuilt(t *testing.T) {
	t.Parallel()
	// An address that cannot stand in a header: imports refuse it, but what is frozen may be of any age.
	spoil := func(r *rig, which string) {
		r.Helper()
		r.exec(`UPDATE subscribers SET wire = E'broken\n' || wire WHERE ` + which)
	}
	t.Run("SND-40 one", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(600)
		spoil(r, `wire = 'reader5@other.example'`)
		s := smtptest.Start(t)
		r.launch()
		r.sender(r.relay(s))
		if b := r.state(StateDone); b.Accepted != 599 || b.Failed != 1 {
			t.Errorf("balance: %+v", b)
		}
		failed, err := r.store.Outcomes(t.Context(), testCampaign, Filter{State: "failed"})
		if err != nil || len(failed) != 1 || failed[0].Class != "render" || failed[0].Reply == "" {
			t.Errorf("failed: %+v, %v", failed, err)
		}
		r.once(s, all(600, addressOf(5))...)
	})
	t.Run("SND-40 more than 1 %", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(1200)
		spoil(r, `id % 20 = 0`)
		gate := smtptest.NewGate()
		t.Cleanup(gate.Open)
		var sent atomic.Int64
		s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
			if sent.Add(1) > 500 {
				return gate.Hook(smtptest.Go())(e)
			}
			return smtptest.Go()
		}))
		r.launch()
		log := &logtest.Buffer{}
		r.sender(r.relay(s), loud(log))
		b := r.state(StatePaused)
		gate.Open()
		if !strings.Contains(b.Reason, "could not be built; the limit is 1 %") {
			t.Errorf("reason: %s", b.Reason)
		}
		r.until("it is in the log", func() bool { return strings.Contains(log.String(), "level=ERROR msg=\"the send is paused\"") })
	})
}

// The limits, to the reader.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	for id, tc := range map[string]struct {
		count brakeCount
		least int64
		class string
	}{
		"too few":             {brakeCount{Answered: 199, Hard: 199}, brakeLeast, ""},
		"5 % dead":            {brakeCount{Answered: 200, Hard: 10}, brakeLeast, ""},
		"more than 5 % dead":  {brakeCount{Answered: 200, Hard: 11}, brakeLeast, relay.ClassHard},
		"10 % blocked":        {brakeCount{Answered: 300, Blocked: 30}, brakeLeast, ""},
		"more than 10 %":      {brakeCount{Answered: 300, Blocked: 31}, brakeLeast, relay.ClassBlock},
		"1 % unbuilt":         {brakeCount{Answered: 400, Unbuilt: 4}, brakeLeast, ""},
		"more than 1 %":       {brakeCount{Answered: 400, Unbuilt: 5}, brakeLeast, classRender},
		"a small slice, two":  {brakeCount{Answered: 10, Hard: 2}, 10, ""},
		"a small slice, many": {brakeCount{Answered: 10, Hard: 3}, 10, relay.ClassHard},
		"nothing":             {brakeCount{}, 0, ""},
	} {
		t.Run(id, func(t *testing.T) {
			got := tooMuch([]brakeCount{tc.count}, tc.least)
			if (got == nil) != (tc.class == "") || got != nil && got.class != tc.class {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What a relay repeats of an address is masked, and nothing else.
func TestMaskReply(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<bob=example.com@forwarder.example> is unknown": "<b•••@forwarder.example> is unknown",
		"o'brien@example.org said no":                    "o•••@example.org said no",
		"":                                               "",
		"no such user":                                   "no such user",
		"<ada@example.org>: no account":                  "<a•••@example.org>: no account",
		"ada@example.org, bob@example.com; see https://example.net/x": "a•••@example.org, b•••@example.com; see https://example.net/x",
		"at 10:00 @ noon":         "at 10:00 •••@ noon",
		"mailbox=ada@example.org": "m•••@example.org",
	} {
		if got := MaskReply(text); got != want {
			t.Errorf("MaskReply(%q) = %q; want %q", text, got, want)
		}
	}
}
