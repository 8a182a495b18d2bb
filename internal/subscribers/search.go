package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

const (
	searchTime   = 3 * time.Second // the longest that a search may take
	searchWindow = 4_000           // readers that one page of a search with a filter looks at
	searchMost   = 200             // readers of a page
)

// Search finds readers, for people of the publication.
type Search struct{ s *Store }

// Search returns the part of the store that finds readers.
func (s *Store) Search() Search { return Search{s} }

// StateSuppressed is a state to search for: of those to whom nothing is mailed, whatever they are subscribed to.
const StateSuppressed = "suppressed"

// Find says which readers are looked for.
type Find struct {
	Text  string  // the beginning of an address or of a name; empty: everybody, the newest first
	Lists []int64 // only who is on one of these; nil: anybody
	State string  // Pending, Confirmed, Unsubscribed (on one of Lists) or StateSuppressed; empty: any
	After string  // Found.Next of the page before; empty: the first page
	Limit int     // 0: 50; at most 200
}

// Hit is a reader that was found.
type Hit struct {
	Subscriber
	On []Subscription // by list
}

// Found is a page of readers.
type Found struct {
	Hits   []Hit
	Next   string // of the next page; empty: that is all
	Looked int    // readers that were looked at; a page has a limit of these too, so that each comes at once
}

// searchOrder is one way of going through readers. A page goes through them one after the other.
type searchOrder struct {
	name  string // in Find.After
	where string // $1 and $2 bound the key, $3 is where to go on
	key   string
	desc  bool
}

// The key of every order is text, so that one query serves all; numbers are padded.
var (
	byNumber  = searchOrder{"n", `($1 = '' AND $2 = '') AND s.id < coalesce(nullif($3, '')::bigint, 9223372036854775807)`, `s.id`, true}
	byAddress = searchOrder{"a", `s.canonical >= $1 AND s.canonical < $2 AND s.canonical > $3`, `s.canonical`, false}
	// Two people may have one name: the number decides, and stands behind the name in the key. Who is found by the address, whose bounds
	// are $8 and $9, is not found again.
	byName = searchOrder{"m", `s.name <> '' AND NOT (s.canonical >= $8 AND s.canonical < $9) AND lower(s.name) COLLATE "C" >= $1 AND lower(s.name) COLLATE "C" < $2 AND
		($3 = '' OR (lower(s.name) COLLATE "C", s.id) > (split_part($3, E'\x1f', 1), nullif(split_part($3, E'\x1f', 2), '')::bigint))`,
		`lower(s.name) COLLATE "C", s.id`, false}
)

// Find returns a page of readers: those whose address begins so, then those whose name does, each in order; without a text the newest
// first. It returns errs.Invalid for what cannot be looked for, and errs.Unavailable when that takes longer than three seconds.
func (f Search) Find(ctx context.Context, q Find) (found Found, err error) {
	switch q.State {
	case "", Pending, Confirmed, Unsubscribed, StateSuppressed:
	default:
		return found, errs.Field("state", "must be pending, confirmed, unsubscribed or suppressed")
	}
	if q.Text, err = OneLine("q", q.Text, maxAddress); err != nil {
		return found, err
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, searchMost)
	from, after, ok := strings.Cut(q.After, ":")
	if q.After != "" && (!ok || !utf8.ValidString(after) || strings.ContainsRune(after, 0)) {
		return found, badPlace()
	}
	err = readOnly(ctx, f.s.db, searchTime, func(tx *sqlx.Tx) error {
		orders, bounds, err := f.orders(ctx, tx, q.Text)
		if err != nil {
			return err
		}
		for i, o := range orders {
			if from != "" && o.name != from {
				continue
			}
			ids, last, looked, err := o.walk(ctx, tx, q, bounds[i], bounds[0], after, q.Limit-len(found.Hits))
			if err != nil {
				return err
			}
			hits, err := f.load(ctx, tx, ids)
			if err != nil {
				return err
			}
			found.Hits, found.Looked, found.Next = append(found.Hits, hits...), found.Looked+looked, ""
			from, after = "", ""
			if last != "" {
				found.Next = o.name + ":" + last
				return nil
			}
			if len(found.Hits) >= q.Limit && i+1 < len(orders) {
				found.Next = orders[i+1].name + ":"
				return nil
			}
		}
		if from != "" {
			return badPlace()
		}
		return nil
	})
	return found, err
}

func badPlace() error { return errs.Field("after", "this is no place in the list of readers") }

// orders are the ways to go for a text, with the bounds of what begins so.
func (f Search) orders(ctx context.Context, tx *sqlx.Tx, text string) ([]searchOrder, [][2]string, error) {
	if text == "" {
		return []searchOrder{byNumber}, [][2]string{{}}, nil
	}
	address := strings.ToLower(strings.TrimSpace(text))
	if a, err := f.s.Policy.ParseAddress(text); err == nil {
		address = a.Canonical
	}
	var name string // as Postgres writes it in small letters, which is what the index has
	if err := tx.GetContext(ctx, &name, `SELECT lower($1)`, text); err != nil {
		return nil, nil, db.Err(err, "search")
	}
	return []searchOrder{byAddress, byName}, [][2]string{{address, following(address)}, {name, following(name)}}, nil
}

// following returns the first text that does not begin with prefix any more and sorts after all that do, byte by byte.
func following(prefix string) string {
	for prefix != "" {
		r, n := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-n]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xd7ff: // what follows are no characters
			return prefix + "\ue000"
		}
		return prefix + string(r+1)
	}
	return string(utf8.MaxRune)
}

