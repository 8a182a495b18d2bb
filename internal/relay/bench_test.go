package relay_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// BenchmarkCarry measures messages of 20 kB into a raw sink on loopback, which is a process of its own, with permits that are
// given at once: msgs/s, and the processor time of each side for a message.
func BenchmarkCarry(b *testing.B) {
	msg := []byte("Subject: x\r\n\r\n" + strings.Repeat("A line of seventy-two characters and no more, as quoted-printable has.\r\n", 275))
	for _, conns := range []int{1, 10, 50} {
		for _, way := range []string{"one by one", "in groups", "looking ahead"} {
			b.Run(fmt.Sprintf("%d connections, %s", conns, way), func(b *testing.B) {
				ext := "PIPELINING"
				if way == "one by one" {
					ext = "8BITMIME"
				}
				sink := smtptest.StartSink(b, ext)
				r, err := relay.New(relay.Config{URL: "smtp://" + sink.Addr + "?tls=none", HelloName: "news.example.org", MaxMessages: 1 << 30})
				if err != nil {
					b.Fatal(err)
				}
				var left atomic.Int64
				left.Store(int64(b.N))
				done := make(chan error, conns)
				b.SetBytes(int64(len(msg)))
				b.ReportAllocs()
				mine, theirs := smtptest.ProcessorTime(), sink.ProcessorTime()
				b.ResetTimer()
				for range conns {
					go func() { done <- carry(r, msg, &left, way == "looking ahead") }()
				}
				for range conns {
					if err := <-done; err != nil {
						b.Error(err)
					}
				}
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
				b.ReportMetric(float64((smtptest.ProcessorTime()-mine).Microseconds())/float64(b.N), "cpu-µs/msg")
				b.ReportMetric(float64((sink.ProcessorTime()-theirs).Microseconds())/float64(b.N), "sink-cpu-µs/msg")
			})
		}
	}
}

// given is a permit that is given at once.
type given struct{}

func (given) Ask(func())                  {}
func (given) Answer(context.Context) bool { return true }

func carry(r *relay.Relay, msg []byte, left *atomic.Int64, ahead bool) error {
	c, err := r.Dial(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	mails := [2]relay.Mail{{Envelope: env, Message: msg, Permit: given{}}, {Envelope: env, Message: msg, Permit: given{}}}
	var next func() *relay.Mail
	i := 0
	if ahead {
		next = func() *relay.Mail { return &mails[(i+1)%2] }
	}
	for ; left.Add(-1) >= 0; i++ {
		if res := c.Carry(context.Background(), &mails[i%2], next); res.Kind != relay.Accepted {
			return fmt.Errorf("%+v", res)
		}
	}
	return nil
}
