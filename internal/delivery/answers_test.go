package delivery

import (
	"encoding/json"
	"testing"
)

// What a campaign was answered is the same whether its chunks are summed up yet or not, and a retry that ends later is in it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(6)
	r.launch()
	a := NewAnswers(r.db)
	r.exec(`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token, closed_at) VALUES
		(7, 1, 'google', 1, 4, 0, now(), 1, 1, now()), (7, 1, 'other', 5, 8, 0, now(), 1, 1, NULL), (7, 1, 'other', 9, 12, 0, now(), 1, 0, NULL)`)
	r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, reply, at) VALUES
		(7, 1, 1, 'accepted', '', 'ok', '2026-11-22 07:00:10Z'), (7, 2, 1, 'accepted', '', 'ok', '2026-11-22 07:00:50Z'),
		(7, 3, 1, 'failed', 'hard', 'no such user', '2026-11-22 07:01:00Z'), (7, 4, 1, 'deferred', 'greylist', 'later', '2026-11-22 07:01:59Z'),
		(7, 5, 1, 'failed', 'hard', 'gone', '2026-11-22 07:00:30Z'), (7, 6, 1, 'failed', 'block', 'not from you', '2026-11-22 07:30:00Z')`)
	is := func(when, want string) {
		t.Helper()
		got, err := a.Of(t.Context(), 7)
		text, _ := json.Marshal(got)
		if err != nil || string(text) != want {
			t.Errorf("%s: %s, %v; want %s", when, text, err, want)
		}
	}
	before := `{"First":"2026-11-22T07:00:10Z","Last":"2026-11-22T07:30:00Z","Minutes":[{"at":"2026-11-22T07:00:00Z","accepted":2,"deferred":0,"failed":1},` +
		`{"at":"2026-11-22T07:01:00Z","accepted":0,"deferred":1,"failed":1},{"at":"2026-11-22T07:30:00Z","accepted":0,"deferred":0,"failed":1}],` +
		`"Refused":[{"Class":"block","Provider":"other","Readers":1,"Seq":6,"Reply":"not from you"},{"Class":"hard","Provider":"google","Readers":1,"Seq":3,"Reply":"no such user"},` +
		`{"Class":"hard","Provider":"other","Readers":1,"Seq":5,"Reply":"gone"}]}`
	is("nothing is summed up", before)
	if err := a.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.count(`SELECT count(*) FROM chunks WHERE answers IS NOT NULL`); n != 1 {
		t.Errorf("%d chunks are summed up; one is closed", n)
	}
	is("the closed chunk is summed up", before)
	r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind, at) VALUES (7, 4, 2, 'accepted', '2026-11-22 07:31:00Z')`)
	r.exec(recountSQL, numbers{r.count(`SELECT id FROM chunks WHERE from_seq = 1`)})
	after, err := a.Of(t.Context(), 7)
	if err != nil || len(after.Minutes) != 4 || after.Minutes[3].Accepted != 1 {
		t.Errorf("after a retry: %+v, %v", after, err)
	}
	if err := a.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := a.Of(t.Context(), 7); err != nil || len(again.Minutes) != 4 || r.count(`SELECT count(*) FROM chunks WHERE answers IS NOT NULL`) != 1 {
		t.Errorf("summed up again: %+v, %v", again, err)
	}
}
