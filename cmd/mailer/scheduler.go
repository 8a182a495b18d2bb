package main

import (
	"context"
	"log/slog"

	"github.com/robfig/cron/v3"

	"mailer/internal/appeals"
	"mailer/internal/delivery"
	"mailer/internal/errs"
)

// chore is something the scheduler does again and again. Every chore may run in several processes at once: what one of
// them does, the others find done.
type chore struct {
	name  string
	every string // for cron
	run   func(ctx context.Context, s *service) error
	// brief chores end quickly and are finished in a stop; others are given up.
	brief bool
}

var chores = []chore{
	{name: "campaigns", every: "@every 5s", brief: true, run: func(ctx context.Context, s *service) error {
		r, err := s.campaigns.Tick(ctx)
		if r.Any() {
			s.log.Info("campaigns", "planned", r.Planned, "composed", r.Composed, "approved", r.Approved, "launched", r.Launched,
				"held", r.Held, "skipped", r.Skipped, "expired", r.Expired)
		}
		return err
	}},
	{name: "reviews", every: "@every 1m", run: func(ctx context.Context, s *service) error {
		reminded, err := s.campaigns.Reviews.Chores(ctx)
		if reminded > 0 {
			s.log.Info("reminded of approvals", "mails", reminded)
		}
		return err
	}},
	{name: "clicks", every: "@every 30s", brief: true, run: func(ctx context.Context, s *service) error {
		return s.appeals.Tally(ctx, appeals.ClickHold)
	}},
	{name: "tallies", every: "@every 15s", brief: true, run: func(ctx context.Context, s *service) error { return s.tallies().Gather(ctx) }},
	{name: "suppressed", every: "@every 1h", run: func(ctx context.Context, s *service) error { return s.tallies().Look(ctx) }},
	{name: "answers", every: "@every 1m", run: func(ctx context.Context, s *service) error { return delivery.NewAnswers(s.db).Fold(ctx) }},
	{name: "inbound", every: "@every 1m", brief: true, run: func(ctx context.Context, s *service) error {
		_, err := s.feedback().Settle(ctx)
		return err
	}},
	{name: "sign-ups", every: "@every 10s", brief: true, run: func(ctx context.Context, s *service) error {
		_, err := s.signup.Work(ctx) // what the process that took them did not get to
		return err
	}},
	{name: "feeds", every: "@every 30s", run: func(ctx context.Context, s *service) error {
		results, err := s.articles.PollDue(ctx, 4)
		for _, r := range results {
			if r.Error != "" {
				s.log.Warn("feed", "feed", r.Slug, "trouble", r.Error)
			} else if r.New+r.Changed > 0 {
				s.log.Info("feed", "feed", r.Slug, "new", r.New, "changed", r.Changed)
			}
		}
		return err
	}},
	{name: "tidy", every: "@every 1h", brief: true, run: func(ctx context.Context, s *service) error {
		return s.signup.Tidy(ctx)
	}},
	{name: "sessions", every: "@every 1h", brief: true, run: func(ctx context.Context, s *service) error { return s.accounts.Sessions.Prune(ctx) }},
	{name: "retention", every: "@every 1h", run: func(ctx context.Context, s *service) error { return s.privacy.Tidy(ctx) }},
	{name: "consent", every: "@every 1m", brief: true, run: func(ctx context.Context, s *service) error { return s.privacy.NoteExpired(ctx) }},
	{name: "erasures", every: "@every 1m", brief: true, run: func(ctx context.Context, s *service) error {
		resumed, ended, err := s.privacy.Resume(ctx)
		if resumed+ended > 0 {
			s.log.Info("erasures", "resumed", resumed, "ended", ended)
		}
		return err
	}},
}

// startScheduler runs each chore at once and then again and again, never twice at the same time in this process.
func (s *service) startScheduler() error {
	log := cronLog{s.log}
	c := cron.New(cron.WithLogger(log), cron.WithChain(cron.Recover(log), cron.SkipIfStillRunning(cron.DiscardLogger)))
	for _, ch := range chores {
		if _, err := c.AddFunc(ch.every, func() { s.do(ch) }); err != nil {
			return errs.Wrap(err, errs.Internal, "plan the chore %s", ch.name)
		}
	}
	c.Start()
	first := make(chan struct{})
	go func() {
		defer close(first)
		for _, e := range c.Entries() {
			e.WrappedJob.Run()
		}
	}()
	s.parts.Go(func() {
		<-s.soft.Done()
		<-c.Stop().Done()
		<-first
	})
	return nil
}

// do runs a chore, unless the service is stopping.
func (s *service) do(ch chore) {
	if s.soft.Err() != nil {
		return
	}
	ctx := s.soft
	if ch.brief {
		ctx = s.work
	}
	if err := ch.run(ctx, s); err != nil && ctx.Err() == nil {
		s.log.Error("chore failed; it will be tried again", "chore", ch.name, "err", err)
	}
}

// cronLog passes on what cron has to tell: panics of chores, mostly.
type cronLog struct{ log *slog.Logger }

// Info is about every run; nobody wants that.
func (cronLog) Info(string, ...any) {}

// Error is about a chore that panicked.
func (l cronLog) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("scheduler: "+msg, append([]any{"err", err}, keysAndValues...)...)
}
