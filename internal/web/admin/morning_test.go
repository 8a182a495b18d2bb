package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/smtptest"
	"mailer/internal/web/admin/admintest"
)

// fill types into a field, in place of what is in it.
func fill(tab *browsertest.Tab, selector, text string) {
	browsertest.Ask[bool](tab, fmt.Sprintf(`(f => { f.focus(); f.select(); return true })(document.querySelector(%q))`, selector))
	tab.Steps(chromedp.KeyEvent(text))
}

// press clicks on what leads to another page, and waits for it.
func press(tab *browsertest.Tab, selector, path string) {
	tab.Until(fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
	tab.Steps(chromedp.Click(selector))
	tab.Until(fmt.Sprintf(`document.readyState === 'complete' && location.pathname === %q`, path))
}

// An editor's morning: from the log-in to the report, in a real browser, with real mail.
func TestEditorsMorning(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	relay := smtptest.Start(t)
	r.Sender(relay, 2)
	c := r.Draft()
	r.Person("Ines", accounts.Editor)
	tab := browsertest.Open(t)
	tab.Scripts(true)
	desk := fmt.Sprintf("/admin/campaigns/%d", c.ID)

	// She logs in, and the draft is composed already.
	tab.Go(r.Base + "/admin")
	fill(tab, "[name=email]", "ines@example.org")
	fill(tab, "[name=password]", admintest.Password)
	press(tab, "form .btn-primary", "/admin")
	press(tab, fmt.Sprintf("a[href='%s']", desk), desk)
	tab.Until(`document.getElementById('preview-facts')?.textContent !== ''`)

	// A headline for the inbox, and the second story of a section on top.
	fill(tab, "#subject", "The wall was built for another sea")
	tab.Until(`saved.dataset.is === 'saved'`)
	before := stories(t, r, c.ID)
	handle := fmt.Sprintf("#s-%d .handle", before[1])
	browsertest.Ask[bool](tab, fmt.Sprintf(`document.querySelector(%q).focus(), true`, handle))
	tab.Steps(chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(" "))
	tab.Until(fmt.Sprintf(`document.querySelector('#blocks .item').id === 's-%d' && saved.dataset.is === 'saved'`, before[1]))
	if after := stories(t, r, c.ID); after[0] != before[1] || after[1] != before[0] {
		t.Fatalf("the stories were %v and are %v", before, after)
	}

	// How it looks on a phone.
	tab.Until(`document.querySelector('#preview iframe').getBoundingClientRect().width < 460`)

	// A proof, and the approval.
	press(tab, fmt.Sprintf("a[href='%s/review']", desk), desk+"/review")
	fill(tab, "[name=addresses]", "ines@example.org")
	tab.Steps(chromedp.Click("form[action$='/proof'] .btn"))
	tab.Until(`document.querySelector('.proofs') !== null`)
	if browsertest.Ask[bool](tab, `document.querySelector('[name=seen]') !== null`) {
		tab.Steps(chromedp.Click("[name=seen]"))
	}
	tab.Steps(chromedp.Click("form[action$='/approve'] .btn-primary"))
	tab.Until(`document.body?.textContent.includes('Approved by ines@example.org') === true`)

	// She types how many readers it goes to, and watches it go.
	press(tab, fmt.Sprintf("a[href='%s/send']", desk), desk+"/send")
	start(tab, "form[action$='/start']")
	tab.Until(`/Everybody has an answer/.test(document.getElementById('send-controls')?.textContent ?? '')`)
	b, err := r.Delivery.Balance(t.Context(), c.ID)
	if err != nil || b.State != "done" || b.Accepted != b.Audience || b.Audience == 0 {
		t.Fatalf("the send: %+v, %v", b, err)
	}
	mails := 0
	for _, e := range relay.Ledger() {
		if strings.Contains(string(e.Data), "Subject: The wall was built for another sea\r\n") {
			mails++
		}
	}
	if int64(mails) != b.Accepted {
		t.Errorf("%d mails with her subject; %d were accepted", mails, b.Accepted)
	}

	// The report says the same.
	tab.Go(r.Base + desk + "/report")
	if text := browsertest.Ask[string](tab, `document.querySelector('main').innerText`); !strings.Contains(text, fmt.Sprint(b.Accepted)) {
		t.Errorf("the report does not say that %d were accepted:\n%s", b.Accepted, text)
	}
	var acts []string
	if err := r.DB.SelectContext(t.Context(), &acts, `SELECT DISTINCT action FROM audit_log WHERE actor = 'ines@example.org'`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"campaign.proof", "campaign.approve", "campaign.start"} { // SEC-25
		found := false
		for _, a := range acts {
			found = found || a == want
		}
		if !found {
			t.Errorf("SEC-25: the audit log of her morning is %q, without %s", acts, want)
		}
	}
}

// On a phone the same can be done with a thumb: every part of the desk is reached, and a send is stopped.
func TestPhone(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	c := r.Draft()
	tab := r.Browser(r.Person("Ines", accounts.Editor))
	tab.Phone()
	desk := fmt.Sprintf("/admin/campaigns/%d", c.ID)
	tab.Go(r.Base + "/admin")
	tab.Steps(chromedp.Click(".menu summary"))
	press(tab, ".menu a[href='/admin/campaigns']", "/admin/campaigns")
	press(tab, fmt.Sprintf("main a[href='%s']", desk), desk)
	for _, pane := range []string{"stories", "preview", "mail"} {
		tab.Steps(chromedp.Click(fmt.Sprintf("[data-pane-of=%s]", pane)))
		tab.Until(fmt.Sprintf(`document.getElementById(%q).checkVisibility() && [...document.querySelectorAll('.pane')].filter(p => p.checkVisibility()).length === 1`, pane))
		if wide := browsertest.Ask[int](tab, `document.documentElement.scrollWidth`); wide > 390 {
			t.Errorf("%s is %d px wide", pane, wide)
		}
	}
	if _, err := r.Campaigns.Start(t.Context(), c.ID, "ines@example.org", true); err != nil {
		t.Fatal(err)
	}
	tab.Go(r.Base + desk + "/send")
	tab.Steps(chromedp.Click("form[action$='/pause'] .btn"))
	tab.Until(`document.querySelector("form[action$='/resume']") !== null`)
	if s, err := r.Delivery.States(t.Context(), []int64{c.ID}); err != nil || s[c.ID] != "paused" {
		t.Errorf("the send is %v, %v", s, err)
	}
}

// stories are the articles of the first section of a campaign, in order.
func stories(t *testing.T, r *admintest.Rig, id int64) (list []int64) {
	t.Helper()
	c, err := r.Campaigns.Campaign(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range c.Blocks {
		if b.Kind == "section" && len(b.Stories) > 1 {
			for _, s := range b.Stories {
				list = append(list, s.ArticleID)
			}
			return list
		}
	}
	t.Fatal("there is no section with two stories")
	return nil
}
