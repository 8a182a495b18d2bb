package subscribers

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// errRaced says that somebody who was known is not there any more.
var errRaced = errs.New(errs.Conflict, "the same people are being erased; import the file again")

// Raced reports an error of Merge after which the same rows can be merged anew: somebody among them signed up, or was erased, at
// that very moment.
func Raced(err error) bool {
	var pe *pq.Error
	return errors.Is(err, errRaced) || errors.As(err, &pe) && pe.Code == "23505"
}

// Merge brings rows, each of another person, into the tables within tx, which is under way on conn. In the order of the addresses,
// so that two imports of the same people wait for each other and do not block each other; who signs up in between is an error, see Raced.
func (m *Merger) Merge(ctx context.Context, tx *sqlx.Tx, conn *sqlx.Conn, rows []*Arrival) (done Merged, err error) {
	if len(rows) == 0 {
		return done, nil
	}
	// Rows are few against what may be there: without these, Postgres reads whole tables for each part of an import.
	if _, err := tx.ExecContext(ctx, `SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off`); err != nil {
		return done, db.Err(err, "prepare the import")
	}
	slices.SortFunc(rows, func(x, y *Arrival) int { return cmp.Compare(x.Address.Canonical, y.Address.Canonical) })
	fresh, known, err := m.sort(ctx, tx, rows)
	if err == nil {
		err = m.makePeople(ctx, tx, conn, &done, fresh)
	}
	if err == nil && len(known) > 0 {
		err = m.mergeKnown(ctx, tx, conn, &done, known)
	}
	done.Rows = int64(len(rows))
	return done, err
}

// sort parts rows into those of whom nothing is known and the others.
func (m *Merger) sort(ctx context.Context, tx *sqlx.Tx, rows []*Arrival) (fresh, others []*Arrival, err error) {
	canonicals, hashes := make(pq.StringArray, len(rows)), make(pq.ByteaArray, len(rows))
	for i, r := range rows {
		canonicals[i], hashes[i] = r.Address.Canonical, r.Hash
	}
	if m.dry != nil {
		if err := m.dry.fetch(ctx, tx, m.list, canonicals, hashes); err != nil {
			return nil, nil, err
		}
	}
	var known []int
	err = tx.SelectContext(ctx, &known, `
		SELECT p.i FROM unnest($1::text[]) WITH ORDINALITY p (canonical, i),
			LATERAL (SELECT 1 FROM subscribers WHERE canonical = p.canonical LIMIT 1) s
		UNION SELECT p.i FROM unnest($2::bytea[]) WITH ORDINALITY p (hash, i),
			LATERAL (SELECT 1 FROM suppressions WHERE address_hash = p.hash LIMIT 1) x
		ORDER BY 1`, canonicals, hashes)
	if err != nil {
		return nil, nil, db.Err(err, "look for what is known")
	}
	for i, r := range rows {
		if len(known) > 0 && known[0] == i+1 {
			known = known[1:]
			others = append(others, r)
		} else {
			fresh = append(fresh, r)
		}
	}
	return fresh, others, nil
}

func (m *Merger) mergeKnown(ctx context.Context, tx *sqlx.Tx, conn *sqlx.Conn, done *Merged, rows []*Arrival) error {
	optOuts, err := stageRows(ctx, tx, conn, rows)
	if err != nil {
		return err
	}
	var merged struct {
		Merged
		Vanished int64 `db:"vanished"`
	}
	if err := tx.GetContext(ctx, &merged, mergePeople, m.list, m.source, m.wording, m.Narrow); err != nil {
		return db.Err(err, "import people")
	}
	if merged.Vanished > 0 {
		return errRaced
	}
	done.add(merged.Merged)
	if slices.ContainsFunc(rows, (*Arrival).hasEvidence) {
		if _, err := tx.ExecContext(ctx, mergeEvidence, m.list, m.source); err != nil {
			return db.Err(err, "keep the evidence of consent")
		}
	}
	if merged.Suppressed > 0 {
		if err := tx.SelectContext(ctx, &done.Barred, listBarred, m.list); err != nil {
			return db.Err(err, "list the suppressed")
		}
	}
	// Opt-outs last: whoever they concern is not among those listed above as having left before.
	if optOuts {
		if _, err := tx.ExecContext(ctx, mergeOptOuts, m.list, m.source); err != nil {
			return db.Err(err, "import those who left")
		}
	}
	return nil
}

