package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// How often readers hear, by their own choice: whom a send is for.
const (
	FrequencyAll    = "all"    // everybody, however often they want mail
	FrequencyEach   = "each"   // who wants each edition
	FrequencyWeekly = "weekly" // who wants the weekly campaign alone
)

// Heading is an optional group of a message that stands over stories, each in a group of its own, and goes when all of these do.
type Heading struct {
	Group   uint64 // its bit
	Stories uint64 // their bits
}

// Repeat are stories that an earlier campaign has carried to other readers.
type Repeat struct {
	Earlier int64  // campaign
	Had     uint64 // groups that a delivery of it had to have to carry the stories; 0: each did
	Off     uint64 // groups of the stories in this message
}

// narrowing is who of a list is in the audience of a send, and what a reader gets less than others.
type narrowing struct {
	Frequency   string        `db:"frequency"`
	Rule        []byte        `db:"rule"`
	TopicGroups int64         `db:"topic_groups"`
	Stories     pq.Int64Array `db:"story_groups"`
	Headings    pq.Int64Array `db:"heading_groups"`

	repeats []repeatRow
}

const narrowingColumns = `frequency, rule, topic_groups, story_groups, heading_groups`

type repeatRow struct {
	Earlier int64 `db:"earlier"`
	Had     int64 `db:"had"`
	Off     int64 `db:"off"`
}

// narrowingOf is what a launch says of its audience, as the steps use it.
func narrowingOf(l Launch) narrowing {
	n := narrowing{Frequency: cmp.Or(l.Frequency, FrequencyAll), Rule: l.Rule, TopicGroups: int64(l.TopicGroups), Stories: int64s(l.Stories)}
	for _, h := range l.Headings {
		n.Headings = append(n.Headings, int64(h.Group), int64(h.Stories))
	}
	for _, r := range l.Repeats {
		n.repeats = append(n.repeats, repeatRow{Earlier: r.Earlier, Had: int64(r.Had), Off: int64(r.Off)})
	}
	return n
}

// behindEarlier says of a row x of sends that the campaigns before it, which must be known to tell who has had its stories, are still on
// their way: their audiences are being written. It is waited for only so long: one that has an undo window or a first slice of its own
// may take its time.
const behindEarlier = `EXISTS (SELECT FROM send_repeats r JOIN sends e ON e.campaign_id = r.earlier
	WHERE r.campaign_id = x.campaign_id AND e.state = 'running' AND NOT e.audience_complete
	  AND x.created_at > clock_timestamp() - interval '15 minutes')`

func (n *narrowing) readRepeats(ctx context.Context, q db.Q, campaign int64) error {
	err := q.SelectContext(ctx, &n.repeats, `SELECT earlier, had, off FROM send_repeats WHERE campaign_id = $1 ORDER BY earlier, had`, campaign)
	return db.Err(err, "read which stories went out before")
}

// ruleError says that a rule for the audience cannot be obeyed.
type ruleError struct{ error }

func (e *ruleError) Unwrap() error { return e.error }

// reason is what a send says that is paused for it.
func (e *ruleError) reason() string {
	return fmt.Sprintf("The audience: the rule that says who is in it cannot be obeyed (%s). Nobody has been added since. Resume when that is mended, or cancel",
		errs.Public(e.error))
}

// narrow is the condition of a rule.
func (s *Store) narrow(q *statement, rule []byte) (string, error) {
	if s.Narrow == nil {
		return "", &ruleError{errNoNarrow}
	}
	sql, args, err := s.Narrow(rule, len(q.args)+1)
	if err != nil {
		return "", &ruleError{err}
	}
	if strings.TrimSpace(sql) == "" { // what says nothing must not mean everybody
		return "", &ruleError{errs.New(errs.Internal, "the rule says nothing")}
	}
	q.args = append(q.args, args...)
	return "(" + sql + ")", nil
}

var errNoNarrow = errs.New(errs.Internal, "this program does not know such rules")

// fault is err, as an error of the rule where the statement itself is at fault and a rule is a part of it.
func (n *narrowing) fault(err error) error {
	var e *pq.Error
	if len(n.Rule) == 0 || !errors.As(err, &e) {
		return err
	}
	switch e.Code.Class() {
	case "22", "42": // a value, or the statement, that Postgres cannot understand
		return &ruleError{err}
	}
	return err
}

// hides reports whether some of a batch may have nothing left to read.
func (n *narrowing) hides() bool { return len(n.repeats) > 0 || len(n.Stories) > 0 }

