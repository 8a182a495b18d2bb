package subscribers

import (
	"testing"
	"time"

	"mailer/internal/errs"
)

// DOI-08, the half of adding: a consent that is only implied has an end, which a later one puts off and an express one takes away, and
// nothing shortens.
func TestImpliedConsent(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	in := func(days int) time.Time {
		return time.Now().Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Second)
	}
	add := func(confirmed bool, method string, expires time.Time) Added {
		t.Helper()
		added, err := s.Add(t.Context(), AddRequest{Address: "ada@example.org", ListID: l.ID, Confirmed: confirmed, Method: method, Source: "shop", Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		return added
	}
	ends := func() (at *time.Time) {
		t.Helper()
		if err := d.GetContext(t.Context(), &at, `SELECT expires_at FROM subscriptions`); err != nil {
			t.Fatal(err)
		}
		return at
	}
	evidence := func() (n int) {
		t.Helper()
		if err := d.GetContext(t.Context(), &n, `SELECT count(*) FROM consent_log`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	add(true, MethodAdmin, in(30))
	for i, step := range []struct {
		confirmed bool
		expires   time.Time
		want      time.Time // zero: no end
		evidence  int
	}{
		{true, in(10), in(30), 1},           // sooner: stays
		{false, time.Time{}, in(30), 1},     // not a consent at all
		{true, in(90), in(90), 2},           // later
		{true, time.Time{}, time.Time{}, 3}, // express
		{true, in(90), time.Time{}, 3},      // which nothing limits again
	} {
		add(step.confirmed, MethodAdmin, step.expires)
		got := ends()
		if step.want.IsZero() != (got == nil) || got != nil && !got.Equal(step.want) {
			t.Errorf("step %d: it ends %v; want %v", i, got, step.want)
		}
		if n := evidence(); n != step.evidence {
			t.Errorf("step %d: %d lines of evidence; want %d", i, n, step.evidence)
		}
	}
	// Over: no mail. Signed up again by form: asked, and nothing changes until the answer.
	if _, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET expires_at = now() - interval '1 day'`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := d.GetContext(t.Context(), &n, `SELECT count(*) FROM mailable`); err != nil || n != 0 {
		t.Errorf("%d get mail, %v; want none", n, err)
	}
	added := add(false, MethodForm, time.Time{})
	if !added.NeedsConfirm || added.State != Confirmed || ends() == nil {
		t.Errorf("%+v, ends %v", added, ends())
	}
	page, err := s.Confirm(t.Context(), ConfirmRequest{Subscriber: added.Subscriber.ID, List: l.ID, Issued: time.Now()})
	if err != nil || page.Status != ConfirmDone || len(page.New) != 1 || ends() != nil {
		t.Errorf("%+v, %v, ends %v", page, err, ends())
	}
	if err := d.GetContext(t.Context(), &n, `SELECT count(*) FROM mailable WHERE confirmed_at > now() - interval '1 minute'`); err != nil || n != 1 {
		t.Errorf("%d get mail, %v; want one, who confirmed now", n, err)
	}
}

// A mail about several lists confirms those that it named, one press at a time, and never one that was left since.
func TestAskForSeveral(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	a, b, c := newList(t, s, "a"), newList(t, s, "b"), newList(t, s, "c")
	var person Subscriber
	for _, l := range []List{a, b, c} {
		added, err := s.Add(t.Context(), AddRequest{Address: "ada@example.org", ListID: l.ID, Method: MethodForm})
		if err != nil {
			t.Fatal(err)
		}
		person = added.Subscriber
	}
	ask, err := Ask(t.Context(), d, person.ID, []int64{b.ID, a.ID})
	if err != nil {
		t.Fatal(err)
	}
	r := ConfirmRequest{Subscriber: ask, Issued: time.Now()}
	page, err := s.Confirming(t.Context(), r)
	if err != nil || page.Status != ConfirmOpen || page.Subscriber != person.ID || page.ListName != b.Name || len(page.Lists) != 3 || page.Lists[2].Named || !page.Lists[1].Named {
		t.Fatalf("%+v, %v", page, err)
	}
	if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: person.ID, List: a.ID, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	r.Chosen = []int64{}
	if page, err = s.Confirm(t.Context(), r); err != nil || len(page.New) != 0 || page.Status != ConfirmOpen {
		t.Errorf("nothing chosen: %+v, %v", page, err)
	}
	r.Chosen = nil
	if page, err = s.Confirm(t.Context(), r); err != nil || len(page.New) != 1 || page.New[0] != b.ID || page.Status != ConfirmDone {
		t.Errorf("%+v, %v", page, err)
	}
	for l, want := range map[int64]string{a.ID: Unsubscribed, b.ID: Confirmed, c.ID: Pending} {
		if got := stateOf(t, s, person.ID, l); got != want {
			t.Errorf("list %d is %s; want %s", l, got, want)
		}
	}
	if _, err := s.Confirming(t.Context(), ConfirmRequest{Subscriber: ask + 1, Issued: time.Now()}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("an ask that never was: %v", err)
	}
}

func TestPublications(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	p, err := s.Publications.Create(t.Context(), Publication{Slug: "courier", Name: " The  Courier ", AccentColour: "#A3242B"})
	if err != nil || p.Name != "The Courier" || p.Language != "en" || p.AccentColour != "#a3242b" {
		t.Fatalf("%+v, %v", p, err)
	}
	for name, bad := range map[string]Publication{
		"slug": {Slug: "The Courier", Name: "x"}, "name": {Slug: "x"}, "language": {Slug: "x", Name: "x", Language: "tlh"},
		"home_url": {Slug: "x", Name: "x", HomeURL: "javascript:alert(1)"}, "accent_colour": {Slug: "x", Name: "x", AccentColour: "red;}"},
	} {
		if _, err := s.Publications.Create(t.Context(), bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Publications.Create(t.Context(), p); errs.KindOf(err) != errs.Conflict {
		t.Errorf("twice: %v", err)
	}
	var ids []int64
	for _, slug := range []string{"b", "a", "closed", "old"} {
		l := newList(t, s, slug)
		l.PublicationID, l.SignupOpen = &p.ID, slug != "closed"
		if _, err := s.UpdateList(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, l.ID)
	}
	if _, err := s.db.ExecContext(t.Context(), `UPDATE lists SET archived_at = now() WHERE slug = 'old'`); err != nil {
		t.Fatal(err)
	}
	open, err := s.Publications.Lists(t.Context(), p.ID, true)
	if err != nil || len(open) != 2 || open[0].Slug != "a" {
		t.Errorf("%+v, %v", open, err)
	}
	if all, err := s.Publications.Lists(t.Context(), p.ID, false); err != nil || len(all) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	if these, err := OpenLists(t.Context(), s.db, append(ids, 999)); err != nil || len(these) != 2 || these[0].Slug != "b" {
		t.Errorf("%+v, %v", these, err)
	}
}
