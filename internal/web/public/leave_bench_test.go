package public_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"mailer/internal/links"
)

// BenchmarkLeave asks for the leave page, and sends one-click POSTs, over 20 connections on loopback: the program, the database and
// those who ask share the machine. `make bench` measures the same from outside.
func BenchmarkLeave(b *testing.B) {
	for name, request := range map[string]string{
		"GET":       "GET /u/%s HTTP/1.1\r\nHost: news.paper.org\r\n\r\n",
		"one-click": "POST /u/%s HTTP/1.1\r\nHost: news.paper.org\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\n\r\nList-Unsubscribe=One-Click",
	} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			r.quiet()
			if _, err := r.db.Exec(`
				WITH people AS (
					INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
					SELECT a, a, a, decode(md5(a), 'hex'), 'other' FROM (SELECT 'reader' || i || '@example.org' AS a FROM generate_series(1, $1::int) i) x RETURNING id)
				INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, $2, 'confirmed', 'test', now() FROM people`, b.N, r.list.ID); err != nil {
				b.Fatal(err)
			}
			var ids []int64
			if err := r.db.Select(&ids, `SELECT subscriber_id FROM subscriptions`); err != nil {
				b.Fatal(err)
			}
			if _, err := r.db.Exec(`ANALYZE`); err != nil {
				b.Fatal(err)
			}
			var next atomic.Int64
			b.SetParallelism(10) // of each core
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
				if err != nil {
					b.Error(err)
					return
				}
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				for pb.Next() {
					id := ids[(next.Add(1)-1)%int64(len(ids))]
					token := r.ring.LeaveToken(r.ring.Current(), links.Leave{Subscriber: id, List: r.list.ID, Campaign: 7})
					if _, err := fmt.Fprintf(conn, request, token); err != nil {
						b.Error(err)
						return
					}
					resp, err := http.ReadResponse(in, nil)
					if err != nil || resp.StatusCode != 200 {
						b.Error(err, resp)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