// stageRows copies rows, each of another person, into a table of this transaction.
func stageRows(ctx context.Context, tx *sqlx.Tx, conn *sqlx.Conn, rows []*Arrival) (optOuts bool, err error) {
	_, err = tx.ExecContext(ctx, `CREATE TEMP TABLE people (line bigint, address text, canonical text COLLATE "C", hash bytea,
		name text, language text, supporter boolean, attributes jsonb, want text, reason text, signed_up timestamptz, signed_up_from text,
		confirmed timestamptz, confirmed_from text, since timestamptz, expires_at timestamptz, frequency text, paused_until timestamptz,
		topics_off bigint, left_at timestamptz) ON COMMIT DROP`)
	if err != nil {
		return false, db.Err(err, "prepare the import")
	}
	err = copyAll(ctx, conn, `COPY people FROM STDIN`, rows, func(c *copyRows, i int, r *Arrival) {
		optOuts = optOuts || r.State == Unsubscribed
		c.raw(strconv.FormatInt(r.Line, 10)).text(r.Address.Typed).text(r.Address.Canonical).bytes(r.Hash).text(r.Name).text(r.Language)
		if r.Supporter == nil {
			c.raw(`\N`)
		} else {
			c.yes(*r.Supporter)
		}
		c.text(r.Attributes).raw(r.State).raw(r.Reason).moment(r.SignedUp).text(r.SignedUpFrom).moment(r.Confirmed).text(r.ConfirmedFrom)
		c.moment(r.since()).moment(r.Expires).raw(r.Frequency).moment(r.PausedUntil).raw(strconv.FormatUint(r.TopicsOff, 10)).moment(r.Left).end()
	})
	return optOuts, err
}

// standingOf joins the people of a part with what is known of them; $1 is the list. Person by person, whatever Postgres believes of
// the size of the tables, which change while an import runs.
const standingOf = `
	SELECT p.*, s.id, sn.state AS had, sn.expires_at AS had_until,
		p.name NOT IN ('', s.name) OR p.language NOT IN ('', s.language) OR coalesce(p.supporter <> s.supporter, false)
			OR NOT s.attributes @> p.attributes AS differs,
		(SELECT x.reason FROM suppressions x WHERE x.address_hash = p.hash ORDER BY ` + byStrength + ` LIMIT 1) AS barred
	FROM people p
	LEFT JOIN LATERAL (SELECT * FROM subscribers WHERE canonical = p.canonical LIMIT 1) s ON true
	LEFT JOIN LATERAL (SELECT * FROM subscriptions WHERE subscriber_id = s.id AND list_id = $1 LIMIT 1) sn ON true`

// mergePeople does all for those people of whom something is known and who may be on the list, and counts everybody. Nobody is made
// of whom only a suppression is left: the person was erased. An implied consent is prolonged and never cut short, and an
// express one stays one.
const mergePeople = `
	WITH all_rows AS MATERIALIZED (` + standingOf + `
	), welcome AS MATERIALIZED (
		SELECT * FROM all_rows WHERE want <> 'unsubscribed' AND barred IS NULL AND had IS DISTINCT FROM 'unsubscribed' AND id IS NOT NULL
	), details AS (
		UPDATE subscribers s SET name = CASE WHEN w.name = '' THEN s.name ELSE w.name END,
			language = CASE WHEN w.language = '' THEN s.language ELSE w.language END,
			supporter = coalesce(w.supporter, s.supporter), attributes = s.attributes || w.attributes, updated_at = now()
		FROM welcome w
		WHERE s.id = w.id AND w.differs
			AND NOT ($4 AND EXISTS (SELECT FROM subscriptions o WHERE o.subscriber_id = w.id AND o.list_id <> $1))
		RETURNING s.id
	), joined AS (
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, created_at, confirmed_at, expires_at, frequency, paused_until, topics_off)
		SELECT id, $1, want, $2, CASE WHEN want = 'confirmed' THEN coalesce(since, now()) ELSE now() END,
			CASE WHEN want = 'confirmed' THEN now() END, expires_at, frequency, paused_until, topics_off
		FROM welcome WHERE had IS NULL
		ON CONFLICT DO NOTHING RETURNING subscriber_id AS id, state
	), raised AS (
		UPDATE subscriptions sn SET state = 'confirmed', confirmed_at = now(), source = $2, expires_at = w.expires_at FROM welcome w
		WHERE sn.subscriber_id = w.id AND sn.list_id = $1 AND sn.state = 'pending' AND w.had = 'pending' AND w.want = 'confirmed'
		RETURNING sn.subscriber_id AS id
	), prolonged AS (
		UPDATE subscriptions sn SET expires_at = w.expires_at, source = $2 FROM welcome w
		WHERE sn.subscriber_id = w.id AND sn.list_id = $1 AND sn.state = 'confirmed' AND w.had = 'confirmed' AND w.want = 'confirmed'
			AND sn.expires_at < w.expires_at
		RETURNING sn.subscriber_id AS id
	), logged AS (
		INSERT INTO consent_log (subscriber_id, list_id, event, method, source, wording)
		SELECT id, $1, 'imported', 'import', $2, $3 FROM (SELECT id FROM joined UNION ALL SELECT id FROM raised UNION ALL SELECT id FROM prolonged) m
	), counted AS (
		SELECT (SELECT count(*) FROM all_rows) AS rows, (SELECT count(*) FROM joined) AS added,
			(SELECT count(*) FROM joined WHERE state = 'pending') AS pending,
			(SELECT count(*) FROM (SELECT id FROM details UNION SELECT id FROM raised UNION SELECT id FROM prolonged EXCEPT SELECT id FROM joined) u) AS updated,
			(SELECT count(*) FROM all_rows WHERE want = 'unsubscribed') AS opted_out,
			(SELECT count(*) FROM welcome) AS welcome,
			(SELECT count(*) FROM all_rows WHERE id IS NULL AND barred IS NULL) AS vanished
	)
	SELECT rows, added, pending, updated, welcome - added - updated AS unchanged, opted_out, rows - welcome - opted_out AS suppressed, vanished FROM counted`

