package migrations_test

import (
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"mailer/internal/dbtest"
	"mailer/migrations"
)

// trust is the last migration before those of readers; a database of that age has rows in every table that these change.
const trust = 6

const olderRows = `
	INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('daily', 'The Daily', 'The Daily', 'news@paper.org', 'bounce.paper.org');
	INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
		SELECT n || '@example.org', n || '@example.org', n || '@example.org', decode(md5(n::text), 'hex'), 'other' FROM generate_series(1, 500) n;
	INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at, unsubscribed_at)
		SELECT id, 1, CASE id % 3 WHEN 0 THEN 'pending' WHEN 1 THEN 'confirmed' ELSE 'unsubscribed' END, 'import',
			CASE WHEN id % 3 > 0 THEN now() END, CASE WHEN id % 3 = 2 THEN now() END FROM subscribers;
	INSERT INTO suppressions (address_hash, address, reason) SELECT address_hash, address, 'complaint' FROM subscribers WHERE id = 1;
	INSERT INTO consent_log (subscriber_id, list_id, event, method, network)
		SELECT id, 1, 'signed_up', 'form', (ARRAY['', '192.0.2.0/24', '2001:db8::/48', 'a proxy'])[id % 4 + 1] FROM subscribers;
	INSERT INTO leaves (subscriber_id, list_id) VALUES (2, 1);
	INSERT INTO imports (list_id, file_name, source, rows, added, finished_at) VALUES (1, 'done.csv', 'fair', 5, 5, now()), (1, 'cut.csv', 'fair', 7, 7, NULL);
	INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data, state, finished_at) VALUES
		('confirm:1:1:0', 'confirm', 'b@bounce.paper.org', '1@example.org', 'x', 'queued', NULL), ('proof:1', 'proof', 'b@bounce.paper.org', '1@example.org', 'x', 'accepted', now());
	INSERT INTO audit_log (actor, action, subject) VALUES ('jane', 'list.create', 'list daily');
	INSERT INTO articles (guid, title, published_at, content_hash) VALUES ('a', 'A story', now(), '');
	INSERT INTO digests (slug, list_id, name, recipe, time_zone) VALUES ('morning', 1, 'Morning', '{"template": "digest"}', 'UTC');
	INSERT INTO campaigns (list_id, digest_id, edition, name, template, state, approved_hash, launched_at) VALUES
		(1, 1, '2026-11-01T07:00', 'old', 'digest', 'launched', 'x', now()), (1, 1, '2026-11-02T07:00', 'next', 'digest', 'approved', 'x', NULL),
		(1, NULL, 'manual-1', 'by hand', 'story', 'draft', NULL, NULL);
	INSERT INTO campaign_stories (campaign_id, article_id, picked) VALUES (1, 1, '{}');
	INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at) VALUES (1, 1, 'bounce.paper.org', now(), now() + interval '1 day')`

// TestOlderRows applies the migrations of readers to a database that has been used: nothing is lost, nobody gets other mail than
// before, and nothing stands in the way.
func TestOlderRows(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	p, err := goose.NewProvider(goose.DialectPostgres, d.DB, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), trust); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), olderRows); err != nil {
		t.Fatal(err)
	}
	mailable := number(t, d, `SELECT count(*) FROM mailable`)
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatalf("a database that has been used cannot be brought up to date: %v", err)
	}
	for query, want := range map[string]int{
		`SELECT count(*) FROM subscribers WHERE NOT tracking`:                                                              500,
		`SELECT count(*) FROM subscriptions WHERE frequency = 'each' AND topics_off = 0 AND expires_at IS NULL`:            500,
		`SELECT count(*) FROM mailable WHERE frequency = 'each' AND topics_off = 0`:                                        mailable,
		`SELECT count(*) FROM consent_log WHERE event = 'signed_up'`:                                                       500,
		`SELECT count(*) FROM campaigns WHERE id = 2 AND frequency = 'each' AND state = 'approved'`:                        1,
		`SELECT count(*) FROM campaigns WHERE id IN (1, 3) AND frequency = 'all'`:                                          2,
		`SELECT count(*) FROM digests WHERE recipe ->> 'frequency' = 'each'`:                                               1,
		`SELECT count(*) FROM sends WHERE frequency = 'all' AND rule IS NULL AND topic_groups = 0 AND story_groups = '{}'`: 1,
		`SELECT count(*) FROM lists WHERE signup_open OR archive_open`:                                                     0,
		`SELECT count(*) FROM imports WHERE finished_at IS NULL AND cardinality(done) > 0`:                                 0,
		`SELECT count(*) FROM outbox`:       2,
		`SELECT count(*) FROM segment_uses`: 0,
		`SELECT count(*) FROM pg_constraint WHERE NOT convalidated AND connamespace = 'public'::regnamespace`: 0,
		`SELECT count(*) FROM subscribed`: number(t, d, `SELECT count(*) FROM subscriptions WHERE state = 'confirmed'`),
	} {
		if got := number(t, d, query); got != want {
			t.Errorf("%s: %d; want %d", query, got, want)
		}
	}
}

func number(t *testing.T, d *sqlx.DB, query string) (n int) {
	t.Helper()
	if err := d.GetContext(t.Context(), &n, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
