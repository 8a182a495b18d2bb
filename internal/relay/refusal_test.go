package relay_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// SND-05: 421 means nobody in particular, wherever it is said.
func TestBusy(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, ext smtptest.Option) {
		busy := smtptest.Always(smtptest.Reply("421 4.3.2 Service shutting down").ThenDrop())
		for _, at := range []smtptest.Stage{smtptest.Greeting, smtptest.Hello} {
			s := smtptest.Start(t, ext, smtptest.On(at, busy), smtptest.Lenient())
			e := dialError(t, newRelay(t, s))
			if e.Class != relay.DialBusy || !strings.Contains(e.Reply, "421 4.3.2 Service shutting down") {
				t.Errorf("SND-05 %s: %+v", at, e)
			}
		}
		for _, at := range []smtptest.Stage{smtptest.MailFrom, smtptest.RcptTo, smtptest.Data, smtptest.Dot} {
			s := smtptest.Start(t, ext, smtptest.On(at, busy))
			res := dial(t, newRelay(t, s)).Send(t.Context(), env, message("1"), yes)
			want(t, res, "requeue busy "+string(at), false)
			if res.Code != 421 || res.Enhanced != "4.3.2" || res.Text != "Service shutting down" {
				t.Errorf("SND-05 %s: %+v", at, res)
			}
			accepted(t, s, 0)
		}
	})
}

// SND-06, SND-07, SND-08, SND-09, SND-10, SND-11: one recipient is refused, the connection goes on.
func TestRefusedRecipient(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, ext smtptest.Option) {
		for _, tc := range []struct {
			id, reply, want string
			at              smtptest.Stage
		}{
			{"SND-06", "450 4.2.0 mailbox busy", "deferred transient rcpt", smtptest.RcptTo},
			{"SND-06", "451 4.3.0 local error", "deferred transient rcpt", smtptest.RcptTo},
			{"SND-06", "452 4.3.1 no room on the disk", "deferred transient rcpt", smtptest.RcptTo},
			{"SND-07", "451 4.7.1 Come back in some minutes", "deferred greylist rcpt", smtptest.RcptTo},
			{"SND-08", "452 4.5.3 Too many recipients", "deferred transient rcpt", smtptest.RcptTo},
			{"SND-08", "552 Too many recipients", "deferred transient rcpt", smtptest.RcptTo},
			{"SND-09", "550 5.1.1 No such user", "failed hard rcpt", smtptest.RcptTo},
			{"SND-09", "550-5.1.1 No such user\n550 5.1.1 here", "failed hard dot", smtptest.Dot},
			{"SND-10", "554 5.7.1 Not wanted", "failed block dot", smtptest.Dot},
			{"SND-10", "550 5.7.26 This mail is unauthenticated", "failed block rcpt", smtptest.RcptTo},
			{"SND-11", "552 5.3.4 Message too big for system", "failed size dot", smtptest.Dot},
			{"SND-11", "552 5.2.3 Message exceeds the limit of this mailbox", "failed size dot", smtptest.Dot},
			{"SND-11", "552 5.3.4 Message size exceeds limit", "failed size mail", smtptest.MailFrom},
			{"", "550 5.1.8 Sender domain does not exist", "failed sender mail", smtptest.MailFrom},
			{"", "451 4.3.0 Queue file write error", "deferred transient data", smtptest.Data},
			{"", "554 5.7.1 Not today", "failed block data", smtptest.Data},
		} {
			s := smtptest.Start(t, ext, smtptest.On(tc.at, smtptest.First(1, smtptest.Reply(tc.reply))))
			c := dial(t, newRelay(t, s))
			res := c.Send(t.Context(), env, message("1"), yes)
			want(t, res, tc.want, true)
			accepted(t, s, 0)
			// The next one on the same connection, and the same one once more with the same envelope.
			for i := range 2 {
				want(t, c.Send(t.Context(), env, message(fmt.Sprint(i)), yes), "accepted dot", true)
			}
			accepted(t, s, 2)
			if s.Connections() != 1 {
				t.Errorf("%s %s: %d connections", tc.id, tc.reply, s.Connections())
			}
			if l := s.Ledger(); l[0].From != env.From || l[0].To != env.To {
				t.Errorf("%s: envelope changed: %+v", tc.id, l[0])
			}
			if !slices.Contains(s.Commands(), "RSET") {
				t.Errorf("%s %s: RSET was not said", tc.id, tc.reply)
			}
		}
	})
}

// The relay refuses the recipient and yet answers 354 to the DATA that was sent ahead: nothing may come of it.
func TestDataTakenWithoutRecipient(t *testing.T) {
	t.Parallel()
	for _, at := range []smtptest.Stage{smtptest.MailFrom, smtptest.RcptTo} {
		s := smtptest.Start(t, smtptest.On(at, smtptest.First(1, smtptest.Reply("550 5.1.1 no"))),
			smtptest.On(smtptest.Data, smtptest.Always(smtptest.Reply("354 go on"))))
		r := newRelay(t, s)
		asked := false
		res := dial(t, r).Send(t.Context(), env, message("1"), func(context.Context) bool { asked = true; return true })
		if res.Kind != relay.Failed || res.Stage != string(at) || res.Reusable || asked {
			t.Errorf("%+v, permit asked: %v", res, asked)
		}
		want(t, dial(t, r).Send(t.Context(), env, message("1"), yes), "accepted dot", true)
		accepted(t, s, 1)
	}
}

// A reply too many is not taken for that to the next command.
func TestUnaskedAnswer(t *testing.T) {
	t.Parallel()
	for extra, verdict := range map[string]string{"250 2.0.0 and once more": "requeue garbage mail", "421 4.4.2 bye": "requeue busy mail"} {
		s := smtptest.Start(t, smtptest.On(smtptest.Recorded, smtptest.Always(smtptest.Reply("250 2.0.0 Ok: queued as 1\n"+extra))))
		c := dial(t, newRelay(t, s))
		want(t, c.Send(t.Context(), env, message("1"), yes), "accepted dot", true)
		before := len(s.Commands())
		want(t, c.Send(t.Context(), env, message("2"), yes), verdict, false)
		if err := s.WaitClosed(t.Context()); err != nil || len(s.Commands()) != before {
			t.Errorf("said %q, %v", s.Commands()[before:], err)
		}
		accepted(t, s, 1)
	}
}
