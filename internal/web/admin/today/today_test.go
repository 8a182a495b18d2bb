package today_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// The first page says what waits, in the order of its time, and what needs a person; and of other lists it says nothing.
func TestToday(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	other, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "other", Name: "Another List", FromAddress: "other@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Draft()
	soon := time.Now().Add(2 * time.Hour)
	if _, err := r.Campaigns.Schedule(t.Context(), c.ID, soon, "demo"); err != nil {
		t.Fatal(err)
	}
	ines := r.Client(r.Person("Ines", accounts.Editor, r.List.ID))
	body := ines.Get("/admin").Body
	for _, want := range []string{c.Subject, "Approve: ", soon.In(london(t)).Format("15:04"), "The Quayside Morning", "Approval due"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of an editor of the list lacks %q", want)
		}
	}
	if strings.Contains(body, "/admin/people") || strings.Contains(body, "/admin/settings") {
		t.Error("the navigation of an editor of one list leads to what only the owner may open")
	}
	if _, err := r.Campaigns.Hold(t.Context(), c.ID, "the chair of the board resigned", "demo"); err != nil {
		t.Fatal(err)
	}
	if body := ines.Get("/admin").Body; !strings.Contains(body, "Held: ") || !strings.Contains(body, "The chair of the board resigned.") {
		t.Errorf("what is held is not said:\n%s", body)
	}
	stranger := r.Client(r.Person("Omar", accounts.Editor, other.ID))
	for _, page := range []string{"/admin", "/admin/calendar"} {
		if body := stranger.Get(page).Body; strings.Contains(body, c.Subject) || strings.Contains(body, "Quayside") {
			t.Errorf("%s shows an editor of another list what is not theirs", page)
		}
	}
}

// A day is skipped and put back in the calendar; that of others is not theirs to skip.
func TestSkipDay(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	ines := r.Client(r.Person("Ines", accounts.Editor, r.List.ID))
	day := nextWorkday(t)
	form := url.Values{"day": {day}, "digest": {"weekday"}, "reason": {"Founders' Day"}}
	if p := r.Client(r.Person("Vera", accounts.Writer)).Post("/admin/calendar/skip", form); p.Status != http.StatusForbidden {
		t.Errorf("a writer skips a day: %d", p.Status)
	}
	other, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "other", Name: "Another List", FromAddress: "other@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Client(r.Person("Omar", accounts.Editor, other.ID)).Post("/admin/calendar/skip", form); p.Status != http.StatusNotFound {
		t.Errorf("an editor of another list skips a day: %d", p.Status)
	}
	if p := ines.Post("/admin/calendar/skip", form); p.Status != http.StatusOK || !strings.Contains(p.Body, "No edition: ") || !strings.Contains(p.Body, "Founders&#39; Day") {
		t.Fatalf("the skipped day: %d\n%s", p.Status, p.Body)
	}
	skips, err := r.Campaigns.Digests.Skips(t.Context(), "weekday")
	if err != nil || len(skips) != 1 || skips[0].Day != day {
		t.Fatalf("skipped are %v, %v", skips, err)
	}
	if p := ines.Post("/admin/calendar/skip", url.Values{"day": {"soon"}}); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, "problem") {
		t.Errorf("a day that is none: %d", p.Status)
	}
	if p := ines.Post("/admin/calendar/unskip", form); p.Status != http.StatusOK {
		t.Fatalf("put back: %d\n%s", p.Status, p.Body)
	}
	if skips, _ = r.Campaigns.Digests.Skips(t.Context(), "weekday"); len(skips) != 0 {
		t.Errorf("still skipped: %v", skips)
	}
}

// The pages as people see them.
func TestLook(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	ines := r.Person("Ines", accounts.Owner)
	sent := r.Draft()
	if _, err := r.Campaigns.Start(t.Context(), sent.ID, "demo", true); err != nil {
		t.Fatal(err)
	}
	tab := r.Browser(ines)
	tab.Go(r.Base + "/admin")
	tab.Inspect("desk-today")
	tab.Go(r.Base + "/admin/calendar")
	tab.Inspect("desk-calendar")
}

func london(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// nextWorkday is a day in the month that the calendar shows after skipping it, on which the sample digest has an edition.
func nextWorkday(t *testing.T) string {
	t.Helper()
	at := time.Now().In(london(t)).AddDate(0, 0, 4)
	for at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		at = at.AddDate(0, 0, 1)
	}
	return at.Format(time.DateOnly)
}
