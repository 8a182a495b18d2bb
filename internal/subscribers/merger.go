package subscribers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Merger brings the people of an import onto one list. It never lifts a suppression and never brings back who left.
type Merger struct {
	// Narrow leaves alone what is known of people whom other lists have as well: their name, language and attributes.
	Narrow bool

	store           *Store
	list            int64
	source, wording string
	dry             *dryRun // nil: in earnest
}

// Merger returns one for a list. source and wording go into the consent log.
func (s *Store) Merger(list int64, source, wording string) *Merger {
	return &Merger{store: s, list: list, source: source, wording: wording}
}

// DryRun has everything that this merger does on conn happen in temporary tables that hide the real ones. It returns the
// schema of the real ones, quoted. Whoever gives conn back drops them first (DISCARD TEMP).
func (m *Merger) DryRun(ctx context.Context, conn *sqlx.Conn) (schema string, err error) {
	m.dry, err = beginDry(ctx, conn)
	if err != nil {
		return "", err
	}
	return m.dry.real, nil
}

// Hash is the name of an address in the suppression list.
func (m *Merger) Hash(a Address) []byte { return m.store.ring.AddressHash(a.Canonical) }

// Arrival is one person that an import brings.
type Arrival struct {
	Line       int64 // of the file
	Address    Address
	Hash       []byte // see Merger.Hash
	Name       string
	Language   string
	Supporter  *bool  // nil: not known
	Attributes string // a JSON object of strings
	Standing
	Joining
}

// Standing is the state that is wanted, and for those who must not be mailed the reason.
type Standing struct{ State, Reason string }

// Joining is how a person came, and what the person chose elsewhere. It concerns who is new on the list.
type Joining struct {
	SignedUp, Confirmed, Left   time.Time // zero: not known
	SignedUpFrom, ConfirmedFrom string    // networks, shortened
	Expires                     time.Time // of an implied consent; zero: the consent does not end
	Frequency                   string
	PausedUntil                 time.Time
	TopicsOff                   uint64
	Tracking                    bool
}

// since is when the person came; zero: now.
func (j Joining) since() time.Time {
	if j.SignedUp.IsZero() || !j.Confirmed.IsZero() && j.Confirmed.Before(j.SignedUp) {
		return j.Confirmed
	}
	return j.SignedUp
}

// hasEvidence reports a row that says when its person, who may be on the list, came.
func (r *Arrival) hasEvidence() bool { return r.State != Unsubscribed && !r.since().IsZero() }

// Merged is what came of rows: Rows is the sum of the counts but Pending, which is a part of Added.
type Merged struct {
	Rows       int64 `db:"rows"`
	Added      int64 `db:"added"`
	Updated    int64 `db:"updated"`
	Unchanged  int64 `db:"unchanged"`
	Suppressed int64 `db:"suppressed"`
	OptedOut   int64 `db:"opted_out"`
	Pending    int64 `db:"pending"`
	Barred     []Barred
}

// Barred is somebody whom an import did not bring back, and why.
type Barred struct {
	Line    int64  `db:"line"`
	Address string `db:"address"`
	Reason  string `db:"reason"`
}

func (m *Merged) add(n Merged) {
	m.Added += n.Added
	m.Updated += n.Updated
	m.Unchanged += n.Unchanged
	m.Suppressed += n.Suppressed
	m.OptedOut += n.OptedOut
	m.Pending += n.Pending
}
