package relay_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

func TestMain(m *testing.M) {
	if smtptest.IsSink() {
		return
	}
	goleak.VerifyTestMain(m)
}

var env = relay.Envelope{From: "b-abc@news.example.org", To: "reader@example.net"}

// message returns a small message of the kind that the message room builds.
func message(id string) []byte {
	return []byte("From: News <news@example.org>\r\nTo: reader@example.net\r\nMessage-ID: <" + id + "@news.example.org>\r\n" +
		"Subject: Today\r\n\r\n" + strings.Repeat("A quiet line of text, as there are many in a digest.\r\n", 300))
}

func yes(context.Context) bool { return true }
func no(context.Context) bool  { return false }

// quick are timeouts for relays that answer at once or never.
var quick = relay.Timeouts{Dial: 5 * time.Second, Hello: 5 * time.Second, Mail: 5 * time.Second, Rcpt: 5 * time.Second,
	Data: 5 * time.Second, Block: 5 * time.Second, Dot: 5 * time.Second, Quit: 100 * time.Millisecond}

func newRelay(t testing.TB, s *smtptest.Relay, change ...func(*relay.Config)) *relay.Relay {
	t.Helper()
	cfg := relay.Config{URL: s.URL(), HelloName: "news.example.org", RootCAs: s.RootCAs(), Timeouts: quick}
	for _, f := range change {
		f(&cfg)
	}
	r, err := relay.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return r
}

func dial(t testing.TB, r *relay.Relay) *relay.Conn {
	t.Helper()
	c, err := r.Dial(t.Context())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// want checks kind, class and stage of a result, given as "failed hard rcpt", and whether the connection may go on.
func want(t testing.TB, res relay.Result, verdict string, reusable bool) {
	t.Helper()
	got := strings.TrimSpace(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", res.Kind, res.Class, res.Stage)), " "))
	if got != verdict || res.Reusable != reusable {
		t.Errorf("result %q reusable %v; want %q reusable %v\n%+v", got, res.Reusable, verdict, reusable, res)
	}
}

func accepted(t testing.TB, s *smtptest.Relay, n int) {
	t.Helper()
	if s.Len() != n {
		t.Errorf("the relay accepted %d messages; want %d", s.Len(), n)
	}
}

func dialError(t testing.TB, r *relay.Relay) *relay.DialError {
	t.Helper()
	c, err := r.Dial(t.Context())
	var de *relay.DialError
	if c != nil || !errors.As(err, &de) {
		t.Fatalf("Dial = %v, %v; want a *DialError", c, err)
	}
	return de
}

// inBoth runs a test against a relay that offers PIPELINING and one that does not.
func inBoth(t *testing.T, f func(t *testing.T, ext smtptest.Option)) {
	t.Run("pipelined", func(t *testing.T) {
		t.Parallel()
		f(t, smtptest.Extensions("PIPELINING", "SIZE 10000000", "8BITMIME"))
	})
	t.Run("sequential", func(t *testing.T) {
		t.Parallel()
		f(t, smtptest.Extensions("SIZE 10000000", "8BITMIME"))
	})
}
