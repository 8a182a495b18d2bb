package subscribers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Tallies are the numbers of a list, kept so that nobody has to count a million rows for a page. What changes subscriptions notes by how
// much (triggers of the table do so); Gather sums that up now and then, and what it has not come to yet is added when it is read.
type Tallies struct {
	db  *sqlx.DB
	now func() time.Time
}

// NewTallies returns the tallies in d.
func NewTallies(d *sqlx.DB, now func() time.Time) *Tallies { return &Tallies{db: d, now: now} }

// Tally is how many subscriptions of a list stand where. Pending, Confirmed and Unsubscribed are exact; the others as of LookedAt.
type Tally struct {
	ListID       int64      `db:"list_id" json:"list_id"`
	Pending      int64      `db:"pending" json:"pending"`
	Confirmed    int64      `db:"confirmed" json:"confirmed"`
	Unsubscribed int64      `db:"unsubscribed" json:"unsubscribed"`
	Suppressed   int64      `db:"suppressed" json:"suppressed"` // of the confirmed: their address is not mailed
	Supporters   int64      `db:"supporters" json:"supporters"` // of the other confirmed
	Reasons      Reasons    `db:"reasons" json:"reasons"`       // of the suppressed; one address may have several
	LookedAt     *time.Time `db:"looked_at" json:"looked_at,omitempty"`
}

// Readers is how many are confirmed and not suppressed.
func (t Tally) Readers() int64 { return max(t.Confirmed-t.Suppressed, 0) }

// Reasons is how many addresses are suppressed for which reason.
type Reasons map[string]int64

// Scan reads them from the database.
func (r *Reasons) Scan(src any) error {
	data, ok := src.([]byte)
	if !ok {
		return errs.New(errs.Internal, "reasons of suppressions cannot be read from %T", src)
	}
	return json.Unmarshal(data, r)
}

const selectTally = `
	SELECT l.id AS list_id, coalesce(c.pending, 0) + w.pending AS pending, coalesce(c.confirmed, 0) + w.confirmed AS confirmed,
		coalesce(c.unsubscribed, 0) + w.unsubscribed AS unsubscribed,
		coalesce(c.suppressed, 0) AS suppressed, coalesce(c.supporters, 0) AS supporters, coalesce(c.reasons, '{}') AS reasons, c.looked_at
	FROM lists l LEFT JOIN list_counts c ON c.list_id = l.id
	LEFT JOIN (SELECT list_id, sum(pending) AS pending, sum(confirmed) AS confirmed, sum(unsubscribed) AS unsubscribed FROM list_changes GROUP BY list_id) x ON x.list_id = l.id
	CROSS JOIN LATERAL (SELECT coalesce(x.pending, 0)::bigint AS pending, coalesce(x.confirmed, 0)::bigint AS confirmed, coalesce(x.unsubscribed, 0)::bigint AS unsubscribed) w`

// Of returns the tally of a list. A list that nobody ever joined has one of noughts. Errors: NotFound.
func (t *Tallies) Of(ctx context.Context, list int64) (Tally, error) {
	var tally Tally
	err := t.db.GetContext(ctx, &tally, selectTally+` WHERE l.id = $1`, list)
	return tally, db.Err(err, "read the tally of the list")
}

// All returns the tallies of all lists, archived ones too, by list.
func (t *Tallies) All(ctx context.Context) (map[int64]Tally, error) {
	var rows []Tally
	if err := t.db.SelectContext(ctx, &rows, selectTally); err != nil {
		return nil, db.Err(err, "read the tallies of the lists")
	}
	all := make(map[int64]Tally, len(rows))
	for _, r := range rows {
		all[r.ListID] = r
	}
	return all, nil
}

// ListDay is what happened to a list on one day of its time zone.
type ListDay struct {
	Day     time.Time `db:"day" json:"day"`         // midnight UTC of that date
	Signups int64     `db:"signups" json:"signups"` // asked to join, and were to confirm it
	Joins   int64     `db:"joins" json:"joins"`     // became confirmed, however
	Leaves  int64     `db:"leaves" json:"leaves"`   // were confirmed, and no more
	Erased  int64     `db:"erased" json:"erased"`   // of those who asked to be forgotten, the confirmed
	Total   int64     `db:"total" json:"total"`     // confirmed at its end
}

// Days returns the days of a list on which anything happened, from one to another (both included), the earliest first. What happened in the
// last minute may be missing, until Gather comes to it.
func (t *Tallies) Days(ctx context.Context, list int64, from, to time.Time) ([]ListDay, error) {
	days := []ListDay{}
	// Backwards from now: what has happened since is taken off the present number.
	err := t.db.SelectContext(ctx, &days, `
		SELECT day, signups, joins, leaves, erased, total FROM (
			SELECT day, signups, joins, leaves, erased,
				(SELECT confirmed FROM list_counts WHERE list_id = $1) - coalesce(sum(change) OVER (ORDER BY day DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS total
			FROM list_days WHERE list_id = $1 AND day >= $2::date) d
		WHERE day <= $3::date ORDER BY day`, list, from.Format(time.DateOnly), to.Format(time.DateOnly))
	return days, db.Err(err, "read the days of the list")
}

