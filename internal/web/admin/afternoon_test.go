package admin_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/smtptest"
	"mailer/internal/web/admin/admintest"
)

// An approval from the proof in one's mailbox, on a phone and without logging in; and a breaking alert while the edition that was
// approved is going out: all of it in a real browser, with real mail.
func TestProofMailAndBreakingAlert(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	// The first reader of the digest is slow to take it, until the alert is out of the editor's hands.
	gate := smtptest.NewGate()
	hold := gate.Hook(smtptest.Go())
	var digest atomic.Bool
	relay := smtptest.Start(t, smtptest.On(smtptest.MailFrom, func(e smtptest.Event) smtptest.Action {
		if digest.CompareAndSwap(true, false) {
			return hold(e)
		}
		return smtptest.Go()
	}))
	r.Sender(relay, 2)
	c := r.Draft()
	desk := fmt.Sprintf("/admin/campaigns/%d", c.ID)
	omar := r.Person("Omar", accounts.Editor)
	vera := r.Client(r.Person("Vera", accounts.Writer))
	tab := r.Browser(omar)

	t.Run("approval from a proof mail", func(t *testing.T) {
		if p := vera.Post(desk+"/review/proof", url.Values{"addresses": {"omar@example.org"}}); p.Status != http.StatusOK {
			t.Fatalf("the proof: %d\n%s", p.Status, p.Body)
		}
		proof := mailTo(t, relay, "omar@example.org", "/approve/")
		link := regexp.MustCompile(`/approve/[A-Za-z0-9_-]+`).FindString(proof)
		if link == "" || !strings.Contains(proof, "Subject: [Proof]") {
			t.Fatalf("the proof is\n%s", proof)
		}
		phone := browsertest.Open(t) // another browser, which knows nobody; scripts are off
		phone.Phone()
		phone.Go(r.Base + link)
		phone.Until(`document.querySelector('h1')?.textContent === ` + fmt.Sprintf("%q", c.Subject))
		if browsertest.Ask[bool](phone, `document.querySelector('[name=seen]') !== null`) {
			phone.Steps(chromedp.Click("[name=seen]"))
		}
		phone.Steps(chromedp.Click("[value=approve]"))
		phone.Until(`document.querySelector('.notice-good') !== null`)
		if now, err := r.Campaigns.Campaign(t.Context(), c.ID); err != nil || now.State != "approved" || now.ApprovedBy != "omar@example.org" {
			t.Fatalf("the campaign: %s by %q, %v", now.State, now.ApprovedBy, err)
		}
	})
	t.Run("breaking alert during a send", func(t *testing.T) {
		digest.Store(true)
		tab.Go(r.Base + desk + "/send")
		start(tab, "form[action$='/start']")
		<-gate.Reached()
		tab.Until(`document.getElementById('send-controls') !== null`)
		tab.Go(r.Base + "/admin/alert")
		fill(tab, "[name=url]", r.News.Stories[1].URL)
		tab.Steps(chromedp.Click("form[action='/admin/alert'] .btn-primary"))
		tab.Until(`/^\/admin\/alert\/\d+$/.test(location.pathname) && document.querySelector('[name=shown]') !== null`)
		start(tab, "form[action$='/send']")
		tab.Until(`/Everybody has an answer/.test(document.getElementById('send-controls')?.textContent ?? '')`)
		gate.Open()
		tab.Go(r.Base + desk + "/send")
		tab.Until(`/Everybody has an answer/.test(document.getElementById('send-controls')?.textContent ?? '')`)
		held, alerts := 0, 0
		for i, e := range relay.Ledger() {
			switch {
			case strings.Contains(string(e.Data), "Subject: "+r.News.Stories[1].Title):
				alerts++
			case strings.Contains(string(e.Data), "Subject: "+c.Subject):
				held = i
			}
		}
		if alerts == 0 || held < alerts {
			t.Errorf("%d alerts; the last of the digest was number %d of all mails", alerts, held)
		}
	})
}

// start types the number of readers that a form shows, passes over its warnings, and sends it.
func start(tab *browsertest.Tab, form string) {
	tab.Until(fmt.Sprintf(`document.querySelector("%s [name=shown]") !== null`, form))
	fill(tab, form+" [name=readers]", browsertest.Ask[string](tab, fmt.Sprintf(`document.querySelector("%s [name=shown]").value`, form)))
	if browsertest.Ask[bool](tab, fmt.Sprintf(`document.querySelector("%s [name=force]") !== null`, form)) {
		tab.Steps(chromedp.Click(form + " [name=force]"))
	}
	tab.Steps(chromedp.Click(form + " .btn-primary"))
}

// mailTo waits for a mail to an address that has a text in it, and returns it decoded.
func mailTo(t *testing.T, relay *smtptest.Relay, to, text string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		for _, e := range relay.Ledger() {
			plain, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(e.Data)))
			if e.To == to && (err != nil || strings.Contains(string(plain), text)) {
				return string(plain)
			}
		}
	}
	t.Fatalf("no mail to %s with %q", to, text)
	return ""
}
