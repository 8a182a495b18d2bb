package main

import (
	"context"
	"time"

	"mailer/internal/feedback"
	"mailer/internal/spool"
	"mailer/internal/subscribers"
)

// openLeaver makes what leave links are used for, with the spool for the time when the database is away, and does what an earlier
// process has left in that: before anything is sent.
func (s *service) openLeaver(ctx context.Context) error {
	var err error
	s.spool, err = spool.Open(s.cfg.SpoolDir(), s.log)
	if err != nil { // readers can leave all the same, as long as the database is there
		s.log.Error("while the database is away nobody can unsubscribe, as nothing can be kept for it", "err", err)
	}
	s.leaver = subscribers.NewLeaver(s.subscribers, s.spool, s.log)
	_, err = s.leaver.Drain(ctx)
	return err
}

// startInbound takes in mail for the leave addresses, where that is wanted.
func (s *service) startInbound() error {
	lmtp, address := s.cfg.Inbound()
	if address == "" {
		return nil
	}
	ln, err := listen(address, "MAILER_INBOUND_LISTEN")
	if err != nil {
		return err
	}
	srv := feedback.NewServer(s.feedback(), s.cfg.MailDomain, lmtp, s.log)
	s.inboundAt = ln.Addr().String()
	s.parts.Go(func() {
		if err := srv.Serve(ln); err != nil {
			s.fail(err)
		}
	})
	s.parts.Go(func() {
		<-s.soft.Done()
		ctx, cancel := context.WithTimeout(s.work, 10*time.Second) // a connection that is idle ends sooner than that
		defer cancel()
		_ = srv.Shutdown(ctx)
	})
	s.log.Info("mail for the leave addresses is taken in", "address", s.inboundAt, "lmtp", lmtp)
	return nil
}

func (s *service) feedback() *feedback.Store {
	return feedback.NewStore(s.db, s.ring, s.leaver, s.log)
}