// shown are the named queries that make "shown" of "batch": each reader with the groups that remain, without those for whom no
// story does.
//
// Who has had a story is told by the deliveries of the earlier campaigns, all of the batch at once: a delivery that carried it and did not
// come to nothing. Of a send that was given up only what was tried counts.
func (n *narrowing) shown(q *statement) string {
	if !n.hides() {
		return `, shown AS (SELECT * FROM batch)`
	}
	seen, off := "", "0"
	if len(n.repeats) > 0 {
		var earlier, had, bits pq.Int64Array
		for _, r := range n.repeats {
			earlier, had, bits = append(earlier, r.Earlier), append(had, r.Had), append(bits, r.Off)
		}
		ids := q.arg(earlier)
		// The list of campaigns stands by the deliveries once more, so that Postgres knows beforehand which partitions have them.
		seen = `, seen AS MATERIALIZED (
		SELECT d.subscriber_id, bit_or(r.off) AS off
		FROM unnest(` + ids + `::bigint[], ` + q.arg(had) + `::bigint[], ` + q.arg(bits) + `::bigint[]) AS r (earlier, had, off)
		JOIN sends e ON e.campaign_id = r.earlier
		JOIN deliveries d ON d.campaign_id = r.earlier AND d.groups & r.had = r.had
		JOIN batch b ON b.subscriber_id = d.subscriber_id
		WHERE d.campaign_id = ANY (` + ids + `::bigint[])
		  AND CASE WHEN e.state IN ('cancelled', 'expired')
		           THEN EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = d.campaign_id AND o.seq = d.seq AND o.kind IN ('accepted', 'unknown', 'doubt'))
		           ELSE NOT EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = d.campaign_id AND o.seq = d.seq AND o.kind IN ('failed', 'suppressed', 'expired'))
		             OR EXISTS (SELECT FROM outcomes o WHERE o.campaign_id = d.campaign_id AND o.seq = d.seq AND o.kind = 'accepted')
		      END
		GROUP BY d.subscriber_id
	)`
		off = `coalesce(h.off, 0)`
	}
	text := seen + `, shown AS MATERIALIZED (
		SELECT b.shuffle, b.subscriber_id, b.wire, b.provider, b.name, g.groups`
	for i := 0; i+1 < len(n.Headings); i += 2 {
		text += fmt.Sprintf(` & ~(CASE WHEN g.groups & %s::bigint = 0 THEN %s::bigint ELSE 0 END)`, q.arg(n.Headings[i+1]), q.arg(n.Headings[i]))
	}
	text += ` AS groups
		FROM batch b`
	if seen != "" {
		text += ` LEFT JOIN seen h ON h.subscriber_id = b.subscriber_id`
	}
	text += ` CROSS JOIN LATERAL (SELECT b.groups & ~` + off + ` AS groups) g`
	if len(n.Stories) > 0 {
		text += `
		WHERE EXISTS (SELECT FROM unnest(` + q.arg(n.Stories) + `::bigint[]) AS k (groups) WHERE g.groups & k.groups = k.groups)`
	}
	return text + `
	)`
}

// keepNarrowing freezes what a launch says of its audience that stands in rows of its own.
func keepNarrowing(ctx context.Context, tx *sqlx.Tx, l Launch) error {
	if len(l.Repeats) == 0 {
		return nil
	}
	var earlier, had, off pq.Int64Array
	for _, r := range l.Repeats {
		earlier, had, off = append(earlier, r.Earlier), append(had, int64(r.Had)), append(off, int64(r.Off))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO send_repeats (campaign_id, earlier, had, off)
		SELECT $1, earlier, had, bit_or(off) FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS r (earlier, had, off) GROUP BY earlier, had`,
		l.Campaign, earlier, had, off)
	return db.Err(err, "note which stories went out before")
}

// checkNarrowing refuses groups that collide, and a rule that cannot be obeyed: better before the launch than after.
func (s *Store) checkNarrowing(l Launch) error {
	switch l.Frequency {
	case "", FrequencyAll, FrequencyEach, FrequencyWeekly:
	default:
		return errs.Field("frequency", "must be %s, %s or %s", FrequencyAll, FrequencyEach, FrequencyWeekly)
	}
	optional := uint64(0)
	for _, r := range l.Repeats {
		optional |= r.Off
	}
	for _, h := range l.Headings {
		optional |= h.Group
	}
	if l.TopicGroups&(l.Groups|l.SupporterGroups) != 0 || optional&^(l.Groups&l.SupporterGroups) != 0 {
		return errs.New(errs.Invalid, "topics are switched on by the reader's choice alone, and stories that went out before are switched off")
	}
	if len(l.Rule) == 0 {
		return nil
	}
	_, err := s.narrow(&statement{}, l.Rule)
	var rule *ruleError
	if errors.As(err, &rule) {
		err = rule.error
	}
	return err
}
