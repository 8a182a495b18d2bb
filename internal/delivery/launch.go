package delivery

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/message"
)

// Policies for a delivery whose final dot may have been written and whose reply was never read.
const (
	PolicyRetry = "retry" // send it once more, with the same octets; a second doubt is held
	PolicyHold  = "hold"  // a person decides
)

// Limits of what a launch may ask for.
const (
	MaxUndoWindow = time.Hour
	MaxSliceWait  = 12 * time.Hour
	MaxSlice      = 50 // per cent
)

// Message is one compiled variant of a campaign.
type Message struct {
	Variant  int
	Compiled *message.Compiled
	WebHTML  string // the same content for a browser, free of anything personal
}

// Launch is all that a send needs. It is frozen when the transaction of LaunchTx commits: nothing upstream is read again.
type Launch struct {
	Campaign        int64
	List            int64
	Messages        []Message // exactly one, until variants are tested against each other
	Groups          uint64    // optional groups for everyone
	SupporterGroups uint64    // optional groups for supporters
	DoubtPolicy     string    // PolicyRetry (the default) or PolicyHold
	NotBefore       time.Time // zero: at once
	ExpiresAt       time.Time // nothing is sent after this
	Priority        int       // a higher one goes first
	EnvelopeDomain  string    // domain of MAIL FROM

	Frequency string // whose readers it is for: FrequencyAll (the default), FrequencyEach or FrequencyWeekly
	Rule      []byte // JSON in the language of segments that narrows the audience; nil: it does not

	TopicGroups uint64    // groups of topics: that of a topic is 2 + its bit. None of them is in Groups
	Stories     []uint64  // groups that each story needs; who has none of them gets no mail. nil: some story is always there
	Headings    []Heading // that go when the stories below them do; in Groups and SupporterGroups
	Repeats     []Repeat  // stories that some readers have had; their groups are in Groups and SupporterGroups

	UndoWindow   time.Duration // so long nothing goes out, and UndoTx takes the launch back; 0: none
	SlicePercent float64       // of the readers get it first, and the rest only when that went well; 0: everybody
	SliceWait    time.Duration // at least so long after the slice the rest waits
}

// LaunchTx starts the send of a campaign in the caller's transaction, and takes microseconds whatever the size of the list:
// senders write the audience once it has committed. Who confirms after this moment is not in it. It returns errs.Conflict
// when the campaign was launched before, with ErrRestored in its chain when it may have been in what a backup does not know, and
// errs.Invalid when l cannot be sent.
func (s *Store) LaunchTx(ctx context.Context, tx *sqlx.Tx, l Launch) error {
	if err := l.check(); err != nil {
		return err
	}
	if err := s.checkNarrowing(l); err != nil {
		return err
	}
	if err := refuseRestored(ctx, tx, l.NotBefore); err != nil {
		return err
	}
	m := l.Messages[0]
	compiled, err := m.Compiled.MarshalBinary()
	if err != nil {
		return errs.Wrap(err, errs.Internal, "store the message")
	}
	if err := ensurePartitions(ctx, tx, l.Campaign); err != nil {
		return err
	}
	if l.DoubtPolicy == "" {
		l.DoubtPolicy = PolicyRetry
	}
	var notBefore *time.Time
	if !l.NotBefore.IsZero() {
		notBefore = &l.NotBefore
	}
	var headings []uint64
	for _, h := range l.Headings {
		headings = append(headings, h.Group, h.Stories)
	}
	var rule *string
	if len(l.Rule) > 0 {
		text := string(l.Rule)
		rule = &text
	}
	const insertSend = `
		INSERT INTO sends (campaign_id, list_id, doubt_policy, priority, variant, groups, supporter_groups, envelope_domain,
		                   not_before, expires_at, audience_as_of, undo_until, slice_state, slice_percent, slice_wait,
		                   frequency, rule, topic_groups, story_groups, heading_groups)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, clock_timestamp()), $10, clock_timestamp(),
		        CASE WHEN $11 > 0 THEN clock_timestamp() + $11 * interval '1 millisecond' END, CASE WHEN $12::real > 0 THEN 'out' ELSE '' END, $12, $13,
		        $14, $15, $16, $17, $18)`
	if _, err := tx.ExecContext(ctx, insertSend, l.Campaign, l.List, l.DoubtPolicy, l.Priority, m.Variant, int64(l.Groups),
		int64(l.SupporterGroups), strings.ToLower(l.EnvelopeDomain), notBefore, l.ExpiresAt, l.UndoWindow.Milliseconds(), l.SlicePercent,
		int64(l.SliceWait.Seconds()), cmp.Or(l.Frequency, FrequencyAll), rule, int64(l.TopicGroups), int64s(l.Stories), int64s(headings)); err != nil {
		return db.Err(err, "launch the campaign")
	}
	if err := keepNarrowing(ctx, tx, l); err != nil {
		return err
	}
	const insertMessage = `
		INSERT INTO messages (campaign_id, revision, variant, compiled, web_html) VALUES ($1, 1, $2, $3, $4)`
	_, err = tx.ExecContext(ctx, insertMessage, l.Campaign, m.Variant, compiled, m.WebHTML)
	return db.Err(err, "store the message")
}

func (l Launch) check() error {
	switch {
	case l.Campaign <= 0 || l.List <= 0:
		return errs.New(errs.Invalid, "a launch names a campaign and a list")
	case len(l.Messages) != 1 || l.Messages[0].Compiled == nil:
		return errs.New(errs.Invalid, "a campaign is launched with exactly one compiled message")
	case l.Messages[0].Compiled.Campaign() != l.Campaign:
		return errs.New(errs.Invalid, "the message was compiled for another campaign")
	case l.EnvelopeDomain == "":
		return errs.Field("envelope domain", "is missing; bounces come back to it, for example bounce.example.org")
	case l.DoubtPolicy != "" && l.DoubtPolicy != PolicyRetry && l.DoubtPolicy != PolicyHold:
		return errs.Field("doubt policy", "must be %s or %s", PolicyRetry, PolicyHold)
	case l.ExpiresAt.IsZero():
		return errs.Field("expires", "is missing; a send ends at some time, for example a day after it began")
	case l.UndoWindow < 0 || l.UndoWindow > MaxUndoWindow:
		return errs.Field("undo window", "must be no longer than %s", MaxUndoWindow)
	case l.SlicePercent < 0 || l.SlicePercent > MaxSlice:
		return errs.Field("first slice", "must be between 0 and %g per cent of the readers", float64(MaxSlice))
	case l.SliceWait < 0 || l.SliceWait > MaxSliceWait:
		return errs.Field("slice wait", "must be no longer than %s", MaxSliceWait)
	case l.Priority < -1000 || l.Priority > 1000:
		return errs.Field("priority", "must be between -1000 and 1000")
	}
	return nil
}

// WebPage returns the content of a launched campaign for a browser; errs.NotFound when it was never launched.
func (s *Store) WebPage(ctx context.Context, campaign int64) (string, error) {
	const q = `SELECT web_html FROM messages WHERE campaign_id = $1 ORDER BY revision DESC, variant LIMIT 1`
	var html string
	err := s.db.GetContext(ctx, &html, q, campaign)
	return html, db.Err(err, "read the campaign's page")
}
