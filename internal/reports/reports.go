// Package reports tells what became of a campaign: where every reader stands, who was refused and why, and what came back.
// It reads the tables of all rooms and writes none.
package reports

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/appeals"
	"mailer/internal/audience"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Store answers questions about the past.
type Store struct {
	db       *sqlx.DB
	delivery *delivery.Store
	appeals  *appeals.Store
	answers  *delivery.Answers
	tallies  *subscribers.Tallies
}

// NewStore returns a store on the database; the balance is delivery's own, the clicks are appeals'.
func NewStore(d *sqlx.DB, sends *delivery.Store, clicks *appeals.Store) *Store {
	return &Store{db: d, delivery: sends, appeals: clicks, answers: delivery.NewAnswers(d), tallies: subscribers.NewTallies(d, time.Now)}
}

// maxNames is how many readers a report names in each of its lists; their numbers are always whole.
const maxNames = 100

// Report is what became of one campaign.
type Report struct {
	Campaign Head              `json:"campaign"`
	Balance  *delivery.Balance `json:"balance,omitempty"` // nil when it was not launched
	Whom     string            `json:"whom,omitempty"`    // the rule that said who of the list is in the audience; empty: everybody
	FirstAt  *time.Time        `json:"first_at,omitempty"`
	LastAt   *time.Time        `json:"last_at,omitempty"` // of the outcomes so far

	Waits    []delivery.Wait  `json:"waits"`    // what it waits for now, in sentences
	Refusals []Refusal        `json:"refusals"` // failed, most frequent first
	Deferred []Refusal        `json:"deferred"` // waiting for another attempt, by their last refusal
	Waiting  []Reader         `json:"waiting"`  // the first of them, with the time of the next attempt
	Doubts   []Reader         `json:"doubts"`   // in doubt and held: may or may not have it; the first of them
	Retried  []Reader         `json:"retried"`  // in doubt and about to be sent once more; the first of them
	Expired  []Reader         `json:"expired"`  // put off until their time was over; the first of them
	Leavers  []Leavers        `json:"leavers"`
	Reasons  []Reason         `json:"reasons"` // why they left, as far as they said
	Clicks   []appeals.Clicks `json:"clicks"`  // of the appeal's button, in aggregate; programs apart

	Series Series      `json:"series"` // what came in, over time
	Hours  []ClickHour `json:"hours"`  // of the clicks
}

// Head names the campaign.
type Head struct {
	ID         int64      `db:"id" json:"id"`
	Name       string     `db:"name" json:"name"`
	List       string     `db:"list" json:"list"`
	ListName   string     `db:"list_name" json:"list_name"`
	Edition    string     `db:"edition" json:"edition"`
	Subject    string     `db:"subject" json:"subject"`
	State      string     `db:"state" json:"state"`
	Reason     string     `db:"reason" json:"reason,omitempty"`
	Stories    int        `db:"stories" json:"stories"`
	ApprovedBy string     `db:"approved_by" json:"approved_by,omitempty"`
	SendAt     *time.Time `db:"send_at" json:"send_at,omitempty"`
	LaunchedAt *time.Time `db:"launched_at" json:"launched_at,omitempty"`
}

// Refusal is how often readers at one provider were refused for the same reason, with one of the replies.
type Refusal struct {
	Class    string     `db:"class" json:"class"`
	Provider string     `db:"provider" json:"provider"`
	Readers  int64      `db:"readers" json:"readers"`
	Reply    string     `db:"reply" json:"reply"`
	NextDue  *time.Time `db:"next_due" json:"next_due,omitempty"`
}

// Reader is one reader by name, masked.
type Reader struct {
	Subscriber int64      `json:"subscriber"`
	Address    string     `json:"address"` // j•••@example.org
	Provider   string     `json:"provider"`
	Attempts   int        `json:"attempts"`
	Class      string     `json:"class,omitempty"`
	Reply      string     `json:"reply,omitempty"`
	At         time.Time  `json:"at"`
	Due        *time.Time `json:"due,omitempty"`
	Decision   string     `json:"decision,omitempty"` // of a doubt: accept, when a person has decided to leave it
	DecidedBy  string     `json:"decided_by,omitempty"`
}

// Leavers is how many left, or were taken off, through this campaign's mail.
type Leavers struct {
	Method  string `db:"method" json:"method"` // one-click, form, complaint, bounce …
	Event   string `db:"event" json:"event"`   // unsubscribed, unsubscribed_all, suppressed, undone
	Readers int64  `db:"readers" json:"readers"`
}

// Reason is how many of those who left through this campaign's mail said why.
type Reason struct {
	Reason  string `db:"reason" json:"reason"` // often, interest, never or other
	Readers int64  `db:"readers" json:"readers"`
}