// mergeEvidence notes when those whom mergePeople brought to this list in this transaction had signed up and confirmed.
const mergeEvidence = `
	INSERT INTO consent_log (at, subscriber_id, list_id, event, method, source, network)
	SELECT e.at, s.id, $1, e.event, 'import', $2, e.network
	FROM people p JOIN subscribers s ON s.canonical = p.canonical JOIN subscriptions sn ON sn.subscriber_id = s.id AND sn.list_id = $1
	CROSS JOIN LATERAL (VALUES (p.signed_up, 'signed_up', p.signed_up_from), (p.confirmed, 'confirmed', p.confirmed_from)) e (at, event, network)
	WHERE e.at IS NOT NULL AND p.want <> 'unsubscribed' AND (sn.confirmed_at = now() OR sn.state = 'pending' AND sn.created_at = now())
	ORDER BY s.id, e.at`

// listBarred names those whom mergePeople counted as suppressed.
const listBarred = `
	SELECT line, address, coalesce(barred, had, 'suppressed') AS reason FROM (` + standingOf + `) all_rows
	WHERE want <> 'unsubscribed' AND (barred IS NOT NULL OR had = 'unsubscribed' OR id IS NULL)
	ORDER BY line`

// mergeOptOuts does what the file says of those who left, bounced or complained elsewhere. It only takes away. When they left there
// is evidence with its own date, before the line of the import itself.
const mergeOptOuts = `
	WITH gone AS MATERIALIZED (
		SELECT * FROM (` + standingOf + `) all_rows WHERE want = 'unsubscribed'
	), never_was AS (
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, unsubscribed_at)
		SELECT id, $1, 'unsubscribed', $2, now() FROM gone WHERE id IS NOT NULL AND had IS NULL ON CONFLICT DO NOTHING RETURNING subscriber_id AS id
	), was AS (
		UPDATE subscriptions sn SET state = 'unsubscribed', unsubscribed_at = now() FROM gone g
		WHERE sn.subscriber_id = g.id AND sn.list_id = $1 AND sn.state <> 'unsubscribed' RETURNING sn.subscriber_id AS id
	), barred AS (
		INSERT INTO suppressions (address_hash, address, reason, detail)
		SELECT hash, address, reason, $2 FROM gone WHERE reason <> '' ON CONFLICT (address_hash, reason) DO NOTHING RETURNING address_hash
	), people_barred AS (
		SELECT g.id, g.reason FROM gone g JOIN barred b ON b.address_hash = g.hash WHERE g.id IS NOT NULL
	), noted AS (
		INSERT INTO leaves (subscriber_id, list_id) SELECT id, $1 FROM was UNION ALL SELECT id, NULL FROM people_barred)
	INSERT INTO consent_log (at, subscriber_id, list_id, event, method, source)
	SELECT g.left_at, l.id, $1, 'unsubscribed', 'import', $2 FROM (SELECT id FROM never_was UNION ALL SELECT id FROM was) l JOIN gone g USING (id)
	WHERE g.left_at IS NOT NULL
	UNION ALL SELECT clock_timestamp(), id, $1, 'unsubscribed', 'import', $2 FROM (SELECT id FROM never_was UNION ALL SELECT id FROM was) l
	UNION ALL SELECT clock_timestamp(), id, NULL, 'suppressed', 'import', $2 FROM people_barred
	ORDER BY 2, 1`
