package transfer

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"mailer/internal/subscribers"
)

// recordOf is what the consent record and an export have of one reader's subscription, dates only: confirmed, imported, left.
func recordOf(t *testing.T, s *rig, address string) (got string) {
	t.Helper()
	id, err := s.Records().FindAddress(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := s.Records().Of(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, sn := range rec.Subscriptions {
		for _, m := range []*time.Time{sn.ConfirmedAt, sn.ImportedAt, sn.UnsubscribedAt} {
			switch {
			case m == nil:
				got += " -"
			case time.Since(*m) < time.Hour:
				got += " now"
			default:
				got += " " + m.UTC().Format(time.DateOnly)
			}
		}
	}
	return strings.TrimSpace(got)
}

// DOI-06: what a file tells of when people agreed and left is their evidence, here and in the list that an export goes to. The import
// itself is named beside it, and a new consent of the reader's own is not older than it is.
func TestEvidenceKeepsItsDates(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	first, second := newList(t, s, "daily"), newList(t, s, "weekly")
	known := reader(t, s, second.ID, "known@example.org") // not new here: merged, where the others are made
	doImport(t, s, first.ID, "email,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME\n"+
		"ada@example.org,2019-05-01 10:00:00,2019-05-02 10:00:00,\n"+
		"gone@example.org,2019-05-01 10:00:00,2019-05-02 10:00:00,2021-01-01 10:00:00\n"+
		"known@example.org,,,2021-01-02 10:00:00\n"+
		"plain@example.org,,,\n")
	if _, err := d.ExecContext(t.Context(), `DELETE FROM subscriptions WHERE subscriber_id = $1 AND list_id = $2`, known.ID, second.ID); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want map[string]string) {
		t.Helper()
		for address, want := range want {
			if got := recordOf(t, s, address); got != want {
				t.Errorf("%s: %s: confirmed, imported, left: %s; want %s", when, address, got, want)
			}
		}
	}
	want := map[string]string{"ada@example.org": "2019-05-02 now -", "gone@example.org": "- - 2021-01-01", "known@example.org": "- - 2021-01-02",
		"plain@example.org": "now - -"}
	check("imported", want)
	if n := count(t, d, `SELECT count(*) FROM subscriptions WHERE now() - coalesce(confirmed_at, unsubscribed_at) < interval '1 hour'`); n != 4 {
		t.Errorf("%d subscriptions have the moment of the import, which running sends go by; want 4", n)
	}

	var out bytes.Buffer
	if err := s.Export(t.Context(), first.ID, &out, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), `DELETE FROM consent_log`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), `DELETE FROM subscriptions`); err != nil {
		t.Fatal(err)
	}
	doImport(t, s, second.ID, out.String())
	want["plain@example.org"] = "now now -" // the first import is the evidence of the second
	check("exported and imported", want)

	// Left since, and come back by themselves.
	ada, _, err := s.ByAddress(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: ada.ID, List: second.ID, Method: subscribers.MethodOneClick}); err != nil {
		t.Fatal(err)
	}
	check("left", map[string]string{"ada@example.org": "2019-05-02 now now"})
	if _, err := s.Add(t.Context(), subscribers.AddRequest{Address: "ada@example.org", ListID: second.ID, Method: subscribers.MethodForm}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Confirm(t.Context(), subscribers.ConfirmRequest{Subscriber: ada.ID, List: second.ID, Issued: time.Now()}); err != nil {
		t.Fatal(err)
	}
	check("come back", map[string]string{"ada@example.org": "now - -"})
}

// Who is pending after an import has been asked by nobody; that is counted, of new people and of those known from other lists.
func TestImportCountsThePending(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l, other := newList(t, s, "daily"), newList(t, s, "weekly")
	reader(t, s, other.ID, "known@example.org")
	do := func(confirmed bool, file string) int64 {
		t.Helper()
		r, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "fair", R: strings.NewReader(file), Confirmed: confirmed}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.Pending
	}
	if n := do(true, "email\na@example.org\npostmaster@example.org\n"); n != 1 {
		t.Errorf("%d pending; want the role account", n)
	}
	file := "email,status\nb@example.org,\nknown@example.org,\nc@example.org,unsubscribed\n"
	if n := do(false, file); n != 2 {
		t.Errorf("%d pending; want 2", n)
	}
	if n := do(false, file); n != 0 {
		t.Errorf("%d pending the second time; want 0, they were there", n)
	}
	if n, err := s.Unasked().Count(t.Context(), l.ID); err != nil || n != 3 {
		t.Errorf("%d unasked, %v; want 3", n, err)
	}
}
