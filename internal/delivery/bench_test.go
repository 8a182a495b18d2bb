package delivery

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// BenchmarkWholePath sends one campaign to 20,000 readers through everything: claim, build, SMTP with the permit, outcome; with
// Postgres and a sink on the same machine. In the same run it measures the ceiling, prebuilt messages over the same
// relay package into the same sink without any promise. MAILER_BENCH_READERS changes the number of readers.
func BenchmarkWholePath(b *testing.B) {
	for _, connections := range []int{8, 50} {
		b.Run(strconv.Itoa(connections)+" connections", func(b *testing.B) { benchWholePath(b, connections) })
	}
	b.Run("8 connections and a long transaction elsewhere", func(b *testing.B) {
		benchWith(b, 8, func(d *sqlx.DB) func() {
			tx := d.MustBeginTx(context.Background(), nil)
			tx.MustExec(`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`)
			tx.MustExec(`SELECT count(*) FROM sends`)
			return func() { _ = tx.Rollback() }
		})
	})
}

func benchWholePath(b *testing.B, connections int) {
	benchWith(b, connections, func(*sqlx.DB) func() { return func() {} })
}

func benchWith(b *testing.B, connections int, before func(*sqlx.DB) func()) {
	readers := 20_000
	if n, err := strconv.Atoi(os.Getenv("MAILER_BENCH_READERS")); err == nil {
		readers = n
	}
	for range b.N {
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
		sink := smtptest.Start(b, smtptest.Ledger(smtptest.KeepCount))
		rl, err := relay.New(relay.Config{URL: sink.URL(), HelloName: "mail.example.org", MaxMessages: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
		ceiling := measureCeiling(b, r, rl, connections, readers)

		r.launch()
		done := before(d)
		sender := NewSender(SenderConfig{Store: store, Relay: rl, Connections: connections, Idle: 20 * time.Millisecond, Tick: 100 * time.Millisecond,
			Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		start := time.Now()
		go func() { ended <- sender.Run(ctx) }()
		for {
			balance, err := store.Balance(ctx, testCampaign)
			if err != nil {
				b.Fatal(err)
			}
			if balance.State == StateDone {
				if balance.Accepted != int64(readers) {
					b.Fatalf("%+v", balance)
				}
				break
			}
			<-time.After(20 * time.Millisecond)
		}
		took := time.Since(start)
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		done()
		rate := float64(readers) / took.Seconds()
		b.ReportMetric(rate, "msgs/s")
		b.ReportMetric(ceiling, "ceiling/s")
		b.ReportMetric(rate/ceiling, "of_ceiling")
		b.ReportMetric(0, "ns/op")
	}
}

// measureCeiling sends as many messages, built once, without a database.
func measureCeiling(b *testing.B, r *rig, rl *relay.Relay, connections, messages int) float64 {
	sign, err := r.ring.Signer(r.ring.Current())
	if err != nil {
		b.Fatal(err)
	}
	msg, err := r.compiled(testCampaign, "A story of the week.").Append(nil, &message.Reader{To: "reader@example.net",
		MessageID: sign.MessageID(1, 1, "mail.example.org"), LeaveToken: sign.Leave(links.Leave{Subscriber: 1, List: 1, Campaign: 1}), Groups: 3})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	start := time.Now()
	for range connections {
		wg.Go(func() {
			conn, err := rl.Dial(context.Background())
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Quit()
			for range messages / connections {
				if res := conn.Send(context.Background(), relay.Envelope{From: "b@example.org", To: "reader@example.net"}, msg, nil); res.Kind != relay.Accepted {
					b.Errorf("%+v", res)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(messages) / time.Since(start).Seconds()
}
