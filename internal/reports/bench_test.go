package reports

import (
	"testing"
	"time"

	"mailer/internal/appeals"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// BenchmarkPages reads what the pages of reports show, in a database of a million readers of a list that is ten years old, with a send to all
// of them and 10,000 campaigns.
func BenchmarkPages(b *testing.B) {
	d := dbtest.Open(b)
	ring, err := links.NewRing("0123456789abcdef0123456789abcdef", nil)
	if err != nil {
		b.Fatal(err)
	}
	subs := subscribers.NewStore(d, ring)
	s := NewStore(d, delivery.NewStore(d, ring, subs), appeals.NewStore(d, time.Now))
	begin := time.Now()
	for _, q := range []string{
		`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('morning', 'Morning', 'Courier', 'news@example.org', 'bounce.example.org')`,
		`INSERT INTO subscribers (address, canonical, wire, address_hash, provider, supporter) SELECT n || '@x.org', n || '@x.org', n || '@x.org', decode(md5(n::text), 'hex'), 'other', n % 20 = 0 FROM generate_series(1, 1000000) n`,
		`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, 1, 'confirmed', 'x', now() FROM subscribers`,
		`INSERT INTO suppressions (address_hash, reason) SELECT address_hash, 'hard_bounce' FROM subscribers WHERE id % 50 = 0`,
		`DELETE FROM list_changes`,
		`INSERT INTO list_counts (list_id, confirmed) VALUES (1, 1000000)`,
		`INSERT INTO list_days (list_id, day, joins, leaves, change) SELECT 1, current_date - n, 300, 30, 270 FROM generate_series(0, 3650) n`,
		`INSERT INTO campaigns (list_id, edition, name, template, subject, state, approved_hash, launched_at) SELECT 1, 'manual-' || n, 'c', 'digest', 'Cranes', 'launched', '', now() - n * interval '1 hour' FROM generate_series(1, 10000) n`,
		`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, state, finished_at, audience, audience_complete) SELECT id, 1, 'x.org', now(), now(), 'done', now(), 1000000, true FROM campaigns`,
		`CREATE TABLE outcomes_all PARTITION OF outcomes FOR VALUES FROM (0) TO (20000)`, `CREATE TABLE deliveries_all PARTITION OF deliveries FOR VALUES FROM (0) TO (20000)`,
		`INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, at) SELECT 10000, n, 1, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'accepted' END, CASE WHEN n % 50 = 0 THEN 'hard' ELSE '' END,
			'2026-11-22 06:00Z'::timestamptz + n * interval '3 milliseconds' FROM generate_series(1, 1000000) n`,
		// The last thirty campaigns went to everybody, the others have a chunk each.
		`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token, closed_at, accepted, failed)
			SELECT c, 1, 'other', k * 300 + 1, k * 300 + 300, 0, now(), 1, 1, now(), 294, 6 FROM generate_series(9971, 10000) c, generate_series(0, 3332) k`,
		`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token, closed_at, accepted, failed)
			SELECT c, 1, 'other', 1, 300, 0, now(), 1, 1, now(), 294, 6 FROM generate_series(1, 9970) c`,
		`INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id) SELECT n, 1, 'unsubscribed', 'form', 9900 + n % 101 FROM generate_series(1, 100000) n`,
		`ANALYZE`,
	} {
		if _, err := d.ExecContext(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
	l, err := subs.List(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("made in %s", time.Since(begin))
	today := time.Now().UTC().Truncate(24 * time.Hour)
	run := func(name string, do func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("campaign, not summed up", func() error { _, err := s.Campaign(b.Context(), 10000); return err })
	begin = time.Now()
	answers := delivery.NewAnswers(d)
	for left := 1; left > 0; {
		if err := answers.Fold(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := d.GetContext(b.Context(), &left, `SELECT count(*) FROM chunks WHERE answers IS NULL`); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("110,000 chunks summed up in %s", time.Since(begin))
	run("campaign", func() error { _, err := s.Campaign(b.Context(), 10000); return err })
	run("list, 3 months", func() error { _, err := s.List(b.Context(), l, today.AddDate(0, 0, -90), today); return err })
	run("list, ten years", func() error { _, err := s.List(b.Context(), l, today.AddDate(0, 0, -3650), today); return err })
	run("overview", func() error {
		if _, err := s.Growths(b.Context(), []int64{1}, today.AddDate(0, 0, -30)); err != nil {
			return err
		}
		_, err := s.Past(b.Context(), PastFilter{Lists: []int64{1}, Limit: 26})
		return err
	})
	run("overview, page 300", func() error {
		_, err := s.Past(b.Context(), PastFilter{Lists: []int64{1}, Before: 2500, Limit: 26})
		return err
	})
	tallies := subscribers.NewTallies(d, time.Now)
	run("tallies", func() error { _, err := tallies.All(b.Context()); return err })
	run("look at a million readers", func() error { return tallies.Look(b.Context()) })
}
