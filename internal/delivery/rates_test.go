package delivery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/smtptest"
)

// most returns the largest number of entries in any window of this length, wherever it begins.
func most(entries []smtptest.Entry, window time.Duration) int {
	slices.SortFunc(entries, func(a, b smtptest.Entry) int { return a.At.Compare(b.At) })
	n, from := 0, 0
	for i, e := range entries {
		for e.At.Sub(entries[from].At) >= window {
			from++
		}
		n = max(n, i-from+1)
	}
	return n
}

// SND-19: a rate is kept as the relay counts, in every window, by all senders together; and by those that take over from one that
// was killed.
func TestRates(t *testing.T) {
	t.Parallel()
	const rate = 25
	ten := 10.0
	for id, tc := range map[string]struct {
		line   RelayLine
		config func(*SenderConfig)
		of     func(smtptest.Entry) bool
		rate   int
	}{
		"SND-19 global":    {RelayLine{}, func(c *SenderConfig) { c.Rate = rate }, nil, rate},
		"SND-19 per relay": {RelayLine{Rate: rate}, nil, nil, rate},
		"SND-19 per provider": {RelayLine{}, func(c *SenderConfig) { c.Lanes = []LaneLimits{{Provider: "google", Rate: &ten}} },
			func(e smtptest.Entry) bool { return strings.Contains(e.To, "@google.") }, 10},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const readers = 120
			r.readers(readers)
			s := smtptest.Start(t)
			r.launch()
			tc.line.Relay, tc.line.Name = r.relay(s), "relay"
			configure := with(func(c *SenderConfig) {
				c.Lease = time.Second
				if tc.config != nil {
					tc.config(c)
				}
			})
			killed := r.over([]RelayLine{tc.line}, configure)
			r.over([]RelayLine{tc.line}, configure)
			r.until("it is under way", func() bool { return s.Len() > 20 })
			killed.kill()
			r.over([]RelayLine{tc.line}, configure)
			if b := r.state(StateDone); b.Accepted+b.Unknown != readers {
				t.Errorf("balance: %+v", b)
			}
			var entries []smtptest.Entry
			for _, e := range s.Ledger() {
				if tc.of == nil || tc.of(e) {
					entries = append(entries, e)
				}
			}
			for seconds := 1; seconds <= 3; seconds++ {
				if n := most(entries, time.Duration(seconds)*time.Second); n > seconds*tc.rate {
					t.Errorf("%d messages within %d s, where %d a second is the limit", n, seconds, tc.rate)
				}
			}
			t.Logf("%d messages in %s", len(entries), entries[len(entries)-1].At.Sub(entries[0].At).Round(time.Millisecond))
		})
	}
}

// A provider with a rate does not keep the others waiting, though its mail stands first.
func TestRateHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1500)
	s := smtptest.Start(t)
	r.launch()
	slow := 5.0
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Lanes = []LaneLimits{{Provider: "google", Rate: &slow}} }))
	r.until("all others have their mail", func() bool {
		return r.count(`SELECT count(*) FROM outcomes o JOIN deliveries d USING (campaign_id, seq)
			WHERE o.kind = 'accepted' AND d.recipient NOT LIKE '%@google.%'`) == 1000
	})
	if n := r.count(`SELECT count(*) FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE d.recipient LIKE '%@google.%'`); n > 250 {
		t.Errorf("%d messages to the slow provider while the others were sent", n)
	}
	if n := r.count(`SELECT count(*) FROM outcomes WHERE kind <> 'accepted'`); n != 0 {
		t.Errorf("%d outcomes that are not accepted", n)
	}
}

// SND-39: at its cap a relay takes no more on that day, whoever sends; the rest is carried over and none is lost, also when the
// send would have run out meanwhile.
func TestDailyCap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers, limit = 150, 60
	r.readers(readers)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(addressOf(1), 100, smtptest.Reply("550 5.1.1 no such user"))))
	r.launch(func(l *Launch) { l.ExpiresAt = time.Now().Add(time.Hour) })
	lines := []RelayLine{{Relay: r.relay(s), Name: "relay", DailyCap: limit}}
	for day := 1; day <= 3; day++ {
		one, two := r.over(lines), r.over(lines)
		sent := min(day*limit, readers-1)
		r.until(fmt.Sprintf("the messages of day %d are sent", day), func() bool { return r.balance().Accepted == int64(sent) })
		if sent < readers-1 {
			r.until("both know that the day is over", func() bool {
				return !one.relays.lines[0].cap.capped().IsZero() && !two.relays.lines[0].cap.capped().IsZero()
			})
			r.until("the send has time until after the next day begins", func() bool {
				return r.count(`SELECT count(*) FROM sends WHERE expires_at > clock_timestamp() + interval '1 day'`) == 1
			})
		}
		one.stop()
		two.stop()
		if s.Len() != sent {
			t.Errorf("%d messages after %d days", s.Len(), day)
		}
		if n := r.count(`SELECT max(sent) FROM relay_days`); n > limit {
			t.Errorf("%d messages on one day, where %d is the limit", n, limit)
		}
		r.exec(`UPDATE relay_days SET day = day - 1`) // a night passes
	}
	if b := r.state(StateDone); b.Accepted != readers-1 || b.Failed != 1 || b.Expired+b.Unknown != 0 {
		t.Errorf("SND-39: %+v", b)
	}
	r.once(s, all(readers, addressOf(1))...)
}
