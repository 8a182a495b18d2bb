package conformance

import (
	"strings"
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/links"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// SND-04: a message that cannot be built or signed is never begun: the relay hears neither RCPT nor DATA of it, and takes nothing.
func TestUnbuilt(t *testing.T) {
	t.Parallel()
	t.Run("SND-04 one reader's cannot be built", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		all := r.readers(20)
		s := smtptest.Start(t)
		r.exec(`UPDATE subscribers SET wire = 'no address' WHERE wire = $1`, all[6])
		r.launch(story)
		stop := r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 1 })
		if b := r.state(delivery.StateDone); b.Accepted != 19 || b.Failed != 1 {
			t.Errorf("balance: %+v", b)
		}
		stop()
		if got := strings.Join(r.outcomes("no address"), " "); got != "failed/render" {
			t.Errorf("outcomes: %s", got)
		}
		said := map[string]int{}
		for _, c := range s.Commands() {
			verb, _, _ := strings.Cut(c, " ")
			said[verb]++
		}
		if s.Len() != 19 || said["MAIL"] != 19 || said["RCPT"] != 19 || said["DATA"] != 19 || s.Connections() != 1 {
			t.Errorf("%d messages over %d connections, said %v", s.Len(), s.Connections(), said)
		}
	})
	t.Run("SND-04 nobody's can be signed", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(20)
		s := smtptest.Start(t)
		r.launch(story)
		other, err := links.NewRing("another secret that made none of these links", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.store = delivery.NewStore(r.db, other, subscribers.NewStore(r.db, other))
		stop := r.sender(relay.Config{URL: s.URL()})
		b := r.state(delivery.StatePaused)
		stop()
		r.untouched(r.balance())
		for _, c := range s.Commands() {
			if verb, _, _ := strings.Cut(c, " "); verb == "MAIL" || verb == "RCPT" || verb == "DATA" {
				t.Errorf("the relay was told %q", c)
			}
		}
		if s.Len() != 0 || b.Reason == "" {
			t.Errorf("%d messages, reason %q", s.Len(), b.Reason)
		}
	})
}

// MSG-25: a message beyond the SIZE that the relay announces pauses the send before anybody is touched, and says why; a relay that takes
// it then gets every one of them.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(40)
	s := smtptest.Start(t, smtptest.Extensions("PIPELINING", "SIZE 4000"))
	r.launch(story)
	stop := r.sender(relay.Config{URL: s.URL()})
	b := r.state(delivery.StatePaused)
	stop()
	r.untouched(r.balance())
	if !strings.Contains(b.Reason, "size") || !strings.Contains(b.Reason, "4000") {
		t.Errorf("the reason is %q", b.Reason)
	}
	for _, c := range s.Commands() {
		if strings.HasPrefix(c, "MAIL") {
			t.Errorf("the relay was told %q", c)
		}
	}
	larger := smtptest.Start(t)
	if err := r.store.Resume(t.Context(), campaign); err != nil {
		t.Fatal(err)
	}
	r.sender(relay.Config{URL: larger.URL()})
	if b := r.state(delivery.StateDone); b.Accepted != 40 || larger.Len() != 40 {
		t.Errorf("%d messages, balance: %+v", larger.Len(), b)
	}
}
