package subscribers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// merge brings a batch into the tables in one transaction, together with the count of the import.
func (im *importer) merge(ctx context.Context, b *batch) error {
	var done ImportProgress
	var barred []RowNote
	err := db.InTx(ctx, im.store.db, func(tx *sqlx.Tx) (err error) {
		done, barred = ImportProgress{Rejected: b.rejected}, nil
		if len(b.rows) > 0 {
			if barred, err = im.mergeRows(ctx, tx, b, &done); err != nil {
				return err
			}
		}
		done.Rows = int64(len(b.rows)) + b.rejected
		_, err = tx.NamedExecContext(ctx, `UPDATE imports SET rows = rows + :rows, added = added + :added, updated = updated + :updated,
			unchanged = unchanged + :unchanged, suppressed = suppressed + :suppressed, opted_out = opted_out + :opted_out,
			duplicates = duplicates + :duplicates, rejected = rejected + :rejected WHERE id = :id`,
			struct {
				ImportProgress
				ID int64 `db:"id"`
			}{done, im.report.ImportID})
		return db.Err(err, "count the import")
	})
	if err != nil {
		return err
	}
	for i := range barred {
		barred[i].Value = Mask(barred[i].Value)
	}
	im.report.Barred = appendNotes(im.report.Barred, barred)
	im.report.add(done)
	return nil
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

func (im *importer) mergeRows(ctx context.Context, tx *sqlx.Tx, b *batch, done *ImportProgress) (barred []RowNote, err error) {
	optOuts, err := stageRows(ctx, tx, b)
	if err != nil {
		return nil, err
	}
	list, source := im.req.ListID, im.req.Source
	if _, err := tx.ExecContext(ctx, mergePeople); err != nil {
		return nil, db.Err(err, "import people")
	}
	err = tx.GetContext(ctx, done, mergeSubscriptions, list, source, im.req.Wording)
	if err != nil {
		return nil, db.Err(err, "import subscriptions")
	}
	done.Duplicates = int64(len(b.rows)) - done.Rows
	if room := maxNotes - len(im.report.Barred); done.Suppressed > 0 && room > 0 {
		if err := tx.SelectContext(ctx, &barred, listBarred, list, room); err != nil {
			return nil, db.Err(err, "list the suppressed")
		}
	}
	// Opt-outs last: whoever they concern is not among those listed above as having left before.
	if optOuts {
		if _, err := tx.ExecContext(ctx, mergeOptOuts, list, source); err != nil {
			return nil, db.Err(err, "import those who left")
		}
	}
	return barred, nil
}

// stageRows copies the batch into a table of this transaction, and from there one row of each person into another. Of two
// rows for one person the later counts, unless the other one says that the person left.
func stageRows(ctx context.Context, tx *sqlx.Tx, b *batch) (optOuts bool, err error) {
	// A batch is small against what may be there: without this, Postgres reads whole tables for each of them.
	_, err = tx.ExecContext(ctx, `SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;
		CREATE TEMP TABLE staged (line bigint, address text, canonical text, wire text, hash bytea, provider text,
		name text, language text, supporter boolean, attributes jsonb, want text, reason text) ON COMMIT DROP`)
	if err != nil {
		return false, db.Err(err, "prepare the import")
	}
	_, err = db.CopyIn(ctx, tx, `COPY staged FROM STDIN`, func(yield func([]any, error) bool) {
		values := make([]any, 12)
		for i := range b.rows {
			r := &b.rows[i]
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
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `CREATE TEMP TABLE people ON COMMIT DROP AS
		SELECT DISTINCT ON (canonical) * FROM staged ORDER BY canonical, (want = 'unsubscribed') DESC, line DESC`)
	return optOuts, db.Err(err, "prepare the import")
}

// mergePeople makes a row of everybody new. Nobody is made of whom only a suppression is left: the person was erased.
const mergePeople = `
	INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name, language, supporter, attributes)
	SELECT address, canonical, wire, hash, provider, name, language, coalesce(supporter, false), attributes FROM people p
	WHERE NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.canonical = p.canonical)
		AND NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_hash = p.hash)
	ORDER BY canonical
	ON CONFLICT DO NOTHING`

// standingOf joins the people of a batch with what is known of them; $1 is the list.
const standingOf = `
	SELECT p.line, p.address, p.name, p.language, p.supporter, p.attributes, p.want, p.reason, p.hash, s.id, sn.state AS had,
		p.name NOT IN ('', s.name) OR p.language NOT IN ('', s.language) OR coalesce(p.supporter <> s.supporter, false)
			OR NOT s.attributes @> p.attributes AS differs,
		(SELECT x.reason FROM suppressions x WHERE x.address_hash = p.hash ORDER BY ` + byStrength + ` LIMIT 1) AS barred
	FROM people p
	LEFT JOIN subscribers s ON s.canonical = p.canonical
	LEFT JOIN subscriptions sn ON sn.subscriber_id = s.id AND sn.list_id = $1`

// mergeSubscriptions does all for those who may be on the list, and counts everybody.
const mergeSubscriptions = `
	WITH all_rows AS MATERIALIZED (` + standingOf + `
	), welcome AS (
		SELECT * FROM all_rows
		WHERE want <> 'unsubscribed' AND barred IS NULL AND had IS DISTINCT FROM 'unsubscribed' AND id IS NOT NULL
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

// listBarred names those whom mergeSubscriptions counted as suppressed.
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
