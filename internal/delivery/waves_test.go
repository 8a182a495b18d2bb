package delivery

import (
	"context"
	"testing"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

// join adds n confirmed readers who are not in the audience of anything yet: late1@… on.
func (r *rig) join(n int) {
	r.Helper()
	r.exec(`
		WITH s AS (
			INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, sha256(a::bytea), 'other' FROM (SELECT 'late' || g || '@other.example' AS a FROM generate_series(1, $1) g) x
			ON CONFLICT DO NOTHING RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		SELECT id, 1, 'confirmed', 'test', clock_timestamp() - interval '1 year' FROM s`, n) // an import brings the date of the consent
}

// wave begins a wave of late joiners.
func (r *rig) wave() (n int64, err error) {
	r.Helper()
	err = db.InTx(context.Background(), r.db, func(tx *sqlx.Tx) error {
		var err error
		n, err = NewWaves(r.store).AddTx(context.Background(), tx, testCampaign)
		return err
	})
	return n, err
}

// Who joins after the launch gets it by a wave, also once the send is done; nobody gets it twice, and the balance adds up.
func TestLateJoiners(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(60)
	s := smtptest.Start(t)
	waves := NewWaves(r.store)
	if _, err := waves.Late(t.Context(), testCampaign); errs.KindOf(err) != errs.NotFound {
		t.Errorf("before the launch: %v", err)
	}
	r.launch()
	if _, err := r.wave(); errs.KindOf(err) != errs.Conflict {
		t.Errorf("while the audience is being written: %v", err)
	}
	run := r.sender(r.relay(s))
	r.state(StateDone)
	if n, err := r.wave(); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a wave of nobody: %d, %v", n, err)
	}
	// Somebody who has it leaves and comes back: no second copy.
	r.leave(addressOf(7), false)
	r.exec(`UPDATE subscriptions SET state = 'confirmed', confirmed_at = clock_timestamp(), unsubscribed_at = NULL WHERE subscriber_id = $1`, r.subscriber(addressOf(7)))
	r.join(5)
	if n, err := waves.Late(t.Context(), testCampaign); n != 5 || err != nil {
		t.Errorf("late joiners: %d, %v", n, err)
	}
	if n, err := r.wave(); n != 5 || err != nil {
		t.Fatalf("the wave: %d, %v", n, err)
	}
	r.until("the late joiners have it", func() bool { b := r.balance(); return b.State == StateDone && b.Audience == 65 })
	late := []string{"late1@other.example", "late2@other.example", "late3@other.example", "late4@other.example", "late5@other.example"}
	r.once(s, append(all(60), late...)...)
	r.agrees()
	if list, err := waves.List(t.Context(), testCampaign); err != nil || len(list) != 2 || list[0] != (Wave{1, 60}) || list[1] != (Wave{2, 5}) {
		t.Errorf("waves: %+v, %v", list, err)
	}
	r.exec(`UPDATE sends SET created_at = now() - interval '8 days'`)
	r.join(6)
	if _, err := waves.Late(t.Context(), testCampaign); errs.KindOf(err) != errs.Conflict {
		t.Errorf("old news: %v", err)
	}
	r.exec(`UPDATE sends SET created_at = now()`)
	run.stop()
	if err := r.store.Cancel(t.Context(), testCampaign, ""); errs.KindOf(err) != errs.Conflict {
		t.Errorf("cancel what is done: %v", err)
	}
	r.exec(`UPDATE sends SET state = 'cancelled'`)
	if _, err := r.wave(); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a wave of a cancelled send: %v", err)
	}
}

// A wave is written in steps that go on after a crash, as the first audience is; two begun at once are one.
func TestWaveSurvivesCrash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(100)
	r.launch()
	for range 2 {
		if _, err := r.store.extendAudience(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.join(nextBatch + 500)
	begun := make(chan error, 2)
	for range 2 {
		go func() { _, err := r.wave(); begun <- err }()
	}
	first, second := <-begun, <-begun
	if (first == nil) == (second == nil) {
		t.Errorf("begun twice at once: %v, %v", first, second)
	}
	// A step that dies has not happened.
	tx := r.db.MustBegin()
	send, err := takeAudience(t.Context(), tx)
	if err != nil || !send.Wanting {
		t.Fatalf("%+v, %v", send, err)
	}
	if err := r.store.extend(t.Context(), tx, send); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if b := r.balance(); b.Audience != 100 {
		t.Errorf("after a step that died: %+v", b)
	}
	steps := 0
	for !r.balance().AudienceComplete && steps < 10 {
		if _, err := r.store.extendAudience(t.Context()); err != nil {
			t.Fatal(err)
		}
		steps++
	}
	b := r.balance()
	if b.Audience != 100+nextBatch+500 || b.Queued != b.Audience || steps != 2 {
		t.Errorf("after %d steps: %+v", steps, b)
	}
	if n := r.count(`SELECT count(*) FROM deliveries WHERE campaign_id = 7`); n != b.Audience {
		t.Errorf("%d deliveries", n)
	}
	if n := r.count(`SELECT count(DISTINCT subscriber_id) FROM deliveries`); n != b.Audience {
		t.Errorf("%d readers", n)
	}
	if n := r.count(`SELECT sum(to_seq - from_seq + 1) FROM chunks WHERE wave = 2`); n != nextBatch+500 {
		t.Errorf("%d readers in the chunks of the wave", n)
	}
	r.agrees()
}

// Expected is what the audience comes to, with all that narrows it.
func TestExpected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(50)
	r.exec(`UPDATE subscriptions SET frequency = 'weekly' WHERE subscriber_id % 2 = 0`)
	r.exec(`UPDATE subscriptions SET topics_off = 1 WHERE subscriber_id % 5 = 0`)
	l := r.launchOf(testCampaign)
	l.Frequency, l.TopicGroups, l.Stories = FrequencyEach, 1<<2, []uint64{1 << 2}
	n, err := r.store.Expected(t.Context(), l)
	if err != nil || n != 20 {
		t.Errorf("expected: %d, %v", n, err)
	}
	l.Messages = []Message{{Compiled: r.compiled(testCampaign, "A story.")}}
	r.launchTx(l)
	if _, err := r.store.extendAudience(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := r.balance(); b.Audience != n {
		t.Errorf("expected %d, the audience is %d", n, b.Audience)
	}
}
