package main

import (
	"path/filepath"
	"time"

	"mailer/internal/delivery"
	"mailer/internal/transfer"
)

// imports is where files that editors upload wait to be imported; those that nobody imports go with time. A stop breaks off what is
// under way, and waits for it.
func (s *service) imports() *transfer.Desk {
	desk := transfer.NewDesk(s.soft, s.transfer, filepath.Join(s.cfg.Home, "imports"), time.Now, s.log)
	s.parts.Go(func() {
		for s.soft.Err() == nil {
			desk.Tidy()
			select {
			case <-s.soft.Done():
			case <-time.After(time.Hour):
			}
		}
		desk.Wait()
	})
	return desk
}

// lanesSet are the limits of lanes for people to see; what is wrong with them is said where the senders start.
func (s *service) lanesSet() []delivery.LaneLimits {
	limits, _ := s.laneLimits()
	return limits
}