// Campaign reports on one campaign as it stands now. Errors: NotFound.
func (s *Store) Campaign(ctx context.Context, id int64) (Report, error) {
	r := Report{Waits: []delivery.Wait{}, Refusals: []Refusal{}, Deferred: []Refusal{}, Waiting: []Reader{}, Doubts: []Reader{}, Retried: []Reader{}, Expired: []Reader{}, Leavers: []Leavers{}, Reasons: []Reason{},
		Series: Series{Points: []delivery.Minute{}}, Hours: []ClickHour{}}
	err := s.db.GetContext(ctx, &r.Campaign, `SELECT c.id, c.name, l.slug AS list, l.name AS list_name, c.edition, c.subject, c.state, c.reason,
			(SELECT count(*) FROM campaign_stories s WHERE s.campaign_id = c.id) AS stories, c.approved_by, c.send_at, c.launched_at
		FROM campaigns c JOIN lists l ON l.id = c.list_id WHERE c.id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return r, errs.New(errs.NotFound, "there is no campaign %d", id)
	} else if err != nil {
		return r, db.Err(err, "report on a campaign")
	}
	if b, err := s.delivery.Balance(ctx, id); err == nil {
		r.Balance = &b
	} else if errs.KindOf(err) != errs.NotFound {
		return r, err
	}
	for _, fill := range []func(context.Context, int64, *Report) error{s.answered, s.whom, s.deferred, s.leavers, s.reasons, s.hours} {
		if err := fill(ctx, id, &r); err != nil {
			return r, db.Err(err, "report on a campaign")
		}
	}
	for _, list := range [][]Refusal{r.Refusals, r.Deferred} {
		for i := range list {
			list[i].Reply = delivery.MaskReply(list[i].Reply)
		}
	}
	if err := s.names(ctx, id, &r); err != nil {
		return r, err
	}
	r.Clicks, err = s.appeals.Clicks(ctx, id)
	return r, err
}

// whom fills in the rule of the audience, as it was frozen at the launch.
func (s *Store) whom(ctx context.Context, id int64, r *Report) error {
	if r.Balance == nil {
		return nil
	}
	rule, err := s.delivery.Rule(ctx, id)
	if err != nil || rule == nil {
		return err
	}
	f, err := audience.UnmarshalFrozen(rule)
	if err != nil {
		r.Whom = "a rule that this version cannot read"
		return nil // the rest of the report stands
	}
	r.Whom = f.Rule.String()
	return nil
}

// answered fills in when answers came, and who was refused: those whose delivery is decided as failed, by the outcome that decides.
// Where another attempt was accepted the reader has the mail, and is not among them.
func (s *Store) answered(ctx context.Context, id int64, r *Report) error {
	a, err := s.answers.Of(ctx, id)
	if err != nil {
		return err
	}
	r.FirstAt, r.LastAt, r.Series = a.First, a.Last, seriesOf(a.Minutes)
	for _, f := range a.Refused {
		r.Refusals = append(r.Refusals, Refusal{Class: f.Class, Provider: f.Provider, Readers: f.Readers, Reply: f.Reply})
	}
	return nil
}

// deferred groups those who wait by what their last attempt was told.
func (s *Store) deferred(ctx context.Context, id int64, r *Report) error {
	return s.db.SelectContext(ctx, &r.Deferred, `SELECT coalesce(o.class, '') AS class, c.provider, count(*) AS readers, coalesce(min(o.reply), '') AS reply,
			min(t.due) AS next_due
		FROM retries t JOIN chunks c ON c.id = t.chunk_id
		LEFT JOIN outcomes o ON o.campaign_id = t.campaign_id AND o.seq = t.seq AND o.attempt = t.attempt - 1
		WHERE t.campaign_id = $1 AND EXISTS (SELECT FROM sends WHERE campaign_id = $1 AND state IN ('running', 'paused'))
		GROUP BY 1, 2 ORDER BY readers DESC, 1, 2`, id)
}

func (s *Store) leavers(ctx context.Context, id int64, r *Report) error {
	return s.db.SelectContext(ctx, &r.Leavers, `SELECT method, event, count(DISTINCT subscriber_id) AS readers FROM consent_log
		WHERE campaign_id = $1 AND event IN ('unsubscribed', 'unsubscribed_all', 'suppressed', 'undone')
		GROUP BY method, event ORDER BY readers DESC, method, event`, id)
}

func (s *Store) reasons(ctx context.Context, id int64, r *Report) error {
	return s.db.SelectContext(ctx, &r.Reasons, `SELECT reason, sum(readers)::bigint AS readers FROM leave_reasons
		WHERE campaign_id = $1 GROUP BY reason ORDER BY readers DESC, reason`, id)
}

// names fills in what the send waits for, who is in doubt and who waits, masked.
func (s *Store) names(ctx context.Context, id int64, r *Report) error {
	if r.Balance == nil {
		return nil
	}
	var err error
	if r.Waits, err = s.delivery.Waiting(ctx, id); err != nil {
		return err
	}
	doubts, err := s.delivery.Doubts(ctx, id, false, 0, maxNames)
	if err != nil {
		return err
	}
	for _, d := range doubts {
		n := masked(d.Reader)
		n.Decision, n.DecidedBy = d.Decision, d.DecidedBy
		r.Doubts = append(r.Doubts, n)
	}
	for state, list := range map[string]*[]Reader{"deferred": &r.Waiting, "expired": &r.Expired} {
		readers, err := s.delivery.Outcomes(ctx, id, delivery.Filter{State: state, Limit: maxNames})
		if err != nil {
			return err
		}
		for _, o := range readers {
			*list = append(*list, masked(o))
		}
	}
	retried, err := s.delivery.RetriedDoubts(ctx, id, maxNames)
	if err != nil {
		return err
	}
	for _, o := range retried {
		r.Retried = append(r.Retried, masked(o))
	}
	return nil
}

func masked(o delivery.Reader) Reader {
	return Reader{Subscriber: o.Subscriber, Address: subscribers.Mask(o.Address), Provider: o.Provider, Attempts: o.Attempts,
		Class: o.Class, Reply: delivery.MaskReply(o.Reply), At: o.At, Due: o.Due}
}
