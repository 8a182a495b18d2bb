package delivery

import (
	"context"
	"sync"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// SND-32: the audience is who could be mailed at the launch, once each: nobody who came later, nobody who had left.
func TestAudience(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(30)
	r.exec(`INSERT INTO subscribers (address, canonical, wire, address_hash, provider) VALUES
		('late@x.example', 'late@x.example', 'late@x.example', 'late', 'other'), ('pending@x.example', 'pending@x.example', 'pending@x.example', 'pending', 'other'),
		('other@x.example', 'other@x.example', 'other@x.example', 'other', 'other')`)
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('other', 'Other', 'Other', 'o@example.org', 'example.org')`)
	r.exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		SELECT id, CASE WHEN wire LIKE 'other%' THEN 2 ELSE 1 END, CASE WHEN wire LIKE 'pending%' THEN 'pending' ELSE 'confirmed' END, 'test',
		       CASE WHEN wire LIKE 'late%' THEN now() + interval '1 hour' ELSE now() END
		FROM subscribers WHERE wire LIKE '%@x.example'`)
	r.leave(addressOf(1), false)
	r.leave(addressOf(2), true)
	if err := r.subs.Suppress(t.Context(), r.db, r.subscriber(addressOf(3)), "complaint", "abuse", 0); err != nil {
		t.Fatal(err)
	}
	s := smtptest.Start(t)
	r.launch()
	r.sender(r.relay(s))
	b := r.state(StateDone)
	want := all(30, addressOf(1), addressOf(2), addressOf(3))
	if b.Audience != int64(len(want)) {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, want...)
}

// SND-32: addresses that differ in case or IDN form are one reader and get one copy.
func TestAudienceMergesForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.subs.Policy.AllowReserved = true
	for _, a := range []string{"Anna@Bücher.example", "anna@xn--bcher-kva.example", "ANNA@bücher.example"} {
		if _, err := r.subs.Add(t.Context(), addRequest(a)); err != nil {
			t.Fatalf("%s: %v", a, err)
		}
	}
	s := smtptest.Start(t)
	r.launch()
	r.sender(r.relay(s))
	if b := r.state(StateDone); b.Audience != 1 || s.Len() != 1 {
		t.Errorf("%d messages, balance: %+v", s.Len(), b)
	}
}

// The audience is written once, whoever writes it: by several at a time, in steps, and with readers leaving and coming back
// between the steps.
func TestAudienceInSteps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(firstBatch + nextBatch + 500)
	r.launch()
	step := func() {
		if c, err := r.store.extendAudience(context.Background()); err != nil || c != testCampaign {
			t.Errorf("step: %d, %v", c, err)
		}
	}
	step()
	if b := r.balance(); b.Audience != firstBatch || b.AudienceComplete || b.Queued != firstBatch {
		t.Errorf("after the first step: %+v", b)
	}
	if n := r.count(`SELECT max(to_seq - from_seq + 1) FROM chunks`); n > firstChunk {
		t.Errorf("a first chunk of %d", n)
	}
	// Somebody who is in the audience already takes a place further on in the walk; somebody else leaves.
	r.exec(`UPDATE subscriptions SET shuffle = 2147483647 WHERE subscriber_id = (SELECT subscriber_id FROM deliveries ORDER BY seq LIMIT 1)`)
	r.exec(`UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = now() WHERE subscriber_id =
		(SELECT subscriber_id FROM subscriptions WHERE subscriber_id NOT IN (SELECT subscriber_id FROM deliveries) LIMIT 1)`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := r.store.extendAudience(context.Background()); err != nil {
					t.Errorf("step: %v", err)
				}
			}
		})
	}
	wg.Wait()
	b := r.balance()
	if b.Audience != firstBatch+nextBatch+500-1 || !b.AudienceComplete {
		t.Errorf("in the end: %+v", b)
	}
	if n := r.count(`SELECT count(*) FROM deliveries`); n != b.Audience {
		t.Errorf("%d deliveries", n)
	}
	if n := r.count(`SELECT max(seq) - min(seq) + 1 FROM deliveries`); n != b.Audience {
		t.Errorf("the numbers have gaps: %d", n)
	}
	if n := r.count(`SELECT sum(to_seq - from_seq + 1) FROM chunks`); n != b.Audience {
		t.Errorf("the chunks have %d deliveries", n)
	}
	if n := r.count(`SELECT max(to_seq - from_seq + 1) FROM chunks`); n > chunkSize {
		t.Errorf("a chunk of %d", n)
	}
	if n := r.count(`SELECT count(*) FROM deliveries d WHERE (SELECT count(*) FROM chunks c WHERE d.seq BETWEEN c.from_seq AND c.to_seq) <> 1`); n != 0 {
		t.Errorf("%d deliveries are not in exactly one chunk", n)
	}
}

func TestLaunchRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, change := range map[string]func(*Launch){
		"no message":         func(l *Launch) { l.Messages = nil },
		"another's message":  func(l *Launch) { l.Campaign = 8 },
		"no list":            func(l *Launch) { l.List = 0 },
		"no envelope domain": func(l *Launch) { l.EnvelopeDomain = "" },
		"no end":             func(l *Launch) { l.ExpiresAt = time.Time{} },
		"unknown policy":     func(l *Launch) { l.DoubtPolicy = "skip" },
	} {
		l := r.launchOf(testCampaign)
		change(&l)
		tx := r.db.MustBegin()
		if err := r.store.LaunchTx(t.Context(), tx, l); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		_ = tx.Rollback()
	}
	r.launch()
	tx := r.db.MustBegin()
	defer func() { _ = tx.Rollback() }()
	if err := r.store.LaunchTx(t.Context(), tx, r.launchOf(testCampaign)); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a second launch: %v", err)
	}
}

// Partitions are cut once, by launches that race, and do not hold up a send that runs; old ones go, as a whole, and come back
// when a campaign of their range is launched after all.
func TestPartitions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(3)
	launch := func(campaign int64) error {
		tx, err := r.db.Beginx()
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		l := r.launchOf(testCampaign)
		l.Campaign, l.Messages[0].Compiled = campaign, r.compiled(campaign, "A story.")
		if err := r.store.LaunchTx(context.Background(), tx, l); err != nil {
			return err
		}
		return tx.Commit()
	}
	var wg sync.WaitGroup
	for _, c := range []int64{1, 2, 255, 256, 257, 511, 512, 513} {
		wg.Go(func() {
			if err := launch(c); err != nil {
				t.Errorf("launch %d: %v", c, err)
			}
		})
	}
	wg.Wait()
	partitions := func() int64 {
		return r.count(`SELECT count(*) FROM pg_inherits WHERE inhparent IN ('deliveries'::regclass, 'outcomes'::regclass)`)
	}
	if n := partitions(); n != 6 {
		t.Errorf("%d partitions for three ranges", n)
	}

	// A launch that has not committed yet holds a lock, but none that reads and writes of others wait for.
	tx := r.db.MustBegin()
	l := r.launchOf(testCampaign)
	l.Campaign, l.Messages[0].Compiled = 5000, r.compiled(5000, "A story.")
	if err := r.store.LaunchTx(t.Context(), tx, l); err != nil {
		t.Fatal(err)
	}
	quick, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := r.db.ExecContext(quick, `INSERT INTO outcomes (campaign_id, seq, attempt, kind) VALUES (1, 1, 1, 'accepted')`); err != nil {
		t.Errorf("a running send waits for a launch: %v", err)
	}
	_ = tx.Rollback()

	if n, err := r.store.DropOld(t.Context(), time.Hour); n != 0 || err != nil {
		t.Errorf("DropOld dropped %d of running sends, %v", n, err)
	}
	r.exec(`UPDATE sends SET state = 'done', finished_at = now() - interval '2 hours' WHERE campaign_id < 256 OR campaign_id = 256`)
	if n, err := r.store.DropOld(t.Context(), time.Hour); n != 1 || err != nil {
		t.Errorf("DropOld dropped %d, %v; want the first range alone", n, err)
	}
	if n := partitions(); n != 4 {
		t.Errorf("%d partitions left", n)
	}
	if n, err := r.store.DropOld(t.Context(), time.Hour); n != 0 || err != nil {
		t.Errorf("a second DropOld dropped %d, %v", n, err)
	}
	if err := launch(3); err != nil {
		t.Errorf("a launch into a range that was dropped: %v", err)
	}
	if n := partitions(); n != 6 {
		t.Errorf("%d partitions after it", n)
	}
}

func addRequest(address string) subscribers.AddRequest {
	return subscribers.AddRequest{Address: address, ListID: testList, Confirmed: true, Source: "test", Method: subscribers.MethodAdmin}
}
