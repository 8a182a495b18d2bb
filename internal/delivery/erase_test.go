package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/smtptest"
)

// erase forgets a reader as the room privacy does, step by step.
func (r *rig) erase(address string) (campaigns, seqs []int64) {
	r.Helper()
	id, err := r.subs.Records().Find(r.Context(), r.subscriber(address))
	if err != nil {
		r.Fatal(err)
	}
	for _, step := range []func(tx *sqlx.Tx) error{
		func(tx *sqlx.Tx) error { return r.subs.Records().Bar(r.Context(), tx, id) },
		func(tx *sqlx.Tx) (err error) {
			campaigns, seqs, err = r.store.Traces().Erase(r.Context(), tx, id.ID)
			return err
		},
		func(tx *sqlx.Tx) error { return r.subs.Records().Erase(r.Context(), tx, id, true) },
	} {
		tx := r.db.MustBegin()
		if err := step(tx); err != nil {
			r.Fatalf("erase: %v", err)
		}
		if err := tx.Commit(); err != nil {
			r.Fatalf("erase: %v", err)
		}
	}
	return campaigns, seqs
}

// nothingOf checks that nothing of a reader is left in the queue, and that no delivery belongs to anybody in their place.
func (r *rig) nothingOf(address string) {
	r.Helper()
	for _, table := range []string{"deliveries", "outcomes", "retries", "outbox"} {
		if n := r.count(`SELECT count(*) FROM ` + table + ` t WHERE t::text LIKE '%` + address + `%'`); n != 0 {
			r.Errorf("%s still holds %s", table, address)
		}
	}
	if n := r.count(`SELECT count(*) FROM deliveries WHERE subscriber_id < 0 AND (recipient <> '' OR slots <> '{}')`); n != 0 {
		r.Error("a blanked delivery still says something")
	}
	if n := r.count(`SELECT count(*) FROM deliveries d WHERE subscriber_id > 0 AND NOT EXISTS (SELECT FROM subscribers s WHERE s.id = d.subscriber_id)`); n != 0 {
		r.Error("a delivery still has the number of an erased reader")
	}
}

