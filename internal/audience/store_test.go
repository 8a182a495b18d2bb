package audience

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/errs"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	g, err := r.store.Create(ctx, "paris", "", `city is Paris`, "ada")
	if err != nil || g.Name != "paris" || g.Text != `attribute city is "Paris"` || g.UpdatedBy != "ada" {
		t.Fatalf("%+v, %v", g, err)
	}
	for name, err := range map[string]error{
		"taken":     second(r.store.Create(ctx, "paris", "", "supporter", "ada")),
		"bad slug":  second(r.store.Create(ctx, "Paris!", "", "supporter", "ada")),
		"bad name":  second(r.store.Create(ctx, "a", "x\ny", "supporter", "ada")),
		"bad rule":  second(r.store.Create(ctx, "a", "", "supporter and", "ada")),
		"not there": second(r.store.Get(ctx, "lyon")),
		"no update": second(r.store.Update(ctx, "lyon", nil, nil, "ada")),
		"no delete": r.store.Delete(ctx, "lyon", "ada"),
	} {
		want := errs.Invalid
		switch name {
		case "taken":
			want = errs.Conflict
		case "not there", "no update", "no delete":
			want = errs.NotFound
		}
		if errs.KindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	name, rule := "Paris and around", `city is one of Paris, "ada@example.org"`
	if g, err = r.store.Update(ctx, "paris", &name, &rule, "bob"); err != nil || g.Name != name || g.Text != `attribute city is one of "Paris", "ada@example.org"` || g.UpdatedBy != "bob" {
		t.Fatalf("%+v, %v", g, err)
	}
	if _, err := r.store.Update(ctx, "paris", nil, nil, "bob"); err != nil {
		t.Error(err)
	}
	if all, err := r.store.List(ctx); err != nil || len(all) != 1 || all[0].Text != g.Text {
		t.Errorf("%+v, %v", all, err)
	}
	if err := r.store.Delete(ctx, "paris", "bob"); err != nil {
		t.Error(err)
	}
	lines, err := audit.Recent(ctx, r.db, "segment paris", 10)
	if err != nil || len(lines) != 4 || lines[0].Action != "segment.delete" || lines[3].Action != "segment.create" || lines[3].Actor != "ada" {
		t.Fatalf("%+v, %v", lines, err)
	}
	for _, l := range lines {
		if strings.Contains(string(l.Detail), "ada@example.org") { // nothing can be erased from there
			t.Errorf("an address stands in the audit log: %s", l.Detail)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// In every segment named and in none of the excluded.
func TestCombine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for slug, rule := range map[string]string{"paris": "city is Paris", "givers": "supporter or plan is gold", "new": "joined in the last 30 days"} {
		if _, err := r.store.Create(t.Context(), slug, "", rule, "test"); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		segments, exclude []string
		want              string
	}{
		{nil, nil, `everybody`},
		{[]string{"paris"}, nil, `attribute city is "Paris"`},
		{[]string{"paris", "givers"}, []string{"new"}, `attribute city is "Paris" and (supporter or attribute plan is "gold") and not joined in the last 30 days`},
		{nil, []string{"givers", "new"}, `not (supporter or attribute plan is "gold") and not joined in the last 30 days`},
	} {
		rule, err := r.store.Combine(t.Context(), tc.segments, tc.exclude)
		if err != nil || rule.String() != tc.want {
			t.Errorf("%v without %v: %s, %v", tc.segments, tc.exclude, rule, err)
		}
	}
	if _, err := r.store.Combine(t.Context(), []string{"paris"}, []string{"gone"}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a segment that is not there: %v", err)
	}
}

// A segment goes, or begins to be used; never both, whoever comes first.
func TestDeleteWaitsForUse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.store.Create(t.Context(), "paris", "", "city is Paris", "test"); err != nil {
		t.Fatal(err)
	}
	tx := r.db.MustBegin()
	defer func() { _ = tx.Rollback() }()
	if err := r.store.Hold(t.Context(), tx, "segments", []string{"paris"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`INSERT INTO campaigns (list_id, edition, name, template, segments) VALUES (1, 'x', 'x', 'story', '{paris}')`); err != nil {
		t.Fatal(err)
	}
	deleted := make(chan error)
	go func() { deleted <- r.store.Delete(context.Background(), "paris", "test") }()
	r.waits()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-deleted; errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "used by campaign 1") {
		t.Errorf("deleted: %v", err)
	}
	for slugs, ok := range map[string]bool{"paris": true, "paris paris": false, "paris lyon": false} {
		if err := r.store.Hold(t.Context(), r.db, "exclude", strings.Fields(slugs)); (err == nil) != ok || !ok && errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", slugs, err)
		}
	}
}

