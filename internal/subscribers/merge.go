package subscribers

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
)

// merge brings a batch into the tables, in two transactions side by side when it is large: most of the time goes into the indexes, and
// Postgres works with one processor for each connection. All that concerns one person is in one of them. After an error some
// may have been committed all the same; these are counted.
func (im *importer) merge(ctx context.Context, b *batch) error {
	parts := b.parts()
	failed := make([]error, len(parts))
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() { failed[i] = im.mergePart(ctx, &parts[i]) })
	}
	all.Wait()
	var barred []RowNote
	for i, p := range parts {
		if failed[i] == nil {
			im.report.add(p.done)
			barred = append(barred, p.barred...)
		}
	}
	slices.SortFunc(barred, func(x, y RowNote) int { return cmp.Compare(x.Line, y.Line) })
	for i := range barred {
		barred[i].Value = Mask(barred[i].Value)
	}
	im.report.Barred = appendNotes(im.report.Barred, barred)
	return errors.Join(failed...)
}

// part is what is merged in one transaction, and what came of it.
type part struct {
	rows                 []stagedRow
	duplicates, rejected int64 // counted with it
	done                 ImportProgress
	barred               []RowNote
}

// parts divides the rows, in place, by a hash of their person: two parts, unless there are few. What stands in no row is counted
// with the first.
func (b *batch) parts() []part {
	cut := 0
	for i := range b.rows {
		if len(b.rows) <= soloBatch || b.rows[i].hash[0]%2 == 0 {
			b.rows[cut], b.rows[i] = b.rows[i], b.rows[cut]
			cut++
		}
	}
	parts := []part{{rows: b.rows[:cut], duplicates: b.duplicates, rejected: b.rejected}}
	if cut < len(b.rows) {
		parts = append(parts, part{rows: b.rows[cut:]})
	}
	return parts
}

// raceTries is how often a part is merged anew because somebody in it signed up at that very moment.
const raceTries = 5

// mergePart brings a part into the tables in one transaction, together with the count of the import.
func (im *importer) mergePart(ctx context.Context, p *part) (err error) {
	for range raceTries {
		err = db.InTx(ctx, im.store.db, func(tx *sqlx.Tx) (err error) {
			p.done, p.barred = ImportProgress{}, nil
			if len(p.rows) > 0 {
				if err := im.mergeRows(ctx, tx, p); err != nil {
					return err
				}
			}
			p.done.Rows, p.done.Duplicates, p.done.Rejected = int64(len(p.rows))+p.duplicates+p.rejected, p.duplicates, p.rejected
			// Last: the parts wait for each other here, and so only for the commit.
			_, err = tx.NamedExecContext(ctx, `UPDATE imports SET rows = rows + :rows, added = added + :added, updated = updated + :updated,
				unchanged = unchanged + :unchanged, suppressed = suppressed + :suppressed, opted_out = opted_out + :opted_out,
				duplicates = duplicates + :duplicates, rejected = rejected + :rejected WHERE id = :id`,
				struct {
					ImportProgress
					ID int64 `db:"id"`
				}{p.done, im.report.ImportID})
			return db.Err(err, "count the import")
		})
		var pe *pq.Error
		if !errors.As(err, &pe) || pe.Code != "23505" {
			break
		}
	}
	return err
}

func (p *ImportProgress) add(q ImportProgress) {
	p.Rows += q.Rows
	p.Added += q.Added
	p.Updated += q.Updated
	p.Unchanged += q.Unchanged
	p.Suppressed += q.Suppressed
	p.OptedOut += q.OptedOut
	p.Duplicates += q.Duplicates
	p.Rejected += q.Rejected
}

func (im *importer) mergeRows(ctx context.Context, tx *sqlx.Tx, p *part) error {
	optOuts, err := stageRows(ctx, tx, p.rows)
	if err != nil {
		return err
	}
	list, source := im.req.ListID, im.req.Source
	if err := tx.GetContext(ctx, &p.done, mergePeople, list, source, im.req.Wording); err != nil {
		return db.Err(err, "import people")
	}
	if room := maxNotes - len(im.report.Barred); p.done.Suppressed > 0 && room > 0 {
		if err := tx.SelectContext(ctx, &p.barred, listBarred, list, room); err != nil {
			return db.Err(err, "list the suppressed")
		}
	}
	// Opt-outs last: whoever they concern is not among those listed above as having left before.
	if optOuts {
		if _, err := tx.ExecContext(ctx, mergeOptOuts, list, source); err != nil {
			return db.Err(err, "import those who left")
		}
	}
	return nil
}

// stageRows copies rows, each of another person, into a table of this transaction.
func stageRows(ctx context.Context, tx *sqlx.Tx, rows []stagedRow) (optOuts bool, err error) {
	// A batch is small against what may be there: without this, Postgres reads whole tables for each of them.
	_, err = tx.ExecContext(ctx, `SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;
		CREATE TEMP TABLE people (line bigint, address text, canonical text, wire text, hash bytea, provider text,
		name text, language text, supporter boolean, attributes jsonb, want text, reason text) ON COMMIT DROP`)
	if err != nil {
		return false, db.Err(err, "prepare the import")
	}
	_, err = db.CopyIn(ctx, tx, `COPY people FROM STDIN`, func(yield func([]any, error) bool) {
		values := make([]any, 12)
		for i := range rows {
			r := &rows[i]
			optOuts = optOuts || r.state == Unsubscribed
			var supporter any
			if r.supporter != nil {
				supporter = *r.supporter
			}
			values[0], values[1], values[2], values[3], values[4] = r.line, r.address.Typed, r.address.Canonical, r.address.Wire, r.hash
			values[5], values[6], values[7], values[8] = r.address.Provider, r.name, r.language, supporter
			values[9], values[10], values[11] = r.attributes, r.state, r.reason
			if !yield(values, nil) {
				return
			}
		}
	})
	return optOuts, err
}

