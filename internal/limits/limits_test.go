package limits

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/links"
)

func open(t *testing.T) *Store {
	t.Helper()
	ring, err := links.NewRing(strings.Repeat("secret--", 5), nil)
	if err != nil {
		t.Fatal(err)
	}
	return New(dbtest.Open(t), ring)
}

func TestAllow(t *testing.T) {
	t.Parallel()
	s := open(t)
	allow := func(rules ...Rule) bool {
		t.Helper()
		ok, err := s.Allow(t.Context(), rules...)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	one := func(key string) Rule { return Rule{"one", key, 1, time.Hour} }
	three := Rule{"three", "", 3, time.Hour}
	for i, step := range []struct {
		rules []Rule
		want  bool
	}{
		{[]Rule{one("a"), three}, true},
		{[]Rule{one("a"), three}, false}, // and three does not count it
		{[]Rule{three, one("a")}, false}, // in whatever order
		{[]Rule{one("b"), three}, true},
		{[]Rule{one("c"), three}, true},
		{[]Rule{one("d"), three}, false}, // three is full, and d is not counted:
		{[]Rule{one("d")}, true},
		{[]Rule{{"other", "a", 1, time.Hour}}, true}, // of another name
		{[]Rule{{"never", "", 0, time.Hour}}, false},
		{nil, true},
	} {
		if full, err := s.Full(t.Context(), step.rules...); err != nil || full == step.want {
			t.Errorf("step %d: Full = %v, %v", i, full, err)
		}
		if got := allow(step.rules...); got != step.want {
			t.Errorf("step %d: %v; want %v", i, got, step.want)
		}
	}
	if _, err := s.db.ExecContext(t.Context(), `UPDATE limit_counts SET until = until - interval '61 minutes'`); err != nil {
		t.Fatal(err)
	}
	if !allow(one("a"), three) || allow(one("a")) {
		t.Error("after the time is over one more is allowed, and then none")
	}
}

// Of many at once, on whatever node, exactly as many as allowed go through.
func TestAllowTogether(t *testing.T) {
	t.Parallel()
	s := open(t)
	var through atomic.Int64
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() {
			rules := []Rule{{"x", "", 7, time.Hour}, {"y", "same", 9, time.Hour}}
			if i%2 == 0 {
				rules[0], rules[1] = rules[1], rules[0]
			}
			ok, err := s.Allow(t.Context(), rules...)
			if err != nil {
				t.Error(err)
			} else if ok {
				through.Add(1)
			}
		})
	}
	group.Wait()
	if through.Load() != 7 {
		t.Errorf("%d went through; want 7", through.Load())
	}
}

// What is kept does not show what was counted, and goes when it is over.
func TestKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, key := range []string{"jane@example.org", "198.51.100.0/24"} {
		if _, err := s.Allow(t.Context(), Rule{"mail", key, 5, time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	var rows []string
	if err := s.db.SelectContext(t.Context(), &rows, `SELECT convert_from(key, 'LATIN1') || l::text FROM limit_counts l`); err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		if strings.Contains(row, "jane") || strings.Contains(row, "198.51") {
			t.Errorf("%q shows what was counted", row)
		}
	}
	if n, err := s.Prune(t.Context()); err != nil || n != 0 {
		t.Errorf("Prune = %d, %v; want nothing yet", n, err)
	}
	if _, err := s.db.ExecContext(t.Context(), `UPDATE limit_counts SET until = until - interval '3 hours'`); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Prune(t.Context()); err != nil || n != 2 {
		t.Errorf("Prune = %d, %v; want 2", n, err)
	}
}
