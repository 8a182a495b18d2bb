package subscribers

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
)

// makePeople makes a person of each row, with all that belongs to it. Nothing has to be looked up or joined for people of whom
// nothing is known, so that their rows are copied into the tables as they are; if somebody is there after all, Postgres
// refuses it with a unique violation.
func (m *Merger) makePeople(ctx context.Context, tx *sqlx.Tx, conn *sqlx.Conn, done *Merged, rows []*Arrival) error {
	if len(rows) == 0 {
		return nil
	}
	var ids pq.Int64Array
	if err := tx.GetContext(ctx, &ids, `SELECT array_agg(nextval('subscribers_id_seq')) FROM generate_series(1, $1::int)`, len(rows)); err != nil {
		return db.Err(err, "number people")
	}
	list := strconv.FormatInt(m.list, 10)
	source, wording := field(m.source), field(m.wording)
	var evidence, barred bool
	for _, r := range rows {
		evidence = evidence || r.hasEvidence() || !r.Left.IsZero()
		barred = barred || r.Reason != ""
		if r.State == Unsubscribed {
			done.OptedOut++
		} else {
			done.Added++
			if r.State == Pending {
				done.Pending++
			}
		}
	}
	copies := []copying{
		{true, `COPY subscribers (id, address, canonical, wire, address_hash, provider, name, language, supporter, attributes, tracking) FROM STDIN`,
			func(c *copyRows, id string, r *Arrival) {
				c.raw(id).text(r.Address.Typed).text(r.Address.Canonical).text(r.Address.Wire).bytes(r.Hash).text(r.Address.Provider).text(r.Name)
				c.text(r.Language).yes(r.Supporter != nil && *r.Supporter).text(r.Attributes).yes(r.Tracking).end()
			}},
		{true, `COPY subscriptions (subscriber_id, list_id, state, shuffle, source, created_at, confirmed_at, unsubscribed_at, expires_at,
			frequency, paused_until, topics_off) FROM STDIN`,
			func(c *copyRows, id string, r *Arrival) {
				const now, null = "now", `\N`
				since, confirmed, left := now, null, null
				switch {
				case r.State == Unsubscribed:
					left = now
				case r.State == Confirmed:
					confirmed = now
					if at := r.since(); !at.IsZero() {
						since = at.Format(time.RFC3339)
					}
				}
				c.raw(id).raw(list).raw(r.State).raw(strconv.Itoa(int(rand.Int32N(1<<31 - 1)))).raw(source).raw(since).raw(confirmed).raw(left)
				c.moment(r.Expires).raw(r.Frequency).moment(r.PausedUntil).raw(strconv.FormatUint(r.TopicsOff, 10)).end()
			}},
		{evidence, `COPY consent_log (at, subscriber_id, list_id, event, method, source, network) FROM STDIN`,
			func(c *copyRows, id string, r *Arrival) {
				if r.State == Unsubscribed {
					if !r.Left.IsZero() {
						c.moment(r.Left).raw(id).raw(list).raw("unsubscribed").raw("import").raw(source).raw("").end()
					}
					return
				}
				if !r.SignedUp.IsZero() {
					c.moment(r.SignedUp).raw(id).raw(list).raw("signed_up").raw("import").raw(source).text(r.SignedUpFrom).end()
				}
				if !r.Confirmed.IsZero() {
					c.moment(r.Confirmed).raw(id).raw(list).raw("confirmed").raw("import").raw(source).text(r.ConfirmedFrom).end()
				}
			}},
		{true, `COPY consent_log (subscriber_id, list_id, event, method, source, wording) FROM STDIN`,
			func(c *copyRows, id string, r *Arrival) {
				if r.State == Unsubscribed {
					c.raw(id).raw(list).raw("unsubscribed").raw("import").raw(source).raw("").end()
				} else {
					c.raw(id).raw(list).raw("imported").raw("import").raw(source).raw(wording).end()
				}
				if r.Reason != "" {
					c.raw(id).raw(`\N`).raw("suppressed").raw("import").raw(source).raw("").end()
				}
			}},
		{barred, `COPY suppressions (address_hash, address, reason, detail) FROM STDIN`,
			func(c *copyRows, _ string, r *Arrival) {
				if r.Reason != "" {
					c.bytes(r.Hash).text(r.Address.Typed).raw(r.Reason).raw(source).end()
				}
			}},
		{barred, `COPY leaves (subscriber_id, list_id) FROM STDIN`,
			func(c *copyRows, id string, r *Arrival) {
				if r.Reason != "" {
					c.raw(id).raw(`\N`).end()
				}
			}},
	}
	numbers := make([]string, len(ids))
	for i, id := range ids {
		numbers[i] = strconv.FormatInt(id, 10)
	}
	for _, of := range copies {
		if !of.wanted {
			continue
		}
		err := copyAll(ctx, conn, of.sql, rows, func(c *copyRows, i int, r *Arrival) { of.row(c, numbers[i], r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// copying is one COPY and what it takes of a row.
type copying struct {
	wanted bool
	sql    string
	row    func(c *copyRows, id string, r *Arrival)
}

// copyAll copies what row writes of each row.
func copyAll(ctx context.Context, conn *sqlx.Conn, sql string, rows []*Arrival, row func(c *copyRows, i int, r *Arrival)) error {
	return db.CopyText(ctx, conn, sql, func(yield func(string) bool) {
		c := copyRows{yield: yield}
		for i, r := range rows {
			if row(&c, i, r); c.stopped {
				return
			}
		}
		c.flush()
	})
}

// field is v as a field of COPY.
func field(v string) string { return string(db.AppendCopyText(nil, v)) }

// copyRows writes rows in the text format of COPY, many at a time.
type copyRows struct {
	buf     []byte
	begun   bool // a field of this row is written
	yield   func(string) bool
	stopped bool
}

func (c *copyRows) next() {
	if c.begun {
		c.buf = append(c.buf, '\t')
	}
	c.begun = true
}

// raw writes a field that needs no escaping, or has it.
func (c *copyRows) raw(v string) *copyRows {
	c.next()
	c.buf = append(c.buf, v...)
	return c
}

func (c *copyRows) text(v string) *copyRows {
	c.next()
	c.buf = db.AppendCopyText(c.buf, v)
	return c
}

func (c *copyRows) bytes(v []byte) *copyRows {
	c.next()
	c.buf = hex.AppendEncode(append(c.buf, `\\x`...), v)
	return c
}

func (c *copyRows) yes(v bool) *copyRows {
	if v {
		return c.raw("t")
	}
	return c.raw("f")
}

func (c *copyRows) moment(t time.Time) *copyRows {
	if t.IsZero() {
		return c.raw(`\N`)
	}
	c.next()
	c.buf = t.AppendFormat(c.buf, time.RFC3339Nano)
	return c
}

// end ends a row.
func (c *copyRows) end() {
	c.buf, c.begun = append(c.buf, '\n'), false
	if len(c.buf) > 60<<10 {
		c.flush()
	}
}

func (c *copyRows) flush() {
	if n := len(c.buf); n > 0 && !c.stopped {
		c.stopped = !c.yield(string(c.buf[:n-1])) // the last line end is added by who sends it
		c.buf = c.buf[:0]
	}
}
