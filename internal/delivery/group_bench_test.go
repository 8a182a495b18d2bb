package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// BenchmarkGroup measures what outcome and permit of a message cost, without SMTP: groups of as many connections, which each hold
// a chunk.
func BenchmarkGroup(b *testing.B) {
	for _, connections := range []int{10, 50} {
		b.Run(fmt.Sprintf("%d connections", connections), func(b *testing.B) { benchGroup(b, connections) })
	}
}

func benchGroup(b *testing.B, connections int) {
	readers := benchReaders()
	d := dbtest.Open(b)
	d.SetMaxOpenConns(30)
	ring, err := links.NewRing("a secret of a test, long enough to be one", nil)
	if err != nil {
		b.Fatal(err)
	}
	store := NewStore(d, ring, subscribers.NewStore(d, ring))
	r := &rig{T: &testing.T{}, db: d, ring: ring, store: store}
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain)
		VALUES ('weekly', 'The Weekly', 'Example News', 'news@example.org', 'bounce.example.org')`)
	r.readers(readers)
	r.exec(`UPDATE subscribers SET provider = 'other'`)
	r.launch()
	ctx := context.Background()
	for {
		if campaign, err := store.extendAudience(ctx); err != nil {
			b.Fatal(err)
		} else if campaign == 0 {
			break
		}
	}
	h := holder{process: newUUID(), lease: time.Hour}
	com := newCommitter(store, h, slog.New(slog.DiscardHandler))
	com.timeout = time.Minute
	var claims []*claim
	before := postgresTime(d)
	for {
		c, err := store.claimChunk(ctx, h, route{relay: "relay"})
		if err != nil {
			b.Fatal(err)
		}
		if c == nil {
			break
		}
		claims = append(claims, c)
	}
	claiming := postgresTime(d) - before
	r.exec(`CHECKPOINT`)
	wants := make([]want, connections)
	last := make([]*item, connections)
	messages, groups := 0, 0
	mine, postgres := smtptest.ProcessorTime(), postgresTime(d)
	b.ResetTimer()
	for messages < readers && len(claims) > 0 {
		n := min(connections, len(claims))
		for i := range n {
			if it := last[i]; it != nil {
				com.settle(it, &outcome{item: it, kind: kindAccepted, code: 250, enhanced: "2.0.0", reply: "Ok: queued as 4XkQw12n9Vz3Q", queueID: "4XkQw12n9Vz3Q", took: 3 * time.Millisecond})
			}
			c := claims[i]
			it := c.items[0]
			it.relay = "127.0.0.1:2525"
			c.items = c.items[1:]
			com.ask(&wants[i], it, nil)
			last[i] = it
		}
		if !com.commit(ctx) {
			b.Fatal("not committed")
		}
		groups++
		for i := range n {
			if v := com.answer(ctx, &wants[i]); v != verdictGo {
				b.Fatal(v)
			}
		}
		messages += n
		left := claims[:0]
		for _, c := range claims {
			if len(c.items) > 0 {
				left = append(left, c)
			}
		}
		claims = left
	}
	b.StopTimer()
	b.ReportMetric(float64(claiming.Microseconds())/float64(readers), "claim-pg-µs/msg")
	b.ReportMetric(float64((smtptest.ProcessorTime()-mine).Microseconds())/float64(messages), "sender-µs/msg")
	b.ReportMetric(float64((postgresTime(d)-postgres).Microseconds())/float64(messages), "pg-µs/msg")
	b.ReportMetric(float64((postgresTime(d)-postgres).Microseconds())/float64(groups), "pg-µs/group")
	b.ReportMetric(0, "ns/op")
}