// standingOf joins the people of a batch with what is known of them; $1 is the list.
const standingOf = `
	SELECT p.*, s.id, sn.state AS had,
		p.name NOT IN ('', s.name) OR p.language NOT IN ('', s.language) OR coalesce(p.supporter <> s.supporter, false)
			OR NOT s.attributes @> p.attributes AS differs,
		(SELECT x.reason FROM suppressions x WHERE x.address_hash = p.hash ORDER BY ` + byStrength + ` LIMIT 1) AS barred
	FROM people p
	LEFT JOIN subscribers s ON s.canonical = p.canonical
	LEFT JOIN subscriptions sn ON sn.subscriber_id = s.id AND sn.list_id = $1`

// mergePeople makes a row of everybody new, does all for those who may be on the list, and counts everybody. Nobody is made of whom
// only a suppression is left: the person was erased. Whoever is new is given the number here, so that nobody has to be looked
// up again. In the order of the addresses, so that two imports of the same people wait for each other and do not block each other;
// who signs up in between is a conflict, and then all of it is done again.
const mergePeople = `
	WITH all_rows AS MATERIALIZED (` + standingOf + `
	), newcomers AS MATERIALIZED (
		SELECT n.*, nextval('subscribers_id_seq') AS new_id
		FROM (SELECT * FROM all_rows WHERE id IS NULL AND barred IS NULL ORDER BY canonical) n
	), made AS (
		INSERT INTO subscribers (id, address, canonical, wire, address_hash, provider, name, language, supporter, attributes)
		OVERRIDING SYSTEM VALUE
		SELECT new_id, address, canonical, wire, hash, provider, name, language, coalesce(supporter, false), attributes FROM newcomers
	), welcome AS MATERIALIZED (
		SELECT id, had, want, differs, name, language, supporter, attributes FROM all_rows
		WHERE want <> 'unsubscribed' AND barred IS NULL AND had IS DISTINCT FROM 'unsubscribed' AND id IS NOT NULL
		UNION ALL
		SELECT new_id, NULL, want, false, name, language, supporter, attributes FROM newcomers WHERE want <> 'unsubscribed'
	), details AS (
		UPDATE subscribers s SET name = CASE WHEN w.name = '' THEN s.name ELSE w.name END,
			language = CASE WHEN w.language = '' THEN s.language ELSE w.language END,
			supporter = coalesce(w.supporter, s.supporter), attributes = s.attributes || w.attributes, updated_at = now()
		FROM welcome w
		WHERE s.id = w.id AND w.differs
		RETURNING s.id
	), joined AS (
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		SELECT id, $1, want, $2, CASE WHEN want = 'confirmed' THEN now() END FROM welcome WHERE had IS NULL
		ON CONFLICT DO NOTHING RETURNING subscriber_id AS id
	), raised AS (
		UPDATE subscriptions sn SET state = 'confirmed', confirmed_at = now(), source = $2 FROM welcome w
		WHERE sn.subscriber_id = w.id AND sn.list_id = $1 AND sn.state = 'pending' AND w.had = 'pending' AND w.want = 'confirmed'
		RETURNING sn.subscriber_id AS id
	), logged AS (
		INSERT INTO consent_log (subscriber_id, list_id, event, method, source, wording)
		SELECT id, $1, 'imported', 'import', $2, $3 FROM (SELECT id FROM joined UNION ALL SELECT id FROM raised) moved
	), counted AS (
		SELECT (SELECT count(*) FROM all_rows) AS rows, (SELECT count(*) FROM joined) AS added,
			(SELECT count(*) FROM (SELECT id FROM details UNION SELECT id FROM raised EXCEPT SELECT id FROM joined) u) AS updated,
			(SELECT count(*) FROM all_rows WHERE want = 'unsubscribed') AS opted_out,
			(SELECT count(*) FROM welcome) AS welcome
	)
	SELECT rows, added, updated, welcome - added - updated AS unchanged, opted_out, rows - welcome - opted_out AS suppressed FROM counted`

// listBarred names those whom mergePeople counted as suppressed.
const listBarred = `
	SELECT line, address, coalesce(barred, had, 'suppressed') AS reason FROM (` + standingOf + `) all_rows
	WHERE want <> 'unsubscribed' AND (barred IS NOT NULL OR had = 'unsubscribed' OR id IS NULL)
	ORDER BY line LIMIT $2`

// mergeOptOuts does what the file says of those who left, bounced or complained elsewhere. It only takes away.
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
	INSERT INTO consent_log (subscriber_id, list_id, event, method, source)
	SELECT id, $1, 'unsubscribed', 'import', $2 FROM (SELECT id FROM never_was UNION ALL SELECT id FROM was) l
	UNION ALL SELECT id, NULL, 'suppressed', 'import', $2 FROM people_barred`
