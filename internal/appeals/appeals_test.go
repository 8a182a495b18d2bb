package appeals

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/errs"
)

var good = NewAppeal{Slug: "autumn-2026", Heading: "Keep the harbour lights on", Body: "We are paid by **readers**.\n\nJoin them.",
	Button: "Become a supporter", URL: "https://www.example.org/support?from=mail"}

func TestWordings(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	now := time.Date(2026, 11, 22, 7, 30, 0, 0, time.UTC)
	s := NewStore(d, func() time.Time { return now })
	first, err := s.Create(t.Context(), good, "ed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), good, "ed"); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "revise") {
		t.Errorf("created twice: %v", err)
	}
	now = now.Add(time.Hour)
	if same, err := s.Revise(t.Context(), good, "ed"); err != nil || same.VariantID != first.VariantID || same.Variants != 1 {
		t.Errorf("the same wording again: %v %+v", err, same)
	}
	changed := good
	changed.Body = "We are paid by you."
	second, err := s.Revise(t.Context(), changed, "ed")
	if err != nil || second.VariantID == first.VariantID || second.Variants != 2 || second.Body != changed.Body || !second.ChangedAt.Equal(now) || !second.CreatedAt.Before(now) {
		t.Errorf("%v %+v", err, second)
	}
	// What a campaign said stays as it was.
	if v, err := s.Variant(t.Context(), first.VariantID); err != nil || v.Body != good.Body || v.Slug != good.Slug {
		t.Errorf("%v %+v", err, v)
	}
	if got, err := s.Get(t.Context(), good.Slug); err != nil || got.VariantID != second.VariantID {
		t.Errorf("%v %+v", err, got)
	}
	if err := s.Retire(t.Context(), good.Slug, "ed"); err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 1 || list[0].RetiredAt == nil {
		t.Errorf("%v %+v", err, list)
	}
	missing := good
	missing.Slug = "spring"
	for what, f := range map[string]func() error{
		"get":     func() error { _, err := s.Get(t.Context(), "spring"); return err },
		"revise":  func() error { _, err := s.Revise(t.Context(), missing, "ed"); return err },
		"retire":  func() error { return s.Retire(t.Context(), "spring", "ed") },
		"variant": func() error { _, err := s.Variant(t.Context(), 99); return err },
		"click":   func() error { _, err := s.Click(t.Context(), 1, 99, Visitor{}); return err },
	} {
		if err := f(); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	s := NewStore(d, time.Now)
	for name, tc := range map[string]struct {
		change func(n *NewAppeal)
		field  string
	}{
		"slug":             {func(n *NewAppeal) { n.Slug = "Autumn 2026" }, "slug"},
		"no heading":       {func(n *NewAppeal) { n.Heading = " " }, "heading"},
		"heading of lines": {func(n *NewAppeal) { n.Heading = "a\r\nBcc: b" }, "heading"}, // MSG-21
		"direction":        {func(n *NewAppeal) { n.Heading = "a\u202eb" }, "heading"},    // MSG-21
		"no body":          {func(n *NewAppeal) { n.Body = "" }, "body"},
		"long body":        {func(n *NewAppeal) { n.Body = strings.Repeat("x", 4001) }, "body"},
		"NUL":              {func(n *NewAppeal) { n.Body = "a\x00" }, "body"},
		"UTF-8":            {func(n *NewAppeal) { n.Body = "a\xff" }, "body"},
		"placeholder":      {func(n *NewAppeal) { n.Body = "Dear {{first_name}}," }, "body"}, // MSG-35
		"name in heading":  {func(n *NewAppeal) { n.Heading = "Dear {name}" }, "heading"},
		"long button":      {func(n *NewAppeal) { n.Button = strings.Repeat("x", 41) }, "button"},
		"http":             {func(n *NewAppeal) { n.URL = "http://www.example.org/" }, "url"},
		"script":           {func(n *NewAppeal) { n.URL = "javascript:alert(1)" }, "url"}, // MSG-26
		"data":             {func(n *NewAppeal) { n.URL = "data:text/html,x" }, "url"},
		"relative":         {func(n *NewAppeal) { n.URL = "/support" }, "url"},
		"user":             {func(n *NewAppeal) { n.URL = "https://example.org@evil.example/" }, "url"},
		"number":           {func(n *NewAppeal) { n.URL = "https://192.0.2.1/" }, "url"},
		"white space":      {func(n *NewAppeal) { n.URL = "https://example.org/a b" }, "url"},
		"nearly localhost": {func(n *NewAppeal) { n.URL = "http://localhost.example.org/" }, "url"},
	} {
		n := good
		tc.change(&n)
		_, err := s.Create(t.Context(), n, "ed")
		if errs.KindOf(err) != errs.Invalid || !strings.HasPrefix(errs.Public(err), tc.field+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
	n := good
	n.URL = "http://localhost:8025/support"
	if _, err := s.Create(t.Context(), n, "ed"); err != nil {
		t.Errorf("a trial at home: %v", err)
	}
}

func TestClicks(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	now := time.Date(2026, 11, 22, 7, 59, 0, 0, time.UTC)
	s := NewStore(d, func() time.Time { return now })
	a, err := s.Create(t.Context(), good, "ed")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 { // many at once, none lost
		wg.Go(func() {
			if to, err := s.Click(context.Background(), 7, a.VariantID, Visitor{"203.0.113.1", "A"}); err != nil || to != good.URL {
				t.Errorf("click: %q, %v", to, err)
			}
		})
	}
	wg.Wait()
	now = now.Add(time.Hour)
	for campaign, v := range map[int64]Visitor{7: {"203.0.113.2", "A"}, 8: {"203.0.113.1", "A"}} {
		if _, err := s.Click(t.Context(), campaign, a.VariantID, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tally(t.Context(), ClickHold); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Clicks(t.Context(), 7); err != nil || len(got) != 1 || got[0].Clicks != 20 {
		t.Errorf("%v %+v; those of the last two minutes wait", err, got)
	}
	now = now.Add(ClickHold)
	for range 2 { // which counts nothing twice
		if err := s.Tally(t.Context(), ClickHold); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Clicks(t.Context(), 7)
	if err != nil || len(got) != 1 || got[0].Clicks != 21 || got[0].Slug != good.Slug || !got[0].First.Equal(time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)) || got[0].Last.Sub(got[0].First) != time.Hour {
		t.Errorf("%v %+v", err, got)
	}
	if none, err := s.Clicks(t.Context(), 9); err != nil || none == nil || len(none) != 0 {
		t.Errorf("%v %+v", err, none)
	}
}

// What a program did on a day is told from what people did, on all nodes alike, around midnight too; and what it was told by is
// forgotten.
func TestMachines(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	now := time.Date(2026, 11, 22, 23, 59, 30, 0, time.UTC)
	clock := func() time.Time { return now }
	one, two := NewStore(d, clock), NewStore(d, clock) // two nodes
	a, err := one.Create(t.Context(), good, "ed")
	if err != nil {
		t.Fatal(err)
	}
	click := func(s *Store, v Visitor) {
		t.Helper()
		if _, err := s.Click(t.Context(), 7, a.VariantID, v); err != nil {
			t.Fatal(err)
		}
	}
	scanner, person := Visitor{"203.0.113.1", "Scanner"}, Visitor{"203.0.113.1", "Mozilla"}
	click(one, scanner)
	click(one, person)
	now = now.Add(time.Minute) // the next day
	if err := two.Machine(t.Context(), scanner); err != nil {
		t.Fatal(err)
	}
	click(two, scanner)
	click(one, Visitor{"203.0.113.2", "Scanner"})
	now = now.Add(ClickHold)
	if err := two.Tally(t.Context(), ClickHold); err != nil {
		t.Fatal(err)
	}
	got, err := one.Clicks(t.Context(), 7)
	if err != nil || len(got) != 1 || got[0].Clicks != 2 || got[0].Machines != 2 {
		t.Errorf("%+v, %v; want 2 and 2", got, err)
	}
	left := func(query string) (n int) {
		t.Helper()
		if err := d.Get(&n, query); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if left(`SELECT count(*) FROM machine_marks`) != 2 || left(`SELECT count(*) FROM click_salts`) != 2 {
		t.Error("marks and salts of two days")
	}
	if _, err := d.Exec(`UPDATE machine_marks SET at = $1`, now); err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 4)
	if err := two.Tally(t.Context(), ClickHold); err != nil {
		t.Fatal(err)
	}
	if left(`SELECT count(*) FROM machine_marks`)+left(`SELECT count(*) FROM click_salts`)+left(`SELECT count(*) FROM held_clicks`) != 0 {
		t.Error("it is not forgotten")
	}
}
