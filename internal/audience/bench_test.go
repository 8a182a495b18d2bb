package audience

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// BenchmarkCount counts the readers whom a rule means. MAILER_BENCH_READERS changes the number of readers.
func BenchmarkCount(b *testing.B) {
	readers := 100_000
	if n, err := strconv.Atoi(os.Getenv("MAILER_BENCH_READERS")); err == nil {
		readers = n
	}
	d := dbtest.Open(b)
	ring, err := links.NewRing("a secret of a test, long enough to be one", nil)
	if err != nil {
		b.Fatal(err)
	}
	lists := subscribers.NewStore(d, ring)
	store := NewStore(d, lists, time.Now)
	exec := func(query string, args ...any) {
		b.Helper()
		if _, err := d.ExecContext(context.Background(), query, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('daily', 'Daily', 'x', 'x@example.org', 'x'), ('weekly', 'Weekly', 'x', 'x@example.org', 'x')`)
	exec(`CREATE TABLE deliveries_here PARTITION OF deliveries FOR VALUES FROM (0) TO (256)`)
	exec(`CREATE TABLE outcomes_here PARTITION OF outcomes FOR VALUES FROM (0) TO (256)`)
	exec(`INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name, supporter, attributes)
		SELECT a, a, a, sha256(a::bytea), (ARRAY['google', 'microsoft', 'other'])[1 + g % 3], 'Reader ' || g, g % 10 = 0,
			jsonb_build_object('city', (ARRAY['Paris', 'Lyon', 'Lille', 'Nice'])[1 + g % 4], 'age', (18 + g % 70)::text, 'plan', (ARRAY['basic', 'free', 'gold'])[1 + g % 3])
		FROM (SELECT g, 'reader' || g || '@example.org' AS a FROM generate_series(1, $1::int) g) x`, readers)
	exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at, created_at)
		SELECT id, 1, 'confirmed', 'test', now(), now() - id % 1000 * interval '1 day' FROM subscribers`)
	exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, 2, 'confirmed', 'test', now() FROM subscribers WHERE id % 2 = 0`)
	exec(`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at) VALUES (12, 1, 'x', now(), now())`)
	exec(`INSERT INTO deliveries SELECT 12, id, id, wire, 0, '{}' FROM subscribers WHERE id % 5 > 0`)
	exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) SELECT 12, seq, 1, 'accepted' FROM deliveries`)
	exec(`VACUUM ANALYZE`)
	l, err := lists.List(context.Background(), 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, text := range []string{`everybody`, `supporter`, `city is Paris`, `age greater than 40`, `on list weekly`, `was sent 12`, `was not sent 12`,
		`supporter and joined within 90 days and not (city is "Paris" or plan is one of "basic", "free") and was sent 12`,
		`supporter or was not sent 12 or city starts with L`} {
		b.Run(text, func(b *testing.B) {
			rule, err := Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			f, err := store.Freeze(context.Background(), rule, l, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			var n Count
			for b.Loop() {
				if n, err = store.Count(context.Background(), f, ""); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n.Readers), "readers")
			b.ReportMetric(float64(readers)*float64(b.N)/b.Elapsed().Seconds(), "readers/s")
		})
	}
}
