package public_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"mailer/internal/letters"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/preferences"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// centreRig is a rig with a preference centre: the reader is on the list, which has three topics and belongs to a publication
// with a second list, open to all, and a third one that is closed.
type centreRig struct {
	*rig
	open, closed subscribers.List
	path         string // of the preference centre
}

func newCentre(t testing.TB) *centreRig {
	t.Helper()
	r := newRig(t)
	templates, err := render.Load("")
	if err != nil {
		t.Fatal(err)
	}
	limit := limits.New(r.db, r.ring)
	d := r.deps()
	d.Preferences = preferences.New(preferences.Deps{DB: r.db, Subscribers: r.store, Limits: limit, Letters: letters.New(letters.Deps{Ring: r.ring,
		Templates: templates, URLs: links.URLs{Base: "https://news.paper.org"}, MailDomain: "mail.paper.org", Now: time.Now, Limits: limit})})
	d.Weekly = func(_ context.Context, list int64) (bool, error) { return list == r.list.ID, nil }
	r.base = serve(t, d)
	c := &centreRig{rig: r, open: r.newList("weekend", "The Weekend"), closed: r.newList("staff", "For staff")}
	r.exec(`INSERT INTO publications (slug, name) VALUES ('paper', 'The Paper')`)
	r.exec(`UPDATE lists SET publication_id = (SELECT id FROM publications), legal_name = 'Paper Ltd', postal_address = '1 Street', contact = 'x@paper.org', signup_open = slug <> 'staff'`)
	for _, topic := range []subscribers.Topic{{Slug: "politics", Name: "Politics"}, {Slug: "arts", Name: "Arts & <stage>", Description: "Books, film, music"}, {Slug: "science", Name: "Science"}} {
		topic.ListID = r.list.ID
		if _, err := r.store.Topics.Create(t.Context(), topic, "test"); err != nil {
			t.Fatal(err)
		}
	}
	c.path = "/p/" + c.token(links.Preferences{Subscriber: r.person.ID, List: r.list.ID, Campaign: 7})
	return c
}

func (c *centreRig) token(p links.Preferences) string {
	return c.ring.PreferencesToken(c.ring.Current(), p)
}

func (c *centreRig) proof(act links.Act, number int64, issued time.Time) string {
	return "/me/" + c.ring.ProofToken(c.ring.Current(), links.Proof{Act: act, Subscriber: c.person.ID, List: number, Issued: issued})
}

// filled returns what a browser would send of the form that has a button of this value, as it stands.
func (c *centreRig) filled(page, action string) url.Values {
	c.t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		c.t.Fatal(err)
	}
	var found url.Values
	for n := range root.Descendants() {
		if n.Data != "form" {
			continue
		}
		v := url.Values{}
		for f := range n.Descendants() {
			a := attributes(f)
			_, checked := a["checked"]
			switch {
			case f.Data == "input" && (a["type"] != "checkbox" && a["type"] != "radio" || checked), f.Data == "button" && a["value"] == action:
				v.Add(a["name"], a["value"])
			case f.Data == "select":
				for o := range f.Descendants() {
					if _, selected := attributes(o)["selected"]; o.Data == "option" && (selected || !v.Has(a["name"])) {
						v.Set(a["name"], attributes(o)["value"])
					}
				}
			}
		}
		if v.Get("action") == action {
			found = v
		}
	}
	if found == nil {
		c.t.Fatalf("there is no form with a button %q:\n%s", action, page)
	}
	return found
}

func attributes(n *html.Node) map[string]string {
	a := map[string]string{}
	for _, x := range n.Attr {
		a[x.Key] = x.Val
	}
	return a
}

// save fills in the form as it stands at path, changes it, and sends it.
func (c *centreRig) save(path string, change func(url.Values)) answer {
	c.t.Helper()
	form := c.filled(c.do("GET", path, "").body, "save")
	change(form)
	a := c.post(path, form.Encode())
	if a.status != 200 || a.header.Get("Location") != "" {
		c.t.Errorf("the form is answered with %d", a.status)
	}
	return a
}

