package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// checkpoint makes Postgres write out what is due, so that what is measured next does not pay for what was before.
func (s *site) checkpoint(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `CHECKPOINT`)
	return err
}

func (b *bench) drop(ctx context.Context, d *sqlx.DB, name string) error {
	if err := d.Close(); err != nil {
		return err
	}
	admin, err := db.Open(ctx, b.pg.URL())
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.ExecContext(ctx, `DROP DATABASE `+name)
	return err
}

// bareImport brings as many readers into the same tables, without any of what an import checks, decides and counts: in one way of
// doing that, in a database of its own.
func (b *bench) bareImport(ctx context.Context, readers int, how string, do func(*sqlx.DB) error) (took time.Duration, spent string, err error) {
	d, err := b.database(ctx, "bare")
	if err != nil {
		return 0, "", err
	}
	s := &site{bench: b, db: d, url: b.pg.DatabaseURL("bare")}
	if _, err := s.mailer(ctx, "migrate"); err != nil {
		return 0, "", err
	}
	if err := s.list(ctx); err != nil {
		return 0, "", err
	}
	if err := s.checkpoint(ctx); err != nil {
		return 0, "", err
	}
	b.say("the same by %s", how)
	start, spending := time.Now(), b.spending()
	if err := do(d); err != nil {
		return 0, "", err
	}
	took, spent = time.Since(start), spending()
	var n int
	if err := d.GetContext(ctx, &n, `SELECT count(*) FROM subscriptions WHERE list_id = 1 AND state = 'confirmed'`); err != nil || n != readers {
		return 0, "", fmt.Errorf("%s imported %d of %d (%v)", how, n, readers, err)
	}
	return took, spent, b.drop(ctx, d, "bare")
}

func bareRows(ctx context.Context, tx *sqlx.Tx, readers int) error {
	_, err := tx.ExecContext(ctx, `CREATE UNLOGGED TABLE bare (address text, hash bytea, provider text, name text, language text, supporter boolean, attributes jsonb)`)
	if err != nil {
		return err
	}
	_, err = db.CopyIn(ctx, tx, `COPY bare FROM STDIN`, func(yield func([]any, error) bool) {
		values := make([]any, 7)
		for i := range readers {
			address := reader(i)
			hash := sha256.Sum256([]byte(address))
			values[0], values[1], values[2], values[3] = address, hash[:], "other", fmt.Sprintf("Reader %d", i)
			values[4], values[5], values[6] = "en", i%10 == 0, fmt.Sprintf(`{"city": "City %d"}`, i%100)
			if !yield(values, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	for _, q := range []string{
		`INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name, language, supporter, attributes)
		 SELECT address, address, address, hash, provider, name, language, supporter, attributes FROM bare`,
		`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		 SELECT id, 1, 'confirmed', 'benchmark', now() FROM subscribers`,
		`INSERT INTO consent_log (subscriber_id, list_id, event, method, source) SELECT id, 1, 'imported', 'import', 'benchmark' FROM subscribers`,
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// bareCampaign is the number of the campaign that bareLaunch writes: in the same partition as the first ones, and none of theirs.
const bareCampaign = 200

// bareLaunch writes the audience of a campaign like another one's by one statement, and removes it again.
func (s *site) bareLaunch(ctx context.Context, like int64) (took time.Duration, spent string, err error) {
	const q = `
		WITH numbered AS MATERIALIZED (
			SELECT m.subscriber_id, m.wire, m.provider, m.name, row_number() OVER (ORDER BY m.provider, m.shuffle, m.subscriber_id) AS seq,
			       (row_number() OVER (PARTITION BY m.provider ORDER BY m.shuffle, m.subscriber_id) - 1) / 300 AS nth
			FROM mailable m WHERE m.list_id = 1
		), written AS (
			INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots)
			SELECT $1::bigint, seq, subscriber_id, wire, 1, ARRAY[name] FROM numbered
		)
		INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, variant)
		SELECT $1::bigint, 1, provider, min(seq), max(seq), 0, now(), 1, 0 FROM numbered GROUP BY provider, nth`
	_, err = s.db.ExecContext(ctx, `INSERT INTO sends SELECT (jsonb_populate_record(s, jsonb_build_object('campaign_id', $1::bigint))).*
		FROM sends s WHERE campaign_id = $2`, bareCampaign, like)
	if err != nil {
		return 0, "", err
	}
	if err := s.checkpoint(ctx); err != nil {
		return 0, "", err
	}
	s.say("the same by bare SQL")
	start, spending := time.Now(), s.spending()
	if _, err := s.db.ExecContext(ctx, q, bareCampaign); err != nil {
		return 0, "", err
	}
	took, spent = time.Since(start), spending()
	for _, table := range []string{"chunks", "deliveries", "sends"} {
		if _, err := s.db.ExecContext(ctx, `DELETE FROM `+table+` WHERE campaign_id = $1`, bareCampaign); err != nil {
			return 0, "", err
		}
	}
	return took, spent, nil
}
