package main

import (
	"os"
	"os/signal"
	"syscall"

	"mailer/internal/delivery"
)

// openMailLog opens the file for lines of attempts, if there is to be one. SIGHUP opens it anew, for rotation.
func (s *service) openMailLog() (*delivery.MailLog, error) {
	if s.cfg.MailLog == "" {
		return nil, nil
	}
	m, err := delivery.OpenMailLog(s.cfg.MailLog, s.log)
	if err != nil {
		return nil, err
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangups)
		for {
			select {
			case <-hangups:
				if err := m.Reopen(); err != nil {
					s.log.Error("the mail log could not be opened anew; the old file goes on being used", "err", err)
				}
			case <-s.work.Done():
				return
			}
		}
	}()
	return m, nil
}

func (s *service) closeMailLog(m *delivery.MailLog) {
	if m == nil {
		return
	}
	if err := m.Close(); err != nil {
		s.log.Error("close the mail log", "err", err)
	}
}
