package transfer

import (
	"strings"
	"testing"
	"time"

	"mailer/internal/subscribers"
)

// SEC-06: whoever may act on one list alone neither keeps readers of other lists from their mail by a file, nor changes what is known of
// them; whoever may act on all lists does.
func TestSEC06ImportStaysOnItsList(t *testing.T) {
	t.Parallel()
	s, db := newStore(t)
	daily, weekly := newList(t, s, "daily"), newList(t, s, "weekly")
	for _, who := range []string{"ada@example.org", "bea@example.org"} {
		reader(t, s, weekly.ID, who)
	}
	both, mine := reader(t, s, weekly.ID, "cleo@example.org"), reader(t, s, daily.ID, "dora@example.org")
	reader(t, s, daily.ID, "cleo@example.org")
	desk := newDesk(t, s, t.TempDir(), time.Now)
	run := func(p Person) ImportReport {
		t.Helper()
		up, err := desk.Receive("cleaned_all.csv", strings.NewReader("email,name,supporter,status,city\nada@example.org,,,bounced,\nbea@example.org,,,complained,\n"), "ines")
		if err != nil {
			t.Fatal(err)
		}
		j, err := desk.Start(up.ID, p, ImportRequest{ListID: daily.ID, Source: "fair", Confirmed: true})
		if err != nil {
			t.Fatal(err)
		}
		ended(t, desk, up.ID, j)
		if up, err = desk.Receive("more.csv", strings.NewReader("email,name,supporter,city\ncleo@example.org,Eve,yes,Ghent\ndora@example.org,Dora,yes,Ghent\n"), "ines"); err != nil {
			t.Fatal(err)
		}
		if j, err = desk.Start(up.ID, p, ImportRequest{ListID: daily.ID, Source: "fair", Confirmed: true}); err != nil {
			t.Fatal(err)
		}
		up = ended(t, desk, up.ID, j)
		if up.Failed != "" {
			t.Fatal(up.Failed)
		}
		return *up.Report
	}
	suppressed := func() (n int) {
		t.Helper()
		if err := db.Get(&n, `SELECT count(*) FROM suppressions`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	person := func(id int64) subscribers.Subscriber {
		t.Helper()
		p, _, err := s.owner.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if got := run(Person{Name: "ines"}); got.Updated != 1 || got.Unchanged != 1 {
		t.Errorf("by the editor of one list: %+v", got.ImportProgress)
	}
	if n := suppressed(); n != 0 {
		t.Errorf("the editor of one list has suppressed %d readers of another", n)
	}
	if p := person(both.ID); p.Name != "" || p.Supporter || len(p.Attributes) != 0 {
		t.Errorf("a reader of another list is %+v now", p)
	}
	if p := person(mine.ID); p.Name != "Dora" || !p.Supporter || p.Attributes["city"] != "Ghent" {
		t.Errorf("a reader of this list alone is %+v", p)
	}
	if got := run(Person{Name: "ines", All: true}); got.Updated != 1 || suppressed() != 2 || person(both.ID).Name != "Eve" {
		t.Errorf("by an editor of all lists: %+v, %d suppressed, %+v", got.ImportProgress, suppressed(), person(both.ID))
	}
}
