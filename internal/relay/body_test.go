package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// huge does not fit into the buffers between us and a relay that is Narrow.
var huge = bytes.Repeat([]byte("A body that fits into no socket buffer.\r\n"), 100_000)

// SND-03: before the dot a break of the link risks nothing.
func TestBrokenBeforeDot(t *testing.T) {
	t.Parallel()
	big := append(message("1"), bytes.Repeat([]byte("More and more of it.\r\n"), 10_000)...)
	inBoth(t, func(t *testing.T, ext smtptest.Option) {
		for _, tc := range []struct {
			at    smtptest.Stage
			do    smtptest.Action
			stage string
		}{
			{smtptest.MailFrom, smtptest.Drop(), "link mail"}, {smtptest.RcptTo, smtptest.Reset(), "link rcpt"},
			{smtptest.Data, smtptest.Drop(), "link data"}, {smtptest.Body, smtptest.Drop(), "link body"},
			{smtptest.Body, smtptest.Reset(), "link body"}, {smtptest.Data, smtptest.Reply("250 ok"), "garbage data"},
			{smtptest.MailFrom, smtptest.Reply("what?"), "garbage mail"}, {smtptest.RcptTo, smtptest.Raw("250-half\r\n").ThenDrop(), "link rcpt"},
			{smtptest.RcptTo, smtptest.Reply("354 already"), "garbage rcpt"},
		} {
			s := smtptest.Start(t, ext, smtptest.On(tc.at, smtptest.First(1, tc.do)))
			r := newRelay(t, s)
			// The permit comes when the relay has hung up, so that the end of the link is seen before the dot.
			res := dial(t, r).Send(t.Context(), env, big, func(ctx context.Context) bool { return s.WaitClosed(ctx) == nil })
			if res.Reusable || res.Kind != relay.Requeue || res.Class+" "+res.Stage != tc.stage {
				t.Errorf("SND-03 %s: %+v", tc.stage, res)
			}
			accepted(t, s, 0)
			want(t, dial(t, r).Send(t.Context(), env, big, yes), "accepted dot", true)
			accepted(t, s, 1)
		}
	})
}

// SND-04: nothing but a given permit ends a message.
func TestNoPermit(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, ext smtptest.Option) {
		s := smtptest.Start(t, ext, smtptest.Narrow())
		r := newRelay(t, s)
		want(t, dial(t, r).Send(t.Context(), env, message("1"), no), "refused permit body", false)

		// The permit comes late, when all of the body is long written, and is a no.
		got := make(chan struct{})
		once := sync.OnceFunc(func() { close(got) })
		s.On(smtptest.Body, func(smtptest.Event) smtptest.Action { once(); return smtptest.Go() })
		late := func(context.Context) bool { <-got; return false }
		want(t, dial(t, r).Send(t.Context(), env, message("1"), late), "refused permit body", false)
		s.Clear()

		// The relay takes nothing more and the permit is a no: it does not wait for the relay.
		gate := smtptest.NewGate()
		s.On(smtptest.Body, gate.Hook(smtptest.Go()))
		stuck := func(context.Context) bool { <-gate.Reached(); return false }
		want(t, dial(t, r).Send(t.Context(), env, huge, stuck), "refused permit body", false)
		gate.Open()
		s.Clear()

		// The context ends while the permit is asked.
		ctx, cancel := context.WithCancel(t.Context())
		ends := func(inner context.Context) bool { cancel(); <-inner.Done(); return true }
		want(t, dial(t, r).Send(ctx, env, message("1"), ends), "requeue cancelled body", false)

		// The context has ended before: not a word is said, the connection is as good as before.
		c := dial(t, r)
		want(t, c.Send(ctx, env, message("1"), yes), "requeue cancelled check", true)
		want(t, c.Send(t.Context(), env, message("1"), nil), "accepted dot", true)
		accepted(t, s, 1)
	})
}

// The link breaks while the permit is being asked: Send waits for its answer, and the permit's context has ended.
func TestPermitOutlivesNothing(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t, smtptest.Narrow(), smtptest.On(smtptest.Body, smtptest.Always(smtptest.Reset())))
	c := dial(t, newRelay(t, s))
	answered := false
	res := c.Send(t.Context(), env, huge, func(ctx context.Context) bool { <-ctx.Done(); answered = true; return true })
	want(t, res, "requeue link body", false)
	if !answered {
		t.Error("Send returned before the permit")
	}
}

