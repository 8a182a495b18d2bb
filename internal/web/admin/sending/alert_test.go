package sending_test

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/delivery"
	"mailer/internal/smtptest"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// A breaking alert from the address of a story to the mailboxes: it overtakes the digest that is going out at the next chunk, a double
// click is one alert, and the next one has to wait.
func TestBreakingAlert(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.more(900)
	digest := r.Draft()
	gate := smtptest.NewGate()
	hold := gate.Hook(smtptest.Go())
	var first atomic.Bool
	s := smtptest.Start(t, smtptest.On(smtptest.MailFrom, func(e smtptest.Event) smtptest.Action {
		if first.CompareAndSwap(false, true) {
			return hold(e)
		}
		return smtptest.Go()
	}))
	r.Sender(s, 1)
	r.start(digest.ID)
	<-gate.Reached()

	story := r.count(`SELECT max(id) FROM articles WHERE url <> ''`)
	var address string
	if err := r.DB.GetContext(t.Context(), &address, `SELECT url FROM articles WHERE id = $1`, story); err != nil {
		t.Fatal(err)
	}
	r.want(r.editor.Get("/admin/alert"), 200, "One may go", "Address of the story")
	r.want(r.editor.Post("/admin/alert", url.Values{"list": {r.List.Slug}, "url": {"http://127.0.0.1:1/no-such-page"}}), 400, `id="f-url-problem"`)
	r.want(r.editor.Post("/admin/alert", url.Values{"list": {"another"}, "url": {address}}), 404)
	made := r.editor.Post("/admin/alert", url.Values{"list": {r.List.Slug}, "url": {address}})
	id := r.count(`SELECT campaign_id FROM alerts`)
	r.want(made, 200, "Alert 945 readers now", "/admin/campaigns/"+itoa(id)+"/preview", "before everything that is being sent")
	if made.URL != "/admin/alert/"+itoa(id) {
		t.Errorf("it is at %s", made.URL)
	}
	f := form(made)
	r.want(r.editor.Post(made.URL, url.Values{"version": {f.Get("version")}, "subject": {"Breaking: harbour closed"}, "preheader": {"All ferries stay in port until the storm is over."}}), 200, "Kept")
	f = form(r.editor.Get(made.URL))
	f.Set("subject", "Breaking: harbour closed")
	f.Set("preheader", "All ferries stay in port until the storm.")
	f.Set("readers", "945")
	r.want(r.editor.Post(made.URL+"/send", f), 200, "nothing was sent yet", "until the storm.")
	if n := r.count(`SELECT count(*) FROM sends WHERE campaign_id = $1`, id); n != 0 {
		t.Fatal("it was sent with words that nobody had seen in the mail")
	}
	f = form(r.editor.Get(made.URL))
	f.Set("subject", "Breaking: harbour closed")
	f.Set("preheader", "All ferries stay in port until the storm.")
	f.Set("readers", "94")
	f.Set("force", "on")
	r.want(r.editor.Post(made.URL+"/send", f), 400, `aria-invalid="true"`)
	f.Set("readers", "945")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { r.want(r.editor.Post(made.URL+"/send", f), 200) })
	}
	wg.Wait()
	if n := r.count(`SELECT count(*) FROM sends WHERE campaign_id = $1`, id); n != 1 {
		t.Fatalf("SEC-26: %d sends of the alert", n)
	}
	r.until("the audience of the alert is there", func() bool { return r.balance(id).AudienceComplete })
	gate.Open()
	r.until("both are out", func() bool {
		return r.balance(id).State == delivery.StateDone && r.balance(digest.ID).State == delivery.StateDone
	})
	// One connection holds one chunk of the digest, and may have claimed another ahead.
	before, alerted := 0, 0
	for _, e := range s.Ledger() {
		is := strings.Contains(string(e.Data), "Subject: Breaking: harbour closed")
		if is {
			alerted++
		} else if alerted < 945 {
			before++
		}
	}
	if alerted != 945 || before > 200 {
		t.Errorf("%d alerts; %d messages of the digest went before the last of them", alerted, before)
	}
	if other := r.editor.Post("/admin/alert", url.Values{"list": {r.List.Slug}, "article": {itoa(r.count(`SELECT min(id) FROM articles`))}}); true {
		r.want(other, 200, "waits 30 minutes")
		g := form(other)
		story, err := r.Campaigns.Campaign(t.Context(), r.count(`SELECT max(campaign_id) FROM alerts`))
		if err != nil {
			t.Fatal(err)
		}
		g.Set("subject", story.Subject)
		g.Set("preheader", story.Preheader)
		g.Set("readers", g.Get("shown"))
		g.Set("force", "on")
		r.want(r.editor.Post(other.URL+"/send", g), 409, "waits 30 minutes")
	}
	r.want(r.editor.Get("/admin/alert"), 200, "Not now", "Breaking: harbour closed")

	settings := "/admin/lists/" + r.List.Slug + "/alerts"
	r.want(r.editor.Post(settings, url.Values{"template": {"story"}, "daily_cap": {"99"}, "cool_down": {"10"}}), 400, `id="f-daily_cap-problem"`)
	r.want(r.editor.Post(settings, url.Values{"template": {"story"}, "daily_cap": {"1"}, "cool_down": {"0"}}), 200, "Saved")
	r.want(r.editor.Get("/admin/alert"), 200, "1 of 1 alerts today")
	writer := r.Client(r.Person("Walter", accounts.Writer))
	for _, path := range []string{"/admin/alert", made.URL, made.URL + "/send", settings} {
		r.want(writer.Post(path, f), 403)
	}
}
