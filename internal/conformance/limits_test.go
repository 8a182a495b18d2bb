package conformance

import (
	"testing"

	"mailer/internal/delivery"
	"mailer/internal/postfixtest"
	"mailer/internal/relay"
)

// A real MTA with limits of its own: fewer connections than we would like, fewer messages in a time, fewer on a connection. It says 421 or
// 450 of its own accord, and everybody gets their mail all the same, once, and nobody is blamed. SND-05, SND-18
func TestPostfixLimits(t *testing.T) {
	t.Parallel()
	mind := postfixtest.Config("smtpd_client_event_limit_exceptions", "") // the limits are for loopback too
	for name, tc := range map[string]struct {
		opts []postfixtest.Option
		says string // in its log
	}{
		"SND-05 two connections": {[]postfixtest.Option{mind, postfixtest.Config("smtpd_client_connection_count_limit", "2")}, "Connection concurrency limit exceeded"},
		"SND-05 connections in a time": {[]postfixtest.Option{mind, postfixtest.Config("smtpd_client_connection_rate_limit", "3"),
			postfixtest.Config("anvil_rate_time_unit", "2s")}, "Connection rate limit exceeded"},
		"messages in a time": {[]postfixtest.Option{mind, postfixtest.Config("smtpd_client_message_rate_limit", "120"),
			postfixtest.Config("anvil_rate_time_unit", "2s")}, "Message delivery request rate limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 300
			r := newRig(t)
			all := r.readers(n)
			s := postfixtest.Start(t, tc.opts...)
			r.launch(story)
			r.sender(relay.Config{URL: s.URL(), MaxMessages: 25}, func(c *delivery.SenderConfig) { c.Connections = 8 })
			if b := r.state(delivery.StateDone); b.Accepted != n {
				t.Errorf("balance: %+v", b)
			}
			held := r.queued(s)
			for _, who := range all {
				if len(held[who]) != 1 {
					t.Errorf("%s: postfix holds %d copies", who, len(held[who]))
				}
			}
			if n := r.count(`SELECT count(*) FROM outcomes WHERE kind NOT IN ('accepted', 'deferred')`) + r.count(`SELECT count(*) FROM suppressions`); n != 0 {
				t.Errorf("%d readers were blamed", n)
			}
			t.Logf("%d were put off on the way", r.count(`SELECT count(*) FROM outcomes WHERE kind = 'deferred'`))
			s.WaitLog(tc.says, 1)
		})
	}
}
