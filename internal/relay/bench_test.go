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

// BenchmarkSend measures messages of 20 kB into a raw sink on loopback, sink included, with a permit that is given at once.
func BenchmarkSend(b *testing.B) {
	msg := []byte("Subject: x\r\n\r\n" + strings.Repeat("A line of seventy-two characters and no more, as quoted-printable has.\r\n", 275))
	for _, conns := range []int{1, 10, 50} {
		for _, ext := range []string{"PIPELINING", "8BITMIME"} {
			b.Run(fmt.Sprintf("%d connections, %s", conns, ext), func(b *testing.B) {
				s := smtptest.Start(b, smtptest.Extensions(ext), smtptest.Ledger(smtptest.KeepCount))
				r := newRelay(b, s, func(c *relay.Config) { c.MaxMessages = 1 << 30 })
				var left atomic.Int64
				left.Store(int64(b.N))
				done := make(chan error, conns)
				b.SetBytes(int64(len(msg)))
				b.ReportAllocs()
				b.ResetTimer()
				for range conns {
					go func() {
						c, err := r.Dial(context.Background())
						if err != nil {
							done <- err
							return
						}
						defer c.Close()
						for left.Add(-1) >= 0 {
							if res := c.Send(context.Background(), env, msg, yes); res.Kind != relay.Accepted {
								done <- fmt.Errorf("%+v", res)
								return
							}
						}
						done <- nil
					}()
				}
				for range conns {
					if err := <-done; err != nil {
						b.Error(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			})
		}
	}
}
