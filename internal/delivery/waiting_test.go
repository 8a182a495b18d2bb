package delivery

import (
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

// waitsFor returns the sentence about one thing that a send waits for, "" when it does not.
func (r *rig) waitsFor(what string) string {
	r.Helper()
	waits, err := r.store.Waiting(r.Context(), testCampaign)
	if err != nil {
		r.Fatal(err)
	}
	for _, w := range waits {
		if w.For == what {
			return w.Text
		}
	}
	return ""
}

// A report says in sentences what a send waits for, from whatever process it is asked.
func TestWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(60)
	if _, err := r.store.Waiting(t.Context(), testCampaign); errs.KindOf(err) != errs.NotFound {
		t.Errorf("never launched: %v", err)
	}
	r.launch(func(l *Launch) { l.NotBefore = time.Now().Add(3 * time.Hour) })
	if got := r.waitsFor("sender"); got != "No sender is running; start one: mailer serve" {
		t.Errorf("without a sender: %q", got)
	}
	if got := r.waitsFor("time"); !strings.HasSuffix(got, "in 3 h 0 min") || !strings.HasPrefix(got, "It begins at ") {
		t.Errorf("before its time: %q", got)
	}
	r.exec(`UPDATE sends SET not_before = now()`)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if strings.Contains(e.Line, "@google.example") {
			return smtptest.Reply("450 4.2.1 <reader3@google.example> is busy")
		}
		return smtptest.Go()
	}))
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return 10 * time.Minute } }))
	r.until("google is put off", func() bool { b := r.balance(); return b.Deferred == 20 && b.Accepted == 40 })
	if got := r.waitsFor("sender") + r.waitsFor("time"); got != "" {
		t.Errorf("it waits for %q", got)
	}
	got := r.waitsFor("retries")
	if !strings.HasPrefix(got, "20 at google wait for another try: 450 <r•••@google.example> is busy; next try at ") || !strings.HasSuffix(got, "in 10 min") {
		t.Errorf("put off: %q", got)
	}
	r.exec(`INSERT INTO relay_states (relay, process, host, connections, state, retry_at, said, said_at) VALUES
		('main', $1, 'here', 0, 'resting', now() + interval '3 minutes 1 second', '421 try again later', now()),
		('second', $1, 'here', 0, 'capped', date_trunc('day', now() AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC', '', NULL)`, newUUID())
	r.exec(`INSERT INTO lanes (relay, provider, suspended, connections, per_minute, said, until) VALUES
		('main', 'google', false, 1, 1, '421 4.7.28 unusual rate of mail', now() + interval '30 minutes'), ('main', 'yahoo', true, 0, 0, '[TSS04]', now() - interval '1 minute')`)
	waits, err := r.store.Waiting(t.Context(), testCampaign)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, w := range waits {
		texts = append(texts, w.Text)
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{"The relay main says 421 try again later; next try in 3 min", "The daily cap of the relay second is reached; it goes on at ",
		"00:00 UTC", "Mail to google over main is slowed until ", "since it said: 421 4.7.28 unusual rate of mail"} {
		if !strings.Contains(all, want) {
			t.Errorf("it does not say %q:\n%s", want, all)
		}
	}
	if strings.Contains(all, "yahoo") {
		t.Errorf("it speaks of what is over:\n%s", all)
	}
	if err := r.store.Pause(t.Context(), testCampaign, "The brake: too much."); err != nil {
		t.Fatal(err)
	}
	if got := r.waitsFor("paused"); got != "It is paused: The brake: too much. To go on: mailer campaigns resume 7" {
		t.Errorf("paused: %q", got)
	}
	if err := r.store.Cancel(t.Context(), testCampaign, "enough"); err != nil {
		t.Fatal(err)
	}
	if waits, err := r.store.Waiting(t.Context(), testCampaign); len(waits) != 0 || err != nil {
		t.Errorf("over, it waits for %+v, %v", waits, err)
	}
}

func TestSpell(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 0: "0 s", 20 * time.Second: "20 s", 89 * time.Second: "89 s", 4 * time.Minute: "4 min",
		90 * time.Minute: "1 h 30 min", 47*time.Hour + 59*time.Minute: "47 h 59 min", 72 * time.Hour: "3 days"} {
		if got := spell(d); got != want {
			t.Errorf("spell(%s) = %q; want %q", d, got, want)
		}
	}
	now := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	if got := clock(now.Add(30*time.Minute), now) + ", " + clock(now.Add(time.Hour), now); got != "23:30 UTC, 2026-11-23 00:00 UTC" {
		t.Errorf("clock: %s", got)
	}
}
