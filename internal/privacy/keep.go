package privacy

import (
	"context"
	"errors"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/feedback"
	"mailer/internal/outbox"
)

// Keep is how long what is kept.
type Keep struct {
	Pending      time.Duration // sign-ups that were never confirmed
	FullNetworks time.Duration // networks in the evidence, as exact as they were noted
	Networks     time.Duration // networks in the evidence at all
	Deliveries   time.Duration // deliveries and their outcomes, after the end of the last send of their partition
	Letters      time.Duration // what became of single mails
	Inbound      time.Duration // mails that came back and were dealt with
	Evidence     time.Duration // how erased readers had agreed
}

// keepLeaves is how long a leave is looked at by running sends, when none of them is older.
const keepLeaves = 30 * 24 * time.Hour

// keepHistories is how long after the end of a campaign it is kept how it was written, and by whom.
const keepHistories = 90 * 24 * time.Hour

const (
	batch  = 1000             // rows that go in one transaction
	report = 10 * time.Second // how often a long run says how far it is
)

// rule is one kind of thing that goes with time.
type rule struct {
	what string
	age  time.Duration
	// some does at most limit of what is older than before and returns how many it were.
	some func(ctx context.Context, before time.Time, limit int) (int64, error)
}

func (s *Service) rules() []rule {
	k := s.Subscribers.Keeping()
	return []rule{
		{"pending sign-ups", s.Keep.Pending, k.PurgePending},
		{"confirm mails", s.Keep.Pending, k.PruneAsks},
		{"full networks", s.Keep.FullNetworks, k.ShortenNetworks},
		{"networks", s.Keep.Networks, k.BlankNetworks},
		{"letters", s.Keep.Letters, func(ctx context.Context, before time.Time, limit int) (int64, error) {
			return outbox.Prune(ctx, s.DB, before, limit)
		}},
		{"changes of address", s.Keep.Letters, func(ctx context.Context, before time.Time, _ int) (int64, error) {
			return s.Subscribers.PruneAddressChanges(ctx, before)
		}},
		{"mails that came back", s.Keep.Inbound, func(ctx context.Context, before time.Time, limit int) (int64, error) {
			return feedback.Prune(ctx, s.DB, before, limit)
		}},
		{"evidence of erased readers", s.Keep.Evidence, k.ForgetKept},
		{"finished erasures", s.Keep.Evidence, s.pruneErasures},
		{"histories of campaigns", keepHistories, func(ctx context.Context, before time.Time, limit int) (int64, error) {
			return campaigns.PruneDesk(ctx, s.DB, before, limit)
		}},
		{"notes of leaves", keepLeaves, s.pruneLeaves},
		{"partitions of deliveries", s.Keep.Deliveries, func(ctx context.Context, _ time.Time, _ int) (int64, error) {
			n, err := s.Delivery.DropOld(ctx, s.Keep.Deliveries)
			return int64(n), err
		}},
	}
}

// Tidy lets everything go that was kept long enough, in small steps, and logs what it was. What fails does not keep the rest; any
// number of processes may call it.
func (s *Service) Tidy(ctx context.Context) error {
	var failed []error
	for _, r := range s.rules() {
		if err := s.apply(ctx, r); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// apply takes a rule through all that is old enough.
func (s *Service) apply(ctx context.Context, r rule) error {
	before, begun, told := s.Now().Add(-r.age), time.Now(), time.Now()
	var all int64
	for {
		n, err := r.some(ctx, before, batch)
		all += n
		done := err != nil || n < batch || ctx.Err() != nil
		if all > 0 && (done || time.Since(told) > report) {
			told = time.Now()
			s.Log.Info("retention", "what", r.what, "rows", all, "before", before.UTC().Format(time.RFC3339), "done", done && err == nil,
				"took", time.Since(begun).Round(time.Millisecond))
		}
		if done {
			return err
		}
	}
}

// pruneLeaves forgets notes of leaves that no send looks at any more: one that is open looks at every leave since its launch.
func (s *Service) pruneLeaves(ctx context.Context, before time.Time, _ int) (int64, error) {
	open, err := s.Delivery.OldestOpen(ctx)
	if err != nil {
		return 0, err
	}
	if !open.IsZero() && open.Before(before) {
		before = open
	}
	_, err = s.Subscribers.PruneLeaves(ctx, before)
	return 0, err
}

// NoteExpired writes down whose implied consent has ended.
func (s *Service) NoteExpired(ctx context.Context) error {
	return s.apply(ctx, rule{"implied consent that has ended", 0, func(ctx context.Context, _ time.Time, limit int) (int64, error) {
		return s.Subscribers.Keeping().NoteExpired(ctx, limit)
	}})
}
