package subscribers

import (
	"context"
	"time"

	"mailer/internal/db"
)

// Members reads who is on a list, page by page, for an export.
type Members struct{ s *Store }

// Members returns the part of the store that reads whole lists.
func (s *Store) Members() Members { return Members{s} }

// Member is one row of an export: a person and how they stand with one list.
type Member struct {
	ID          int64      `db:"id"`
	Address     string     `db:"address"`
	Name        string     `db:"name"`
	Language    string     `db:"language"`
	Supporter   bool       `db:"supporter"`
	Status      string     `db:"status"`
	ConfirmedAt *time.Time `db:"confirmed_at"` // by the evidence, see evidencedConfirmation
	LeftAt      *time.Time `db:"left_at"`
	ExpiresAt   *time.Time `db:"expires_at"`
	Frequency   string     `db:"frequency"`
	PausedUntil *time.Time `db:"paused_until"`
	TopicsOff   uint64     `db:"topics_off"`
	Tracking    bool       `db:"tracking"`
	Attributes  Attributes `db:"attributes"`
}

// Known are the lists of whoever reads a list of people. Attributes belong to a reader, not to a list: they are left out of those who
// never confirmed a subscription to one of these lists, or else it would be enough to add an address to see what others know of it.
// nil: of everybody.
type Known []int64

// known is true of a person sn of whom attributes may be read; it wants the lists as $2.
const known = `($2::bigint[] IS NULL OR EXISTS (SELECT FROM subscriptions k WHERE k.subscriber_id = sn.subscriber_id AND k.confirmed_at IS NOT NULL AND k.list_id = ANY ($2)))`

// AttributeNames returns the names of all attributes that may be read of the people of a list, sorted. It reads all of them.
func (m Members) AttributeNames(ctx context.Context, list int64, of Known) ([]string, error) {
	var names []string
	err := m.s.db.SelectContext(ctx, &names, `SELECT DISTINCT jsonb_object_keys(s.attributes) AS name
		FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id WHERE sn.list_id = $1 AND `+known+` ORDER BY name`, list, []int64(of))
	return names, db.Err(err, "read the names of attributes")
}

// After reads the next page: at most limit people of a list whose numbers are above after, in their order.
func (m Members) After(ctx context.Context, list int64, of Known, after int64, limit int) ([]Member, error) {
	var page []Member
	err := m.s.db.SelectContext(ctx, &page, memberPage, list, []int64(of), after, limit)
	return page, db.Err(err, "read the subscribers")
}

// memberPage shows a suppression instead of the state, since it decides; an import makes the same of it again. The
// page is cut before anything is joined to it.
const memberPage = `
		SELECT s.id, s.address, s.name, s.language, s.supporter, CASE WHEN ` + known + ` THEN s.attributes ELSE '{}' END AS attributes, s.tracking, ` + evidencedConfirmation + ` AS confirmed_at,
			CASE WHEN sn.state = 'unsubscribed' THEN ` + evidencedLeaving + ` END AS left_at, sn.expires_at, sn.frequency,
			CASE WHEN sn.paused_until > now() THEN sn.paused_until END AS paused_until, sn.topics_off,
			coalesce((SELECT CASE x.reason WHEN 'unsubscribed' THEN 'unsubscribed_all' ELSE x.reason END
				FROM suppressions x WHERE x.address_hash = s.address_hash ORDER BY ` + byStrength + ` LIMIT 1), sn.state) AS status
		FROM (SELECT subscriber_id, list_id, state, confirmed_at, unsubscribed_at, expires_at, frequency, paused_until, topics_off FROM subscriptions
			WHERE list_id = $1 AND subscriber_id > $3 ORDER BY subscriber_id LIMIT $4) sn
		JOIN subscribers s ON s.id = sn.subscriber_id ORDER BY sn.subscriber_id`
