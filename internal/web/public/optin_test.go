package public_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailer/internal/links"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// DOI-01: a sign-up is pending and causes one mail; opening its link confirms nothing, pressing the button does, with a complete
// record of the consent.
func TestDOI01DoubleOptIn(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	const path, who = "/subscribe/daily", "new@example.org"
	form := j.do("GET", path, "")
	if form.status != 200 || !strings.Contains(form.body, "The Daily &amp; Co") || form.header.Get("Referrer-Policy") != "same-origin" ||
		!strings.Contains(form.body, "<title>Get The Daily &amp; Co by mail · The Daily &amp; Co</title>") {
		t.Errorf("%d %v\n%s", form.status, form.header, form.body)
	}
	a := j.join(path, who, "Referer", ownOrigin+path)
	if a.status != 200 || !strings.Contains(a.body, "new@example.org") || !strings.Contains(a.body, "inbox") {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	if n := j.confirms(); n != 0 {
		t.Errorf("%d mails before the worker has seen it", n)
	}
	j.work()
	if got := j.stateOf(who, "daily"); got != subscribers.Pending || j.confirms() != 1 {
		t.Errorf("%q with %d mails; want pending with 1", got, j.confirms())
	}
	link := j.link(who)
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		if a := j.do(method, link, ""); a.status != 200 || j.stateOf(who, "daily") != subscribers.Pending {
			t.Errorf("%s: %d, %s", method, a.status, j.stateOf(who, "daily"))
		}
	}
	if a := j.post(link, "action=confirm", "X-Forwarded-For", "198.51.100.77"); a.status != 200 || !strings.Contains(a.body, "Welcome") || !strings.Contains(a.body, "/p/") {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	if got := j.stateOf(who, "daily"); got != subscribers.Confirmed {
		t.Errorf("it is %s; want confirmed", got)
	}
	var log []struct {
		At      time.Time `db:"at"`
		Event   string    `db:"event"`
		Method  string    `db:"method"`
		Wording string    `db:"wording"`
		Network string    `db:"network"`
		Source  string    `db:"source_url"`
		Form    *int64    `db:"form_id"`
		Version *int      `db:"form_version"`
	}
	if err := j.db.SelectContext(t.Context(), &log, `SELECT c.at, event, method, c.wording, network, source_url, form_id, form_version FROM consent_log c
		JOIN subscribers s ON s.id = c.subscriber_id WHERE s.canonical = $1 ORDER BY c.id`, who); err != nil || len(log) != 2 {
		t.Fatalf("%+v, %v", log, err)
	}
	up, yes := log[0], log[1]
	if up.Event != "signed_up" || up.Method != "form" || up.Network != "203.0.113.9" || up.Source != ownOrigin+path || up.Form == nil || up.Version == nil || *up.Version != 1 {
		t.Errorf("evidence of the sign-up: %+v", up)
	}
	if !strings.Contains(html.UnescapeString(form.body), up.Wording) || !strings.Contains(up.Wording, "The Daily & Co by mail") || !strings.Contains(up.Wording, "Example Press Ltd, 1 High Street, Anytown, hello@paper.org") {
		t.Errorf("kept is %q, which is not what the page shows", up.Wording)
	}
	if yes.Event != "confirmed" || yes.Method != "confirm-link" || yes.Network != "198.51.100.77" || time.Since(yes.At) > time.Minute {
		t.Errorf("evidence of the confirmation: %+v", yes)
	}
	welcome := j.mail("letter", who)
	for _, want := range []string{"Subject: Welcome to The Daily & Co", "/p/", "/u/"} {
		if !strings.Contains(welcome, want) {
			t.Errorf("the welcome mail lacks %s", want)
		}
	}
	j.post(link, "action=confirm")
	if n := j.count(`SELECT count(*) FROM outbox WHERE kind = 'letter'`); n != 1 {
		t.Errorf("%d welcome mails; want 1", n)
	}
}

// DOI-02: however often, for however many lists, and however the address is spelt: one mail in a day, and always the same answer.
func TestDOI02OneMailADay(t *testing.T) {
	t.Parallel()
	j := newJoining(t, func(d *signup.Deps, _ *public.Deps) { d.Caps.Address = 3 })
	slugs := j.publication(9)
	first := map[string]string{}
	for i := range 50 {
		slug := slugs[i%len(slugs)]
		a := j.join("/subscribe/"+slug, "jane@gmail.com")
		if first[slug] == "" {
			first[slug] = a.body
		}
		if a.status != 200 || a.body != first[slug] {
			t.Fatalf("answer %d differs: %d\n%s", i, a.status, a.body)
		}
		if i%7 == 0 {
			j.work()
		}
	}
	j.work()
	if n := j.confirms(); n != 1 {
		t.Errorf("%d confirm mails; want 1", n)
	}
	// All of them get as far as the worker, which is the last to count.
	free := newJoining(t, nil)
	for _, address := range []string{"jane.doe@gmail.com", "janedoe+1@gmail.com", "j.anedoe@googlemail.com", "JaneDoe+news@gmail.com"} {
		free.join("/subscribe/daily", address)
	}
	free.work()
	if n := free.confirms(); n != 1 {
		t.Errorf("%d confirm mails to one mailbox; want 1", n)
	}
}

// Several lists at once: one mail that names them all, one POST that confirms those that are left ticked.
func TestDOI02SeveralLists(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	j.publication(4)
	const path, who = "/subscribe/to/courier", "many@example.org"
	if a := j.join(path, who); a.status != 422 || !strings.Contains(a.body, "Tick at least one") || !strings.Contains(a.body, `value="many@example.org"`) {
		t.Errorf("nothing ticked: %d\n%s", a.status, a.body)
	}
	stamp := j.stamp(path, 10*time.Second)
	j.joinWith(path, url.Values{"address": {who}, "stamp": {stamp}, "list": {"list-0", "list-1", "list-3", "no-such"}})
	j.work()
	if j.confirms() != 1 {
		t.Fatalf("%d mails; want 1", j.confirms())
	}
	if mail := j.mail("confirm", who); !strings.Contains(mail, "List A, List B and List D") {
		t.Errorf("the mail does not name the lists:\n%s", mail)
	}
	// One more list an hour later: no second mail, but the link offers it.
	j.joinWith(path, url.Values{"address": {who}, "stamp": {stamp}, "list": {"list-2"}})
	j.work()
	link := j.link(who)
	page := j.do("GET", link, "")
	var ids, ticked []string
	for _, m := range regexp.MustCompile(`name="list" value="(\d+)"( checked)?`).FindAllStringSubmatch(page.body, -1) {
		ids = append(ids, m[1])
		if m[2] != "" {
			ticked = append(ticked, m[1])
		}
	}
	if j.confirms() != 1 || len(ids) != 4 || len(ticked) != 3 || ids[3] == ticked[2] {
		t.Fatalf("%d mails; the page offers %v, ticked are %v; want four, the last one not ticked", j.confirms(), ids, ticked)
	}
	if a := j.post(link, "action=confirm&choose=1"); !strings.Contains(a.body, "Tick at least one") || j.stateOf(who, "list-0") != subscribers.Pending {
		t.Errorf("nothing ticked: %s\n%s", j.stateOf(who, "list-0"), a.body)
	}
	a := j.post(link, url.Values{"action": {"confirm"}, "choose": {"1"}, "list": {ids[0], ids[2], ids[3], "999"}}.Encode())
	for list, want := range map[string]string{"list-0": "confirmed", "list-1": "pending", "list-2": "confirmed", "list-3": "confirmed"} {
		if got := j.stateOf(who, list); got != want {
			t.Errorf("%s is %s; want %s", list, got, want)
		}
	}
	if !strings.Contains(a.body, "Welcome") || j.count(`SELECT count(*) FROM outbox WHERE kind = 'letter'`) != 1 {
		t.Errorf("one welcome for all:\n%s", a.body)
	}
	// A program that presses the button without the boxes confirms what the mail named.
	if j.post(link, "action=confirm"); j.stateOf(who, "list-1") != subscribers.Confirmed {
		t.Errorf("list-1 is %s", j.stateOf(who, "list-1"))
	}
}

// DOI-04: a link that is too old offers a new one, without anything kept for it; a used one shows the same page again.
func TestDOI04OldLink(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	const who = "late@example.org"
	j.join("/subscribe/daily", who)
	j.work()
	old := j.link(who)
	j.ahead.Add(int64(8 * 24 * time.Hour))
	j.exec(`UPDATE limit_counts SET until = until - interval '8 days'`)
	for range 3 {
		if a := j.do("GET", old, ""); a.status != 200 || !strings.Contains(a.body, `value="again"`) {
			t.Fatalf("%d\n%s", a.status, a.body)
		}
	}
	if a := j.post(old, "action=confirm"); j.stateOf(who, "daily") != subscribers.Pending || !strings.Contains(a.body, `value="again"`) {
		t.Errorf("an old link confirmed: %s", j.stateOf(who, "daily"))
	}
	if j.confirms() != 1 {
		t.Fatalf("%d mails; opening sends none", j.confirms())
	}
	var first string
	for range 3 { // of which one is sent
		a := j.post(old, "action=again")
		if first == "" {
			first = a.body
			j.exec(`UPDATE outbox SET created_at = created_at + interval '8 days' WHERE id = (SELECT max(id) FROM outbox)`) // as by that clock
		}
		if a.status != 200 || a.body != first || !strings.Contains(a.body, "l•••@example.org") {
			t.Errorf("%d\n%s", a.status, a.body)
		}
	}
	if j.confirms() != 2 {
		t.Fatalf("%d mails; want one more", j.confirms())
	}
	fresh := j.link(who)
	done := j.post(fresh, "action=confirm")
	for i, a := range []answer{j.post(fresh, "action=confirm"), j.do("GET", fresh, ""), j.post(old, "action=again"), j.do("GET", old, "")} {
		if a.body != done.body || j.stateOf(who, "daily") != subscribers.Confirmed {
			t.Errorf("%d: a used link shows another page:\n%s", i, a.body)
		}
	}
	if j.confirms() != 2 {
		t.Error("a confirmed reader was asked again")
	}
}

// Whose consent was only implied confirms by the form like anybody else, gets mail until then, and has no end to it afterwards.
func TestImpliedBecomesExpress(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	const who = "buyer@example.org"
	_, err := j.store.Add(t.Context(), subscribers.AddRequest{Address: who, ListID: j.list.ID, Confirmed: true, Source: "bought a book", Expires: time.Now().Add(48 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	mailable := func() int {
		return j.count(`SELECT count(*) FROM mailable WHERE address = 'buyer@example.org'`)
	}
	j.join("/subscribe/daily", who)
	j.work()
	if mailable() != 1 || j.confirms() != 1 {
		t.Fatalf("mailable %d, %d mails; want one each", mailable(), j.confirms())
	}
	j.post(j.link(who), "action=confirm")
	if n := j.count(`SELECT count(*) FROM subscriptions WHERE expires_at IS NOT NULL`); n != 0 || mailable() != 1 {
		t.Errorf("%d consents end; mailable %d", n, mailable())
	}
	if n := j.count(`SELECT count(*) FROM consent_log WHERE source LIKE 'bought a book (implied, until 20__-__-__)'`); n != 1 {
		t.Error("the evidence does not tell of the end")
	}
}

// Whoever confirms may ask for the latest issue: the stored campaign, with a leave link of their own.
func TestLatestIssue(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	const who = "keen@example.org"
	j.join("/subscribe/daily", who)
	j.work()
	link := j.link(who)
	if a := j.do("GET", link, ""); strings.Contains(a.body, `name="latest"`) {
		t.Error("there is no issue to send yet")
	}
	j.launch(41, "Old news")
	j.launch(42, "Ferry to run at night")
	j.launch(43, "Taken back")
	j.exec(`UPDATE sends SET state = 'cancelled', finished_at = now() WHERE campaign_id = 43`)
	j.launch(44, "For a few")
	j.exec(`UPDATE sends SET rule = '{}' WHERE campaign_id = 44`)
	j.launch(45, "Tried on some first")
	j.exec(`UPDATE sends SET slice_state = 'out' WHERE campaign_id = 45`)
	if a := j.do("GET", link, ""); !strings.Contains(a.body, `name="latest"`) {
		t.Errorf("the latest issue is not offered:\n%s", a.body)
	}
	if a := j.post(link, "action=confirm&latest=1"); !strings.Contains(a.body, "on its way") {
		t.Errorf("%s", a.body)
	}
	mail := j.mail("issue", who)
	person, _, err := j.store.ByAddress(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	leave := j.ring.LeaveToken(j.ring.Current(), links.Leave{Subscriber: person.ID, List: j.list.ID, Campaign: 42})
	for _, want := range []string{"Subject: Ferry to run at night", "keen@example.org", "/u/" + leave, "List-Unsubscribe-Post: List-Unsubscribe=One-Click"} {
		if !strings.Contains(mail, want) {
			t.Errorf("the issue lacks %q:\n%s", want, mail)
		}
	}
	j.post(link, "action=confirm&latest=1")
	j.join("/subscribe/daily", "patient@example.org") // who does not ask for it
	j.work()
	j.post(j.link("patient@example.org"), "action=confirm")
	if n := j.count(`SELECT count(*) FROM outbox WHERE kind = 'issue'`); n != 1 {
		t.Errorf("%d issues; want 1", n)
	}
}