// Erasing a reader in the middle of a send: wherever their delivery stands, nothing more goes to them, the send does not break, and
// the counts keep adding up. SND-36, SEC-27
func TestEraseDuringASend(t *testing.T) {
	t.Parallel()
	t.Run("queued", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(20)
		r.launch()
		if _, err := r.store.extendAudience(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.erase(addressOf(4))
		s := smtptest.Start(t)
		r.sender(r.relay(s))
		if b := r.state(StateDone); b.Accepted != 19 || b.Suppressed != 1 {
			t.Errorf("balance: %+v", b)
		}
		r.once(s, all(20, addressOf(4))...)
		for _, c := range s.Commands() {
			if strings.Contains(c, addressOf(4)) || strings.Contains(c, "RCPT TO:<>") {
				t.Errorf("the relay heard of a reader who was erased: %s", c)
			}
		}
		r.nothingOf(addressOf(4))
		r.agrees()
	})
	t.Run("not in the audience yet", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(20)
		r.launch()
		r.erase(addressOf(4))
		s := smtptest.Start(t)
		r.sender(r.relay(s))
		if b := r.state(StateDone); b.Accepted != 19 || b.Audience != 19 {
			t.Errorf("balance: %+v", b)
		}
		r.nothingOf(addressOf(4))
		r.agrees()
	})
	t.Run("in the hands of a worker", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(20)
		gate := smtptest.NewGate()
		gone := addressOf(6)
		s := smtptest.Start(t, smtptest.On(smtptest.Data, hookOnce(gone, gate.Hook(smtptest.Go()))))
		r.launch()
		r.sender(r.relay(s))
		<-gate.Reached()
		r.erase(gone)
		gate.Open()
		if b := r.state(StateDone); b.Suppressed != 1 || b.Accepted != 19 {
			t.Errorf("balance: %+v", b)
		}
		r.once(s, all(20, gone)...)
		r.nothingOf(gone)
		r.agrees()
	})
	t.Run("permitted, and the answer names the reader", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(20)
		gate := smtptest.NewGate()
		gone := addressOf(6)
		s := smtptest.Start(t, smtptest.On(smtptest.Dot, hookOnce(gone, gate.Hook(smtptest.Reply("550 5.1.1 <"+gone+">: no such user")))))
		r.launch()
		r.sender(r.relay(s))
		<-gate.Reached()
		campaigns, seqs := r.erase(gone)
		gate.Open()
		if b := r.state(StateDone); b.Failed != 1 || b.Accepted != 19 {
			t.Errorf("balance: %+v", b)
		}
		if n := r.count(`SELECT count(*) FROM outcomes WHERE reply LIKE '%` + gone + `%'`); n != 1 {
			t.Fatalf("%d late answers; the test does not test what it says", n)
		}
		tx := r.db.MustBegin()
		if err := r.store.Traces().EraseLate(t.Context(), tx, campaigns, seqs); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		r.nothingOf(gone)
		if n := r.count(`SELECT count(*) FROM suppressions WHERE reason = 'hard_bounce'`); n != 0 {
			t.Error("the late bounce of an erased reader suppressed somebody")
		}
		r.agrees()
	})
	t.Run("deferred", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(9)
		gone := addressOf(2)
		s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(gone, 1, smtptest.Reply("450 4.2.1 <"+gone+"> later"))))
		r.launch()
		r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = Backoff }))
		r.until("the reader is deferred", func() bool { b := r.balance(); return b.Deferred == 1 && b.Accepted == 8 })
		r.erase(gone)
		r.nothingOf(gone)
		r.exec(`UPDATE retries SET due = now()`)
		if b := r.state(StateDone); b.Suppressed != 1 || b.Accepted != 8 {
			t.Errorf("balance: %+v", b)
		}
		r.once(s, all(9, gone)...)
		r.agrees()
	})
	t.Run("in doubt, and somebody wants to send once more", func(t *testing.T) {
		t.Parallel()
		r, s, victims := held(t)
		r.erase(victims[1])
		r.nothingOf(victims[1])
		r.agrees()
		if _, err := r.store.DecideDoubts(t.Context(), testCampaign, nil, DecideResend, "ed"); err != nil {
			t.Fatal(err)
		}
		r.until("the send is over again", func() bool { b := r.balance(); return b.State == StateDone && b.Unknown == 0 })
		if b := r.balance(); b.Suppressed != 1 || b.Accepted != 29 {
			t.Errorf("balance: %+v", b)
		}
		if n := copies(s)[victims[1]]; n != 0 {
			t.Errorf("the erased reader got %d copies", n)
		}
		r.agrees()
	})
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(5)
		s := smtptest.Start(t)
		r.launch()
		r.sender(r.relay(s))
		before := r.state(StateDone)
		r.erase(addressOf(3))
		r.erase(addressOf(4))
		r.nothingOf(addressOf(3))
		if after := r.balance(); after.Accepted != before.Accepted || after.Audience != 5 {
			t.Errorf("balance: %+v", after)
		}
		if n := r.count(`SELECT count(DISTINCT subscriber_id) FROM deliveries WHERE subscriber_id < 0`); n != 2 {
			t.Errorf("%d numbers in place of two readers", n)
		}
		r.agrees()
	})
}

// An audience step that is just writing the reader is waited for: its delivery is blanked as well.
func TestEraseWhileTheAudienceIsWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	r.launch()
	gone := addressOf(4)
	id, err := r.subs.Records().Find(t.Context(), r.subscriber(gone))
	if err != nil {
		t.Fatal(err)
	}
	// The step: its lock is taken and the reader is written, but nothing is committed yet.
	step := r.db.MustBegin()
	step.MustExec(`SELECT pg_advisory_xact_lock(hashtextextended('audience of ' || $1::bigint, 0))`, testCampaign)
	step.MustExec(`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots) VALUES ($1, 1, $2, $3, 0, ARRAY['Jane'])`, testCampaign, id.ID, gone)
	bar := r.db.MustBegin()
	if err := r.subs.Records().Bar(t.Context(), bar, id); err != nil {
		t.Fatal(err)
	}
	if err := bar.Commit(); err != nil {
		t.Fatal(err)
	}
	erased := make(chan error, 1)
	go func() {
		tx := r.db.MustBegin()
		_, _, err := r.store.Traces().Erase(r.Context(), tx, id.ID)
		if err == nil {
			err = tx.Commit()
		}
		erased <- err
	}()
	r.until("the erasure waits for the step", func() bool {
		return r.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'`) == 1
	})
	if err := step.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-erased; err != nil {
		t.Fatal(err)
	}
	r.nothingOf(gone)
}

