package admintest

import (
	"context"
	"log/slog"
	"time"

	"mailer/internal/delivery"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// Sender hands mail to a relay until the test ends, by so many connections.
func (r *Rig) Sender(s *smtptest.Relay, connections int) {
	r.t.Helper()
	rl, err := relay.New(relay.Config{URL: s.URL(), HelloName: "mail.example.org", Timeouts: relay.Timeouts{Quit: 200 * time.Millisecond}})
	if err != nil {
		r.t.Fatal(err)
	}
	sender := delivery.NewSender(delivery.SenderConfig{Store: r.Delivery, Relays: []delivery.RelayLine{{Relay: rl}}, Connections: connections, Hold: -1,
		Lease: 3 * time.Second, Idle: 10 * time.Millisecond, Tick: 50 * time.Millisecond,
		Backoff: func(int, string) time.Duration { return 50 * time.Millisecond }, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sender.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
}
