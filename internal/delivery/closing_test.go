package delivery

import (
	"testing"
)

// A send is not done while a reader in doubt is being sent round again: whoever ends sends waits for that and looks once more. Else
// the retry would stand there for good, in a send that nobody works at.
func TestFinishLooksAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1)
	r.launch()
	if _, err := r.store.extendAudience(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.exec(`UPDATE chunks SET closed_at = now()`)
	tx := r.db.MustBegin() // as DecideDoubts does
	defer func() { _ = tx.Rollback() }()
	tx.MustExec(`SELECT FROM sends FOR NO KEY UPDATE`)
	ended := make(chan error, 1)
	go func() { ended <- r.store.finish(t.Context(), 0) }()
	r.until("finish waits for the send", func() bool {
		return r.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
	})
	tx.MustExec(`INSERT INTO retries (campaign_id, seq, chunk_id, provider, relay, attempt, due)
		SELECT campaign_id, from_seq, id, provider, '', 2, now() + interval '1 hour' FROM chunks`)
	tx.MustExec(`UPDATE sends SET finished_at = NULL`)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if b := r.balance(); b.State != StateRunning {
		t.Errorf("the send is %s, and a retry waits", b.State)
	}
	r.exec(`DELETE FROM retries`)
	if err := r.store.finish(t.Context(), testCampaign); err != nil || r.count(`SELECT count(*) FROM sends WHERE state = 'done'`) != 1 {
		t.Errorf("the send is not done: %v", err)
	}
}