// What a reader gets to see of their mails, with what came of each try.
func TestTracesOf(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(9)
	late := addressOf(2)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, forFirst(late, 1, smtptest.Reply("450 4.2.1 later"))))
	r.launch()
	r.sender(r.relay(s))
	r.state(StateDone)
	got, err := r.store.Traces().Of(t.Context(), r.subscriber(late))
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	m := got[0]
	if m.Campaign != testCampaign || m.Recipient != late || m.State != "accepted" || len(m.Tries) != 2 || m.Tries[0].Kind != "deferred" ||
		m.Tries[1].Kind != "accepted" || time.Since(m.Tries[1].At) > time.Hour || m.Slots[0] != "Reader 2" {
		t.Errorf("%+v", m)
	}
}

// The plans of reading and erasing one reader's mails, made on an empty database and kept, reach every large table by its key, so that
// a million deliveries cost no more than one.
func TestTracesPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.launch()
	for name, tc := range map[string]struct {
		query, types, args string
		indexes            []string
	}{
		"find":  {keysSQL, "bigint", "1", []string{"deliveries_from_0_campaign_id_subscriber_id"}},
		"read":  {receivedSQL, "bigint[], bigint[]", "'{7}', '{1}'", []string{"deliveries_from_0_pkey", "chunks_campaign_id_from_seq_key"}},
		"tries": {triesSQL, "bigint[], bigint[]", "'{7}', '{1}'", []string{"outcomes_from_0_pkey"}},
		"blank": {blankSQL, "bigint[], bigint[], bigint[]", "'{7}', '{1}', '{-1}'", []string{"deliveries_from_0_pkey"}},
		"reply": {blankRepliesSQL, "bigint[], bigint[]", "'{7}', '{1}'", []string{"outcomes_from_0_pkey"}},
	} {
		conn, err := r.db.Connx(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		set := strings.ReplaceAll(byKeySQL, "LOCAL ", "")
		if name == "find" || name == "read" || name == "tries" { // these run outside of that transaction too
			set = "RESET ALL"
		}
		for _, q := range []string{`DEALLOCATE ALL`, set, `SET plan_cache_mode = force_generic_plan`, `PREPARE traces (` + tc.types + `) AS ` + tc.query} {
			if _, err := conn.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		var lines []string
		if err := conn.SelectContext(t.Context(), &lines, `EXPLAIN EXECUTE traces(`+tc.args+`)`); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		plan := strings.Join(lines, "\n")
		for _, index := range tc.indexes {
			if !strings.Contains(plan, index) {
				t.Errorf("%s: the plan does not use %s\n%s", name, index, plan)
			}
		}
		for _, table := range []string{"deliveries", "outcomes", "chunks", "retries"} {
			if strings.Contains(plan, "Seq Scan on "+table) {
				t.Errorf("%s: the plan reads all of %s\n%s", name, table, plan)
			}
		}
	}
}

// Readers who are erased while a send is at full speed: the counts add up at every moment, nobody else is touched, nobody gets two
// copies, and nothing of the erased is left. SND-36
func TestEraseWhileSending(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers, gone = 600, 60
	r.readers(readers)
	s := smtptest.Start(t)
	r.launch()
	r.sender(r.relay(s))
	if err := s.Wait(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	var erased []string
	for i := range gone {
		a := addressOf(1 + i*readers/gone)
		erased = append(erased, a)
		r.erase(a)
		r.balance()
	}
	b := r.state(StateDone)
	if b.Audience > readers || b.Audience < readers-gone || b.Accepted < readers-gone || b.Failed+b.Unknown != 0 {
		t.Errorf("balance: %+v", b)
	}
	got := copies(s)
	for _, a := range all(readers, erased...) {
		if got[a] != 1 {
			t.Errorf("%s got %d copies", a, got[a])
		}
	}
	for _, a := range erased {
		if got[a] > 1 {
			t.Errorf("%s, who was erased, got %d copies", a, got[a])
		}
	}
	if n := r.count(`SELECT count(*) FROM deliveries WHERE subscriber_id > 0`); n != readers-gone {
		t.Errorf("%d deliveries of readers who are left, want %d", n, readers-gone)
	}
	r.nothingOf(erased[0])
	r.agrees()
}
