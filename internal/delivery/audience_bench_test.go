package delivery

import (
	"context"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// BenchmarkAudience writes the audience of one send, step after step as a sender does, and the same by one bare statement. No mail
// goes out meanwhile. MAILER_BENCH_READERS changes the number of readers.
func BenchmarkAudience(b *testing.B) {
	for name, with := range audienceKinds {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				r := benchRig(b)
				r.launch(with(r)...)
				start, spent := time.Now(), postgresTime(r.db)
				steps := 0
				for {
					campaign, err := r.store.extendAudience(context.Background())
					if err != nil {
						b.Fatal(err)
					}
					if campaign == 0 {
						break
					}
					steps++
				}
				told(b, r, time.Since(start), postgresTime(r.db)-spent)
				b.ReportMetric(float64(steps), "steps")
			}
		})
	}
	b.Run("bare SQL", func(b *testing.B) {
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
		for range b.N {
			r := benchRig(b)
			r.launch()
			start, spent := time.Now(), postgresTime(r.db)
			r.exec(q, testCampaign)
			told(b, r, time.Since(start), postgresTime(r.db)-spent)
		}
	})
}

// audienceKinds are the sends whose audiences are measured.
var audienceKinds = map[string]func(r *rig) []func(*Launch){
	"plain": func(*rig) []func(*Launch) { return nil },
	"ten topics, and a frequency": func(r *rig) []func(*Launch) {
		r.exec(`UPDATE subscriptions SET topics_off = CASE WHEN subscriber_id % 3 = 0 THEN 5 ELSE 0 END`)
		return []func(*Launch){func(l *Launch) {
			l.Groups, l.SupporterGroups, l.TopicGroups, l.Frequency = 1<<1, 0, 1<<12-1<<2, FrequencyEach
			l.Stories = []uint64{1 << 2, 1 << 4, 1 << 6}
		}}
	},
	"stories of two earlier campaigns": func(r *rig) []func(*Launch) {
		for _, c := range []int64{1, 2} {
			l := r.launchOf(c)
			l.List = 2
			r.launchTx(l)
			r.exec(`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots)
				SELECT $1, row_number() OVER (ORDER BY shuffle), subscriber_id, 'x', 3, '{}' FROM subscriptions WHERE subscriber_id % 2 = 0`, c)
			r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) SELECT campaign_id, seq, 1, 'accepted' FROM deliveries WHERE campaign_id = $1`, c)
			r.exec(`UPDATE sends SET state = 'done', finished_at = now(), audience_complete = true WHERE campaign_id = $1`, c)
		}
		r.exec(`VACUUM ANALYZE`)
		return []func(*Launch){func(l *Launch) {
			l.Groups, l.SupporterGroups = 1<<32|1<<33|1<<34|1, 1<<32|1<<33|1<<34|1
			l.Headings = []Heading{{Group: 1 << 34, Stories: 1<<32 | 1<<33}}
			l.Repeats = []Repeat{{1, 1, 1 << 32}, {2, 1, 1 << 33}}
		}}
	},
}

func benchRig(b *testing.B) *rig {
	d := dbtest.Open(b)
	d.SetMaxOpenConns(30)
	ring, err := links.NewRing("a secret of a test, long enough to be one", nil)
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{T: &testing.T{}, db: d, ring: ring, store: NewStore(d, ring, subscribers.NewStore(d, ring))}
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain)
		VALUES ('weekly', 'The Weekly', 'Example News', 'news@example.org', 'bounce.example.org')`)
	r.readers(benchReaders())
	r.exec(`VACUUM ANALYZE`)
	r.exec(`CHECKPOINT`)
	return r
}

func told(b *testing.B, r *rig, took, spent time.Duration) {
	n := float64(r.count(`SELECT count(*) FROM deliveries WHERE campaign_id = $1`, testCampaign))
	b.ReportMetric(n, "readers")
	b.ReportMetric(n/took.Seconds(), "readers/s")
	b.ReportMetric(float64(spent.Microseconds())/n, "postgres-µs/reader")
	b.ReportMetric(0, "ns/op")
}
