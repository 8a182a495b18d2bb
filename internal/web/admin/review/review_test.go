package review_test

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/web/admin/admintest"
)

// mailed returns what is in the newest mail of a kind to an address.
func mailed(t *testing.T, r *admintest.Rig, kind, address string) string {
	t.Helper()
	var data []byte
	if err := r.DB.GetContext(t.Context(), &data, `SELECT data FROM outbox WHERE kind = $1 AND recipient = $2 ORDER BY id DESC LIMIT 1`, kind, address); err != nil {
		t.Fatalf("no %s to %s: %v", kind, address, err)
	}
	// Near enough: header and both parts, with their soft line ends taken out.
	body, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(string(data))))
	if err != nil {
		return string(data)
	}
	return string(body)
}

var approveLink = regexp.MustCompile(`/approve/[A-Za-z0-9_-]+`)

// An edition is checked, proofed, and approved from the proof by the second person; the writer cannot approve what he wrote. SEC-26, MSG-39, SEC-05
func TestReview(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	owner, ines, jonas := r.Person("Olga", accounts.Owner), r.Person("Ines", accounts.Editor), r.Person("Jonas", accounts.Editor)
	writer := r.Person("Wim", accounts.Writer)
	c := r.Draft()
	at := fmt.Sprintf("/admin/campaigns/%d/review", c.ID)
	state := func() campaigns.Campaign {
		t.Helper()
		now, err := r.Campaigns.Campaign(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	says := func(p admintest.Page, status int, texts ...string) {
		t.Helper()
		if p.Status != status {
			t.Errorf("%s: %d; want %d", p.URL, p.Status, status)
		}
		for _, text := range texts {
			if !strings.Contains(p.Body, text) {
				_, main, _ := strings.Cut(p.Body, "<main")
				t.Errorf("%s does not say %q:\n%s", p.URL, text, main)
			}
		}
	}
	olga, byInes, byWim := r.Client(owner), r.Client(ines), r.Client(writer)

	// The owner asks for four eyes; an editor may not switch them.
	settings := "/admin/lists/" + r.List.Slug
	says(byInes.Post(settings+"/four-eyes", url.Values{"on": {"on"}}), http.StatusForbidden)
	says(olga.Post(settings+"/four-eyes", url.Values{"on": {"on"}}), 200, "Four eyes are asked for", "ines@example.org, jonas@example.org, olga@example.org")
	says(byInes.Post(settings+"/review", url.Values{"reminder": {"soon"}, "grief_tags": {"x"}}), 400, "Write a number of minutes", `aria-describedby="f-reminder-hint f-reminder-problem"`)
	says(byInes.Post(settings+"/review", url.Values{"reminder": {"45"}, "grief_tags": {"Obituary, war"}}), 200, "obituary, war", `value="45"`)

	// Ines rewrites the subject, and the pre-flight says where something is left over.
	subject := "Vote on <b>Tuesday 23 November 2026</b> TK"
	if _, err := r.Campaigns.Edit(t.Context(), c.ID, campaigns.Edit{Version: state().Version, Subject: &subject}, ines.Email); err != nil {
		t.Fatal(err)
	}
	page := byInes.Get(at)
	says(page, 200, "Vote on &lt;b&gt;Tuesday", "The subject still says TK.", "23 November 2026 is a Monday", fmt.Sprintf(`href="/admin/campaigns/%d#subject"`, c.ID), "asks for four eyes", "I have seen the 2 warnings and pass over them")
	content := regexp.MustCompile(`name="content" value="([0-9a-f]{64})"`).FindStringSubmatch(page.Body)
	if content == nil {
		t.Fatal("the form does not say what it approves")
	}
	says(byInes.Post(at+"/approve", url.Values{"content": {content[1]}}), 400, "still says TK")
	says(byInes.Post(at+"/approve", url.Values{"content": {content[1]}, "seen": {"on"}}), http.StatusForbidden, "four eyes", "somebody else has to approve")
	if now := state(); now.State != campaigns.Draft {
		t.Fatalf("SEC-26: it is %s", now.State)
	}
	says(byWim.Post(at+"/approve", url.Values{"seen": {"on"}}), http.StatusForbidden)
	says(byWim.Post(at+"/hand-over", nil), 200, "Handed over for approval.")
	if p := olga.Do("POST", at+"/approve", url.Values{"seen": {"on"}}, http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}); p.Status != http.StatusForbidden {
		t.Errorf("SEC-05: another site approves: %d", p.Status)
	}
	says(olga.Post(at+"/approve", url.Values{"content": {strings.Repeat("0", 64)}, "seen": {"on"}}), http.StatusConflict, "changed since you looked")

	// Proofs to a group; the link to approve stands in that of who may.
	says(byWim.Post("/admin/proofs", url.Values{"name": {"Night desk"}, "addresses": {"jonas@example.org, not an address"}}), 400, "Night desk", "not an address", "aria-invalid")
	says(byWim.Post("/admin/proofs", url.Values{"name": {"Night desk"}, "addresses": {"jonas@example.org\nlaw@example.org"}}), 200, "Night desk", "jonas@example.org, law@example.org", "every list")
	groups, err := r.Campaigns.Reviews.Groups(t.Context())
	if err != nil || len(groups) != 1 {
		t.Fatalf("%v %v", groups, err)
	}
	says(byWim.Post(at+"/proof", url.Values{"group": {fmt.Sprint(groups[0].ID)}, "addresses": {"wim@"}}), 400, "wim@", `id="f-addresses-problem"`)
	says(byWim.Post(at+"/proof", url.Values{"group": {fmt.Sprint(groups[0].ID)}, "addresses": {"wim@example.org"}}), 200, "3 proofs are on their way.")
	for _, to := range []string{"wim@example.org", "law@example.org"} {
		if mail := mailed(t, r, "proof", to); strings.Contains(mail, "/approve/") || !strings.Contains(mail, "[Proof]") {
			t.Errorf("MSG-39: %s has a link to approve, or no mark", to)
		}
	}
	mail := mailed(t, r, "proof", jonas.Email)
	link := approveLink.FindString(mail)
	if link == "" || strings.Contains(mail, "List-Unsubscribe") || strings.Count(mail, r.Base+"/u/") != strings.Count(mail, r.Base+"/u/proof") {
		t.Fatalf("MSG-39: %s", mail)
	}

	// Whoever has the link needs no log-in, and looking changes nothing, however it is done.
	phone := r.Stranger()
	before := state()
	for _, method := range []string{"GET", "HEAD", "GET"} {
		if p := phone.Do(method, link, nil, nil); p.Status != 200 {
			t.Errorf("%s: %d", method, p.Status)
		}
	}
	if now := state(); now.Version != before.Version {
		t.Errorf("SEC-05: looking at a link changed the campaign")
	}
	shown := phone.Get(link)
	says(shown, 200, "You act as jonas@example.org", "The subject still says TK.", "Vote on &lt;b&gt;")
	if !strings.Contains(shown.Header.Get("Cache-Control"), "no-store") || !strings.Contains(shown.Header.Get("X-Robots-Tag"), "noindex") {
		t.Errorf("the page may be kept: %v", shown.Header)
	}
	if _, err := r.DB.ExecContext(t.Context(), `UPDATE proofs SET sent_at = sent_at - interval '3 days'`); err != nil {
		t.Fatal(err)
	}
	says(phone.Post(link, url.Values{"act": {"approve"}, "seen": {"on"}}), http.StatusConflict, "expired")
	if _, err := r.DB.ExecContext(t.Context(), `UPDATE proofs SET sent_at = sent_at + interval '3 days'`); err != nil {
		t.Fatal(err)
	}
	says(phone.Post(link, url.Values{"act": {"approve"}}), 400, "still says TK")
	says(phone.Post(link, url.Values{"act": {"approve"}, "seen": {"on"}}), 200, "Approved. It goes out when somebody starts it")
	if now := state(); now.State != campaigns.Approved || now.ApprovedBy != jonas.Email {
		t.Fatalf("SEC-26: %s by %s", now.State, now.ApprovedBy)
	}
	says(byInes.Get(at), 200, "Approved by jonas@example.org")

	// The approval lapses with the content, and the link says so; it still holds.
	subject = "Vote on Monday"
	if _, err := r.Campaigns.Edit(t.Context(), c.ID, campaigns.Edit{Version: state().Version, Subject: &subject}, ines.Email); err != nil {
		t.Fatal(err)
	}
	says(phone.Post(link, url.Values{"act": {"approve"}, "seen": {"on"}}), http.StatusConflict, "changed since this proof was sent")
	if now := state(); now.State != campaigns.Draft {
		t.Errorf("it is %s", now.State)
	}
	says(phone.Post(link, url.Values{"act": {"hold"}, "reason": {"the mayor <called>"}}), 200, "Held.")
	says(byInes.Get(at), 200, "jonas@example.org: the mayor &lt;called&gt;")
	says(phone.Get("/approve/"+strings.Repeat("A", 43)), http.StatusNotFound, "This link is not valid")
	if strings.Contains(r.Log.String(), strings.TrimPrefix(link, "/approve/")) {
		t.Error("SEC-24: the link stands in the log")
	}

	// Who only looks has nothing to press; what is launched is past reviewing.
	vera := r.Client(r.Person("Vera", accounts.Viewer))
	if p := vera.Get(at); p.Status != 200 || strings.Contains(p.Body, `action="`+at) || !strings.Contains(p.Body, "An editor of this list approves it.") {
		t.Errorf("a viewer: %d\n%s", p.Status, p.Body)
	}
	for _, act := range []string{"links", "news", "proof", "hand-over", "approve", "hold"} {
		says(vera.Post(at+"/"+act, nil), http.StatusForbidden)
	}
	if _, err := r.Campaigns.Start(t.Context(), c.ID, jonas.Email, true); err != nil {
		t.Fatal(err)
	}
	says(byInes.Get(at), 200, "It has been launched")
	says(byInes.Post(at+"/approve", url.Values{"seen": {"on"}}), http.StatusConflict, "can no longer be approved")
	says(phone.Get(link), 200, "can no longer be approved")

	// A group of another list, and one of every list, are not for who writes for one list only.
	other := r.Person("Solo", accounts.Writer, r.List.ID)
	solo := r.Client(other)
	says(solo.Get("/admin/proofs"), 200, "Night desk")
	says(solo.Post(fmt.Sprintf("/admin/proofs/%d/remove", groups[0].ID), nil), http.StatusNotFound)
	says(solo.Post("/admin/proofs", url.Values{"name": {"Mine"}, "addresses": {"a@example.org"}}), 400, "Choose one of your lists")
	says(solo.Post("/admin/proofs", url.Values{"name": {"Mine"}, "addresses": {"a@example.org"}, "list": {r.List.Slug}}), 200, "Mine")
	says(byWim.Post(fmt.Sprintf("/admin/proofs/%d/remove", groups[0].ID), nil), 200, "The group “Night desk” is removed.")
}

// The pages look right, and the typed number is asked for.
func TestReviewPages(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	ines := r.Person("Ines", accounts.Owner)
	r.Person("Jonas", accounts.Editor)
	c := r.Draft()
	blocks := slices.Clone(c.Blocks)
	text := "The council meets on Tuesday 23 November 2026, in the town hall TK."
	for i := range blocks {
		if blocks[i].Kind == "text" {
			blocks[i].Text = text
		}
	}
	subject := "The tram line opens, and what else TK"
	if _, err := r.Campaigns.Edit(t.Context(), c.ID, campaigns.Edit{Version: c.Version, Subject: &subject, Blocks: blocks}, ines.Email); err != nil {
		t.Fatal(err)
	}
	if _, err := r.DB.ExecContext(t.Context(), `WITH c AS (INSERT INTO campaigns (list_id, edition, name, template, subject, state, launched_at, approved_hash)
			SELECT $1, 'manual-past' || n, 'past', 'digest', 'Past', 'launched', now(), '' FROM generate_series(1, 3) n RETURNING id)
		INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, state, finished_at, audience, audience_complete)
			SELECT id, $1, 'example.org', now(), now(), 'done', now(), 12, true FROM c`, r.List.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.DB.ExecContext(t.Context(), `WITH s AS (INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, decode(md5(a), 'hex'), 'other' FROM (SELECT 'r' || n || '@example.net' AS a FROM generate_series(1, 400) n) x RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, $1, 'confirmed', 'import', now() FROM s`, r.List.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Campaigns.Reviews.SaveGroup(t.Context(), campaigns.ProofGroup{Name: "Night desk", Addresses: []string{"jonas@example.org", "law@example.org"}}, ines.Email); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Campaigns.Reviews.SendProofs(t.Context(), c.ID, campaigns.ProofRequest{Addresses: []string{"jonas@example.org", "law@example.org"}}, ines.Email); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("/admin/campaigns/%d/review", c.ID)
	client := r.Client(ines)
	if p := client.Post(at+"/approve", url.Values{"seen": {"on"}, "readers": {"12"}}); p.Status != 400 || !strings.Contains(p.Body, `id="f-readers-problem"`) {
		t.Errorf("SEC-26: the wrong number: %d\n%s", p.Status, p.Body)
	}
	tab := r.Browser(ines)
	tab.Go(r.Base + at)
	tab.Inspect("review")
	tab.Go(r.Base + "/admin/proofs")
	tab.Inspect("proofs")
	tab.Go(r.Base + "/admin/lists/" + r.List.Slug + "/review")
	tab.Inspect("review-settings")
	tab.Go(r.Base + approveLink.FindString(mailed(t, r, "proof", "jonas@example.org")))
	tab.Inspect("approve")

	// By keyboard and without a mouse: the number, the tick, the button.
	tab.Go(r.Base + at)
	tab.Width(1280)
	tab.Reach("#f-readers")
	tab.Steps(chromedp.KeyEvent("448"))
	tab.Reach("#f-seen")
	tab.Steps(chromedp.KeyEvent(" "))
	tab.Press(`form[action$="/approve"] .btn-primary`)
	tab.Until(`document.querySelector('.notice-good') !== null`)
	if now, err := r.Campaigns.Campaign(t.Context(), c.ID); err != nil || now.State != campaigns.Approved || now.ApprovedReaders == nil {
		t.Errorf("SEC-26: %v, %s", err, now.State)
	}
}
