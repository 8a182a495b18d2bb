package campaigns

import (
	"errors"
	"testing"
	"time"
)

// The history of a campaign goes when the campaign has been over for long enough, with what was left unsaved; of one that can still be written
// all stays. Who looked in lately is known.
func TestPruneDesk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.c.Version
	b.do(Change{Do: SetSubject, Text: "By Ada"}, "Ada")
	var clash *Clash
	if _, err := b.Desk.Do(t.Context(), b.c.ID, first, Change{Do: SetSubject, Text: "By Bo"}, "Bo"); !errors.As(err, &clash) {
		t.Fatalf("no clash: %v", err)
	}
	if _, err := b.Desk.Here(t.Context(), b.c.ID, "Ada", ""); err != nil {
		t.Fatal(err)
	}
	left := func() [3]int64 {
		return [3]int64{b.number(`SELECT count(*) FROM campaign_revisions`), b.number(`SELECT count(*) FROM campaign_unsaved`), b.number(`SELECT count(*) FROM campaign_presence`)}
	}
	all := left()
	if all[0] < 2 || all[1] != 1 || all[2] != 1 {
		t.Fatalf("the test does not test what it says: %v", all)
	}
	ended := b.now().Add(-time.Hour)
	for _, tc := range []struct {
		state  string
		before time.Time
		limit  int
		want   [3]int64
	}{
		{"draft", ended.Add(time.Minute), 10, all},
		{"held", ended.Add(time.Minute), 10, all},
		{"cancelled", ended, 10, all},
		{"cancelled", ended.Add(time.Minute), 1, [3]int64{all[0] - 1, 0, 1}},
		{"expired", ended.Add(time.Minute), 10, [3]int64{0, 0, 1}},
		{"expired", b.now().Add(time.Minute), 10, [3]int64{}},
	} {
		if _, err := b.DB.ExecContext(t.Context(), `UPDATE campaigns SET state = $2, updated_at = $3 WHERE id = $1`, b.c.ID, tc.state, ended); err != nil {
			t.Fatal(err)
		}
		was := left()
		n, err := PruneDesk(t.Context(), b.DB, tc.before, tc.limit)
		is := left()
		if err != nil || is != tc.want || n != was[0]+was[1]+was[2]-is[0]-is[1]-is[2] {
			t.Errorf("%s, before %s: %v left, want %v; %d went (%v)", tc.state, tc.before.Format(time.TimeOnly), is, tc.want, n, err)
		}
	}
}
