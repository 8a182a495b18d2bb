package sending_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"mailer/internal/browsertest"
	"mailer/internal/campaigns"
	"mailer/internal/smtptest"
)

// The pages of a send in a real browser: before it, within its undo window, while it goes out with numbers that move by
// themselves, paused, with a fix, and after it.
func TestSendInBrowser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.more(400)
	c := r.Draft()
	r.caution(c.ID, campaigns.CautionChange{UndoWindow: new(time.Hour)})
	tab := r.Browser(r.who)
	at := r.Base + page(c.ID)
	tab.Go(at)
	tab.Inspect("desk-send-start")

	gate := smtptest.NewGate()
	n := 0
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		switch n++; {
		case n%29 == 0:
			return smtptest.Reply("550 5.1.1 no such user")
		case n%17 == 0:
			return smtptest.Reply("451 4.7.1 greylisted, come back later")
		case n == 150:
			return gate.Hook(smtptest.Go())(e)
		}
		return smtptest.Go()
	}))
	r.Sender(s, 1)
	r.start(c.ID)
	tab.Go(at)
	tab.Until(`/^\d+:\d\d(:\d\d)?$/.test(document.querySelector('[data-until]').textContent)`)
	tab.Shoot("desk-send-undo")
	r.exec(`UPDATE sends SET undo_until = now()`)
	<-gate.Reached()
	tab.Until(`(document.querySelector('#send-figures .figure b') ?? {textContent: '0'}).textContent !== '0'`)
	tab.Until(`document.querySelector('#send-waits') !== null && document.querySelector('#send-waits').textContent.includes('wait for another try')`)
	tab.Inspect("desk-send-running")
	tab.Press(`form[action$="/pause"] button`)
	tab.Until(`document.querySelector('.badge-warn').textContent === 'Paused'`)
	tab.Shoot("desk-send-paused")
	words := form(r.editor.Get(page(c.ID) + "/fix"))
	words.Set("subject", "The harbour wall was built for a calmer sea")
	r.want(r.editor.Post(page(c.ID)+"/fix", words), 200, "Put it in place", "readers in the audience would get it now")
	tab.Go(at + "/fix")
	tab.Inspect("desk-send-fix")
	tab.Press(`form[action$="/release"] button`)
	tab.Until(`(document.body?.textContent ?? '').includes('The fix is in place')`)
	gate.Open()
	before := browsertest.Ask[string](tab, `document.querySelector('#send-figures').textContent`)
	tab.Press(`form[action$="/resume"] button`)
	tab.Until(fmt.Sprintf(`document.querySelector('#send-figures').textContent !== %q`, before))
	r.until("the end", func() bool { return r.balance(c.ID).State == "done" })
	tab.Until(`(document.body?.textContent ?? '').includes('Everybody has an answer')`)
	tab.Shoot("desk-send-done")
	old, corrected := 0, 0
	for _, e := range s.Ledger() {
		switch data := string(e.Data); {
		case strings.Contains(data, "Subject: The harbour wall was built for a calmer sea"):
			corrected++
		case strings.Contains(data, "Subject: The harbour wall was built for a sea"):
			old++
		}
	}
	if old == 0 || corrected == 0 || old+corrected != s.Len() {
		t.Errorf("%d have the mail as it was, %d the corrected one, of %d", old, corrected, s.Len())
	}
	tab.Go(at + "/late")
	tab.Shoot("desk-send-late")
	// A breaking alert.
	tab.Go(r.Base + "/admin/lists/" + r.List.Slug + "/alerts")
	tab.Shoot("desk-alert-settings")
	tab.Go(r.Base + "/admin/alert")
	tab.Inspect("desk-alerts")
	p := r.editor.Post("/admin/alert", url.Values{"list": {r.List.Slug}, "article": {itoa(r.count(`SELECT max(id) FROM articles`))}})
	tab.Go(r.Base + p.URL)
	tab.Inspect("desk-alert")
}
