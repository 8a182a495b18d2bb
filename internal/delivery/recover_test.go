package delivery

import (
	"strings"
	"sync"
	"testing"

	"mailer/internal/smtptest"
)

// A chunk that is given back and claimed anew, while a retry of one of its readers waits for the relay's reply, says nothing about that
// retry: its holder lives. Taken for a doubt it would go out twice without any crash.
func TestReclaimedChunkLeavesRetriesAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(90)
	var mu sync.Mutex
	var later, busy string // readers of one chunk: one who is put off once, and one whose reply takes its time
	retry, chunk := smtptest.NewGate(), smtptest.NewGate()
	t.Cleanup(func() { retry.Open(); chunk.Open() })
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !strings.HasSuffix(e.To, "@google.example"):
		case later == "":
			later = e.To
			return smtptest.Reply("450 4.2.1 later")
		case busy == "" && e.To != later:
			busy = e.To
		}
		return smtptest.Go()
	}), smtptest.On(smtptest.Dot, func(e smtptest.Event) smtptest.Action {
		mu.Lock()
		is := map[string]*smtptest.Gate{later: retry, busy: chunk}[e.To]
		mu.Unlock()
		if is != nil && e.To != "" {
			return is.Hook(smtptest.Go())(e)
		}
		return smtptest.Go()
	}))
	r.launch()
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections = 2 }))
	<-chunk.Reached()
	<-retry.Reached()
	if err := r.store.Pause(t.Context(), testCampaign, "a test"); err != nil {
		t.Fatal(err)
	}
	chunk.Open()
	const given = `SELECT count(*) FROM chunks WHERE closed_at IS NULL AND owner IS NULL AND token = 1`
	r.until("the chunk was given back", func() bool { return r.count(given) == 1 })
	if err := r.store.Resume(t.Context(), testCampaign); err != nil {
		t.Fatal(err)
	}
	const reclaimed = `SELECT count(*) FROM chunks WHERE token > 1 AND closed_at IS NOT NULL`
	r.until("the chunk was claimed anew and sent", func() bool { return r.count(reclaimed) == 1 })
	if got := r.outcomesOf(later); len(got) != 1 {
		t.Errorf("while the retry waits for its reply it is on record as %v", got)
	}
	retry.Open()
	r.state(StateDone)
	r.once(s, all(90)...)
	r.agrees()
}
