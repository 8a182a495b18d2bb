package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/postfixtest"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// A relay that has refused a message at the dot and holds its transaction for open all the same answers 503 to the next MAIL, which was
// sent ahead with that dot or comes without RSET. The refusal is one reader's; the next one gets their mail, and nothing is paused.
// SND-09, SND-10
func TestTransactionStaysOpen(t *testing.T) {
	t.Parallel()
	const n = 120
	refused := []string{"reader20@example.net", "reader21@example.net", "reader55@example.net"}
	check := func(r *rig, queued map[string]int) {
		r.Helper()
		if b := r.state(delivery.StateDone); b.Accepted != n-3 || b.Failed != 3 || b.Reason != "" {
			r.Errorf("balance: %+v", b)
		}
		for _, who := range refused {
			if got := strings.Join(r.outcomes(who), " "); got != "failed/block" {
				r.Errorf("%s: %s", who, got)
			}
		}
		if n := r.count(`SELECT count(*) FROM outcomes WHERE kind <> 'accepted' AND class <> 'block'`); n != 0 {
			r.Errorf("%d others were blamed", n)
		}
		for i := range n {
			who := fmt.Sprintf("reader%d@example.net", i+1)
			if got := queued[who]; got != 1 && !strings.Contains(strings.Join(refused, " "), who) || got > 1 {
				r.Errorf("%s: %d copies", who, got)
			}
		}
	}
	for name, ext := range map[string]smtptest.Option{"pipelined": smtptest.Extensions("PIPELINING"), "one by one": smtptest.Extensions()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(n)
			var mu sync.Mutex
			open := map[int]bool{} // by connection
			note := func(is bool) smtptest.Hook {
				return func(e smtptest.Event) smtptest.Action {
					mu.Lock()
					defer mu.Unlock()
					open[e.Conn] = is
					return smtptest.Go()
				}
			}
			opts := []smtptest.Option{ext, smtptest.On(smtptest.Rset, note(false)), smtptest.On(smtptest.Greeting, note(false)),
				smtptest.On(smtptest.MailFrom, func(e smtptest.Event) smtptest.Action {
					mu.Lock()
					defer mu.Unlock()
					if open[e.Conn] {
						return smtptest.Reply("503 5.5.1 Error: nested MAIL command")
					}
					return smtptest.Go()
				}),
				// Going on with the transaction before it: nothing may come of that.
				smtptest.On(smtptest.Data, func(e smtptest.Event) smtptest.Action {
					mu.Lock()
					defer mu.Unlock()
					if open[e.Conn] {
						return smtptest.Reply("354 go on")
					}
					return smtptest.Go()
				})}
			for _, who := range refused {
				opts = append(opts, smtptest.On(smtptest.Dot, func(e smtptest.Event) smtptest.Action {
					if e.To == who {
						note(true)(e)
						return smtptest.Reply("550 5.7.1 not this one")
					}
					return smtptest.Go()
				}))
			}
			s := smtptest.Start(t, opts...)
			r.launch(story)
			r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 2 })
			r.state(delivery.StateDone)
			got := map[string]int{}
			for _, e := range s.Ledger() {
				got[e.To]++
			}
			check(r, got)
		})
	}
	t.Run("postfix", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(n)
		table := filepath.Join(t.TempDir(), "table")
		if err := os.WriteFile(table, []byte(strings.Join(refused, " 550 5.7.1 not this one\n")+" 550 5.7.1 not this one\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		s := postfixtest.Start(t, postfixtest.Config("smtpd_end_of_data_restrictions", "check_recipient_access texthash:"+table))
		r.launch(story)
		r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 2 })
		r.state(delivery.StateDone)
		got := map[string]int{}
		for who, mails := range r.queued(s) {
			got[who] = len(mails)
		}
		check(r, got)
	})
}
