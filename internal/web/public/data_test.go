package public_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"mailer/internal/browsertest"
	"mailer/internal/links"
	"mailer/internal/privacy"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// dataRig is a rig whose readers can see and erase their data.
type dataRig struct {
	*rig
	me string // what the fresh link of the reader leads to
}

func newDataRig(t *testing.T) *dataRig {
	t.Helper()
	r := newRig(t)
	d := r.deps()
	d.Privacy = privacy.New(privacy.Deps{DB: r.db, Subscribers: r.store, Delivery: d.Delivery, Keep: privacy.Keep{Evidence: 1096 * 24 * time.Hour}, Now: time.Now, Log: d.Log})
	r.base = serve(t, d)
	dr := &dataRig{r, "/me/" + r.proof(links.ActPersonal, time.Now())}
	dr.run(`INSERT INTO consent_log (subscriber_id, list_id, event, method, wording, network, source_url) VALUES ($1, $2, 'signed_up', 'form',
		'I want The Daily & Co.', '203.0.113.7', 'https://www.paper.org/join')`, r.person.ID, r.list.ID)
	return dr
}

func (r *dataRig) run(query string, args ...any) {
	r.t.Helper()
	if _, err := r.db.ExecContext(r.t.Context(), query, args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
}

func (r *rig) proof(act links.Act, at time.Time) string {
	return r.ring.ProofToken(r.ring.Current(), links.Proof{Act: act, Subscriber: r.person.ID, List: r.list.ID, Issued: at})
}

var dataPages = []string{"/data", "/data.json", "/erase"}

// SEC-27: only the link that was mailed to the address within the hour opens the data or erases it. No other token does, however
// genuine, and none of them is told anything.
func TestDataNeedsFreshProof(t *testing.T) {
	t.Parallel()
	r := newDataRig(t)
	key := r.ring.Current()
	tokens := map[string]string{
		"leave":         r.token,
		"preferences":   r.ring.PreferencesToken(key, links.Preferences{Subscriber: r.person.ID, List: r.list.ID, Campaign: 7}),
		"confirm":       r.ring.ConfirmToken(key, links.Confirm{Subscriber: r.person.ID, List: r.list.ID, Issued: time.Now()}),
		"bounce":        r.ring.BounceToken(key, links.Bounce{Campaign: 7, Subscriber: r.person.ID}),
		"stale":         r.proof(links.ActPersonal, time.Now().Add(-public.ProofWithin-time.Minute)),
		"of the future": r.proof(links.ActPersonal, time.Now().Add(public.ProofWithin+time.Minute)),
		"new address":   r.proof(links.ActNewAddress, time.Now()),
		"old address":   r.proof(links.ActOldAddress, time.Now()),
		"forged":        "A" + r.proof(links.ActPersonal, time.Now())[1:],
		"nothing":       "x",
	}
	for name, token := range tokens {
		for _, page := range dataPages {
			for method, body := range map[string]string{"GET": "", "POST": "erase=everything"} {
				a := r.do(method, "/me/"+token+page, body, "Content-Type", formType)
				if strings.Contains(strings.ToLower(a.body), "jane") || strings.Contains(a.body, "203.0.113") || a.header.Get("Content-Disposition") != "" {
					t.Errorf("%s: %s %s tells of the reader", name, method, page)
				}
			}
		}
	}
	if r.state() != subscribers.Confirmed || r.count(`SELECT count(*) FROM erasures`) != 0 {
		t.Fatal("the reader was erased without a fresh proof")
	}
	if a := r.do("GET", "/me/"+tokens["stale"]+"/data", ""); !strings.Contains(a.body, `value="fresh"`) && !strings.Contains(a.body, "<button") {
		t.Errorf("a stale link offers no fresh one:\n%s", a.body)
	}
}

// What a fresh link shows: everything, as a page and as a file, neither kept by anybody nor passed on.
func TestDataPage(t *testing.T) {
	t.Parallel()
	r := newDataRig(t)
	a := r.do("GET", r.me+"/data", "")
	for _, want := range []string{"jane.doe@example.org", "Jane", "The Daily &amp; Co", "I want The Daily &amp; Co.", "203.0.113.7", "signed up", `href="` + r.me + `/data.json"`, `href="` + r.me + `/erase"`} {
		if a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%d: the page does not have %q", a.status, want)
		}
	}
	// What tells most readers nothing comes last, and what is a code in the JSON is a word here.
	first, last, folded := strings.Cut(a.body, "<summary>Technical</summary>")
	if !folded || strings.Contains(first, "Compared as") || strings.Contains(first, "Random place") || !strings.Contains(last, "Random place") ||
		strings.Contains(a.body, "<bdi>other</bdi>") || !strings.Contains(first, "<bdi>not one that we know by name</bdi>") {
		t.Errorf("the technical rows and the words:\n%s", a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", a.header)
	}
	a = r.do("GET", r.me+"/data.json", "")
	var data struct {
		Reader []struct {
			Address string `json:"address"`
			Name    string `json:"name"`
		} `json:"reader"`
		Consent []struct {
			Wording string `json:"wording"`
		} `json:"consent"`
		Mails []any `json:"mails"`
	}
	if err := json.Unmarshal([]byte(a.body), &data); err != nil || len(data.Reader) != 1 || data.Reader[0].Address != "jane.doe@example.org" || len(data.Consent) != 2 || data.Mails == nil {
		t.Errorf("%+v, %v", data, err)
	}
	if d := a.header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="my-data-2`) || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.header)
	}
	if log := r.log.String(); strings.Contains(log, "jane") || strings.Contains(log, r.me[4:]) {
		t.Errorf("the log tells of the reader or the token:\n%s", log)
	}
	r.run(`UPDATE lists SET language = 'fr'`)
	if a = r.do("GET", r.me+"/data", "", "Accept-Language", "en"); !strings.Contains(a.body, `<html lang="fr"`) || !strings.Contains(a.body, "Ce que nous savons de vous") {
		t.Error("the page is not in the language of the list")
	}
	if !strings.Contains(a.body, "Données techniques") {
		t.Error("the technical rows have no French heading")
	}
	for own, want := range map[string]string{"en": "en", "de": "fr", "fr-CA": "fr"} {
		r.run(`UPDATE subscribers SET language = $1`, own)
		if a = r.do("GET", r.me+"/data", ""); !strings.Contains(a.body, `<html lang="`+want+`"`) {
			t.Errorf("a reader of %s is not spoken to in %s", own, want)
		}
		if own == "fr-CA" && (!strings.Contains(a.body, "<bdi>Français</bdi>") || strings.Contains(a.body, "<bdi>fr-CA</bdi>")) {
			t.Errorf("the language is a code:\n%s", a.body)
		}
	}
}