// Gather moves what changes of subscriptions have noted to the tallies. Any number of processes may do so at once: one of them does.
func (t *Tallies) Gather(ctx context.Context) error {
	return db.InTx(ctx, t.db, func(tx *sqlx.Tx) error {
		var mine bool
		if err := tx.GetContext(ctx, &mine, `SELECT pg_try_advisory_xact_lock(hashtext('subscribers.tallies'))`); err != nil || !mine {
			return db.Err(err, "gather the tallies")
		}
		// All time zones are whole quarters of an hour apart.
		var changes []change
		err := tx.SelectContext(ctx, &changes, `
			WITH taken AS (DELETE FROM list_changes RETURNING *)
			SELECT t.list_id, l.time_zone, date_bin('15 minutes', t.at, 'epoch') AS at, sum(t.pending) AS pending, sum(t.confirmed) AS confirmed,
				sum(t.unsubscribed) AS unsubscribed, sum(t.signups) AS signups, sum(t.joins) AS joins, sum(t.leaves) AS leaves, sum(t.erased) AS erased
			FROM taken t JOIN lists l ON l.id = t.list_id GROUP BY 1, 2, 3`)
		if err != nil || len(changes) == 0 {
			return db.Err(err, "gather the tallies")
		}
		return keepTallies(ctx, tx, changes)
	})
}

// change is by how much a list changed within a quarter of an hour.
type change struct {
	List         int64     `db:"list_id"`
	Zone         string    `db:"time_zone"`
	At           time.Time `db:"at"`
	Pending      int64     `db:"pending"`
	Confirmed    int64     `db:"confirmed"`
	Unsubscribed int64     `db:"unsubscribed"`
	Signups      int64     `db:"signups"`
	Joins        int64     `db:"joins"`
	Leaves       int64     `db:"leaves"`
	Erased       int64     `db:"erased"`
}

func keepTallies(ctx context.Context, tx *sqlx.Tx, changes []change) error {
	var lists, pending, confirmed, unsubscribed, signups, joins, leaves, erased pq.Int64Array
	var days pq.StringArray
	for _, c := range changes {
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			zone = time.UTC // a list whose zone is not known here any more goes on
		}
		lists, days = append(lists, c.List), append(days, c.At.In(zone).Format(time.DateOnly))
		pending, confirmed, unsubscribed = append(pending, c.Pending), append(confirmed, c.Confirmed), append(unsubscribed, c.Unsubscribed)
		signups, joins, leaves, erased = append(signups, c.Signups), append(joins, c.Joins), append(leaves, c.Leaves), append(erased, c.Erased)
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO list_counts AS k (list_id, pending, confirmed, unsubscribed)
		SELECT list, sum(p), sum(c), sum(u) FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) x(list, p, c, u) GROUP BY list
		ON CONFLICT (list_id) DO UPDATE SET pending = k.pending + excluded.pending, confirmed = k.confirmed + excluded.confirmed,
			unsubscribed = k.unsubscribed + excluded.unsubscribed`, lists, pending, confirmed, unsubscribed); err != nil {
		return db.Err(err, "keep the tallies of lists")
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO list_days AS k (list_id, day, signups, joins, leaves, erased, change)
		SELECT list, day::date, sum(s), sum(j), sum(l), sum(e), sum(c)
		FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) x(list, day, s, j, l, e, c) GROUP BY list, day
		ON CONFLICT (list_id, day) DO UPDATE SET signups = k.signups + excluded.signups, joins = k.joins + excluded.joins,
			leaves = k.leaves + excluded.leaves, erased = k.erased + excluded.erased, change = k.change + excluded.change`,
		lists, days, signups, joins, leaves, erased, confirmed)
	return db.Err(err, "keep the days of lists")
}

// Look counts of each list who is suppressed, why, and who supports. It reads all readers, a second or two for a million: once an hour.
func (t *Tallies) Look(ctx context.Context) error {
	_, err := t.db.ExecContext(ctx, `
		WITH barred AS MATERIALIZED (
			SELECT address_hash, array_agg(reason) AS reasons FROM suppressions GROUP BY address_hash
		), on_list AS MATERIALIZED (
			SELECT sn.list_id, s.supporter, b.reasons
			FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id LEFT JOIN barred b ON b.address_hash = s.address_hash
			WHERE sn.state = 'confirmed' AND (s.supporter OR b.reasons IS NOT NULL)
		), why AS (
			SELECT list_id, jsonb_object_agg(reason, n) AS reasons
			FROM (SELECT list_id, reason, count(*) AS n FROM on_list, unnest(reasons) AS reason GROUP BY list_id, reason) x GROUP BY list_id
		), n AS (
			SELECT list_id, count(*) FILTER (WHERE reasons IS NOT NULL) AS suppressed, count(*) FILTER (WHERE reasons IS NULL) AS supporters FROM on_list GROUP BY list_id
		)
		INSERT INTO list_counts AS k (list_id, suppressed, supporters, reasons, looked_at)
		SELECT l.id, coalesce(n.suppressed, 0), coalesce(n.supporters, 0), coalesce(why.reasons, '{}'), $1
		FROM lists l LEFT JOIN n ON n.list_id = l.id LEFT JOIN why ON why.list_id = l.id ORDER BY l.id
		ON CONFLICT (list_id) DO UPDATE SET suppressed = excluded.suppressed, supporters = excluded.supporters, reasons = excluded.reasons, looked_at = excluded.looked_at`, t.now())
	return db.Err(err, "look who of the lists is suppressed")
}
