package delivery

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"mailer/internal/outbox"
	"mailer/internal/smtptest"
)

func (r *rig) enqueue(key, to string) {
	r.Helper()
	data := fmt.Sprintf("From: news@example.org\r\nTo: %s\r\nSubject: Please confirm\r\nMessage-ID: <%s@mail.example.org>\r\n\r\nConfirm.\r\n", to, key)
	if err := outbox.Enqueue(r.Context(), r.db, outbox.Mail{DedupeKey: key, Kind: "confirm", EnvelopeFrom: "bounce@example.org", Recipient: to, Data: []byte(data)}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) mailState(key string) string {
	r.Helper()
	var state string
	if err := r.db.GetContext(r.Context(), &state, `SELECT state FROM outbox WHERE dedupe_key = $1`, key); err != nil {
		r.Fatal(err)
	}
	return state
}

// Single mails go out by the same relay, once each by two senders; a temporary refusal and trouble of the relay are
// tried again, a permanent refusal is a failure.
func TestOutboxDrain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := smtptest.Start(t, smtptest.On(smtptest.Greeting, smtptest.First(1, smtptest.Reply("421 4.3.2 busy").ThenDrop())),
		smtptest.On(smtptest.RcptTo, forFirst("later@example.net", 2, smtptest.Reply("450 4.2.1 later"))),
		smtptest.On(smtptest.RcptTo, forFirst("never@example.net", 100, smtptest.Reply("550 5.1.1 nobody"))),
		smtptest.On(smtptest.Recorded, forFirst("doubt@example.net", 1, smtptest.Drop())))
	for n := range 30 {
		r.enqueue(fmt.Sprint("plain-", n), fmt.Sprintf("plain%d@example.net", n))
	}
	for _, who := range []string{"later", "never", "doubt"} {
		r.enqueue(who, who+"@example.net")
	}
	r.sender(r.relay(s))
	r.sender(r.relay(s))
	r.until("all mails have ended", func() bool { return r.count(`SELECT count(*) FROM outbox WHERE state = 'queued'`) == 0 })
	if got := r.mailState("never"); got != "failed" {
		t.Errorf("the refused mail is %s", got)
	}
	if n := r.count(`SELECT count(*) FROM outbox WHERE state = 'accepted'`); n != 32 {
		t.Errorf("%d mails accepted, want 32", n)
	}
	got := copies(s)
	if got["later@example.net"] != 1 || got["never@example.net"] != 0 || got["doubt@example.net"] != 2 {
		t.Errorf("copies: %v", got)
	}
	for n := range 30 {
		if c := got[fmt.Sprintf("plain%d@example.net", n)]; c != 1 {
			t.Errorf("plain%d got %d copies", n, c)
		}
	}
	if n := r.count(`SELECT count(*) FROM outbox WHERE length(data) > 0`); n != 0 {
		t.Errorf("%d ended mails kept their message", n)
	}
}

// A mail that is withdrawn between claim and sending gives back what it took of the limits, or a rate would run dry for good.
func TestWithdrawnMailGivesBackItsLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("confirm:1:1:a", "gone@example.net")
	relay := smtptest.Start(t)
	s := NewSender(SenderConfig{Store: r.store, Relays: []RelayLine{{Relay: r.relay(relay), Rate: 5, DailyCap: 20}}, Log: slog.New(slog.DiscardHandler)})
	mails, err := outbox.Claim(r.Context(), r.db, 1, time.Minute)
	if err != nil || len(mails) != 1 {
		t.Fatal(mails, err)
	}
	if err := outbox.Withdraw(r.Context(), r.db, "confirm:1:"); err != nil {
		t.Fatal(err)
	}
	line := s.relays.lines[0]
	line.rate.take() // in vain, and so asked for
	s.budgets.renew(r.Context())
	s.sendBatch(r.Context(), r.Context(), line, 0, mails)
	if relay.Len() != 0 || line.rate.out != 0 || line.cap.left != 1 {
		t.Errorf("%d copies; %d tokens of the rate are out, %d left of the slice of the day", relay.Len(), line.rate.out, line.cap.left)
	}
}
