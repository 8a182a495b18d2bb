package delivery

import (
	"context"
	"log/slog"
	"time"

	"mailer/internal/outbox"
	"mailer/internal/relay"
)

const (
	mailBatch  = 10
	mailLease  = 5 * time.Minute // of a batch; a mail whose sender died is sent again after it
	mailGiveUp = 72 * time.Hour  // after this long a single mail that is still deferred has failed
)

// sendMails drains the outbox over a connection of its own, at least once each: it needs no permit.
func (s *Sender) sendMails(ctx, work context.Context) {
	failing := false
	for ctx.Err() == nil {
		round, ok := s.circuit.enter(ctx)
		if !ok {
			return
		}
		mails, err := outbox.Claim(work, s.store.db, mailBatch, mailLease)
		if err != nil && work.Err() == nil && !failing {
			s.log.Error("could not claim mails of the outbox; it is tried again", "err", err)
		}
		if failing = err != nil; failing || len(mails) == 0 {
			pause(ctx, s.cfg.Idle)
			continue
		}
		s.sendBatch(ctx, work, round, mails)
	}
}

// sendBatch sends some mails over one connection and gives back what it could not begin.
func (s *Sender) sendBatch(ctx, work context.Context, round uint64, mails []outbox.Queued) {
	var conn *relay.Conn
	defer func() {
		if conn != nil {
			conn.Quit()
		}
	}()
	for i, m := range mails {
		if ctx.Err() != nil {
			s.giveBack(work, mails[i:], 0, "")
			return
		}
		if conn == nil || !conn.Usable() {
			if conn != nil {
				conn.Quit()
			}
			var err error
			if conn, err = s.cfg.Relay.Dial(work); err != nil {
				conn = nil
				if wait := s.circuit.fail(round); wait > 0 {
					s.log.Warn("the relay cannot be used", "relay", s.cfg.Relay.Name(), "next_try_in", wait.Round(time.Millisecond), "err", err)
				}
				s.giveBack(work, mails[i:], s.cfg.MailBackoff(1), clean(err.Error()))
				return
			}
		}
		res := conn.Send(work, relay.Envelope{From: m.EnvelopeFrom, To: m.Recipient}, m.Data, nil)
		s.log.LogAttrs(work, slog.LevelInfo, "attempt", append(attemptAttrs(m.Recipient, s.cfg.Relay.Name(), res),
			slog.String("mail", m.Kind), slog.Int64("outbox", m.ID), slog.Int("attempt", m.Attempts))...)
		s.endMail(work, m, res)
	}
}

// endMail records what came of a single mail. A doubt is tried again, as copies of it do no harm.
func (s *Sender) endMail(ctx context.Context, m outbox.Queued, res relay.Result) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	var err error
	switch {
	case res.Kind == relay.Accepted:
		s.circuit.succeed()
		err = outbox.Finish(ctx, s.store.db, m, true, said(res))
	case res.Kind == relay.Failed, time.Since(m.CreatedAt) > mailGiveUp:
		err = outbox.Finish(ctx, s.store.db, m, false, said(res))
	default:
		err = outbox.Defer(ctx, s.store.db, m, s.cfg.MailBackoff(m.Attempts), said(res))
	}
	if err != nil {
		s.log.Error("could not record what came of a mail; it is sent again when its lease ends", "outbox", m.ID, "err", err)
	}
}

func (s *Sender) giveBack(ctx context.Context, mails []outbox.Queued, wait time.Duration, reply string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	for _, m := range mails {
		if err := outbox.Defer(ctx, s.store.db, m, wait, reply); err != nil {
			s.log.Error("could not give back a mail; it is free when its lease ends", "outbox", m.ID, "err", err)
			return
		}
	}
}
