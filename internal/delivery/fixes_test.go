package delivery

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

func (r *rig) fix(story string) (f Fix, err error) {
	r.Helper()
	m := Message{Compiled: r.compiled(testCampaign, story), WebHTML: "<p>" + story + "</p>"}
	err = db.InTx(context.Background(), r.db, func(tx *sqlx.Tx) error {
		var err error
		f, err = NewFixes(r.store).PutTx(context.Background(), tx, testCampaign, m)
		return err
	})
	return f, err
}

// A fix reaches those whose chunks have not begun and those who are added later; a retry of a chunk that had begun is the same octets.
func TestFix(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(900)
	if _, err := r.fix("Too early."); errs.KindOf(err) != errs.NotFound {
		t.Errorf("before the launch: %v", err)
	}
	gate := smtptest.NewGate()
	hold := gate.Hook(smtptest.Go())
	var deferred atomic.Bool
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if deferred.CompareAndSwap(false, true) { // the first one is put off, and tried again after the fix
			hold(e)
			return smtptest.Reply("451 4.3.0 later")
		}
		return smtptest.Go()
	}))
	r.launch()
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections = 1 }))
	<-gate.Reached()
	r.until("the audience is written", func() bool { return r.balance().AudienceComplete })
	begun := r.count(`SELECT sum(to_seq - from_seq + 1) FROM chunks WHERE token > 0`)
	reach, err := NewFixes(r.store).Reach(t.Context(), testCampaign)
	if err != nil || reach.Readers != 900-begun || reach.More || reach.Revision != 1 {
		t.Errorf("reach: %+v, %v; %d begun", reach, err, begun)
	}
	fix, err := r.fix("The corrected story.")
	if err != nil || fix.Revision != 2 || fix.Readers != 900-begun || fix.Readers == 0 || fix.More {
		t.Fatalf("fix: %+v, %v; %d begun", fix, err, begun)
	}
	gate.Open()
	r.state(StateDone)
	r.once(s, all(900)...)
	old := int64(0)
	for _, e := range s.Ledger() {
		was, is := bytes.Contains(e.Data, []byte("A story of the week.")), bytes.Contains(e.Data, []byte("The corrected story."))
		if was == is {
			t.Fatalf("%s: old %t, new %t", e.To, was, is)
		}
		if was {
			old++
		}
	}
	if old != begun {
		t.Errorf("%d readers have the old one, %d were in chunks that had begun", old, begun)
	}
	retried := ""
	if err := r.db.GetContext(t.Context(), &retried, `SELECT d.recipient FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE o.attempt = 2`); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Ledger() {
		if e.To == retried && !bytes.Contains(e.Data, []byte("A story of the week.")) {
			t.Error("the retry is another message than the first attempt")
		}
	}
	if page, err := r.store.WebPage(t.Context(), testCampaign); err != nil || page != "<p>The corrected story.</p>" {
		t.Errorf("the web page: %q, %v", page, err)
	}
	if _, err := r.fix("Too late."); errs.KindOf(err) != errs.Conflict {
		t.Errorf("after the end: %v", err)
	}
	if n := r.count(`SELECT count(*) FROM messages`); n != 2 {
		t.Errorf("%d revisions", n)
	}
	// Late joiners get the corrected one.
	r.join(3)
	if _, err := r.wave(); err != nil {
		t.Fatal(err)
	}
	r.until("the late joiners have it", func() bool { return r.balance().Accepted == 903 })
	for _, e := range s.Ledger()[900:] {
		if !bytes.Contains(e.Data, []byte("The corrected story.")) {
			t.Errorf("%s joined late and has the old one", e.To)
		}
	}
}

// Claims and a fix at once: each chunk is of one revision, and the fix says truly how many have it. When nothing is left it is refused.
func TestFixAmongClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1000)
	r.launch()
	if f, err := r.fix("To all."); err != nil || f.Readers != 0 || !f.More {
		t.Errorf("before the audience is written: %+v, %v", f, err)
	}
	for !r.balance().AudienceComplete {
		if _, err := r.store.extendAudience(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h, claimed := holder{process: newUUID(), lease: 60e9}, make(chan map[int]int64)
	go func() {
		got := map[int]int64{} // readers by revision
		for {
			c, err := r.store.claimChunk(context.Background(), h, route{relay: "relay"})
			if err != nil {
				t.Error(err)
			}
			if c == nil {
				if n := r.count(`SELECT count(*) FROM chunks WHERE token = 0`); n == 0 {
					claimed <- got
					return
				}
				continue // the fix has the rows
			}
			got[c.items[0].Revision] += int64(len(c.items))
		}
	}()
	f, err := r.fix("To the rest.")
	got := <-claimed
	if err != nil && errs.KindOf(err) != errs.Conflict {
		t.Fatal(err)
	}
	if got[2]+got[3] != 1000 || got[3] != f.Readers {
		t.Errorf("by revision: %v; the fix says %d (%v)", got, f.Readers, err)
	}
	if f, err := r.fix("Too late."); errs.KindOf(err) != errs.Conflict {
		t.Errorf("when all has begun: %+v, %v", f, err)
	}
	if n := r.count(`SELECT revision FROM sends`); n != 2 && err != nil || n != 3 && err == nil {
		t.Errorf("the send is of revision %d after a refused fix", n)
	}
}
