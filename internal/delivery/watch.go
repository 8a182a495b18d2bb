package delivery

import (
	"context"
	"time"
)

// watch keeps an eye on what no single delivery shows: that the database is still the one it was, that not too much is
// refused, how first slices fared.
func (s *Sender) watch(ctx, work context.Context) {
	s.lookAtDatabase(work)
	again := time.NewTimer(s.cfg.Tick)
	defer again.Stop()
	var soonest time.Time // of the next look at the brake
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			s.lookAtDatabase(work)
			s.lookAtSlices(work)
			again.Reset(s.cfg.Tick)
		case <-s.brake.wake:
			if !pause(ctx, max(brakeSoon, time.Until(soonest))) {
				return
			}
			began := time.Now()
			s.lookAtBrake(work)
			soonest = time.Now().Add(brakeRest * time.Since(began))
		}
	}
}

func (s *Sender) lookAtDatabase(ctx context.Context) {
	look, cancel := context.WithTimeout(ctx, s.cfg.Lease/3)
	defer cancel()
	if err := s.guard.check(look, s.store.db); err != nil && ctx.Err() == nil {
		s.log.Warn("could not look whether the database was restored; it is tried again", "err", err)
	}
}

func (s *Sender) lookAtBrake(ctx context.Context) {
	for _, campaign := range s.brake.take() {
		reason, err := s.store.checkBrake(ctx, campaign)
		if err != nil && ctx.Err() == nil {
			s.log.Error("could not look at what was refused; it is tried again", "campaign", campaign, "err", err)
			s.brake.note(campaign)
		}
		s.tellPaused(campaign, reason)
	}
}

func (s *Sender) lookAtSlices(ctx context.Context) {
	paused, err := s.store.decideSlices(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Error("could not decide about a first slice; it is tried again", "err", err)
	}
	for campaign, reason := range paused {
		s.tellPaused(campaign, reason)
	}
}

func (s *Sender) tellPaused(campaign int64, reason string) {
	if reason != "" {
		s.log.Error("the send is paused", "campaign", campaign, "reason", reason)
	}
}

// unsent settles a delivery that ends without an attempt.
func (w *worker) unsent(o *outcome) {
	w.logUnsent(o, w.claim.provider)
	if o.class == classRender {
		w.brake.note(o.Campaign)
	}
	w.com.settle(o.item, o)
}
