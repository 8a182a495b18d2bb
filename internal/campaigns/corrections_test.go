package campaigns

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// A correction is told once in the next edition to each list that carried the story, in the list's language, with nothing in it taken for
// Markdown; to no other list, and no more once it was taken back.
func TestCorrectionInTheNextEdition(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-22 05:00")
	d := r.digest("[clock]\nno_approval = \"send\"")
	first := r.story("Cranes [move] *south*", "2026-11-22 04:00")
	r.story("Ferry late", "2026-11-22 04:10")
	r.story("Bridge open", "2026-11-22 04:20")
	r.tick("2026-11-22 05:30")
	r.tick("2026-11-22 06:01")
	r.want(r.edition("2026-11-22T07:00"), Launched, "")
	k := NewCorrections(r.Service)
	r.set("2026-11-22 08:00")
	made, err := k.All.Make(t.Context(), first, "There were 40 cranes, not 400.\n* {x", "ed")
	if errs.KindOf(err) != errs.Invalid {
		t.Errorf("a note with a brace: %v", err)
	}
	note := "There were 40 cranes, not 400.\n*No* [more](https://evil.example)"
	if made, err = k.All.Make(t.Context(), first, note, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.All.Make(t.Context(), first, note+" \n", "ed"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the same note twice: %v", err)
	}
	taken, err := k.All.Make(t.Context(), first, "This is no correction.", "ed")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.All.TakeBack(t.Context(), taken.ID, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.All.Make(t.Context(), r.story("Mended in time", "2026-11-22 07:00"), "It goes out as it should be.", "ed"); err != nil {
		t.Fatal(err)
	}
	items := func(edition string) (ids []int64) {
		for _, b := range r.edition(edition).Blocks {
			if b.Correction != 0 {
				ids = append(ids, b.Correction)
			}
		}
		return ids
	}
	day := func(date string) string {
		t.Helper()
		for _, title := range []string{"Harbour ", "Market ", "School "} {
			r.story(title+date, date+" 04:00")
		}
		r.tick(date + " 05:30")
		r.tick(date + " 06:01")
		r.want(r.edition(date+"T07:00"), Launched, "")
		return date + "T07:00"
	}
	next := day("2026-11-23")
	if got := items(next); !slices.Equal(got, []int64{made.ID}) {
		t.Fatalf("the next edition tells of %v; want %d", got, made.ID)
	}
	text, page, err := parts([]byte(r.bytesFor(r.edition(next).ID, everyoneGroups)))
	if err != nil {
		t.Fatal(err)
	}
	for what, part := range map[string]string{"text": text, "HTML": page} {
		if !strings.Contains(part, "Correction to “") || !strings.Contains(part, "Cranes [move] *south*") || !strings.Contains(part, "40 cranes, not 400") || !strings.Contains(part, "*No* [more](") {
			t.Errorf("the %s does not say it as it was written", what)
		}
	}
	if got := items(day("2026-11-24")); len(got) != 0 {
		t.Errorf("the edition after tells of %v again", got)
	}
	if r.number(`SELECT count(*) FROM audit_log WHERE actor = 'ed' AND action IN ('story.correct', 'story.uncorrect')`) != 4 {
		t.Error("not every act is in the audit log")
	}
	other, err := r.Lists.CreateList(t.Context(), subscribers.List{Slug: "soir", Name: "Le soir", FromAddress: "news@example.org", Language: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	d.ListID = other.ID
	if due, err := r.due(t.Context(), d, 0); err != nil || len(due) != 0 {
		t.Errorf("a list that never carried the story is told: %v, %v", due, err)
	}
}

// The mail of a correction goes to those who were sent the story and to nobody else, to each once, whatever lists they are on; and never
// without approval.
func TestCorrectionMail(t *testing.T) {
	t.Parallel()
	r, c := byHand(t, func(n *NewStory) { n.Segments = []string{"paris"} })
	evening, err := r.Lists.CreateList(t.Context(), subscribers.List{Slug: "evening", Name: "Evening", FromName: "The Example Courier", FromAddress: "news@example.org", LegalName: "Example Courier Ltd",
		PostalAddress: "1 Harbour Street", Contact: "desk@example.org", HomeURL: "https://www.example.org", TimeZone: "Europe/Paris"})
	if err != nil {
		t.Fatal(err)
	}
	join := func(list int64, address, city string) {
		t.Helper()
		if _, err := r.Lists.Add(t.Context(), subscribers.AddRequest{Address: address, ListID: list, Confirmed: true, Source: "test", Wording: "test", Method: "admin", Attributes: map[string]string{"city": city}}); err != nil {
			t.Fatal(err)
		}
	}
	join(r.list.ID, "both@example.com", "Paris")
	join(evening.ID, "both@example.com", "Paris")
	join(r.list.ID, "paris@example.com", "Paris")
	join(r.list.ID, "lyon@example.com", "Lyon") // was not sent it in the morning
	join(evening.ID, "late@example.com", "Lyon")
	send := func(c Campaign) []string {
		t.Helper()
		if _, err := r.Start(t.Context(), c.ID, "ed", true); err != nil {
			t.Fatal(err)
		}
		return r.deliver(c.ID)
	}
	article := r.number(`SELECT id FROM articles`)
	got := send(c)
	if len(got) != 2 {
		t.Fatalf("the story went to %v", got)
	}
	second, err := r.CreateStory(t.Context(), NewStory{List: "evening", ArticleID: article}, "ed")
	if err != nil {
		t.Fatal(err)
	}
	if got = send(second); len(got) != 2 {
		t.Fatalf("the story went to %v in the evening", got)
	}
	r.clock.Store(time.Now().UnixNano())
	k := NewCorrections(r.Service)
	made, err := k.All.Make(t.Context(), article, "There were 40 cranes, not 400.", "ed")
	if err != nil {
		t.Fatal(err)
	}
	join(r.list.ID, "new@example.com", "Paris") // was never sent it
	if carriers, err := k.Carriers(t.Context(), made.ID); err != nil || len(carriers) != 2 || carriers[0].List.Slug != "evening" || carriers[1].List.Slug != "morning" || carriers[0].Mail != nil {
		t.Fatalf("carried by %+v, %v", carriers, err)
	}
	morningMail, err := k.Mail(t.Context(), made.ID, "morning", "ed")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.Mail(t.Context(), made.ID, "morning", "ed"); err != nil || again.ID != morningMail.ID {
		t.Errorf("asked twice there are two mails: %d and %d, %v", morningMail.ID, again.ID, err)
	}
	eveningMail, err := k.Mail(t.Context(), made.ID, "evening", "ed")
	if err != nil {
		t.Fatal(err)
	}
	r.want(morningMail, Draft, "")
	if _, err := r.Tick(t.Context()); err != nil || r.get(morningMail.ID).State != Draft {
		t.Errorf("it went by itself: %s, %v", r.get(morningMail.ID).State, err)
	}
	w, problems, err := r.Inspect(t.Context(), morningMail.ID)
	if err != nil || w.Readers == nil || *w.Readers != 2 || !strings.Contains(w.Rule, "was sent story") {
		t.Errorf("whom it goes to: %+v, %v", w, err)
	}
	for _, p := range problems {
		if p.Level == Refused {
			t.Errorf("it cannot go out: %s", p.Message)
		}
	}
	if got := send(morningMail); !slices.Equal(got, []string{"both@example.com", "paris@example.com"}) {
		t.Errorf("the correction went to %v", got)
	}
	if got := send(eveningMail); !slices.Equal(got, []string{"late@example.com"}) {
		t.Errorf("the correction went to %v in the evening", got)
	}
	if _, err := k.Mail(t.Context(), made.ID, "nothing", "ed"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("to a list that is not there: %v", err)
	}
	if err := k.All.TakeBack(t.Context(), made.ID, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Mail(t.Context(), made.ID, "morning", "ed"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("of one taken back: %v", err)
	}
	if n := r.number(`SELECT count(*) FROM public_sends WHERE campaign_id IN ($1, $2)`, morningMail.ID, eveningMail.ID); n != 0 {
		t.Error("the mail of a correction stands in the archive")
	}
}