// waits returns when somebody waits for a lock.
func (r *rig) waits() {
	r.Helper()
	for end := time.Now().Add(time.Minute); r.number(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0; {
		if time.Now().After(end) {
			r.Fatal("nobody waits")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// What uses a segment: recipes, and campaigns that may still go out.
func TestUses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, slug := range []string{"a", "b", "c"} {
		if _, err := r.store.Create(t.Context(), slug, "", "supporter", "test"); err != nil {
			t.Fatal(err)
		}
	}
	r.exec(`INSERT INTO digests (slug, list_id, name, recipe, time_zone) VALUES ('morning', 1, 'Morning', '{"segments": ["a"], "exclude": ["b"]}', 'UTC'),
		('evening', 1, 'Evening', '{"segments": null}', 'UTC'), ('old', 1, 'Old', '{}', 'UTC')`)
	for i, state := range []string{"draft", "in_review", "approved", "held", "launched", "cancelled", "skipped", "expired"} {
		r.exec(`INSERT INTO campaigns (list_id, edition, name, template, state, exclude, approved_hash, launched_at) VALUES (1, $1, 'x', 'story', $2, '{b}', '', CASE WHEN $2 = 'launched' THEN now() END)`,
			fmt.Sprint(i), state)
	}
	for slug, want := range map[string]string{"a": "digest morning", "b": "campaign 1, campaign 2, campaign 3, campaign 4, digest morning", "c": ""} {
		g, err := r.store.Get(t.Context(), slug)
		if err != nil || strings.Join(g.UsedBy, ", ") != want {
			t.Errorf("%s: %v, %v", slug, g.UsedBy, err)
		}
		if err := r.store.Delete(t.Context(), slug, "test"); (want == "") != (err == nil) || err != nil && errs.KindOf(err) != errs.Conflict {
			t.Errorf("delete %s: %v", slug, err)
		}
	}
}

// Examples are masked, and an attribute that nobody has is told.
func TestExamples(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.crowd(30)
	f := r.freeze(r.parse(`supporter and (plan is set or citty is Paris)`))
	list, err := r.store.Examples(t.Context(), f, 3)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, e := range list {
		if e.Address != "r•••@example.org" || e.Subscriber == 0 || e.Joined.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	if unknown, err := r.store.Unknown(t.Context(), f); err != nil || fmt.Sprint(unknown) != "[citty]" {
		t.Errorf("%v, %v", unknown, err)
	}
	r.exec(`UPDATE subscriptions SET frequency = 'weekly' WHERE subscriber_id % 3 = 0`)
	n, err := r.store.Count(t.Context(), r.freeze(r.parse(`frequency is weekly`)), "each")
	if err != nil || n != (Count{0, 20}) {
		t.Errorf("%+v, %v", n, err)
	}
}

// SEC-09: a count changes nothing and does not go on for ever.
func TestCountIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	err := r.store.readOnly(t.Context(), func(tx *sqlx.Tx) error {
		_, err := tx.Exec(`DELETE FROM lists`)
		return err
	})
	if err == nil {
		t.Error("a count may delete")
	}
	err = r.store.readOnly(t.Context(), func(tx *sqlx.Tx) error {
		var timeout string
		if err := tx.Get(&timeout, `SHOW statement_timeout`); err != nil || timeout != "1min" {
			return fmt.Errorf("the timeout is %s (%w)", timeout, err)
		}
		_, err := tx.Exec(`SET LOCAL statement_timeout = 20; SELECT pg_sleep(60)`)
		return err
	})
	if errs.KindOf(err) != errs.Unavailable || !strings.Contains(errs.Public(err), "longer than") {
		t.Errorf("a count that takes too long: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.store.Count(ctx, r.freeze(everybody()), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a count that nobody waits for: %v", err)
	}
}
