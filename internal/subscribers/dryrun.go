package subscribers

import (
	"context"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
)

// dryRun is what is known of a connection on which the tables of readers are hidden by temporary ones of the same names. An import does there just
// what it does in earnest, with the same statements; what is known of the people of each part is copied there first. So it counts
// the same, waits for nobody, holds up nobody, and leaves nothing behind.
type dryRun struct {
	real    string // the schema of the real tables, quoted
	fetched int    // parts
}

// firstDryPerson numbers people who would be made; no real one has such a number.
const firstDryPerson = "4611686018427387904"

func beginDry(ctx context.Context, conn *sqlx.Conn) (*dryRun, error) {
	d := &dryRun{}
	err := conn.GetContext(ctx, &d.real, `SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = 'subscribers'::regclass`)
	if err != nil {
		return nil, db.Err(err, "begin the dry run")
	}
	// Refused on a connection that had temporary tables before, and then it is slower.
	_, _ = conn.ExecContext(ctx, `SET temp_buffers = '128MB'`)
	for _, table := range []struct{ name, keys string }{
		{"subscribers", ", PRIMARY KEY (id), UNIQUE (canonical)"}, {"subscriptions", ", PRIMARY KEY (subscriber_id, list_id)"},
		{"suppressions", ", UNIQUE (address_hash, reason)"}, {"consent_log", ""}, {"leaves", ""},
	} {
		_, err := conn.ExecContext(ctx, `CREATE TEMP TABLE `+table.name+` (LIKE `+d.real+`.`+table.name+
			` INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS`+table.keys+`)`)
		if err != nil {
			return nil, db.Err(err, "begin the dry run")
		}
	}
	if _, err := conn.ExecContext(ctx, `ALTER SEQUENCE pg_temp.subscribers_id_seq RESTART `+firstDryPerson); err != nil {
		return nil, db.Err(err, "begin the dry run")
	}
	return d, nil
}

// fetch copies what is known of people.
func (d *dryRun) fetch(ctx context.Context, tx *sqlx.Tx, list int64, canonicals pq.StringArray, hashes pq.ByteaArray) error {
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO subscribers OVERRIDING SYSTEM VALUE SELECT s.* FROM ` + d.real + `.subscribers s WHERE s.canonical = ANY($1)
			ON CONFLICT DO NOTHING`, []any{canonicals}},
		{`INSERT INTO subscriptions SELECT sn.* FROM subscribers s JOIN ` + d.real + `.subscriptions sn ON sn.subscriber_id = s.id AND sn.list_id = $2
			WHERE s.canonical = ANY($1) ON CONFLICT DO NOTHING`, []any{canonicals, list}},
		{`INSERT INTO suppressions OVERRIDING SYSTEM VALUE SELECT x.* FROM ` + d.real + `.suppressions x WHERE x.address_hash = ANY($1)
			ON CONFLICT DO NOTHING`, []any{hashes}},
	} {
		if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
			return db.Err(err, "look for what is known")
		}
	}
	if d.fetched++; d.fetched&(d.fetched-1) > 0 {
		return nil
	}
	// Nobody else tells Postgres how large these tables have become.
	_, err := tx.ExecContext(ctx, `ANALYZE subscribers; ANALYZE subscriptions; ANALYZE suppressions`)
	return db.Err(err, "look for what is known")
}