// chosen is a subscription of the reader as the database has it.
func (c *centreRig) chosen(list subscribers.List) string {
	c.t.Helper()
	var s string
	if err := c.db.GetContext(c.t.Context(), &s, `SELECT coalesce((SELECT state || ' ' || frequency || ' ' || coalesce(to_char(paused_until AT TIME ZONE 'UTC', 'YYYY-MM-DD'), '-')
		|| ' ' || topics_off FROM subscriptions WHERE subscriber_id = $1 AND list_id = $2), 'never')`, c.person.ID, list.ID); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// mails returns the mails that wait in the outbox, decoded, by their recipient.
func (c *centreRig) mails() map[string]string {
	c.t.Helper()
	var rows []struct {
		Recipient string
		Data      []byte
	}
	if err := c.db.SelectContext(c.t.Context(), &rows, `SELECT recipient, data FROM outbox ORDER BY id`); err != nil {
		c.t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows {
		b, _ := io.ReadAll(quotedprintable.NewReader(strings.NewReader(string(r.Data)))) // with its header: good enough to look for words
		out[r.Recipient] += string(b)
	}
	return out
}

var linkTo = regexp.MustCompile(`https://news\.paper\.org(/[a-z]+/[A-Za-z0-9_-]+)`)

func TestPreferencesSaved(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	day := time.Now().UTC().AddDate(0, 0, 40).Format(time.DateOnly)
	month := time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)
	for _, step := range []struct {
		name   string
		change func(url.Values)
		after  string
		says   string
	}{
		{"nothing", func(url.Values) {}, "confirmed each - 0", "Nothing was changed"},
		{"weekly", func(f url.Values) { f.Set("every.daily", "weekly") }, "confirmed weekly - 0", "Once a week · all topics"},
		{"a topic off", func(f url.Values) { f["topic.daily"] = []string{"politics", "science"} }, "confirmed weekly - 2", "Once a week · Politics, Science"},
		{"a month off", func(f url.Values) { f.Set("pause.daily", "month") }, "confirmed weekly " + month + " 2", "Paused until"},
		{"until a day", func(f url.Values) { f.Set("until.daily", day) }, "confirmed weekly " + day + " 2", "Paused until"},
		{"no pause", func(f url.Values) { f.Set("pause.daily", "end") }, "confirmed weekly - 2", "Once a week"},
		{"all at once", func(f url.Values) { f.Set("every.daily", "each"); f["topic.daily"] = nil; f.Set("until.daily", day) }, "confirmed each " + day + " 7", "Paused until"},
		{"the day cleared", func(f url.Values) { f.Set("until.daily", "") }, "confirmed each - 7", "none of the topics"},
		{"off the list", func(f url.Values) { f.Del("on.daily") }, "unsubscribed each - 7", "you no longer get it"},
		{"and back", func(f url.Values) { f.Set("on.daily", "1") }, "confirmed each - 7", "you get it again"},
	} {
		a := c.save(c.path, step.change)
		if got := c.chosen(c.list); got != step.after {
			t.Errorf("%s: %s; want %s", step.name, got, step.after)
		}
		if !strings.Contains(a.body, step.says) {
			t.Errorf("%s: the page does not say %q:\n%s", step.name, step.says, a.body)
		}
	}
	if n := c.count(`SELECT count(*) FROM consent_log WHERE method IN ('preferences', 'form') AND campaign_id = 7`); n != 9 {
		t.Errorf("%d lines of evidence; want 9", n)
	}
}

// What a save did can be taken back by the button on the page that says so.
func TestPreferencesUndo(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	day := time.Now().UTC().AddDate(0, 0, 40).Format(time.DateOnly)
	for name, change := range map[string]func(url.Values){
		"choices": func(f url.Values) {
			f.Set("every.daily", "weekly")
			f["topic.daily"] = []string{"arts"}
			f.Set("until.daily", day)
		},
		"leaving": func(f url.Values) { f.Del("on.daily") },
		"person":  func(f url.Values) { f.Set("language", "fr") },
	} {
		before := c.chosen(c.list)
		a := c.save(c.path, change)
		if n := c.count(`SELECT count(*) FROM subscribers WHERE tracking OR language <> ''`); c.chosen(c.list) == before && n == 0 {
			t.Fatalf("%s: nothing was saved", name)
		}
		a = c.post(c.path, c.filled(a.body, "revert").Encode())
		if got := c.chosen(c.list); got != before {
			t.Errorf("%s: after the undo %s; want %s", name, got, before)
		}
		if strings.Contains(a.body, `value="revert"`) {
			t.Errorf("%s: an undo offers to undo it", name)
		}
		if n := c.count(`SELECT count(*) FROM subscribers WHERE tracking OR language <> ''`); n != 0 {
			t.Errorf("%s: language or consent stayed", name)
		}
	}
	a := c.post(c.path, "action=stop-all")
	if n := c.count(`SELECT count(*) FROM mailable`); n != 0 || !strings.Contains(a.body, "no more mail") {
		t.Errorf("all mail was not stopped:\n%s", a.body)
	}
	if a = c.do("GET", c.path, ""); strings.Contains(a.body, "checked><span><b") || !strings.Contains(a.body, "You have stopped all mail") {
		t.Error("the page shows lists as if they were sent")
	}
	if c.post(c.path, "action=back"); c.count(`SELECT count(*) FROM mailable`) != 1 {
		t.Error("stopping all mail was not undone")
	}
}

// A form that was opened before something else happened, or that arrives in part, changes only what its reader changed in it.
func TestPreferencesStaleForm(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	old := c.filled(c.do("GET", c.path, "").body, "save")
	// Meanwhile: the reader left by one click, a topic went and another came.
	if _, err := c.store.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: c.person.ID, List: c.list.ID, Campaign: 8, Method: subscribers.MethodOneClick}); err != nil {
		t.Fatal(err)
	}
	old.Set("language", "fr")
	c.post(c.path, old.Encode())
	if got := c.chosen(c.list); got != "unsubscribed each - 0" {
		t.Errorf("an old form changed what was not changed in it: %s", got)
	}
	if n := c.count(`SELECT count(*) FROM subscribers WHERE language = 'fr'`); n != 1 {
		t.Error("what was changed in it is not there")
	}

	c.again()
	fresh := c.filled(c.do("GET", c.path, "").body, "save")
	if _, err := c.store.Topics.Retire(t.Context(), c.list.ID, "arts", "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.Topics.Create(t.Context(), subscribers.Topic{ListID: c.list.ID, Slug: "sports", Name: "Sports"}, "test"); err != nil {
		t.Fatal(err)
	}
	fresh["topic.daily"] = []string{"science"}
	c.post(c.path, fresh.Encode())
	if got := c.chosen(c.list); got != "confirmed each - 1" { // politics off; arts is not asked about any more, sports was not shown
		t.Errorf("topics that were not shown changed: %s", got)
	}
	for name, body := range map[string]string{
		"nothing": "action=save", "no button": "", "a list without its mark": "action=save&every.daily=weekly", "marks alone": "action=save&was.daily=on",
		"broken marks": "action=save&was.daily=%ff;;;;&on.daily=1", "another list": "action=save&was.staff=off;each;;&on.staff=1",
		"unknown choices": "action=save&was.daily=on%3Beach%3B%3B&on.daily=1&every.daily=hourly&pause.daily=year&topic.daily=x&was-language=&language=xx",
	} {
		if a := c.post(c.path, body); a.status != 200 || c.chosen(c.list) != "confirmed each - 1" || c.chosen(c.closed) != "never" {
			t.Errorf("%s: %d, %s, %s", name, a.status, c.chosen(c.list), c.chosen(c.closed))
		}
	}
}

