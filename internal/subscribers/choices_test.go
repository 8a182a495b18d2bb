package subscribers

import (
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/errs"
)

// chosen returns the choices of a subscription as the database has them, in words.
func chosen(t *testing.T, d *sqlx.DB, person, list int64) string {
	t.Helper()
	var words string
	err := d.GetContext(t.Context(), &words, `SELECT frequency || ' ' || coalesce(to_char(paused_until AT TIME ZONE 'UTC', 'YYYY-MM-DD'), '-') || ' ' || topics_off
		FROM subscriptions WHERE subscriber_id = $1 AND list_id = $2`, person, list)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

func ptr[T any](v T) *T { return &v }

func TestChoices(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	now := time.Now().UTC()
	s.Now = func() time.Time { return now }
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	for _, slug := range []string{"politics", "arts", "science"} {
		if _, err := s.Topics.Create(t.Context(), Topic{ListID: l.ID, Slug: slug, Name: slug}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	month := now.AddDate(0, 1, 0)
	day := month.Format(time.DateOnly)
	for _, step := range []struct {
		name    string
		request ChoiceRequest
		changed bool
		after   string
		leaves  int // noted in all, for the sends that are running
	}{
		{"nothing", ChoiceRequest{}, false, "each - 0", 0},
		{"weekly", ChoiceRequest{Frequency: ptr(Weekly)}, true, "weekly - 0", 1},
		{"weekly again", ChoiceRequest{Frequency: ptr(Weekly)}, false, "weekly - 0", 1},
		{"pause", ChoiceRequest{PauseUntil: &month}, true, "weekly " + day + " 0", 2},
		{"the same pause", ChoiceRequest{PauseUntil: &month}, false, "weekly " + day + " 0", 2},
		{"topics", ChoiceRequest{TopicsOff: ptr(uint64(3))}, true, "weekly " + day + " 3", 3},
		{"of the topics shown, one back on", ChoiceRequest{TopicsOff: ptr(uint64(0)), TopicsShown: 1}, true, "weekly " + day + " 2", 3},
		{"bits that are no topics", ChoiceRequest{TopicsOff: ptr(^uint64(0)), TopicsShown: 1 << 40}, false, "weekly " + day + " 2", 3},
		{"no pause", ChoiceRequest{PauseUntil: &time.Time{}}, true, "weekly - 2", 3},
		{"no pause again", ChoiceRequest{PauseUntil: &time.Time{}}, false, "weekly - 2", 3},
		{"each", ChoiceRequest{Frequency: ptr(EachEdition)}, true, "each - 2", 3},
	} {
		r := step.request
		r.Subscriber, r.List, r.Method, r.Campaign = p.ID, l.ID, MethodPreferences, 7
		changed, err := s.Choices.Set(t.Context(), r)
		if err != nil || changed != step.changed {
			t.Errorf("%s: %v, %v; want %v", step.name, changed, err, step.changed)
		}
		if got := chosen(t, d, p.ID, l.ID); got != step.after {
			t.Errorf("%s: %s; want %s", step.name, got, step.after)
		}
		if n := count(t, d, `SELECT count(*) FROM leaves`); n != step.leaves {
			t.Errorf("%s: %d notes for running sends; want %d", step.name, n, step.leaves)
		}
	}
	log, err := s.ConsentLog(t.Context(), p.ID)
	if err != nil || len(log) != 7 {
		t.Fatalf("%d lines of evidence, %v; want 7: %+v", len(log), err, log)
	}
	if c := log[2]; c.Event != "paused" || c.Method != MethodPreferences || *c.CampaignID != 7 || c.Source != "paused until "+month.Truncate(time.Second).Format(time.RFC3339) {
		t.Errorf("the evidence of the pause is %+v", c)
	}
	if c := log[3]; c.Source != "topics off: politics, arts" {
		t.Errorf("the evidence of the topics is %+v", c)
	}
}

// A pause keeps a reader off every audience until it is over.
func TestPause(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	if _, err := s.Choices.Set(t.Context(), ChoiceRequest{Subscriber: p.ID, List: l.ID, Method: MethodForm, PauseUntil: ptr(time.Now().Add(time.Hour))}); err != nil {
		t.Fatal(err)
	}
	if len(mailable(t, d, l.ID)) != 0 {
		t.Error("mailable during the pause")
	}
	if _, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET paused_until = now()`); err != nil {
		t.Fatal(err)
	}
	if len(mailable(t, d, l.ID)) != 1 {
		t.Error("not mailable after the pause")
	}
}

func TestChoicesRefused(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	for name, r := range map[string]ChoiceRequest{
		"frequency":    {Frequency: ptr("hourly")},
		"a pause over": {PauseUntil: ptr(time.Now().Add(-time.Hour))},
		"a long pause": {PauseUntil: ptr(time.Now().AddDate(2, 0, 0))},
	} {
		r.Subscriber, r.List, r.Method = p.ID, l.ID, MethodForm
		if _, err := s.Choices.Set(t.Context(), r); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	weekly := ChoiceRequest{Subscriber: p.ID, List: l.ID, Method: MethodForm, Frequency: ptr(Weekly)}
	stranger := weekly
	stranger.Subscriber++
	if _, err := s.Choices.Set(t.Context(), stranger); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a subscription that is not there: %v", err)
	}
	if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: l.ID, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	if changed, err := s.Choices.Set(t.Context(), weekly); changed || err != nil || chosen(t, d, p.ID, l.ID) != "each - 0" {
		t.Errorf("after leaving: %v, %v", changed, err)
	}
}

// UNS-20: a link undoes its own act for 24 hours, and only while nothing else has happened.
func TestUNS20UndoChoices(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	now := time.Now()
	s.Now = func() time.Time { return now }
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "a@example.org")
	act := func(campaign int64, method string) ChoiceRequest {
		return ChoiceRequest{Subscriber: p.ID, List: l.ID, Campaign: campaign, Method: method}
	}
	set := func(r ChoiceRequest) {
		t.Helper()
		if _, err := s.Choices.Set(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	undo := func(name string, r ChoiceRequest, want bool, after string) {
		t.Helper()
		can, err := s.Choices.CanUndo(t.Context(), r)
		if err != nil || can != want {
			t.Errorf("%s: can %v, %v", name, can, err)
		}
		done, err := s.Choices.Undo(t.Context(), r)
		if err != nil || done != want {
			t.Errorf("%s: %v, %v; want %v", name, done, err, want)
		}
		if got := chosen(t, d, p.ID, l.ID); got != after {
			t.Errorf("%s: %s; want %s", name, got, after)
		}
	}
	undo("nothing", act(7, MethodForm), false, "each - 0")

	r := act(7, MethodForm)
	r.Frequency, r.PauseUntil, r.TopicsOff = ptr(Weekly), ptr(now.AddDate(0, 0, 30)), ptr(uint64(5))
	set(r)
	all := chosen(t, d, p.ID, l.ID)
	undo("another campaign's link", act(8, MethodForm), false, all)
	undo("another way", act(7, MethodPreferences), false, all)
	now = now.Add(undoWithin + time.Minute)
	undo("a day later", act(7, MethodForm), false, all)
	now = now.Add(-undoWithin)
	undo("its own", act(7, MethodForm), true, "each - 0")
	undo("once more", act(7, MethodForm), false, "each - 0")

	set(r)
	other := act(8, MethodForm)
	other.Frequency = ptr(EachEdition)
	set(other)
	undo("after another act", act(7, MethodForm), false, chosen(t, d, p.ID, l.ID))
	if n := count(t, d, `SELECT count(*) FROM consent_log WHERE event = 'undone' AND source LIKE 'back to: frequency: each; pause ended; topics off: none'`); n != 1 {
		t.Errorf("%d lines say what was undone; want 1", n)
	}
}
