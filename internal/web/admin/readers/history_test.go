package readers_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/delivery"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// send sends today's edition to everybody; the relay refuses those whose address begins so.
func send(t *testing.T, r *admintest.Rig, refused string) {
	t.Helper()
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if strings.Contains(strings.ToLower(e.Line), refused) {
			return smtptest.Reply("550 5.1.1 <" + refused + "reader.example> no such user")
		}
		return smtptest.Go()
	}))
	rl, err := relay.New(relay.Config{URL: s.URL(), HelloName: "mail.example.org", Timeouts: relay.Timeouts{Quit: 200 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	d := r.Draft()
	if _, err := r.Campaigns.Start(t.Context(), d.ID, "ines@example.org", true); err != nil {
		t.Fatal(err)
	}
	sender := delivery.NewSender(delivery.SenderConfig{Store: r.Delivery, Relays: []delivery.RelayLine{{Relay: rl}}, Connections: 2, Hold: -1,
		Lease: 3 * time.Second, Idle: 10 * time.Millisecond, Tick: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sender.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); count(t, r, `SELECT count(*) FROM sends WHERE state = 'done'`) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the send does not end")
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// What was sent stands on the page of who got it, with what the relay said.
func TestHistory(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	ines := r.Client(r.Person("Ines", accounts.Editor))
	if _, err := r.Subscribers.Add(t.Context(), subscribers.AddRequest{Address: "ada@reader.example", ListID: r.List.ID, Confirmed: true, Source: "fair"}); err != nil {
		t.Fatal(err)
	}
	send(t, r, "ada@")
	ada := ines.Get(pageOf(reader(t, r, "ada@reader.example")))
	for _, want := range []string{"badge-bad\">Failed", "550 5.1.1", "no such user", "1 attempt", "/admin/campaigns/"} {
		if !strings.Contains(ada.Body, want) {
			t.Errorf("who was refused: no %q in\n%s", want, said(ada))
		}
	}
	if strings.Contains(ada.Body, "&lt;ada@reader.example&gt; no such user") {
		t.Error("SEC-28: an address in a reply is not masked")
	}
	other := ines.Get(pageOf(reader(t, r, "cem.vale@example.com")))
	if !strings.Contains(other.Body, "badge-good\">Accepted") || strings.Contains(other.Body, "550 5.1.1") {
		t.Errorf("who got it:\n%s", said(other))
	}
}
