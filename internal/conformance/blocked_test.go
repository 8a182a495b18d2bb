package conformance

import (
	"strings"
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// SND-10: a block that comes before any reader was named is about us alone. Nobody fails for it: the send is paused, says why, and
// goes on when somebody resumes it. The same reply to RCPT fails that one reader, as a block, and suppresses nobody.
func TestBlockedAtMail(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"SND-10 S3150":   "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Part of their network is on our block list (S3150).",
		"SND-10 BLxx":    "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list",
		"SND-10 5.7.26":  "550 5.7.26 This mail has been blocked because the sender is unauthenticated",
		"SND-10 5.7.515": "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(60)
			s := smtptest.Start(t, smtptest.On(smtptest.MailFrom, smtptest.First(1, smtptest.Reply(says))),
				smtptest.On(smtptest.RcptTo, smtptest.For("reader33@example.net", smtptest.Reply(says))))
			r.launch(story)
			r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 1 })
			b := r.state(delivery.StatePaused)
			if b.Accepted+b.Failed+b.Suppressed+b.Expired+b.Unknown != 0 || !strings.Contains(b.Reason, "refuses mail from us") {
				t.Errorf("balance: %+v", b)
			}
			if err := r.store.Resume(t.Context(), campaign); err != nil {
				t.Fatal(err)
			}
			if b := r.state(delivery.StateDone); b.Accepted != 59 || b.Failed != 1 {
				t.Errorf("balance: %+v", b)
			}
			// Whoever happened to be the first of the send was put off once by the refusal of MAIL.
			if got := strings.TrimPrefix(strings.Join(r.outcomes("reader33@example.net"), " "), "deferred/block "); got != "failed/block" {
				t.Errorf("refused at RCPT: %s", got)
			}
			if n := r.count(`SELECT count(*) FROM suppressions`); n != 0 {
				t.Errorf("%d suppressed", n)
			}
		})
	}
}