// What cannot be saved is said beside its field; nothing of the form is saved, and nothing of it is lost.
func TestPreferencesWrongDay(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	for name, day := range map[string]string{"past": "2020-01-01", "today": time.Now().UTC().Format(time.DateOnly), "far": "2099-01-01", "words": "<b>soon"} {
		a := c.save(c.path, func(f url.Values) {
			f.Set("until.daily", day)
			f["topic.daily"] = []string{"science"}
			f.Set("language", "fr")
		})
		if got := c.chosen(c.list); got != "confirmed each - 0" || c.count(`SELECT count(*) FROM subscribers WHERE language = 'fr'`) != 0 {
			t.Errorf("%s: something was saved: %s", name, got)
		}
		if !strings.Contains(a.body, `aria-invalid="true" aria-describedby="wrong.daily"`) || !strings.Contains(a.body, `id="wrong.daily"`) {
			t.Errorf("%s: the field is not marked", name)
		}
		again := c.filled(a.body, "save")
		if again.Get("until.daily") != day || !slices.Equal(again["topic.daily"], []string{"science"}) || again.Get("language") != "fr" {
			t.Errorf("%s: what was filled in is lost: %v", name, again)
		}
		again.Set("until.daily", "")
		c.post(c.path, again.Encode())
		if got := c.chosen(c.list); got != "confirmed each - 3" || c.count(`SELECT count(*) FROM subscribers WHERE language = 'fr'`) != 1 {
			t.Errorf("%s: the mended form was not saved whole: %s", name, got)
		}
		c.exec(`UPDATE subscriptions SET topics_off = 0`)
		c.exec(`UPDATE subscribers SET language = ''`)
	}
}

