package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

func TestSend(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, ext smtptest.Option) {
		s := smtptest.Start(t, ext)
		c := dial(t, newRelay(t, s))
		for i := range 3 {
			asked := 0
			res := c.Send(t.Context(), env, message(fmt.Sprint(i)), func(context.Context) bool {
				asked++
				if s.Len() != i {
					t.Errorf("accepted before the permit was given")
				}
				return true
			})
			want(t, res, "accepted dot", true)
			if asked != 1 || res.Code != 250 || res.Enhanced != "2.0.0" || res.QueueID != s.Ledger()[i].QueueID || res.Took <= 0 {
				t.Errorf("permit asked %d times, %+v", asked, res)
			}
			e := s.Ledger()[i]
			if e.From != env.From || e.To != env.To || !bytes.Equal(e.Data, message(fmt.Sprint(i))) {
				t.Errorf("entry %d: %s to %s, %d bytes", i, e.From, e.To, len(e.Data))
			}
		}
		c.Quit()
		if cmds := s.Commands(); cmds[len(cmds)-1] != "QUIT" || slices.Contains(cmds, "RSET") || slices.Contains(cmds, "NOOP") {
			t.Errorf("commands %q", cmds)
		}
		if s.Connections() != 1 || c.Usable() {
			t.Errorf("%d connections, usable after Quit: %v", s.Connections(), c.Usable())
		}
	})
}

// SND-01: what was accepted stays accepted, whatever happens to the connection afterwards.
func TestAcceptedStays(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]smtptest.Option{
		"close":           smtptest.On(smtptest.Replied, smtptest.Always(smtptest.Drop())),
		"RST":             smtptest.On(smtptest.Recorded, smtptest.Always(smtptest.Reply("250 2.0.0 Ok: queued as ABC").ThenDrop())),
		"half a reply":    smtptest.On(smtptest.Recorded, smtptest.Always(smtptest.Raw("250-2.0.0 Ok: queued as ABC\r\n").ThenDrop())),
		"no line end":     smtptest.On(smtptest.Recorded, smtptest.Always(smtptest.Raw("250 2.0.0 Ok: queued as ABC").ThenDrop())),
		"421 afterwards":  smtptest.On(smtptest.Replied, smtptest.Always(smtptest.Reply("421 4.4.2 going down").ThenDrop())),
		"421 at the next": smtptest.MaxMessages(1),
		"QUIT unanswered": smtptest.On(smtptest.Quit, smtptest.NewGate().Hook(smtptest.Go())),
	} {
		t.Run("SND-01 "+name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, opt)
			r := newRelay(t, s)
			c := dial(t, r)
			res := c.Send(t.Context(), env, message("1"), yes)
			if res.Kind != relay.Accepted || res.QueueID == "" {
				t.Fatalf("%+v", res)
			}
			if name == "half a reply" || name == "no line end" {
				want(t, res, "accepted dot", false)
			}
			if next := c.Send(t.Context(), env, message("2"), yes); name != "QUIT unanswered" && next.Kind != relay.Requeue {
				t.Errorf("the next on this connection: %+v", next)
			}
			c.Quit()
			if n := len(slices.DeleteFunc(s.Ledger(), func(e smtptest.Entry) bool { return e.MessageID != "1@news.example.org" })); n != 1 {
				t.Errorf("accepted %d times", n)
			}
		})
	}
}

// SND-02: after the dot and without a readable reply nothing is known; the retry is the same message.
func TestDoubt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		at    smtptest.Stage
		do    smtptest.Action
		class string
	}{
		"close before it was taken": {smtptest.Dot, smtptest.Drop(), "link"},
		"close after it was taken":  {smtptest.Recorded, smtptest.Drop(), "link"},
		"RST":                       {smtptest.Recorded, smtptest.Reset(), "link"},
		"garbage":                   {smtptest.Recorded, smtptest.Reply("fine, thank you"), "garbage"},
		"half a code":               {smtptest.Recorded, smtptest.Raw("25").ThenDrop(), "link"},
		"contradiction":             {smtptest.Recorded, smtptest.Reply("250-yes\n550 no"), "garbage"},
		"a second 354":              {smtptest.Recorded, smtptest.Reply("354 go on"), "garbage"},
		"empty line":                {smtptest.Recorded, smtptest.Raw("\r\n"), "garbage"},
	} {
		t.Run("SND-02 "+name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, smtptest.On(tc.at, smtptest.First(1, tc.do)))
			r := newRelay(t, s)
			c := dial(t, r)
			res := c.Send(t.Context(), env, message("1"), yes)
			want(t, res, "doubt "+tc.class+" dot", false)
			if res.Err == nil || res.Code != 0 {
				t.Errorf("%+v", res)
			}
			want(t, dial(t, r).Send(t.Context(), env, message("1"), yes), "accepted dot", true)
			l := s.Ledger()
			if !bytes.Equal(l[0].Data, l[len(l)-1].Data) || l[0].MessageID != "1@news.example.org" || l[len(l)-1].MessageID != l[0].MessageID {
				t.Error("the copies differ")
			}
		})
	}
	t.Run("SND-02 timeout", func(t *testing.T) {
		t.Parallel()
		s := smtptest.Start(t, smtptest.On(smtptest.Recorded, smtptest.NewGate().Hook(smtptest.Drop())))
		c := dial(t, newRelay(t, s, func(c *relay.Config) { c.Timeouts.Dot = 50 * time.Millisecond }))
		want(t, c.Send(t.Context(), env, message("1"), yes), "doubt timeout dot", false)
		accepted(t, s, 1)
	})
	t.Run("SND-02 context ends after the dot", func(t *testing.T) {
		t.Parallel()
		gate := smtptest.NewGate()
		s := smtptest.Start(t, smtptest.On(smtptest.Dot, gate.Hook(smtptest.Drop())))
		c := dial(t, newRelay(t, s))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-gate.Reached(); cancel() }()
		want(t, c.Send(ctx, env, message("1"), yes), "doubt cancelled dot", false)
	})
}
