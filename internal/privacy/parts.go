package privacy

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/feedback"
	"mailer/internal/outbox"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
)

// parts are the rooms that know single readers, in the order in which they forget: the subscriber's own row last, since it is what
// the others are found by.
func (s *Service) parts() []part {
	return []part{s.inDelivery(), s.inOutbox(), s.inSignup(), s.inFeedback(), s.inAudit(), s.inSubscribers()}
}

// Mail is one message to the reader, as the export tells it.
type Mail struct {
	Subject string `json:"subject"`
	Name    string `json:"campaign"`
	Edition string `json:"edition"`
	delivery.Received
}

func (s *Service) inDelivery() part {
	return part{
		tables: []string{"deliveries"}, // outcomes, retries and permits name a delivery only
		show: func(ctx context.Context, id subscribers.Identity) ([]Section, error) {
			var got []delivery.Received
			var ids []int64
			for _, n := range id.Numbers() {
				more, err := s.Delivery.Traces().Of(ctx, n)
				if err != nil {
					return nil, err
				}
				for _, r := range more {
					got, ids = append(got, r), append(ids, r.Campaign)
				}
			}
			names, err := campaigns.Names(ctx, s.DB, ids)
			if err != nil {
				return nil, err
			}
			mails := make([]Mail, len(got))
			for i, r := range got {
				c := names[r.Campaign]
				mails[i] = Mail{c.Subject, c.Name, c.Edition, r}
			}
			return []Section{{"mails", mails}}, nil
		},
		forget: func(ctx context.Context, tx *sqlx.Tx, job *erasure) error {
			for _, n := range job.Numbers() {
				campaigns, seqs, err := s.Delivery.Traces().Erase(ctx, tx, n)
				if err != nil {
					return err
				}
				if err := job.remember(ctx, tx, campaigns, seqs); err != nil {
					return err
				}
			}
			return nil
		},
		late: func(ctx context.Context, tx *sqlx.Tx, job *erasure) error {
			return s.Delivery.Traces().EraseLate(ctx, tx, job.Campaigns, job.Seqs)
		},
	}
}

func (s *Service) inOutbox() part {
	return part{
		tables: []string{"outbox"},
		show: func(ctx context.Context, id subscribers.Identity) ([]Section, error) {
			var all []outbox.Letter
			for _, a := range id.Addresses() {
				more, err := outbox.To(ctx, s.DB, a)
				if err != nil {
					return nil, err
				}
				all = append(all, more...)
			}
			return []Section{{"letters", all}}, nil
		},
		forget: func(ctx context.Context, tx *sqlx.Tx, job *erasure) error {
			for _, a := range job.Addresses() {
				if err := outbox.Forget(ctx, tx, a, job.Before); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (s *Service) inSignup() part {
	return part{
		tables: []string{"signups"},
		show: func(ctx context.Context, id subscribers.Identity) ([]Section, error) {
			var all []signup.Waiting
			for _, a := range id.Addresses() {
				more, err := signup.Of(ctx, s.DB, a)
				if err != nil {
					return nil, err
				}
				all = append(all, more...)
			}
			return []Section{{"signups", all}}, nil
		},
		forget: func(ctx context.Context, tx *sqlx.Tx, job *erasure) error {
			for _, a := range job.Addresses() {
				if err := signup.Forget(ctx, tx, a, job.Before); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (s *Service) inFeedback() part {
	forget := func(ctx context.Context, tx *sqlx.Tx, job *erasure) error {
		return feedback.Forget(ctx, tx, job.Numbers())
	}
	return part{
		tables: []string{"inbound"},
		show: func(ctx context.Context, id subscribers.Identity) ([]Section, error) {
			all, err := feedback.Of(ctx, s.DB, id.Numbers())
			return []Section{{"returned", all}}, err
		},
		forget: forget, late: forget,
	}
}

// Act is one line of the audit log, as the export tells it.
type Act struct {
	At      time.Time `json:"at"`
	Actor   string    `json:"by"`
	Action  string    `json:"act"`
	Subject string    `json:"about"`
	Detail  string    `json:"detail"`
}

// inAudit forgets nothing: the log holds no address, and the numbers in it lead nowhere once the reader is gone.
func (s *Service) inAudit() part {
	return part{
		tables: []string{"audit_log"},
		show: func(ctx context.Context, id subscribers.Identity) ([]Section, error) {
			rec, err := s.Subscribers.Records().Of(ctx, id)
			if err != nil {
				return nil, err
			}
			entries, err := audit.About(ctx, s.DB, rec.AuditSubjects())
			acts := make([]Act, len(entries))
			for i, e := range entries {
				acts[i] = Act{e.At, e.Actor, e.Action, e.Subject, string(e.Detail)}
			}
			return []Section{{"acts", acts}}, err
		},
	}
}

func (s *Service) inSubscribers() part {
	return part{
		tables: []string{"subscribers", "subscriptions", "consent_log", "consent_kept", "suppressions", "leaves", "address_changes",
			"merged_subscribers", "confirm_asks"},
		show: func(ctx context.Context, id subscribers.Identity) ([]Section, error) {
			rec, err := s.Subscribers.Records().Of(ctx, id)
			return recordSections(rec), err
		},
		forget: func(ctx context.Context, tx *sqlx.Tx, job *erasure) error {
			if err := s.Subscribers.Records().Erase(ctx, tx, job.Identity, s.Keep.Evidence > 0); err != nil {
				return err
			}
			return job.erased(ctx, tx)
		},
		late: func(ctx context.Context, tx *sqlx.Tx, job *erasure) error {
			return s.Subscribers.Records().EraseLate(ctx, tx, job.Identity)
		},
	}
}

func recordSections(rec subscribers.Record) []Section {
	return []Section{{"reader", rec.Person}, {"subscriptions", rec.Subscriptions}, {"consent", rec.Consent}, {"kept", rec.Kept},
		{"suppressions", rec.Suppressions}, {"departures", rec.Departures}, {"asks", rec.Asks}, {"address_changes", rec.Changes}, {"merged", rec.Merged}}
}
