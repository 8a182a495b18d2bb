package screenshots

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"mailer/cmd/mailer/demo"
	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// TestScreenshotDesk photographs every page of the editors' desk, on a desktop by day and on a phone by night.
func TestScreenshotDesk(t *testing.T) {
	dir := folder(t)
	r := admintest.Open(t).Newsroom()
	relay := smtptest.Start(t)
	refused := 0
	relay.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if refused++; refused%9 == 0 {
			return smtptest.Reply("550 5.1.1 There is nobody of that name here")
		}
		return smtptest.Go()
	})
	r.Sender(relay, 2)
	ines := r.Person("Ines", accounts.Owner)
	r.Person("Omar", accounts.Editor, r.List.ID)
	r.Person("Vera", accounts.Writer)
	article := int64(0)
	if err := r.DB.GetContext(t.Context(), &article, `SELECT id FROM articles WHERE image IS NOT NULL ORDER BY published_at LIMIT 1`); err != nil {
		t.Fatal(err)
	}
	sent, err := r.Campaigns.CreateStory(t.Context(), campaigns.NewStory{ArticleID: article, List: demo.ListSlug}, "ines@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Campaigns.Start(t.Context(), sent.ID, "ines@example.org", true); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		b, err := r.Delivery.Balance(t.Context(), sent.ID)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the send: %+v, %v", b, err)
		}
		if b.State == "done" {
			break
		}
	}
	draft := r.Draft()
	if _, err := r.Campaigns.Schedule(t.Context(), draft.ID, time.Now().Add(100*time.Minute), "ines@example.org"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"Science", "Ideas"} {
		if _, err := r.Subscribers.Topics.Create(t.Context(), subscribers.Topic{ListID: r.List.ID, Slug: map[string]string{"Science": "science", "Ideas": "ideas"}[n], Name: n}, "pictures"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Audience.Create(t.Context(), "supporters", "Supporters", "supporter", "ines@example.org"); err != nil {
		t.Fatal(err)
	}
	c := r.Client(ines)

	b := Start(t, site, http.NotFoundHandler())
	for _, k := range c.Cookies() {
		cookie := network.SetCookieParams{Name: k.Name, Value: k.Value, URL: r.Base + "/"}
		err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
			_, err := cdp.Call(ctx, p, network.SetCookie, cookie)
			return err
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
	reader := int64(0)
	if err := r.DB.GetContext(t.Context(), &reader, `SELECT min(id) FROM subscribers`); err != nil {
		t.Fatal(err)
	}
	written, done := fmt.Sprintf("/admin/campaigns/%d", draft.ID), fmt.Sprintf("/admin/campaigns/%d", sent.ID)
	list := "/admin/lists/" + demo.ListSlug
	for _, p := range []struct{ name, path string }{
		{"today", "/admin"}, {"calendar", "/admin/calendar"}, {"campaigns", "/admin/campaigns"}, {"new", "/admin/campaigns/new"},
		{"write", written}, {"review", written + "/review"}, {"send", written + "/send"}, {"sent", done + "/send"}, {"report", done + "/report"}, {"history", written + "/history"},
		{"alert", "/admin/alert"}, {"stories", "/admin/stories"}, {"story", fmt.Sprintf("/admin/stories/%d", article)}, {"correct", fmt.Sprintf("/admin/stories/%d/correct", article)},
		{"digests", "/admin/digests"}, {"digest", "/admin/digests/" + demo.DigestSlug}, {"recipe", "/admin/digests/" + demo.DigestSlug + "/recipe"},
		{"appeals", "/admin/appeals"}, {"appeal", "/admin/appeals/" + demo.AppealSlug}, {"feeds", "/admin/feeds"}, {"feed", "/admin/feeds/city"}, {"images", "/admin/images"},
		{"lists", "/admin/lists"}, {"list", list}, {"look", list + "/look"}, {"topics", list + "/topics"}, {"signup", list + "/signup"}, {"list-report", list + "/report"},
		{"review-settings", list + "/review"}, {"alert-settings", list + "/alerts"}, {"proof-groups", "/admin/proofs"},
		{"readers", "/admin/readers?" + url.Values{"q": {"a"}}.Encode()}, {"reader", fmt.Sprintf("/admin/readers/%d", reader)}, {"segments", "/admin/segments"}, {"segment", "/admin/segments/supporters"},
		{"imports", "/admin/imports"}, {"suppressions", "/admin/suppressions"}, {"reports", "/admin/reports"}, {"relays", "/admin/relays"},
		{"people", "/admin/people"}, {"account", "/admin/account"}, {"audit", "/admin/audit"}, {"settings", "/admin/settings"},
	} {
		if answer := c.Get(p.path); answer.Status != http.StatusOK {
			t.Errorf("%s: %d", p.path, answer.Status)
			continue
		}
		desktop := Shot{Width: 1280, Cut: 1400, Scale: .75, Settle: true}
		phone := Shot{Width: 390, Cut: 1400, Dark: true, Scale: .75, Settle: true}
		save(t, dir, "desk-"+p.name, Beside(t, ground, 18, b.Shoot(r.Base+p.path, desktop), b.Shoot(r.Base+p.path, phone)))
	}
	for _, k := range []string{"login"} {
		if err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
			_, err := cdp.Call(ctx, p, network.ClearBrowserCookies, cdp.Empty{})
			return err
		})); err != nil {
			t.Fatal(err)
		}
		save(t, dir, "desk-"+k, Beside(t, ground, 18, b.Shoot(r.Base+"/admin/"+k, Shot{Width: 1280, Scale: .75}), b.Shoot(r.Base+"/admin/"+k, Shot{Width: 390, Dark: true, Scale: .75})))
	}
}
