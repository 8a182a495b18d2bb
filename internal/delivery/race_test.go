package delivery

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// Permits race re-claims: whatever the moment, a delivery that was told to go is found by the re-claimer as a doubt or as an
// outcome, and is not among what it sends itself; and after the re-claim nobody is told to go.
func TestPermitRacesReclaim(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(2000)
	r.launch()
	for range 2 {
		if _, err := r.store.extendAudience(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.exec(`DELETE FROM chunks`) // cut anew, small: many rounds
	r.exec(`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision)
		SELECT $1, 1, 'other', n, n + 24, 0, 'infinity', 1 FROM generate_series(1, 2000, 25) n`, testCampaign)
	// The moment between the look at the claim and the commit is made long, so that re-claims fall into it.
	r.exec(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.006); RETURN NEW; END $$`)
	r.exec(`CREATE TRIGGER dawdle BEFORE INSERT ON permits FOR EACH ROW EXECUTE FUNCTION dawdle()`)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	var chunks []int64
	if err := r.db.SelectContext(ctx, &chunks, `SELECT id FROM chunks`); err != nil {
		t.Fatal(err)
	}
	granted, inDoubt := 0, 0
	for round, chunk := range chunks {
		r.exec(`UPDATE chunks SET not_before = now() WHERE id = $1`, chunk)
		old := holder{process: newUUID(), lease: time.Hour}
		com := newCommitter(r.store, old, slog.New(slog.DiscardHandler))
		life, end := context.WithCancel(ctx)
		running.Go(func() { com.run(life) })
		c, err := r.store.claimChunk(ctx, old, route{relay: "relay"})
		if err != nil || c == nil {
			t.Fatalf("round %d: claim %v, %v", round, c, err)
		}
		var mu sync.Mutex
		went := map[int64]bool{}
		next := 0
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for {
					mu.Lock()
					if next == len(c.items) {
						mu.Unlock()
						return
					}
					it := c.items[next]
					next++
					mu.Unlock()
					v := com.permit(ctx, it)
					switch v {
					case verdictGo:
						mu.Lock()
						went[it.Seq] = true
						mu.Unlock()
						com.settle(it, &outcome{item: it, kind: kindAccepted})
					default:
						if v != verdictLost {
							t.Errorf("round %d: verdict %s", round, v)
						}
						com.settle(it, nil)
						return
					}
				}
			})
		}
		<-time.After(time.Duration(rand.IntN(40_000)) * time.Microsecond)
		r.exec(`UPDATE chunks SET lease_until = now() - interval '1 second' WHERE id = $1`, c.chunk)
		var re *claim
		r.until("the chunk is re-claimed", func() bool { // it is passed over while a permit is under way
			if re, err = r.store.claimChunk(ctx, holder{process: newUUID(), lease: time.Hour, doubtWait: time.Hour}, route{relay: "relay"}); err != nil {
				t.Fatalf("round %d: re-claim: %v", round, err)
			}
			return re != nil
		})
		found := r.count(`SELECT count(*) FROM outcomes o JOIN chunks c ON o.seq BETWEEN c.from_seq AND c.to_seq WHERE c.id = $1 AND o.kind = 'doubt'`, chunk)
		asking.Wait()
		for _, it := range re.items {
			if went[it.Seq] {
				t.Errorf("round %d: delivery %d was told to go and is sent again", round, it.Seq)
			}
		}
		if err := com.flush(ctx); err != nil {
			t.Fatal(err)
		}
		granted += len(went)
		if got := r.count(`SELECT count(*) FROM outcomes o JOIN chunks c ON o.seq BETWEEN c.from_seq AND c.to_seq
			WHERE c.id = $1 AND o.kind = 'accepted'`, c.chunk); got != int64(len(went)) {
			t.Errorf("round %d: %d went, %d facts on record", round, len(went), got)
		}
		end()
		inDoubt += int(found)
		r.exec(`UPDATE chunks SET closed_at = now() WHERE id = $1`, c.chunk)
	}
	if n := r.count(`SELECT count(*) FROM retries`); n != 0 {
		t.Errorf("%d retries stayed of doubts that turned out to be facts", n)
	}
	t.Logf("%d chunks re-claimed, %d permits granted, %d of them found in doubt", len(chunks), granted, inDoubt)
}

// A note stays until its outcome is known to be on record. Here the claim is lost between the reply and the group that brings
// the outcome: that group may not write it down, and the re-claimer, reading just after it, must still find the note.
func TestNoteOutlivesClaim(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(30)
	r.launch()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := r.store.extendAudience(ctx); err != nil {
		t.Fatal(err)
	}
	former, present := holder{process: newUUID(), lease: time.Hour}, holder{process: newUUID(), lease: time.Hour, doubtWait: time.Hour}
	com := newCommitter(r.store, former, slog.New(slog.DiscardHandler))
	var loaded []*item
	looked := false
	com.hooks.afterGroup = func(g *group) error {
		if len(g.outs) == 0 || looked {
			return nil
		}
		looked = true
		var c chunkRow
		err := r.db.GetContext(ctx, &c, `SELECT id, campaign_id, from_seq, to_seq, token FROM chunks WHERE owner = $1`, present.process)
		if err == nil {
			err = r.store.recoverChunk(ctx, present, c)
		}
		if err == nil {
			loaded, err = r.store.loadChunk(ctx, c)
		}
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { com.run(ctx) })
	defer running.Wait()
	defer cancel()

	c, err := r.store.claimChunk(ctx, former, route{relay: "relay"})
	if err != nil {
		t.Fatal(err)
	}
	it := c.items[0]
	if v := com.permit(ctx, it); v != verdictGo {
		t.Fatalf("verdict %s", v)
	}
	r.exec(`UPDATE chunks SET token = token + 1, owner = $2 WHERE id = $1`, c.chunk, present.process)
	com.settle(it, &outcome{item: it, kind: kindAccepted})
	if err := com.flush(ctx); err != nil {
		t.Fatal(err)
	}
	if !looked || len(loaded) != len(c.items)-1 || slices.ContainsFunc(loaded, func(x *item) bool { return x.Seq == it.Seq }) {
		t.Errorf("the re-claimer sends %d of %d", len(loaded), len(c.items))
	}
	if got := kinds(r, it.Recipient); len(got) != 1 || got[0] != kindAccepted {
		t.Errorf("outcomes: %v", got)
	}
	if n := r.count(`SELECT count(*) FROM retries`); n != 0 {
		t.Errorf("%d retries of what was accepted", n)
	}
}
