package subscribers

import (
	"testing"

	"mailer/internal/dbtest"
)

// The short way to count is the long one, for every kind of subscription there is.
func TestCountMailable(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for _, q := range []string{
		`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) SELECT x, x, x, 'a@example.org', 'example.org' FROM unnest(ARRAY['a', 'b']) x`,
		`INSERT INTO subscribers (address, canonical, wire, address_hash, provider) SELECT n::text, n::text, n::text, decode(md5(n::text), 'hex'), 'other' FROM generate_series(1, 216) n`,
		// Every state with every pause, end, frequency and moment.
		`INSERT INTO subscriptions (subscriber_id, list_id, state, source, frequency, confirmed_at, unsubscribed_at, paused_until, expires_at)
			SELECT s.id, 1 + s.id % 2, st, 'x', CASE WHEN s.id / 6 % 2 = 0 THEN 'each' ELSE 'weekly' END, CASE WHEN st <> 'pending' THEN now() - (s.id / 12 % 2) * interval '1 day' END, CASE WHEN st = 'unsubscribed' THEN now() END,
				(ARRAY[NULL, now() - interval '1 hour', now() + interval '1 hour'])[1 + s.id / 24 % 3], (ARRAY[NULL, now() - interval '1 hour', now() + interval '1 hour'])[1 + s.id / 72 % 3]
			FROM subscribers s, LATERAL (SELECT (ARRAY['confirmed', 'confirmed', 'pending', 'unsubscribed'])[1 + (s.id * 7 / 3)::int % 4] AS st) x`,
		`INSERT INTO suppressions (address_hash, reason) SELECT address_hash, r FROM subscribers, unnest(ARRAY['complaint', 'manual']) r WHERE id % 5 = 0`,
	} {
		if _, err := d.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	counts := map[int64]bool{}
	for _, list := range []int64{1, 2, 3} {
		for _, hears := range []string{"", "each", "weekly"} {
			for _, by := range []string{`'infinity'`, `now() - interval '1 hour'`} {
				var short, long int64
				if err := d.GetContext(t.Context(), &short, `SELECT `+CountMailable(`$1`, `$2`, by), list, hears); err != nil {
					t.Fatal(err)
				}
				if err := d.GetContext(t.Context(), &long, `SELECT count(*) FROM mailable WHERE list_id = $1 AND $2::text IN ('', frequency) AND confirmed_at <= `+by, list, hears); err != nil {
					t.Fatal(err)
				}
				if short != long {
					t.Errorf("list %d, %q, by %s: counted %d; want %d", list, hears, by, short, long)
				}
				counts[long] = true
			}
		}
	}
	if len(counts) < 5 {
		t.Errorf("only the counts %v were compared", counts)
	}
}