// Data and erasure stand under the name and in the colour of the newsletter that the link came from, or of its publication.
func TestDataPagesHaveAHead(t *testing.T) {
	t.Parallel()
	r := newDataRig(t)
	r.run(`UPDATE lists SET accent_colour = '#7a1f3d'`)
	heads := func(name string) {
		t.Helper()
		for _, path := range []string{"/data", "/erase"} {
			if a := r.do("GET", r.me+path, ""); !strings.Contains(a.body, `<p class="brand"><bdi>`+name+`</bdi></p>`) || !strings.Contains(a.body, "--accent:#7a1f3d") {
				t.Errorf("%s is not headed %s in its colour:\n%s", path, name, a.body)
			}
		}
	}
	heads("The Daily &amp; Co")
	r.run(`INSERT INTO publications (slug, name, language) VALUES ('courier', 'The Courier', 'en')`)
	r.run(`UPDATE lists SET publication_id = (SELECT id FROM publications)`)
	heads("The Courier")
	if a := r.post(r.me+"/erase", "erase=everything", "Origin", r.base); !strings.Contains(a.body, `<bdi>The Courier</bdi>`) {
		t.Errorf("after the erasure:\n%s", a.body)
	}
}

// SEC-27, UNS-10: nothing is erased before the box is ticked; then all of it is, and every link of the reader's is as neutral as a
// forged one.
func TestEraseByReader(t *testing.T) {
	t.Parallel()
	r := newDataRig(t)
	key := r.ring.Current()
	old := map[string]string{
		"/u/": r.token, "/p/": r.ring.PreferencesToken(key, links.Preferences{Subscriber: r.person.ID, List: r.list.ID, Campaign: 7}),
		"/c/":  r.ring.ConfirmToken(key, links.Confirm{Subscriber: r.person.ID, List: r.list.ID, Issued: time.Now()}),
		"/me/": r.me[4:],
	}
	for _, method := range []string{"GET", "HEAD", "GET"} {
		if a := r.do(method, r.me+"/erase?erase=everything", ""); a.status != 200 || method == "GET" && !strings.Contains(a.body, "3 years") {
			t.Errorf("%s: %d\n%s", method, a.status, a.body)
		}
	}
	for _, body := range []string{"", "erase=", "erase=no", "action=erase"} {
		if a := r.post(r.me+"/erase", body); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `aria-invalid="true"`) {
			t.Errorf("%q: %d", body, a.status)
		}
	}
	for _, header := range [][2]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		if a := r.post(r.me+"/erase", "erase=everything", header[0], header[1]); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a form of another site (%s): %d", header[0], a.status)
		}
	}
	if r.state() != subscribers.Confirmed {
		t.Fatal("erased too early")
	}
	a := r.post(r.me+"/erase", "erase=everything")
	if a.status != 200 || !strings.Contains(a.body, "Everything is erased") || strings.Contains(a.body, "jane") {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	if n := r.count(`SELECT count(*) FROM subscribers`) + r.count(`SELECT count(*) FROM subscriptions`) + r.count(`SELECT count(*) FROM consent_log`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	for path, token := range old {
		for method, body := range map[string]string{"GET": "", "HEAD": "", "POST": oneClick} {
			forged := r.do(method, path+"A"+token[1:], body, "Content-Type", formType)
			if a := r.do(method, path+token, body, "Content-Type", formType); a.status != forged.status || a.body != forged.body || path == "/u/" && a.status != 200 {
				t.Errorf("UNS-10: %s %s: %d, and %d for a forged token; the same: %v", method, path, a.status, forged.status, a.body == forged.body)
			}
		}
	}
	for _, page := range dataPages {
		if a := r.do("GET", r.me+page, ""); a.status != 200 || strings.Contains(a.body, "example.org") || a.header.Get("Content-Disposition") != "" {
			t.Errorf("%s after the erasure: %d", page, a.status)
		}
	}
	if a := r.post(r.me+"/erase", "erase=everything"); a.status != 200 || r.count(`SELECT count(*) FROM erasures`) != 1 {
		t.Errorf("twice: %d", a.status)
	}
	if n := r.count(`SELECT count(*) FROM suppressions WHERE address IS NULL`); n != 1 {
		t.Errorf("%d hashes", n)
	}
}

// The pages in a real browser, without script, at 320 and 1280 px, light and dark, with axe.
func TestDataBrowser(t *testing.T) {
	t.Parallel()
	r := newDataRig(t)
	r.run(`UPDATE subscribers SET attributes = '{"city": "Newcastle upon Tyne", "plan": "supporter"}'`)
	r.run(`INSERT INTO campaigns (list_id, edition, name, template, subject, state, launched_at, approved_hash) VALUES ($1, '2026-11-22T07:00', 'Morning edition', 'digest', 'What the tide brought in', 'launched', now(), '')`, r.list.ID)
	r.run(`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, state, finished_at, audience, audience_complete) SELECT id, list_id, 'paper.org', now(), now(), 'done', now(), 1, true FROM campaigns`)
	r.run(`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, closed_at, accepted) SELECT id, 1, 'other', 1, 1, 0, now(), 1, now(), 1 FROM campaigns`)
	r.run(`CREATE TABLE deliveries_from_0 PARTITION OF deliveries FOR VALUES FROM (0) TO (256); CREATE TABLE outcomes_from_0 PARTITION OF outcomes FOR VALUES FROM (0) TO (256)`)
	r.run(`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots) SELECT id, 1, $1, 'jane.doe@example.org', 3, ARRAY['Jane'] FROM campaigns`, r.person.ID)
	r.run(`INSERT INTO outcomes (campaign_id, seq, attempt, kind, code, reply, relay) SELECT id, 1, n, k, c, t, 'main' FROM campaigns, (VALUES (1, 'deferred', 451, '4.7.1 greylisted, try again'), (2, 'accepted', 250, '2.0.0 Ok: queued as 4bX1')) v(n, k, c, t)`)
	b := browsertest.Open(t)
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			b.Go(r.base + r.me + "/data")
			b.Look("data")
			b.Go(r.base + r.me + "/erase")
			b.Look("erase")
		}
	}
	b.Width(320)
	r.post(r.me+"/erase", "") // the page of an unticked box, as a browser that does not know "required" would get it
	if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET language = 'fr'`); err != nil {
		t.Fatal(err)
	}
	b.Scheme("light")
	b.Go(r.base + r.me + "/erase")
	b.Look("erase-french")
	b.Go(r.base + r.me + "/data")
	b.Look("data-french")
	b.Go(r.base + r.me + "/erase")
	b.Reach("input[name=erase]")
	b.Steps(chromedp.KeyEvent(" "))
	b.Press("button.grave")
	b.Look("erased-french")
	if n := r.count(`SELECT count(*) FROM subscribers`); n != 0 {
		t.Error("box and button erase nobody")
	}
}