// walk returns the next few readers in an order, and where to go on; last is empty when there are no more.
func (o searchOrder) walk(ctx context.Context, tx *sqlx.Tx, q Find, bounds, addresses [2]string, after string, limit int) (ids []int64, last string, looked int, err error) {
	if _, err := strconv.ParseInt(after, 10, 64); o.name == byNumber.name && after != "" && err != nil {
		return nil, "", 0, badPlace()
	}
	if o.name == byName.name && after != "" {
		_, id, _ := strings.Cut(after, "\x1f")
		if _, err := strconv.ParseInt(id, 10, 64); err != nil {
			return nil, "", 0, badPlace()
		}
	}
	window := searchWindow
	filter := `true`
	switch {
	case q.State == StateSuppressed:
		filter = `EXISTS (SELECT FROM suppressions x WHERE x.address_hash = s.address_hash)`
		if q.Lists != nil {
			filter += ` AND EXISTS (SELECT FROM subscriptions sn WHERE sn.subscriber_id = s.id AND sn.list_id = ANY($4))`
		}
	case q.Lists != nil || q.State != "":
		filter = `EXISTS (SELECT FROM subscriptions sn WHERE sn.subscriber_id = s.id AND ($4::bigint[] IS NULL OR sn.list_id = ANY($4)) AND ($5 = '' OR sn.state = $5))`
	default:
		window = limit
	}
	direction := ``
	if o.desc {
		direction = ` DESC`
	}
	var page struct {
		IDs    pq.Int64Array  `db:"ids"`
		Last   sql.NullString `db:"last"`   // key of the last that fits
		Seen   sql.NullString `db:"seen"`   // key of the last that was looked at
		Looked int            `db:"looked"` // how many those were
		Fits   int            `db:"fits"`   // how many of them are meant
	}
	err = tx.GetContext(ctx, &page, `
		-- Each order uses some of the parameters; all of them stand here once.
		WITH look AS MATERIALIZED (
			SELECT s.id, s.address_hash, `+o.text()+` AS key, row_number() OVER (ORDER BY `+o.key+direction+`) AS n
			FROM subscribers s WHERE `+o.where+` ORDER BY `+o.key+direction+` LIMIT $6
		), hits AS (
			SELECT s.id, s.key, s.n FROM look s WHERE $4::bigint[] IS NOT DISTINCT FROM $4 AND $5::text || $8::text || $9::text IS NOT NULL AND `+filter+` ORDER BY s.n LIMIT $7
		)
		SELECT coalesce((SELECT array_agg(id ORDER BY n) FROM hits), '{}') AS ids, (SELECT key FROM hits ORDER BY n DESC LIMIT 1) AS last,
			(SELECT key FROM look ORDER BY n DESC LIMIT 1) AS seen, (SELECT count(*) FROM look) AS looked, (SELECT count(*) FROM hits) AS fits`,
		bounds[0], bounds[1], after, pq.Array(q.Lists), subscriptionState(q.State), window, limit, addresses[0], addresses[1])
	if err != nil {
		return nil, "", 0, db.Err(err, "search")
	}
	switch {
	case page.Fits == limit:
		last = page.Last.String
	case page.Looked == window:
		last = page.Seen.String
	}
	return page.IDs, last, page.Looked, nil
}

// subscriptionState is the state of a subscription that is looked for; empty: any.
func subscriptionState(state string) string {
	if state == StateSuppressed {
		return ""
	}
	return state
}

// text is the key of a row as Find.After has it.
func (o searchOrder) text() string {
	if o.name == byName.name {
		return `lower(s.name) || E'\x1f' || s.id`
	}
	return o.key + `::text`
}

// load reads readers and their subscriptions, in the order of ids.
func (f Search) load(ctx context.Context, tx *sqlx.Tx, ids []int64) ([]Hit, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var people []Subscriber
	err := tx.SelectContext(ctx, &people, `SELECT `+subscriberColumns+` FROM unnest($1::bigint[]) WITH ORDINALITY o (id, n) JOIN subscribers s ON s.id = o.id ORDER BY o.n`, pq.Array(ids))
	if err != nil {
		return nil, db.Err(err, "read the readers")
	}
	var on []struct {
		Reader int64 `db:"subscriber_id"`
		Subscription
	}
	err = tx.SelectContext(ctx, &on, `SELECT sn.subscriber_id, sn.list_id, l.slug AS list, sn.state, sn.source, sn.created_at, sn.confirmed_at, sn.unsubscribed_at, sn.frequency,
			sn.paused_until, sn.expires_at, '{}'::text[] AS topics_off
		FROM subscriptions sn JOIN lists l ON l.id = sn.list_id WHERE sn.subscriber_id = ANY($1) ORDER BY l.slug`, pq.Array(ids))
	if err != nil {
		return nil, db.Err(err, "read the subscriptions")
	}
	hits := make([]Hit, len(people))
	for i, p := range people {
		hits[i].Subscriber = p
		for _, sn := range on {
			if sn.Reader == p.ID {
				hits[i].On = append(hits[i].On, sn.Subscription)
			}
		}
	}
	return hits, nil
}

// readOnly runs what people asked for: it can change nothing, and takes no longer than most.
func readOnly(ctx context.Context, d *sqlx.DB, most time.Duration, do func(tx *sqlx.Tx) error) error {
	tx, err := d.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.Err(err, "search")
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SELECT set_config('statement_timeout', $1, true)`, strconv.FormatInt(most.Milliseconds(), 10)); err != nil {
		return db.Err(err, "search")
	}
	err = do(tx)
	var pe *pq.Error
	if errors.As(err, &pe) && pe.Code == "57014" && ctx.Err() == nil {
		return errs.Wrap(err, errs.Unavailable, "the search took longer than %s; look for something narrower, such as the beginning of an address", most)
	}
	return err
}
