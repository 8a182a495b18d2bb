package public_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"mailer/internal/appeals"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// lessRig is the pages of a list with three topics, a weekly campaign and another list beside it that anybody may read.
func lessRig(t testing.TB) (r *rig, other subscribers.List) {
	t.Helper()
	r = newRig(t)
	for _, topic := range []string{"Politics", "Culture", "Science & Nature"} {
		slug := strings.ToLower(strings.Fields(topic)[0])
		if _, err := r.store.Topics.Create(t.Context(), subscribers.Topic{ListID: r.list.ID, Slug: slug, Name: topic}, "ada"); err != nil {
			t.Fatal(err)
		}
	}
	other = r.newList("sports", "Sports Weekly")
	hidden := r.newList("staff", "Staff only")
	for _, l := range []subscribers.List{other, hidden} {
		if _, err := r.store.Add(t.Context(), subscribers.AddRequest{Address: "jane.doe@example.org", ListID: l.ID, Confirmed: true, Source: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET signup_open = true WHERE id IN ($1, $2)`, r.list.ID, other.ID); err != nil {
		t.Fatal(err)
	}
	d := r.deps()
	d.Weekly = func(_ context.Context, list int64) (bool, error) { return list == r.list.ID, nil }
	r.base = serve(t, d)
	return r, other
}

// chosen is what stands in the reader's subscription.
func (r *rig) chosen() string {
	r.t.Helper()
	var c struct {
		Frequency string
		Paused    *time.Time `db:"paused_until"`
		Off       int64      `db:"topics_off"`
	}
	if err := r.db.GetContext(r.t.Context(), &c, `SELECT frequency, paused_until, topics_off FROM subscriptions WHERE subscriber_id = $1 AND list_id = $2`, r.person.ID, r.list.ID); err != nil {
		r.t.Fatal(err)
	}
	days := 0
	if c.Paused != nil {
		days = int(time.Until(*c.Paused).Hours()/24 + 0.5)
	}
	return fmt.Sprintf("%s %d %b", c.Frequency, days, c.Off)
}

// Beside leaving: weekly, a pause, fewer topics; each by one button, undone by the same link, and noted for running sends.
func TestLeaveLess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ body, want, says string }{
		"weekly": {"action=weekly", "weekly 0 0", "once a week"},
		"pause":  {"action=pause", fmt.Sprintf("each %d 0", int(time.Until(subscribers.LeaveList{}.PauseEnd(time.Now())).Hours()/24+0.5)), "goes on by itself"},
		"topics": {"action=topics&shown=politics&shown=culture&shown=science&topic=culture", "each 0 101", "without the topics"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := lessRig(t)
			before := r.do("GET", "/u/"+r.token, "")
			for _, has := range []string{`value="list"`, `value="weekly"`, `value="pause"`, `value="topics"`, `value="politics" checked`, "Science &amp; Nature", "Sports Weekly", `value="all"`} {
				if !strings.Contains(before.body, has) {
					t.Errorf("the page has no %s", has)
				}
			}
			if strings.Contains(before.body, "Staff only") {
				t.Error("the page tells of a list that is not for everybody")
			}
			a := r.post("/u/"+r.token, tc.body)
			r.want(name, a, 200, subscribers.Confirmed)
			if got := r.chosen(); got != tc.want || !strings.Contains(a.body, tc.says) || !strings.Contains(a.body, `value="undo"`) {
				t.Errorf("%s: %s; want %s\n%s", name, got, tc.want, a.body)
			}
			if n := r.count(`SELECT count(*) FROM leaves`); n != 1 {
				t.Errorf("%d notes for running sends", n)
			}
			if n := r.count(`SELECT count(*) FROM subscriptions sn JOIN lists l ON l.id = sn.list_id
				WHERE sn.paused_until AT TIME ZONE l.time_zone <> date_trunc('day', sn.paused_until AT TIME ZONE l.time_zone)`); n != 0 {
				t.Error("the pause does not end at the beginning of a day of the list")
			}
			r.post("/u/"+r.token, tc.body) // once more changes nothing
			if got := r.chosen(); got != tc.want {
				t.Errorf("twice: %s", got)
			}
			// UNS-20: only the link that did it can undo it.
			other := r.ring.LeaveToken(r.ring.Current(), links.Leave{Subscriber: r.person.ID, List: r.list.ID, Campaign: 8})
			r.post("/u/"+other, "action=undo")
			if got := r.chosen(); got != tc.want {
				t.Errorf("another link undid it: %s", got)
			}
			a = r.post("/u/"+r.token, "action=undo")
			if got := r.chosen(); got != "each 0 0" || !strings.Contains(a.body, "Everything is as it was") {
				t.Errorf("undone: %s\n%s", got, a.body)
			}
			r.want("and leaving all the same", r.post("/u/"+r.token, oneClick), 200, subscribers.Unsubscribed)
		})
	}
}

// UNS-20: what would bring more mail than there is, or none where weekly does not exist, a leave link does not do.
func TestUNS20OnlyLess(t *testing.T) {
	t.Parallel()
	r, other := lessRig(t)
	set := `UPDATE subscriptions SET topics_off = 3, paused_until = now() + interval '200 days'`
	if _, err := r.db.ExecContext(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	const was = "each 200 11"
	weeklyOther := r.ring.LeaveToken(r.ring.Current(), links.Leave{Subscriber: r.person.ID, List: other.ID, Campaign: 9})
	for _, body := range []string{
		"action=topics&shown=politics&topic=politics", "action=topics&topic=politics&topic=culture&topic=science", "action=topics", "action=pause",
		"action=topics&shown=nothing", "action=each", "action=frequency&frequency=each", "action=resume",
	} {
		r.want(body, r.post("/u/"+r.token, body), 200, subscribers.Confirmed)
		if got := r.chosen(); got != was {
			t.Errorf("%s: %s; want %s", body, got, was)
		}
	}
	if a := r.post("/u/"+weeklyOther, "action=weekly"); a.status != 200 || r.count(`SELECT count(*) FROM subscriptions WHERE frequency = 'weekly'`) != 0 {
		t.Error("weekly where there is none")
	}
}

// UNS-16: several lists by name, of those anybody may read; and one undo for all that the link did.
func TestUNS16Lists(t *testing.T) {
	t.Parallel()
	r, other := lessRig(t)
	mailable := func() int { return r.count(`SELECT count(*) FROM mailable`) }
	r.do("GET", "/u/"+r.token, "")
	r.want("staff is not shown", r.post("/u/"+r.token, "action=also&also=staff"), 200, subscribers.Confirmed)
	r.want("none ticked", r.post("/u/"+r.token, "action=also"), 200, subscribers.Confirmed)
	if mailable() != 3 {
		t.Fatalf("%d lists", mailable())
	}
	a := r.post("/u/"+r.token, "action=also&also=sports&also=staff")
	r.want("also", a, 200, subscribers.Unsubscribed)
	if mailable() != 1 {
		t.Errorf("%d lists are left; want the one that was not shown", mailable())
	}
	// Another link of the same campaign number, of the other list, did not do it.
	foreign := r.ring.LeaveToken(r.ring.Current(), links.Leave{Subscriber: r.person.ID, List: other.ID, Campaign: 7})
	r.post("/u/"+foreign, "action=undo")
	if mailable() != 1 {
		t.Errorf("another link undid it")
	}
	if a := r.post("/u/"+r.token, "action=undo"); mailable() != 3 || !strings.Contains(a.body, "Everything is as it was") {
		t.Errorf("%d lists after the undo\n%s", mailable(), a.body)
	}
}

// UNS-16: nobody must say why; who does, with one tap, is counted once, by campaign, and nowhere else.
func TestUNS16Reason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	count := func() int { return r.count(`SELECT coalesce(sum(readers), 0) FROM leave_reasons`) }
	r.post("/u/"+r.token, "action=reason&reason=often")
	if count() != 0 {
		t.Error("a reason for leaving of somebody who has not left")
	}
	a := r.post("/u/"+r.token, "action=list")
	if !strings.Contains(a.body, `name="reason" value="often"`) {
		t.Errorf("the page does not ask:\n%s", a.body)
	}
	for range 3 {
		a = r.post("/u/"+r.token, "action=reason&reason=often")
		r.want("reason", a, 200, subscribers.Unsubscribed)
		if !strings.Contains(a.body, "Thank you") || strings.Contains(a.body, `name="reason"`) || !strings.Contains(a.body, `value="undo"`) {
			t.Errorf("the page after it:\n%s", a.body)
		}
	}
	r.post("/u/"+r.token, "action=reason&reason=%3Cscript%3E")
	r.post("/u/nothing", "action=reason&reason=often")
	if count() != 1 || r.count(`SELECT count(*) FROM leave_reasons WHERE list_id = 1 AND campaign_id = 7 AND reason = 'often'`) != 1 {
		t.Errorf("%d are counted; want 1", count())
	}
}

// The page is in the reader's own language where we speak it, else in that of the list.
func TestLeaveLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, step := range []struct{ reader, list, want string }{{"fr-CA", "en", "fr"}, {"en", "fr", "en"}, {"de", "fr", "fr"}, {"", "fr", "fr"}, {"ja", "de", "en"}} {
		if _, err := r.db.ExecContext(t.Context(), `UPDATE subscribers SET language = $1`, step.reader); err != nil {
			t.Fatal(err)
		}
		if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET language = $1`, step.list); err != nil {
			t.Fatal(err)
		}
		d := r.deps()
		d.Subscribers = subscribers.NewStore(r.db, r.ring) // which remembers nothing
		r.base = serve(t, d)
		if a := r.do("GET", "/u/"+r.token, "", "Accept-Language", "en"); a.header.Get("Content-Language") != step.want {
			t.Errorf("reader %q, list %q: %s; want %s", step.reader, step.list, a.header.Get("Content-Language"), step.want)
		}
	}
}

// A program that opens every link of a mail is known by the link that people do not see, whether it comes to that before the button or
// after it; a person behind another address is counted apart.
func TestCanary(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gift := r.gift(7)
	canary := "/k/" + r.ring.ViewToken(r.ring.Current(), links.View{Campaign: 7})
	scanner := []string{"X-Forwarded-For", "203.0.113.9", "User-Agent", "Scanner/1"}
	late := []string{"X-Forwarded-For", "203.0.113.77", "User-Agent", "Scanner/2"}
	person := []string{"X-Forwarded-For", "198.51.100.4", "User-Agent", "Mozilla/5.0"}
	beside := []string{"X-Forwarded-For", "203.0.113.9", "User-Agent", "Mozilla/5.0"} // behind the same router as the first
	r.do("HEAD", canary, "", scanner...)
	for _, who := range [][]string{scanner, late, person, beside} {
		if a := r.do("GET", gift, "", who...); a.status != 302 {
			t.Fatalf("%d", a.status)
		}
	}
	r.do("GET", canary, "", late...)
	r.do("GET", "/k/forged", "", person...)
	r.do("GET", canary, "", "User-Agent", "Mozilla/5.0") // through a proxy that does not tell: it stands for everybody
	r.tally()
	clicks, err := r.appeals.Clicks(t.Context(), 7)
	if err != nil || len(clicks) != 1 || clicks[0].Clicks != 2 || clicks[0].Machines != 2 {
		t.Errorf("%+v, %v; want 2 of people and 2 of programs", clicks, err)
	}
	if n := r.count(`SELECT count(*) FROM held_clicks`); n != 0 {
		t.Errorf("%d are still held", n)
	}
	for _, q := range []string{`SELECT count(*) FROM machine_marks WHERE encode(mark, 'escape') LIKE '%203.0%'`, `SELECT count(*) FROM machine_marks WHERE length(mark) <> 16`} {
		if r.count(q) != 0 {
			t.Error("an address is kept")
		}
	}
}

// gift is the address of an appeal's button in a campaign.
func (r *rig) gift(campaign int64) string {
	r.t.Helper()
	v, err := r.appeals.Create(r.t.Context(), appeals.NewAppeal{Slug: "spring", Heading: "Keep us going", Body: "We need you.", Button: "Give", URL: "https://give.paper.org/"}, "ada")
	if err != nil {
		r.t.Fatal(err)
	}
	return "/give/" + r.ring.GiftToken(r.ring.Current(), links.Gift{Campaign: campaign, Variant: v.VariantID})
}