// Joining from a mail that may have been passed on asks by a mail; with a fresh proof it is done at once.
func TestPreferencesJoin(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	a := c.save(c.path, func(f url.Values) { f.Set("on.weekend", "1") })
	if got := c.chosen(c.open); got != "pending each - 0" || !strings.Contains(a.body, "we have sent you a mail") {
		t.Errorf("by the link of a mail: %s\n%s", got, a.body)
	}
	if m := c.mails()["jane.doe@example.org"]; !strings.Contains(m, "The Weekend") || !strings.Contains(m, "https://news.paper.org/c/") {
		t.Errorf("no mail asks to confirm: %s", m)
	}
	a = c.save(c.path, func(f url.Values) { f.Set("on.weekend", "1") })
	if n := c.count(`SELECT count(*) FROM outbox`); n != 1 || !strings.Contains(a.body, "is in your mailbox already") {
		t.Errorf("once more: %d mails\n%s", n, a.body)
	}
	a = c.save(c.proof(links.ActPersonal, c.list.ID, time.Now()), func(f url.Values) { f.Set("on.weekend", "1") })
	if got := c.chosen(c.open); got != "confirmed each - 0" || !strings.Contains(a.body, "you get it from now on") {
		t.Errorf("with a fresh proof: %s\n%s", got, a.body)
	}
	if n := c.count(`SELECT count(*) FROM consent_log WHERE event = 'signed_up' AND wording = 'Send me The Weekend' AND source = 'preference centre'`); n != 1 { // twice in a day with the same words is once
		t.Errorf("%d lines say by which words the reader agreed; want 1", n)
	}
	// A complaint is not got past.
	c.exec(`INSERT INTO suppressions (address_hash, reason) SELECT address_hash, 'complaint' FROM subscribers`)
	c.exec(`DELETE FROM subscriptions WHERE list_id = ` + fmt.Sprint(c.open.ID))
	a = c.save(c.path, func(f url.Values) { f.Set("on.weekend", "1") })
	if got := c.chosen(c.open); got != "never" || !strings.Contains(a.body, "We send nothing to this address") {
		t.Errorf("after a complaint: %s", got)
	}
}

// UNS-01 for this page: opening it changes nothing.
// One connection is enough for a save: with two in hand at once, as many readers as there are connections would stop each other and
// everybody else.
func TestPreferencesJoinOneConnection(t *testing.T) {
	c := newCentre(t)
	for name, path := range map[string]string{"link of a mail": c.path, "fresh link": c.proof(links.ActPersonal, c.list.ID, time.Now())} {
		c.db.SetMaxOpenConns(1)
		form := c.filled(c.do("GET", path, "").body, "save")
		form.Set("on.weekend", "on")
		if a := c.post(path, form.Encode()); a.status != 200 {
			t.Errorf("%s: status %d", name, a.status)
		}
		c.db.SetMaxOpenConns(0)
		c.exec(`DELETE FROM subscriptions WHERE list_id <> (SELECT min(id) FROM lists)`)
	}
}

func TestPreferencesReadOnly(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	snapshot := func() string {
		return fmt.Sprint(c.chosen(c.list), c.count(`SELECT count(*) FROM consent_log`), c.count(`SELECT count(*) FROM outbox`), c.count(`SELECT count(*) FROM leaves`), c.count(`SELECT count(*) FROM address_changes WHERE new_confirmed_at IS NOT NULL`))
	}
	before := snapshot()
	proof := c.proof(links.ActPersonal, c.list.ID, time.Now())
	for _, path := range []string{c.path, proof} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			for _, query := range []string{"", "?action=save&was.daily=on%3Beach%3B%3B", "?action=stop-all"} {
				a := c.do(method, path+query, "action=stop-all", "Sec-Purpose", "prefetch", "Content-Type", formType)
				if a.status != 200 || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(a.header.Get("X-Robots-Tag"), "noindex") {
					t.Errorf("%s: %d %v", method, a.status, a.header)
				}
			}
		}
		if a := c.do("DELETE", path, ""); a.status != 405 {
			t.Errorf("DELETE: %d", a.status)
		}
	}
	if after := snapshot(); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// UNS-20: each link opens its own page only, and the page behind a mail shows nothing personal.
