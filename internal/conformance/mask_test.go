package conformance

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/logtest"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// Relays like to repeat the address they speak of. It stands in full in the database, for whoever may read it there, and nowhere in
// the log, nor in the reason of a pause.
func TestAddressesAreMaskedInLogs(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]string{
		"refused":  "550 5.1.1 <%[1]s>: Recipient address rejected: %[1]s is unknown",
		"deferred": "450 4.2.1 <%[1]s>: busy",
		"busy":     "421 4.3.2 <%[1]s>: too many connections",
		"slowed":   "450 4.7.1 <%[1]s>: rate limited, server busy, temporarily deferred due to unusual rate",
		"garbage":  "what is %[1]s?",
		"sender":   "550 5.1.8 <%[1]s>: your sender domain does not exist",
		"login":    "530 5.7.0 <%[1]s>: log in first",
	} {
		for at, stage := range map[string]smtptest.Stage{"RCPT": smtptest.RcptTo, "dot": smtptest.Dot} {
			t.Run(name+" at "+at, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				all := r.readers(12)
				r.exec(`UPDATE subscribers SET provider = 'google' WHERE wire = $1`, all[4]) // a lane that is slowed by a word
				hit := false
				s := smtptest.Start(t, smtptest.Lenient(), smtptest.On(stage, func(e smtptest.Event) smtptest.Action {
					if e.To == all[4] && !hit { // one connection: no race
						hit = true
						return smtptest.Reply(fmt.Sprintf(reply, e.To))
					}
					return smtptest.Go()
				}))
				r.launch(story)
				log := &logtest.Buffer{}
				stop := r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) {
					c.Connections, c.Log = 1, slog.New(slog.NewTextHandler(log, nil))
				})
				var b delivery.Balance
				r.until("it has ended or paused", func() bool {
					b = r.balance()
					return b.State != delivery.StateRunning || strings.Contains(log.String(), "is slowed")
				})
				stop()
				if n := r.count(`SELECT count(*) FROM relay_states WHERE said LIKE '%reader%'`) + r.count(`SELECT count(*) FROM lanes WHERE said LIKE '%reader%'`); n != 0 {
					t.Error("what is shown of the relay names a reader")
				}
				if !strings.Contains(log.String(), "msg=attempt") {
					t.Error("attempts are not logged")
				}
				for line := range strings.Lines(log.String() + b.Reason) {
					for _, who := range all {
						if strings.Contains(line, who) {
							t.Errorf("%s stands in %s", who, line)
						}
					}
				}
			})
		}
	}
}
