package admin_test

import (
	"testing"
	"time"

	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// launchedCampaigns is how many campaigns of the large newsroom went out; the newest of them was done an hour ago.
const launchedCampaigns = 9_949

// either is what both newsrooms have of what a route may name.
var either = []string{
	`INSERT INTO publications (slug, name) VALUES ('paper', 'The Paper')`,
	`INSERT INTO topics (list_id, bit, slug, name) VALUES (1, 20, 'local', 'Local')`,
	`INSERT INTO proof_groups (list_id, name, addresses, updated_at, updated_by) VALUES (1, 'Desk', '{a@example.org}', now(), 'bench')`,
	`INSERT INTO images (hash, kind, width, height, size, data, who) VALUES (md5('x'), 'png', 4, 4, 4, 'x', 'bench')`,
	`INSERT INTO segments (slug, name, rule) VALUES ('first', 'First', '{"test": {"field": "supporter"}}')`,
}

// fillSmall adds these to the demo's newsroom, and writes next like the edition that was sent.
func fillSmall(b *testing.B, r *admintest.Rig, sent, next int64) {
	b.Helper()
	rows(b, r, either)
	for _, q := range []string{
		`INSERT INTO campaign_blocks (campaign_id, position, kind, data) SELECT $2, position, kind, data FROM campaign_blocks WHERE campaign_id = $1`,
		`INSERT INTO campaign_stories (campaign_id, article_id, picked, groups) SELECT $2, article_id, picked, groups FROM campaign_stories WHERE campaign_id = $1`,
		`UPDATE campaigns SET subject = (SELECT subject FROM campaigns WHERE id = $1) WHERE id = $2`,
	} {
		if _, err := r.DB.ExecContext(b.Context(), q, sent, next); err != nil {
			b.Fatalf("%s: %v", q, err)
		}
	}
}

// fillLarge makes a newsroom of a million readers, ten thousand campaigns over three years, and what comes with them. Deliveries are those
// of the last weeks, as the service forgets older ones; the last thirty sends and the one under way went to everybody. It returns the
// edition that is being written.
func fillLarge(b *testing.B, r *admintest.Rig) int64 {
	b.Helper()
	rows(b, r, either)
	rows(b, r, readerRows)
	rows(b, r, campaignRows)
	rows(b, r, deskRows)
	tallies := subscribers.NewTallies(r.DB, time.Now)
	if err := tallies.Gather(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := tallies.Look(b.Context()); err != nil {
		b.Fatal(err)
	}
	rows(b, r, []string{`VACUUM ANALYZE`})
	draft := r.Draft()
	if _, err := r.Campaigns.Schedule(b.Context(), draft.ID, time.Now().Add(5*time.Hour), "bench"); err != nil {
		b.Fatal(err)
	}
	// What went out looked like it.
	rows(b, r, []string{
		`INSERT INTO campaign_blocks (campaign_id, position, kind, data) SELECT c.id, k.position, k.kind, k.data FROM campaigns c, campaign_blocks k WHERE k.campaign_id = (SELECT max(id) FROM campaigns) AND c.id <> k.campaign_id`,
		`INSERT INTO campaign_revisions (campaign_id, first_version, version, account, begun_at, at, what, content)
			SELECT r.campaign_id, n, n, 'p3@example.org', now(), now(), 'rewrote the preheader', r.content FROM (SELECT * FROM campaign_revisions ORDER BY id DESC LIMIT 1) r, generate_series(1, 300) n`,
		`ANALYZE`,
	})
	return draft.ID
}

func rows(b *testing.B, r *admintest.Rig, queries []string) {
	b.Helper()
	for _, q := range queries {
		if _, err := r.DB.ExecContext(b.Context(), q); err != nil {
			b.Fatalf("%s: %v", q, err)
		}
	}
}

var readerRows = []string{
	`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) SELECT x, x, x, x || '@example.org', 'bounce.example.org' FROM unnest(ARRAY['weekly', 'sport']) x`,
	`INSERT INTO subscribers (address, canonical, wire, address_hash, provider, supporter, name, attributes)
		SELECT a, a, a, decode(md5(a), 'hex'), (ARRAY['google', 'microsoft', 'apple', 'other'])[1 + n % 4], n % 20 = 0, 'Reader ' || n, jsonb_build_object('city', (ARRAY['Lyon', 'Leeds', 'Ghent', 'Porto'])[1 + n / 7 % 4])
		FROM (SELECT n, 'reader' || n || '@mail' || n % 500 || '.example.net' AS a FROM generate_series(1, 1000000) n) x`,
	`INSERT INTO subscriptions (subscriber_id, list_id, state, source, created_at, confirmed_at, unsubscribed_at)
		SELECT id, 1, CASE WHEN id % 40 = 3 THEN 'unsubscribed' WHEN id % 1000 = 7 THEN 'pending' ELSE 'confirmed' END, 'form', now() - id % 1095 * interval '1 day',
			CASE WHEN id % 1000 <> 7 THEN now() - id % 1095 * interval '1 day' END, CASE WHEN id % 40 = 3 THEN now() - id % 300 * interval '1 day' END FROM subscribers WHERE id > 100`,
	`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, l, 'confirmed', 'form', now() FROM subscribers, generate_series(2, 3) l WHERE id > 200000 * l AND id <= 200000 * l + 50000`,
	`INSERT INTO suppressions (address_hash, address, reason, detail, created_at) SELECT address_hash, address, 'hard_bounce', '550 no such user', now() - id % 1000 * interval '1 hour' FROM subscribers WHERE id > 100 AND id % 50 = 0`,
	`INSERT INTO suppressions (address_hash, address, reason) SELECT decode(md5('g' || n), 'hex'), 'gone' || n || '@example.com', 'manual' FROM generate_series(1, 10000) n`,
	`INSERT INTO consent_log (at, subscriber_id, list_id, event, method, network) SELECT created_at, subscriber_id, list_id, 'confirmed', 'form', '192.0.2.0/24' FROM subscriptions`,
	`INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id) SELECT subscriber_id, 1, 'unsubscribed', 'form', 5000 + subscriber_id % 4900 FROM subscriptions WHERE state = 'unsubscribed'`,
	`INSERT INTO list_days (list_id, day, joins, leaves, change) SELECT l, current_date - n, 300, 30, 270 FROM generate_series(1, 1095) n, generate_series(1, 3) l ON CONFLICT DO NOTHING`,
	`INSERT INTO imports (list_id, file_name, source, rows, added, started_at, finished_at) SELECT 1 + n % 3, 'readers-' || n || '.csv', 'fair', 50, 50, now() - n * interval '1 hour', now() - n * interval '1 hour' FROM generate_series(1, 20000) n`,
}

var campaignRows = []string{
	`INSERT INTO articles (feed_id, guid, canonical_url, url, title, dek, authors, section, tags, published_at, changed_at, words, language, body_html, content_hash)
		SELECT 1 + n % 3, 'bench-' || n, u, u, 'Story ' || n || ' of ' || (ARRAY['cranes', 'trams', 'wardens', 'ovens'])[1 + n / 3 % 4], 'What the council decided about it, and who pays', '[{"name": "Ada Moran"}]',
			(ARRAY['City', 'Science', 'Culture'])[1 + n % 3], '{council}', now() - (20000 - n) * interval '79 minutes', now(), 600, 'en', repeat('<p>The council met on Tuesday and heard the plan.</p>', 60), decode(md5(n::text), 'hex')
		FROM (SELECT n, 'https://news.example.org/story/' || n AS u FROM generate_series(1, 20000) n) x`,
	`INSERT INTO feed_items (feed_id, guid, article_id, position) SELECT feed_id, guid, id, (row_number() OVER (PARTITION BY feed_id ORDER BY published_at DESC))::int + 100 FROM articles WHERE guid LIKE 'bench-%' AND published_at > now() - interval '60 days'`,
	// Nine in ten are of the first list, half of them editions of the digest; the last but one launched is done, the last is under way.
	`INSERT INTO campaigns (list_id, digest_id, edition, name, template, subject, state, approved_hash, approved_by, launched_at, send_at, created_by, created_at)
		SELECT CASE WHEN n % 10 = 3 THEN 2 + n / 10 % 2 ELSE 1 END, CASE WHEN n % 2 = 0 AND n % 10 <> 3 THEN 1 END, 'bench-' || n, 'Campaign ' || n, 'digest', 'Cranes, trams and ovens, number ' || n, 'launched', '\x01', 'p3@example.org', at, at, 'p3@example.org', at
		FROM (SELECT n, now() - interval '1 hour' - (9949 - n) * interval '158 minutes' AS at FROM generate_series(1, 9949) n) x ORDER BY n`,
	`INSERT INTO campaigns (list_id, edition, name, template, subject, state, approved_hash, launched_at, send_at, created_by) VALUES (1, 'bench-now', 'Under way', 'digest', 'Under way', 'launched', '\x01', now(), now(), 'p3@example.org')`,
	`INSERT INTO campaigns (list_id, edition, name, template, subject, state, approved_hash, send_at, created_by) SELECT 1 + n % 3, 'bench-late-' || n, 'Campaign', 'digest', 'To come ' || n, s, '\x01', CASE WHEN n % 3 > 0 THEN now() + n * interval '5 hours' END, 'p3@example.org'
		FROM (SELECT n, (ARRAY['draft', 'in_review', 'approved', 'draft', 'cancelled'])[1 + n % 5] AS s FROM generate_series(1, 49) n) x`,
	`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, state, finished_at, audience, audience_complete, audience_as_of, created_at)
		SELECT id, list_id, 'x.org', launched_at, launched_at + interval '1 day', 'done', launched_at + interval '20 minutes', CASE WHEN id > 9919 THEN 1000000 ELSE 300 END, true, launched_at, launched_at FROM campaigns WHERE id <= 9949`,
	`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, state, audience, audience_complete) VALUES (9950, 1, 'x.org', now(), now() + interval '1 day', 'running', 1000000, true)`,
	`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token, closed_at, accepted, failed, answers)
		SELECT c, 1, (ARRAY['google', 'microsoft', 'apple', 'other'])[1 + k % 4], k * 300 + 1, least(k * 300 + 300, 1000000), 0, now(), 1, 1, s.finished_at, least(300, 1000000 - k * 300) - 6, 6,
			jsonb_build_object('first', s.created_at, 'last', s.finished_at, 'minutes', jsonb_build_array(jsonb_build_array(floor(extract(epoch FROM s.created_at) / 60)::bigint + k / 170, least(300, 1000000 - k * 300) - 6, 2, 6)), 'refused', jsonb_build_array(jsonb_build_array('hard', 6, k * 300 + 1)))
		FROM generate_series(9920, 9949) c, generate_series(0, 3333) k, sends s WHERE s.campaign_id = c`,
	`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token, closed_at, accepted, failed, answers)
		SELECT campaign_id, 1, 'other', 1, 300, 0, now(), 1, 1, finished_at, 294, 6, jsonb_build_object('first', created_at, 'last', finished_at, 'minutes', jsonb_build_array(jsonb_build_array(floor(extract(epoch FROM created_at) / 60)::bigint, 294, 0, 6)), 'refused', jsonb_build_array(jsonb_build_array('hard', 6, 1)))
		FROM sends WHERE campaign_id < 9920`,
	// The one under way is half through, at a hundred chunks.
	`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token, owner, lease_until, closed_at, accepted, answers)
		SELECT 9950, 1, 'other', k * 300 + 1, least(k * 300 + 300, 1000000), 0, now(), 1, (k < 1700)::int, CASE WHEN k BETWEEN 1600 AND 1699 THEN gen_random_uuid() END, CASE WHEN k BETWEEN 1600 AND 1699 THEN now() + interval '1 day' END,
			CASE WHEN k < 1600 THEN now() END, CASE WHEN k < 1600 THEN 300 ELSE 0 END, NULL FROM generate_series(0, 3333) k`,
	`SELECT add_queue_partitions(n, 256) FROM generate_series(34, 39) n`,
	`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots) SELECT 9949, id - 100, id, address, 1, '{}' FROM subscribers WHERE id > 100 AND id <= 1000100`,
	`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots) SELECT 9950, id - 100, id, address, 1, '{}' FROM subscribers WHERE id > 100 AND id <= 500100`,
	`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots) SELECT c, id - 999000, id, address, 1, '{}' FROM subscribers, generate_series(8800, 9948) c WHERE id > 999000 AND c % 10 <> 3`,
	`INSERT INTO outcomes (campaign_id, seq, attempt, kind, class) SELECT campaign_id, seq, 1, CASE WHEN seq % 50 = 0 THEN 'failed' ELSE 'accepted' END, CASE WHEN seq % 50 = 0 THEN 'hard' ELSE '' END FROM deliveries`,
	`INSERT INTO campaign_stories (campaign_id, article_id, picked) SELECT c.id, 50 + (c.id * 2 + k * 7) % 19900, jsonb_build_object('id', 50 + (c.id * 2 + k * 7) % 19900, 'title', 'Story', 'url', 'https://news.example.org/') FROM campaigns c, generate_series(1, 8) k`,
}

var deskRows = []string{
	`INSERT INTO segments (slug, name, rule) SELECT 'segment-' || n, 'Segment ' || n, '{"test": {"field": "attribute", "name": "city", "op": "is", "values": ["Lyon"]}}' FROM generate_series(1, 299) n`,
	`INSERT INTO audit_log (at, actor, action, subject, detail) SELECT now() - (50000 - n) * interval '30 minutes', 'p' || n % 12 || '@example.org', (ARRAY['campaign.edited', 'campaign.approved', 'list.changed', 'subscriber.added', 'segment.changed'])[1 + n % 5],
		(ARRAY['campaign ', 'campaign ', 'list ', 'subscriber ', 'segment '])[1 + n % 5] || n % 9000, '{"state": "draft"}' FROM generate_series(1, 50000) n`,
	`INSERT INTO accounts (email, canonical, name) SELECT a, a, 'Person ' || n FROM (SELECT n, 'p' || n || '@example.org' AS a FROM generate_series(1, 60) n) x`,
	`INSERT INTO account_grants (account_id, role) SELECT id, 'editor' FROM accounts`,
	`INSERT INTO corrections (article_id, note, made_by, made_at) SELECT 100 + n * 50, 'The name was wrong.', 'p3@example.org', now() - n * interval '1 day' FROM generate_series(1, 300) n`,
	`INSERT INTO images (hash, kind, width, height, size, data, name, who, created_at) SELECT md5('image' || n), 'png', 600, 400, 1000, decode(repeat(md5(n::text), 30), 'hex'), 'image ' || n, 'p3@example.org', now() - n * interval '1 hour' FROM generate_series(1, 5000) n`,
	`INSERT INTO appeal_clicks (campaign_id, variant_id, hour, clicks) SELECT c.id, v.id, date_trunc('hour', c.launched_at) + h * interval '1 hour', 7 FROM campaigns c, appeal_variants v, generate_series(0, 9) h WHERE c.state = 'launched'`,
	`INSERT INTO leave_reasons (list_id, campaign_id, reason, day, readers) SELECT list_id, id, r, launched_at::date, 3 FROM campaigns, unnest(ARRAY['often', 'interest', 'other']) r WHERE state = 'launched'`,
	`INSERT INTO alerts (campaign_id, list_id, sent_at) SELECT id, list_id, launched_at FROM campaigns WHERE id % 50 = 1 AND state = 'launched'`,
	`INSERT INTO proofs (campaign_id, address, content_hash, may_approve, sent_by, sent_at) SELECT id, 'a@example.org', '\x01', true, 'p3@example.org', created_at FROM campaigns`,
	`INSERT INTO link_checks (url_hash, url, state, checked_at) SELECT decode(md5(n::text), 'hex'), 'https://news.example.org/' || n, 'fine', now() FROM generate_series(1, 50000) n`,
}