func TestUNS20Separation(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	key := c.ring.Current()
	preference := strings.TrimPrefix(c.path, "/p/")
	proof := strings.TrimPrefix(c.proof(links.ActPersonal, c.list.ID, time.Now()), "/me/")
	tokens := map[string]string{"leave": c.rig.token, "preferences": preference, "proof": proof,
		"confirm": c.ring.ConfirmToken(key, links.Confirm{Subscriber: c.person.ID, List: c.list.ID, Issued: time.Now()}),
		"view":    c.ring.ViewToken(key, links.View{Campaign: 7}), "none": strings.Repeat("A", 40)}
	for page, opens := range map[string]string{"/p/": "preferences", "/me/": "proof", "/u/": "leave"} {
		for name, token := range tokens {
			a := c.do("GET", page+token, "")
			if shows := strings.Contains(a.body, "•@example.org") || strings.Contains(a.body, "jane.doe@example.org"); shows != (name == opens) {
				t.Errorf("%s with the token %s: shows a reader %v", page, name, shows)
			}
			if name != opens {
				for _, body := range []string{oneClick, "action=stop-all", "action=fresh", "action=list", "action=all"} {
					c.post(page+token, body)
				}
			}
		}
	}
	if c.state() != subscribers.Confirmed || c.count(`SELECT count(*) FROM suppressions`)+c.count(`SELECT count(*) FROM outbox`) != 0 {
		t.Error("a token did what is not its own")
	}
	// A one-click POST is for the leave link alone.
	if c.post(c.path, oneClick); c.state() != subscribers.Confirmed {
		t.Error("a one-click POST to the preferences unsubscribes")
	}
	// No other person's list or choices can be named in a form.
	added, err := c.store.Add(t.Context(), subscribers.AddRequest{Address: "other@example.net", ListID: c.list.ID, Confirmed: true, Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	c.post(c.path, "action=save&was.daily=on%3Beach%3B%3B&subscriber="+fmt.Sprint(added.Subscriber.ID))
	if n := c.count(`SELECT count(*) FROM subscriptions WHERE state = 'confirmed'`); n != 1 {
		t.Errorf("%d subscriptions are left; want that of the other reader", n)
	}
	c.again()

	a := c.do("GET", c.path, "")
	for _, leak := range []string{"jane", "Jane", "doe", preference, `name="name"`, `name="address"`, "<script", "/data", fmt.Sprintf(`"%d"`, c.person.ID)} {
		if strings.Contains(a.body, leak) {
			t.Errorf("the page behind a mail has %q", leak)
		}
	}
	for _, want := range []string{`<html lang="en" dir="ltr">`, "The Daily &amp; Co", "j•••@example.org", "The Weekend", "Arts &amp; &lt;stage&gt;", `name="every.daily"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(a.body, "For staff") || strings.Contains(a.body, `name="every.weekend"`) {
		t.Error("the page offers what is not offered")
	}
	if a = c.do("GET", "/me/"+proof, ""); !strings.Contains(a.body, "jane.doe@example.org") || !strings.Contains(a.body, `value="Jane"`) || !strings.Contains(a.body, proof+"/data") {
		t.Errorf("the page behind a fresh proof shows nothing personal:\n%s", a.body)
	}
	if strings.Contains(c.log.String(), preference) || strings.Contains(c.log.String(), proof) || strings.Contains(c.log.String(), "jane") {
		t.Error("UNS-19: the log has a token or an address")
	}
}

// A mail may have been passed on: its link does not agree to anything in the reader's place, but takes back what they agreed to. A
// fresh link does both, and is mailed to nobody who must not be mailed.
func TestPreferencesConsent(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	tracked := func() int { return c.count(`SELECT count(*) FROM subscribers WHERE tracking`) }
	c.post(c.path, "action=save&was-tracking=off&tracking=on")
	c.post(c.path, "action=revert&was-tracking=off&tracking=on")
	if strings.Contains(c.do("GET", c.path, "").body, `name="tracking"`) || tracked() != 0 {
		t.Error("whoever has a mail can agree for its reader")
	}
	proof := c.proof(links.ActPersonal, c.list.ID, time.Now())
	if c.save(proof, func(f url.Values) { f.Set("tracking", "on") }); tracked() != 1 {
		t.Error("a reader cannot agree")
	}
	if a := c.save(c.path, func(f url.Values) { f.Del("tracking") }); tracked() != 0 || strings.Contains(a.body, `name="was-tracking"`) {
		t.Errorf("a reader cannot take it back, or the page offers to give it again:\n%s", a.body)
	}
	c.exec(`INSERT INTO suppressions (address_hash, address, reason) SELECT address_hash, address, 'complaint' FROM subscribers`)
	a := c.post(c.path, "action=fresh")
	late := c.post(c.proof(links.ActPersonal, c.list.ID, time.Now().Add(-2*time.Hour)), "action=fresh")
	if n := c.count(`SELECT count(*) FROM outbox`); n != 0 || a.status != 200 || late.status != 200 {
		t.Errorf("%d mails to somebody who complained (%d, %d)", n, a.status, late.status)
	}
}

// A form that another site sends does nothing; one without an Origin, or with that of a page that keeps itself to itself, does.
func TestPreferencesOrigin(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	for name, header := range map[string][]string{
		"another site":      {"Origin", "https://evil.example"},
		"cross-site":        {"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		"no origin at all":  {"Origin", "::"},
		"scheme and no one": {"Origin", "https://"},
	} {
		if a := c.post(c.path, "action=stop-all", header...); a.status != 403 || c.count(`SELECT count(*) FROM suppressions`) != 0 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	for name, header := range map[string][]string{
		"none": nil, "ours": {"Origin", "https://news.paper.org"}, "this host": {"Origin", c.base}, "null": {"Origin", "null"}, "same-origin": {"Origin", "null", "Sec-Fetch-Site", "same-origin"},
	} {
		c.again()
		if a := c.post(c.path, "action=stop-all", header...); a.status != 200 || c.count(`SELECT count(*) FROM suppressions`) != 1 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

// SEC-27: what is personal needs a link that was mailed within the hour; such links are few.
func TestSEC27FreshProof(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	for i := range 4 {
		a := c.post(c.path, "action=fresh")
		if want := i < 3; strings.Contains(a.body, "Look into your mailbox") != want || strings.Contains(a.body, "jane") {
			t.Errorf("the %d. wish: %s", i+1, a.body)
		}
	}
	mails := c.mails()
	if n := c.count(`SELECT count(*) FROM outbox WHERE kind = 'letter'`); n != 3 || len(mails) != 1 {
		t.Fatalf("%d mails to %d addresses; want 3 to one", n, len(mails))
	}
	link := linkTo.FindStringSubmatch(mails["jane.doe@example.org"])
	if link == nil {
		t.Fatalf("no link in %s", mails)
	}
	if a := c.do("GET", link[1], ""); !strings.Contains(a.body, `value="Jane"`) {
		t.Errorf("the link of the mail does not open what is personal:\n%s", a.body)
	}
	a := c.save(link[1], func(f url.Values) { f.Set("name", "Jane <b> Doe") })
	if n := c.count(`SELECT count(*) FROM subscribers WHERE name = 'Jane <b> Doe'`); n != 1 || strings.Contains(a.body, "<b> Doe") {
		t.Errorf("the name was not saved, or not escaped:\n%s", a.body)
	}
	if a = c.save(link[1], func(f url.Values) { f.Set("name", strings.Repeat("x", 200)) }); !strings.Contains(a.body, `id="name-wrong"`) {
		t.Error("a name that is too long is not refused at its field")
	}
	// Without the proof a name in the form counts for nothing.
	c.post(c.path, "action=save&was-name=Jane&name=Mallory")
	c.post(c.path, "action=address&address=mallory@example.net")
	if n := c.count(`SELECT count(*) FROM subscribers WHERE name = 'Mallory'`) + c.count(`SELECT count(*) FROM address_changes`); n != 0 {
		t.Error("without a proof the name or the address was changed")
	}
	c.exec(`DELETE FROM limit_counts`)
	for name, path := range map[string]string{"old": c.proof(links.ActPersonal, c.list.ID, time.Now().Add(-61*time.Minute)), "from the future": c.proof(links.ActPersonal, c.list.ID, time.Now().Add(3*time.Hour))} {
		if a := c.do("GET", path, ""); strings.Contains(a.body, "jane") || !strings.Contains(a.body, `value="fresh"`) {
			t.Errorf("%s: %s", name, a.body)
		}
		c.post(path, "action=save&was-name=Jane&name=Mallory")
		if n := c.count(`SELECT count(*) FROM subscribers WHERE name = 'Mallory'`); n != 0 {
			t.Errorf("%s: the name was changed", name)
		}
		if a := c.post(path, "action=fresh"); !strings.Contains(a.body, "Look into your mailbox") {
			t.Errorf("%s: no new link: %s", name, a.body)
		}
	}
}

// An address is changed when both have confirmed it, whoever has the new one already; and nobody can see whether somebody has.
func TestAddressChange(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	other, err := c.store.Add(t.Context(), subscribers.AddRequest{Address: "known@example.net", Name: "Known", ListID: c.open.ID, Confirmed: true, Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	c.exec(`INSERT INTO suppressions (address_hash, address, reason) SELECT address_hash, address, 'complaint' FROM subscribers WHERE FALSE`)
	proof := c.proof(links.ActPersonal, c.list.ID, time.Now())
	var bodies []string
	for _, address := range []string{"fresh@example.net", "known@example.net"} {
		a := c.post(proof, "action=address&address="+url.QueryEscape(address))
		bodies = append(bodies, strings.ReplaceAll(a.body, address, ""))
	}
	if bodies[0] != bodies[1] || !strings.Contains(bodies[0], "Two mails are on their way") {
		t.Errorf("the answers tell which address is known:\n%s\n%s", bodies[0], bodies[1])
	}
	mails := c.mails()
	if slices.Sorted(maps.Keys(mails))[0] != "fresh@example.net" || len(mails) != 3 || strings.Contains(mails["fresh@example.net"]+mails["known@example.net"], "jane") {
		t.Fatalf("mails to %v; want both new addresses and the old one, and no word of the old one to the new", slices.Sorted(maps.Keys(mails)))
	}
	for _, bad := range []string{"", "jane.doe@example.org", "JANE.DOE@EXAMPLE.ORG", "x", "a@b@c", "\"><script>@example.net"} {
		a := c.post(proof, "action=address&address="+url.QueryEscape(bad))
		if !strings.Contains(a.body, `id="address-wrong"`) || strings.Contains(a.body, "<script") {
			t.Errorf("%q is taken:\n%s", bad, a.body)
		}
	}
	link := func(to, from string) string {
		found := linkTo.FindAllStringSubmatch(mails[to], -1)
		if len(found) == 0 {
			t.Fatalf("no link to %s", to)
		}
		if from == "last" {
			return found[len(found)-1][1]
		}
		return found[0][1]
	}
	// The first wish was replaced by the second.
	if a := c.do("GET", link("fresh@example.net", ""), ""); strings.Contains(a.body, `value="confirm"`) {
		t.Error("a wish that was replaced can be confirmed")
	}
	toOld, toNew := link("jane.doe@example.org", "last"), link("known@example.net", "")
	for _, path := range []string{toOld, toNew} {
		if a := c.do("GET", path, ""); !strings.Contains(a.body, `value="confirm"`) || strings.Contains(a.body, "jane.doe") {
			t.Fatalf("%s", a.body)
		}
	}
	if a := c.post(toOld, "action=confirm"); !strings.Contains(a.body, "One more click") {
		t.Errorf("after the old address: %s", a.body)
	}
	if n := c.count(`SELECT count(*) FROM subscribers WHERE canonical = 'jane.doe@example.org'`); n != 1 {
		t.Fatal("changed by one of the two")
	}
	if a := c.post(toNew, "action=confirm"); !strings.Contains(a.body, "The address is changed") {
		t.Errorf("after both: %s", a.body)
	}
	if a := c.post(toOld, "action=confirm"); !strings.Contains(a.body, "The address is changed") {
		t.Errorf("once more: %s", a.body)
	}
	p, subs, err := c.store.Get(t.Context(), c.person.ID)
	if err != nil || p.Address != "known@example.net" || len(subs) != 2 {
		t.Errorf("%+v, %+v, %v; want both subscriptions at the new address", p, subs, err)
	}
	// SEC-27: what was mailed before the change, to whichever address, does not open what the reader has become.
	for name, path := range map[string]string{"old address": proof,
		"new address": "/me/" + c.ring.ProofToken(c.ring.Current(), links.Proof{Act: links.ActPersonal, Subscriber: other.Subscriber.ID, List: c.open.ID, Issued: time.Now().Add(-time.Minute)})} {
		if a := c.do("GET", path, ""); strings.Contains(a.body, "known@example.net") || !strings.Contains(a.body, `value="fresh"`) {
			t.Errorf("a proof mailed to the %s before the change opens the reader's data after it:\n%s", name, a.body)
		}
	}
	if a := c.do("GET", c.proof(links.ActPersonal, c.list.ID, time.Now().Add(2*time.Second)), ""); !strings.Contains(a.body, "known@example.net") {
		t.Errorf("a proof mailed after the change opens nothing:\n%s", a.body)
	}
	// Somebody else has the old address now: it is no part of this reader any more.
	if _, err := c.store.Add(t.Context(), subscribers.AddRequest{Address: "jane.doe@example.org", ListID: c.open.ID, Source: "test"}); err != nil {
		t.Fatal(err)
	}
	if id, err := c.store.Records().Find(t.Context(), c.person.ID); err != nil || slices.Contains(id.Addresses(), "jane.doe@example.org") {
		t.Errorf("%v, %v: what is sent to the next owner of the old address would be given away", id.Addresses(), err)
	}
	// UNS-09: links in old mails of both work.
	for _, l := range []links.Leave{{Subscriber: other.Subscriber.ID, List: c.open.ID, Campaign: 3}, {Subscriber: c.person.ID, List: c.list.ID, Campaign: 7}} {
		if a := c.post("/u/"+c.ring.LeaveToken(c.ring.Current(), l), oneClick); a.status != 200 {
			t.Errorf("%d", a.status)
		}
	}
	if n := c.count(`SELECT count(*) FROM mailable`); n != 0 {
		t.Errorf("%d subscriptions are left after leaving by both links", n)
	}
	if a := c.do("GET", "/p/"+c.token(links.Preferences{Subscriber: other.Subscriber.ID, List: c.open.ID, Campaign: 3}), ""); !strings.Contains(a.body, "k•••@example.net") {
		t.Error("the preferences link of an old mail to the new address does not work")
	}
}

// The page speaks the reader's language, else the list's.
func TestPreferencesLanguage(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	c.exec(`UPDATE lists SET language = 'fr'`)
	for reader, want := range map[string]string{"": `<html lang="fr"`, "en": `<html lang="en"`, "fr-CA": `<html lang="fr"`, "de": `<html lang="fr"`} {
		c.exec(`UPDATE subscribers SET language = '` + reader + `'`)
		if a := c.do("GET", c.path, "", "Accept-Language", "en"); !strings.Contains(a.body, want) || a.header.Get("Content-Language") != want[12:14] {
			t.Errorf("a reader of %q: not %s", reader, want)
		}
	}
	c.exec(`UPDATE subscribers SET language = ''`)
	a := c.save(c.path, func(f url.Values) { f.Set("language", "en") })
	if !strings.Contains(a.body, `<html lang="en"`) || !strings.Contains(a.body, `value="en" lang="en" selected`) {
		t.Error("the language chosen does not count at once")
	}
	c.exec(`UPDATE subscribers SET language = 'fr'`)
	for _, path := range []string{c.path, c.proof(links.ActPersonal, c.list.ID, time.Now()), c.proof(links.ActPersonal, c.list.ID, time.Now().Add(-2*time.Hour))} {
		if a := c.do("GET", path, ""); regexp.MustCompile(`page\.[a-z]+\.|%!|Your |Save<`).MatchString(a.body) {
			t.Errorf("French is not complete:\n%s", a.body)
		}
	}
}

func (r *rig) exec(query string) {
	r.t.Helper()
	if _, err := r.db.ExecContext(r.t.Context(), query); err != nil {
		r.t.Fatal(err)
	}
}
