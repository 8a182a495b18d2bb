package campaigns

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/smtptest"
)

// A breaking alert is one story for those who want its topic, and goes before everything else. The launch keeps to cap and cool-down,
// however it is started and by how many at once; one that was taken back has not been.
func TestAlert(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-21 11:00")
	breaking := r.topic("breaking")
	r.readerOn(r.list.ID, "all@example.com", 0, "each")
	r.readerOn(r.list.ID, "quiet@example.com", breaking.Mask(), "each")
	alerts := NewAlerts(r.Service)
	for field, set := range map[string]AlertSettings{
		"template":  {Template: "letter", DailyCap: 1},
		"daily_cap": {Template: "story", DailyCap: 25},
		"cool_down": {Template: "story", CoolDown: -1},
		"topic":     {Template: "story", Topic: "kitchen"},
	} {
		if err := alerts.SetSettings(t.Context(), r.list.ID, set, "ed"); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := alerts.SetSettings(t.Context(), r.list.ID, AlertSettings{Topic: "breaking", Template: render.TemplateDigest, DailyCap: 2, CoolDown: 30}, "ed"); err != nil {
		t.Fatal(err)
	}
	titles := []string{"Bridge closed", "Bridge open", "Storm near", "Storm over"}
	stories := make([]int64, len(titles))
	for i, title := range titles {
		stories[i] = r.story(title, "2026-11-21 10:50")
	}
	alert := func(story int64) Campaign {
		t.Helper()
		c, err := alerts.Make(t.Context(), NewAlert{List: r.list.ID, ArticleID: story}, "ed")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one := alert(stories[0])
	if again := alert(stories[0]); again.ID != one.ID || one.Priority != alertPriority || one.Subject != "Bridge closed" {
		t.Errorf("made twice: %d, %d; %+v", one.ID, again.ID, one)
	}
	g := r.goOf(one.ID)
	if g.Shown != 1 {
		t.Errorf("it goes to %d readers", g.Shown)
	}
	if _, err := alerts.Send(t.Context(), one.ID, Go{Who: "ed", Typed: "2", Shown: 1, Content: g.Content}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("SEC-26: another number: %v", err)
	}
	// Two alerts at once: one goes.
	two := alert(stories[1])
	h := r.goOf(two.ID)
	nodes := []*Alerts{alerts, NewAlerts(r.another())}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = nodes[i/2%2].Send(t.Context(), one.ID, g)
			} else {
				_, err = nodes[i/2%2].Send(t.Context(), two.ID, h)
			}
			if err != nil && errs.KindOf(err) != errs.Conflict {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := r.number(`SELECT count(*) FROM sends WHERE priority = $1`, alertPriority); n != 1 {
		t.Fatalf("%d alerts at once", n)
	}
	sent := r.number(`SELECT campaign_id FROM sends`)
	room, err := alerts.Room(t.Context(), r.list.ID)
	if err != nil || room.Sent != 1 || room.Cap != 2 || room.Until == nil || !strings.Contains(room.Why, "until 12:30") {
		t.Errorf("%+v, %v", room, err)
	}
	waitingOne := one.ID + two.ID - sent
	// The ordinary way of starting is no way round it.
	if _, err := r.Start(t.Context(), waitingOne, "ed", false); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "12:30") {
		t.Errorf("started during the cool-down: %v", err)
	}
	r.want(r.get(waitingOne), Held, "waits 30 minutes")
	s := smtptest.Start(t)
	if got := r.mail(s, titles...); len(got) != 1 || got["all@example.com"] == "" || strings.Contains(got["all@example.com"], "again") {
		t.Errorf("%v", got)
	}
	r.set("2026-11-21 11:31")
	if _, err := alerts.Send(t.Context(), waitingOne, r.goOf(waitingOne)); err != nil {
		t.Fatal(err)
	}
	r.set("2026-11-21 12:30")
	three := alert(stories[2])
	if _, err := alerts.Send(t.Context(), three.ID, r.goOf(three.ID)); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "2 of 2") {
		t.Errorf("over the cap: %v", err)
	}
	// Tomorrow, by the list's clock; and one that is taken back has not been.
	r.set("2026-11-21 23:01")
	if _, err := r.SetCaution(t.Context(), three.ID, CautionChange{UndoWindow: ptr(time.Hour)}, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := alerts.Send(t.Context(), three.ID, r.goOf(three.ID)); err != nil {
		t.Fatal(err)
	}
	four := alert(stories[3])
	if _, err := alerts.Send(t.Context(), four.ID, r.goOf(four.ID)); errs.KindOf(err) != errs.Conflict {
		t.Errorf("during the cool-down: %v", err)
	}
	if _, err := r.Undo(t.Context(), three.ID, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := alerts.Send(t.Context(), four.ID, r.goOf(four.ID)); err != nil {
		t.Errorf("after the one before was taken back: %v", err)
	}
	recent, err := alerts.Recent(t.Context(), []int64{r.list.ID}, 10)
	if err != nil || len(recent) != 4 || recent[0].Campaign != four.ID || recent[0].SentAt == nil || recent[1].SentAt != nil {
		t.Errorf("%+v, %v", recent, err)
	}
}