// A message that is not fit for the wire is refused before anything is said, so that no half of it can be taken.
func TestUnfitMessage(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t, smtptest.Extensions("PIPELINING", "SIZE 100000"))
	c := dial(t, newRelay(t, s))
	before := len(s.Commands())
	for name, tc := range map[string]struct {
		env  relay.Envelope
		msg  string
		want string
	}{
		"bare LF":         {env, "a\r\n\nb\r\n", "failed sender check"},
		"smuggling":       {env, "a\r\n\n.\r\nMAIL FROM:<x@y.example>\r\n", "failed sender check"},
		"bare CR":         {env, "a\rb\r\n", "failed sender check"},
		"NUL":             {env, "a\x00b\r\n", "failed sender check"},
		"long line":       {env, strings.Repeat("x", 999) + "\r\n", "failed sender check"},
		"empty":           {env, "", "failed sender check"},
		"8 bit":           {env, "caf\xc3\xa9\r\n", "failed unsupported check"},
		"SND-11 too big":  {env, strings.Repeat("0123456789\r\n", 10_000), "failed size check"},
		"injected RCPT":   {relay.Envelope{From: env.From, To: "a@b.example>\r\nRCPT TO:<c@d.example"}, "a\r\n", "failed unsupported check"},
		"bracket":         {relay.Envelope{From: env.From, To: "a>b@c.example"}, "a\r\n", "failed unsupported check"},
		"parameter":       {relay.Envelope{From: env.From, To: "a@c.example> NOTIFY=NEVER"}, "a\r\n", "failed unsupported check"},
		"no recipient":    {relay.Envelope{From: env.From}, "a\r\n", "failed unsupported check"},
		"no domain":       {relay.Envelope{From: env.From, To: "postmaster"}, "a\r\n", "failed unsupported check"},
		"broken quotes":   {relay.Envelope{From: env.From, To: `"a"b"@c.example`}, "a\r\n", "failed unsupported check"},
		"injected sender": {relay.Envelope{From: "a@b\r\nX", To: env.To}, "a\r\n", "failed sender check"},
		"too long":        {relay.Envelope{From: env.From, To: strings.Repeat("a", 250) + "@b.example"}, "a\r\n", "failed unsupported check"},
	} {
		res := c.Send(t.Context(), tc.env, []byte(tc.msg), yes)
		if got := fmt.Sprintf("%s %s %s", res.Kind, res.Class, res.Stage); got != tc.want || !res.Reusable || res.Text == "" {
			t.Errorf("%s: %+v", name, res)
		}
	}
	if after := s.Commands(); len(after) != before {
		t.Errorf("commands were said: %q", after[before:])
	}
	want(t, c.Send(t.Context(), relay.Envelope{From: "", To: `"a b>"@example.net`}, []byte(".dot\r\n..\r\nno end"), yes), "accepted dot", true)
	if e := s.Ledger()[0]; string(e.Data) != ".dot\r\n..\r\nno end\r\n" || e.From != "" {
		t.Errorf("stuffed: %q from %q", e.Data, e.From)
	}
}

// The relay says within the body why it does not want it.
func TestRefusedWithinBody(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t, smtptest.Narrow(), smtptest.On(smtptest.Body, smtptest.Always(smtptest.Reply("552 5.3.4 Too big").ThenDrop())))
	res := dial(t, newRelay(t, s)).Send(t.Context(), env, huge, yes)
	// The refusal may be lost with the connection, as TCP discards it when there is unread data: then the link broke.
	if got := fmt.Sprint(res.Kind, res.Class); got != "failedsize" && got != "requeuelink" || res.Reusable || res.Stage != relay.StageBody {
		t.Errorf("%+v", res)
	}
	accepted(t, s, 0)
}

// An answer that came before the dot must not be taken for that to the dot.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	huger := bytes.Repeat(huge, 3) // fits into no socket buffers at all
	for name, opts := range map[string][]smtptest.Option{"clear": {}, "TLS": {smtptest.StartTLS()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for reply, verdict := range map[string]string{"250 2.0.0 queued as FAKE": "requeue garbage body", "552 5.3.4 too big": "failed size body"} {
				// With the 354.
				s := smtptest.Start(t, append(opts, smtptest.On(smtptest.Data, smtptest.Always(smtptest.Reply("354 go on\n"+reply))))...)
				want(t, dial(t, newRelay(t, s)).Send(t.Context(), env, message("1"), yes), verdict, false)
				accepted(t, s, 0)
				// After a first part of the body; that all of it could be written says that the answer has arrived.
				s = smtptest.Start(t, append(opts, smtptest.On(smtptest.Body, smtptest.Always(smtptest.Reply(reply))))...)
				want(t, dial(t, newRelay(t, s)).Send(t.Context(), env, huger, yes), verdict, false)
				accepted(t, s, 0)
			}
		})
	}
}
