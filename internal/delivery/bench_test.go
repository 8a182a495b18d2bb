package delivery

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// BenchmarkWholePath sends one campaign of 20 kB a message to 20,000 readers through everything: claim, build, SMTP with the permit,
// outcome, mail log; with Postgres and a sink on the same machine. It tells messages per second and, which other work on the machine
// disturbs less, the processor time that a message costs the sender, Postgres and the sink.
//
// The server of the tests does not sync to disk; give one that does in MAILER_TEST_DSN. MAILER_BENCH_READERS changes the number of
// readers.
func BenchmarkWholePath(b *testing.B) {
	nothing := func(*sqlx.DB) func() { return func() {} }
	b.Run("default", func(b *testing.B) { benchWith(b, 0, nothing) })
	for _, connections := range []int{8, 50} {
		b.Run(strconv.Itoa(connections)+" connections", func(b *testing.B) { benchWith(b, connections, nothing) })
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

func benchReaders() int {
	if n, err := strconv.Atoi(os.Getenv("MAILER_BENCH_READERS")); err == nil {
		return n
	}
	return 20_000
}

func benchWith(b *testing.B, connections int, before func(*sqlx.DB) func()) {
	readers := benchReaders()
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
		r.exec(`UPDATE subscribers SET provider = 'other'`) // the others have limits of their own
		r.exec(`CHECKPOINT`)
		sink := smtptest.StartSink(b, "PIPELINING")
		rl, err := relay.New(relay.Config{URL: "smtp://" + sink.Addr + "?tls=none", HelloName: "mail.example.org"})
		if err != nil {
			b.Fatal(err)
		}
		r.launch(func(l *Launch) {
			l.Messages[0].Compiled = r.compiled(testCampaign, strings.Repeat("A story of the week, told at some length. ", 21))
		})
		done := before(d)
		sender := NewSender(SenderConfig{Store: store, Relays: []RelayLine{{Relay: rl}}, Connections: connections, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		mine, theirs, postgres := smtptest.ProcessorTime(), sink.ProcessorTime(), postgresTime(d)
		var wal int64
		_ = d.Get(&wal, `SELECT pg_current_wal_insert_lsn() - '0/0'`)
		start := time.Now()
		go func() { ended <- sender.Run(ctx) }()
		for state := ""; state != StateDone; {
			<-time.After(20 * time.Millisecond)
			if err := d.Get(&state, `SELECT state FROM sends WHERE campaign_id = $1`, testCampaign); err != nil {
				b.Fatal(err)
			}
		}
		took := time.Since(start)
		each := func(name string, d time.Duration) {
			b.ReportMetric(float64(d.Microseconds())/float64(readers), name+"-µs/msg")
		}
		each("sender", smtptest.ProcessorTime()-mine)
		each("sink", sink.ProcessorTime()-theirs)
		each("postgres", postgresTime(d)-postgres)
		before := wal
		_ = d.Get(&wal, `SELECT pg_current_wal_insert_lsn() - '0/0'`)
		b.ReportMetric(float64(wal-before)/float64(readers), "wal-B/msg")
		b.ReportMetric(float64(sender.com.serial), "groups")
		b.ReportMetric(peakMB(), "peak-MB")
		balance, err := store.Balance(ctx, testCampaign)
		if err != nil || balance.Accepted != int64(readers) {
			b.Fatalf("%+v, %v", balance, err)
		}
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		done()
		b.ReportMetric(float64(readers)/took.Seconds(), "msgs/s")
		b.ReportMetric(0, "ns/op")
	}
}

// peakMB is the most memory that this process had at once; 0 where it cannot be told.
func peakMB() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kB); n == 1 {
			return kB / 1024
		}
	}
	return 0
}

// postgresTime is the processor time that the server has used so far; 0 where it is not on this machine.
func postgresTime(d *sqlx.DB) time.Duration {
	var pid int
	if err := d.Get(&pid, `SELECT pg_backend_pid()`); err != nil {
		return 0
	}
	master := parent(pid)
	pids := []int{master}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if n, err := strconv.Atoi(filepath.Base(dir)); err == nil && parent(n) == master {
			pids = append(pids, n)
		}
	}
	return smtptest.ProcessorTime(pids...)
}

// parent is the process that started another one; 0 when it cannot be told.
func parent(pid int) (ppid int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	var state string
	fmt.Sscan(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), &state, &ppid) //nolint:errcheck // 0 then
	return ppid
}
