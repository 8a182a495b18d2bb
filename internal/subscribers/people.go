package subscribers

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// States of a subscription.
const (
	Pending      = "pending"      // asked for, not confirmed yet
	Confirmed    = "confirmed"    // gets mail, unless suppressed
	Unsubscribed = "unsubscribed" // left; only a new sign-up of the reader's own brings it back
)

// Subscriber is a person: one address, whatever lists it is on.
type Subscriber struct {
	ID         int64          `db:"id" json:"id"`
	Address    string         `db:"address" json:"address"` // as typed
	Canonical  string         `db:"canonical" json:"-"`
	Wire       string         `db:"wire" json:"-"`
	Provider   string         `db:"provider" json:"provider"`
	Name       string         `db:"name" json:"name"`
	Language   string         `db:"language" json:"language"`
	Supporter  bool           `db:"supporter" json:"supporter"`
	Attributes Attributes     `db:"attributes" json:"attributes"`
	CreatedAt  time.Time      `db:"created_at" json:"created_at"`
	UpdatedAt  time.Time      `db:"updated_at" json:"updated_at"`
	Suppressed pq.StringArray `db:"suppressed" json:"suppressed"` // reasons why nothing is mailed to it, strongest first
}

const subscriberColumns = `s.id, s.address, s.canonical, s.wire, s.provider, s.name, s.language, s.supporter, s.attributes,
	s.created_at, s.updated_at,
	ARRAY(SELECT x.reason FROM suppressions x WHERE x.address_hash = s.address_hash ORDER BY ` + byStrength + `) AS suppressed`

// Subscription is a person's standing with one list.
type Subscription struct {
	ListID         int64      `db:"list_id" json:"list_id"`
	List           string     `db:"list" json:"list"` // its slug
	State          string     `db:"state" json:"state"`
	Source         string     `db:"source" json:"source"`
	CreatedAt      time.Time  `db:"created_at" json:"created_at"`
	ConfirmedAt    *time.Time `db:"confirmed_at" json:"confirmed_at,omitempty"`
	UnsubscribedAt *time.Time `db:"unsubscribed_at" json:"unsubscribed_at,omitempty"`

	Frequency   string     `db:"frequency" json:"frequency"` // EachEdition or Weekly
	PausedUntil *time.Time `db:"paused_until" json:"paused_until,omitempty"`
	ExpiresAt   *time.Time `db:"expires_at" json:"expires_at,omitempty"` // nil: the consent is express
	TopicsOff   texts      `db:"topics_off" json:"topics_off,omitempty"` // slugs of the topics that are not wanted
}

// Consent is one line of the evidence about a person: what happened, when, how, and in which words it was asked.
type Consent struct {
	ID         int64     `db:"id" json:"id"`
	At         time.Time `db:"at" json:"at"`
	ListID     *int64    `db:"list_id" json:"list_id,omitempty"` // nil: all mail
	Event      string    `db:"event" json:"event"`
	Method     string    `db:"method" json:"method"`
	CampaignID *int64    `db:"campaign_id" json:"campaign_id,omitempty"`
	Source     string    `db:"source" json:"source,omitempty"`
	Wording    string    `db:"wording" json:"wording,omitempty"`
	Network    string    `db:"network" json:"network,omitempty"`
	SourceURL  string    `db:"source_url" json:"source_url,omitempty"` // page that a form stood on
	Was        string    `db:"was" json:"was,omitempty"`               // what a change changed, as JSON
}

// Get returns a person with all subscriptions, or errs.NotFound.
func (s *Store) Get(ctx context.Context, id int64) (Subscriber, []Subscription, error) {
	return s.person(ctx, `s.id = $1`, id)
}

// ByAddress returns the person with an address in any of its forms. It returns errs.Invalid for what is no address, and
// errs.NotFound.
func (s *Store) ByAddress(ctx context.Context, address string) (Subscriber, []Subscription, error) {
	a, err := s.Policy.ParseAddress(address)
	if err != nil {
		return Subscriber{}, nil, err
	}
	return s.person(ctx, `s.canonical = $1`, a.Canonical)
}

func (s *Store) person(ctx context.Context, where string, arg any) (Subscriber, []Subscription, error) {
	var p Subscriber
	err := s.db.GetContext(ctx, &p, `SELECT `+subscriberColumns+` FROM subscribers s WHERE `+where, arg)
	if err = db.Err(err, "find the subscriber"); err != nil {
		if errs.KindOf(err) == errs.NotFound {
			err = errs.Wrap(err, errs.NotFound, "there is no such subscriber")
		}
		return p, nil, err
	}
	subs := []Subscription{}
	err = s.db.SelectContext(ctx, &subs, `
		SELECT sn.list_id, l.slug AS list, sn.state, sn.source, sn.created_at, sn.confirmed_at, sn.unsubscribed_at, sn.frequency, sn.paused_until, sn.expires_at,
			ARRAY(SELECT t.slug FROM topics t WHERE t.list_id = l.id AND sn.topics_off >> t.bit & 1 = 1 ORDER BY t.bit) AS topics_off
		FROM subscriptions sn JOIN lists l ON l.id = sn.list_id WHERE sn.subscriber_id = $1 ORDER BY l.slug`, p.ID)
	return p, subs, db.Err(err, "read subscriptions")
}

// ConsentLog returns the evidence about a person, oldest first; it outlives nothing but the person.
func (s *Store) ConsentLog(ctx context.Context, id int64) ([]Consent, error) {
	log := []Consent{}
	err := s.db.SelectContext(ctx, &log, `SELECT id, at, list_id, event, method, campaign_id, source, wording, network, source_url, coalesce(was::text, '') AS was
		FROM consent_log WHERE subscriber_id = $1 ORDER BY at, id`, id)
	return log, db.Err(err, "read the consent log")
}

// Attributes are what a publication knows of a reader beyond the columns, from its imports: city, plan and so on.
type Attributes map[string]string

// Limits of attributes: of a name and a value in characters, and of all together in bytes.
const (
	MaxAttributeName  = 60
	maxAttributeValue = 1000
	MaxAttributes     = 16 << 10
)

// Scan reads a jsonb object.
func (a *Attributes) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok {
		return errs.New(errs.Internal, "attributes are %T", src)
	}
	return json.Unmarshal(b, a)
}

// Value writes a jsonb object.
func (a Attributes) Value() (driver.Value, error) {
	if len(a) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(a)
	return string(b), err
}

// check refuses names that a column has, and what Postgres or a mail cannot hold.
func (a Attributes) check() error {
	total := 0
	for name, v := range a {
		if err := CheckAttribute(name, v); err != nil {
			return err
		}
		total += len(name) + len(v)
	}
	if total > MaxAttributes {
		return errs.Field("attributes", "they have %d bytes together; at most %d are allowed", total, MaxAttributes)
	}
	return nil
}

// CheckAttribute refuses an attribute whose name is that of a field, and what Postgres or a mail cannot hold.
func CheckAttribute(name, v string) error {
	if clean, err := OneLine("attributes", name, MaxAttributeName); err != nil {
		return err
	} else if clean != name || name == "" || FieldOf(name) != "" {
		return errs.Field("attributes", "%q cannot be the name of an attribute; choose another", name)
	}
	return CheckAttributeValue(name, v)
}

// CheckAttributeValue refuses a value that is too long or is not text.
func CheckAttributeValue(name, v string) error {
	switch {
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		return errs.Field(name, "it contains bytes that are not text")
	case utf8.RuneCountInString(v) > maxAttributeValue:
		return errs.Field(name, "it is longer than %d characters", maxAttributeValue)
	}
	return nil
}
