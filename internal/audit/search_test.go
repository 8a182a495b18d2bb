package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailer/internal/audit"
	"mailer/internal/dbtest"
)

// A search narrows by who, what kind and about what, goes on where it stopped, and uses an index for each: the log may be long.
func TestSearch(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	ctx := t.Context()
	for i := range 30 {
		if err := audit.Log(ctx, d, []string{"ines@example.org", "tom@example.org", "cli"}[i%3], []string{"campaign.approve", "list.update"}[i%2], fmt.Sprintf("campaign %d", i%5), nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		filter audit.Filter
		want   int
	}{
		"all":        {audit.Filter{}, 30},
		"who":        {audit.Filter{Actor: "ines@example.org"}, 10},
		"kind":       {audit.Filter{Kind: "list"}, 15},
		"about":      {audit.Filter{Subject: "campaign 3"}, 6},
		"together":   {audit.Filter{Actor: "cli", Kind: "campaign", Subject: "campaign 2"}, 1},
		"nobody":     {audit.Filter{Actor: "' OR true --"}, 0},
		"part of it": {audit.Filter{Kind: "camp%"}, 0},
	} {
		tc.filter.Limit = 4
		var ids []int64
		for {
			page, err := audit.Search(ctx, d, tc.filter)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, e := range page {
				ids = append(ids, e.ID)
				tc.filter.Before = e.ID
			}
			if len(page) < 4 {
				break
			}
		}
		if len(ids) != tc.want || !slices.IsSortedFunc(ids, func(a, b int64) int { return int(b - a) }) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("%s: %v; want %d, the newest first, each once", name, ids, tc.want)
		}
	}
	actors, kinds, err := audit.Names(ctx, d)
	if err != nil || !slices.Equal(actors, []string{"cli", "ines@example.org", "tom@example.org"}) || !slices.Equal(kinds, []string{"campaign", "list"}) {
		t.Errorf("%v, %v, %v", actors, kinds, err)
	}
	if _, err := d.ExecContext(ctx, `INSERT INTO audit_log (actor, action, subject) SELECT 'cli', 'campaign.edit', 'campaign ' || n FROM generate_series(1, 20000) n; ANALYZE audit_log`); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{`actor = 'tom@example.org'`, `split_part(action, '.', 1) = 'list'`, `subject = 'campaign 3'`, `id < 15000`} {
		var plan []string
		if err := d.SelectContext(ctx, &plan, `EXPLAIN SELECT id FROM audit_log WHERE `+where+` ORDER BY id DESC LIMIT 61`); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); strings.Contains(text, "Seq Scan") || strings.Contains(text, "Rows Removed") || !strings.Contains(text, "Index") {
			t.Errorf("%s reads all of the log:\n%s", where, text)
		}
	}
}
