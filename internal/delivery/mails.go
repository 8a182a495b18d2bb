package delivery

import (
	"context"
	"strings"
	"time"

	"mailer/internal/outbox"
	"mailer/internal/relay"
	"mailer/internal/subscribers"
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
		line := s.relays.forMails(time.Now())
		round, ok := line.circuit.enter(ctx)
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
		s.sendBatch(ctx, work, line, round, mails)
	}
}

// sendBatch sends some mails over one connection and gives back what it could not begin.
func (s *Sender) sendBatch(ctx, work context.Context, line *line, round uint64, mails []outbox.Queued) {
	if !line.enter() {
		s.giveBack(work, mails, time.Second, "waits for a connection to the relay, of which only so many may be open")
		return
	}
	defer line.leave()
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
		lane := s.lanes.get(line.Name, providerOf(m.Recipient))
		c, it := &claim{line: line, lane: lane}, &item{}
		if !s.admit(ctx, c, it) {
			s.giveBack(work, mails[i:i+1], time.Second, "waits for a limit of its relay or its provider")
			continue
		}
		if conn == nil || !conn.Usable() {
			if conn != nil {
				conn.Quit()
			}
			var err error
			if conn, err = line.Relay.Dial(work); err != nil {
				conn = nil
				s.retract(c, it)
				line.complains(clean(err.Error()))
				if wait := line.circuit.fail(round); wait > 0 {
					s.log.Warn("the relay cannot be used", "relay", line.Name, "next_try_in", wait.Round(time.Millisecond), "err", err)
				}
				s.giveBack(work, mails[i:], s.cfg.MailBackoff(1), clean(err.Error()))
				return
			}
		}
		ok, err := outbox.Begin(work, s.store.db, m, mailLease)
		if err != nil { // it may have been withdrawn
			s.retract(c, it)
			s.log.Warn("could not begin a mail; it is tried again when its lease ends", "outbox", m.ID, "err", err)
			return
		}
		if !ok {
			s.retract(c, it)
			continue // withdrawn since it was claimed: its reader left
		}
		res := conn.Send(work, relay.Envelope{From: m.EnvelopeFrom, To: m.Recipient}, m.Data, nil)
		s.logMail(m, line.Name, res)
		s.after(c, it, res)
		s.endMail(work, line, m, res)
	}
}

// endMail records what came of a single mail. A doubt is tried again, as copies of it do no harm.
func (s *Sender) endMail(ctx context.Context, line *line, m outbox.Queued, res relay.Result) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	var err error
	switch {
	case res.Kind == relay.Accepted:
		line.circuit.succeed()
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

// providerOf returns who receives mail for an address.
func providerOf(address string) string {
	return subscribers.ProviderOf(strings.ToLower(address[strings.LastIndexByte(address, '@')+1:]))
}
