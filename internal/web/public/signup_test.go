package public_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// DOI-03: the answer does not tell where an address stands, and neither does its time.
func TestDOI03SameAnswer(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	ctx := t.Context()
	add := func(address string, confirmed bool) int64 {
		added, err := j.store.Add(ctx, subscribers.AddRequest{Address: address, ListID: j.list.ID, Confirmed: confirmed, Source: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return added.Subscriber.ID
	}
	const n = 25
	states := []string{"fresh", "waits", "reads", "gone1", "gone2", "cried", "legal"}
	name := func(state string, i int) string { return fmt.Sprintf("%s%02d@example.org", state, i) }
	for i := range n {
		add(name("waits", i), false)
		add(name("reads", i), true)
		for k, all := range []bool{false, true} {
			id := add(name(fmt.Sprint("gone", k+1), i), true)
			if _, err := j.store.Leave(ctx, subscribers.LeaveRequest{Subscriber: id, List: j.list.ID, All: all, Method: subscribers.MethodForm}); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.store.Suppress(ctx, j.db, add(name("cried", i), true), subscribers.ReasonComplaint, "", 0); err != nil {
			t.Fatal(err)
		}
		if _, err := j.store.SuppressAddress(ctx, name("legal", i), subscribers.ReasonLegal, "", "test"); err != nil {
			t.Fatal(err)
		}
	}
	stamp := j.stamp("/subscribe/daily", 10*time.Second)
	took := map[string][]time.Duration{}
	var want string
	for i := range n {
		for _, state := range states {
			who := name(state, i)
			start := time.Now()
			a := j.joinWith("/subscribe/daily", url.Values{"address": {who}, "stamp": {stamp}}, "X-Forwarded-For", fmt.Sprintf("198.51.%d.1", i))
			took[state] = append(took[state], time.Since(start))
			body := fmt.Sprint(a.status, " ", a.header.Get("Content-Length"), strings.ReplaceAll(a.body, who, "X"))
			if want == "" {
				want = body
			}
			if body != want || a.status != 200 {
				t.Fatalf("%s: %s", who, body)
			}
		}
	}
	for _, state := range states {
		slices.Sort(took[state])
		t.Logf("DOI-03: %s: median %s of %d", state, took[state][n/2].Round(time.Microsecond), n)
	}
	j.work()
	for state, want := range map[string]bool{"fresh": true, "waits": true, "gone1": true, "gone2": true, "reads": false, "cried": false, "legal": false} {
		got := j.count(fmt.Sprintf(`SELECT count(*) FROM outbox WHERE kind = 'confirm' AND recipient LIKE '%s%%'`, state))
		if got != n && want || got != 0 && !want {
			t.Errorf("%s: %d of %d got a mail", state, got, n)
		}
	}
}

// DOI-05: what looks like a machine gets the answer that a person gets, and nothing happens.
func TestDOI05Machines(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	const path, who = "/subscribe/daily", "robot@example.org"
	other := j.newList("other", "Other")
	other.SignupOpen = true
	if _, err := j.store.UpdateList(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	good := j.stamp(path, 10*time.Second)
	fields := func(stamp, trap string) string {
		return url.Values{"address": {who}, "stamp": {stamp}, "website": {trap}}.Encode()
	}
	person := j.post(path, fields(good, ""), "Origin", ownOrigin)
	if j.waiting() != 1 {
		t.Fatal("a person's request is not there")
	}
	j.exec(`DELETE FROM signups`)
	own := []string{"Origin", ownOrigin}
	forged := []byte(good)
	forged[12] ^= 1
	trapped := "--x\r\nContent-Disposition: form-data; name=\"website\"\r\n\r\nspam\r\n--x\r\nContent-Disposition: form-data; name=\"address\"\r\n\r\n" + who + "\r\n--x--\r\n"
	for name, tc := range map[string]struct {
		body   string
		header []string
	}{
		"honeypot":                 {fields(good, "https://spam.example"), own},
		"honeypot, in parts":       {trapped, []string{"Origin", ownOrigin, "Content-Type", "multipart/form-data; boundary=x"}},
		"in no time":               {fields(j.stamp(path, time.Second), ""), own},
		"no origin":                {fields(good, ""), nil},
		"opaque origin":            {fields(good, ""), []string{"Origin", "null"}},
		"another site":             {fields(good, ""), []string{"Origin", "https://evil.example"}},
		"our origin, says the lie": {fields(good, ""), []string{"Origin", ownOrigin, "Sec-Fetch-Site", "cross-site"}},
		"no stamp":                 {fields("", ""), own},
		"forged stamp":             {fields(string(forged), ""), own},
		"stamp of another list":    {fields(j.stamp("/subscribe/other", 10*time.Second), ""), own},
		"stamp of tomorrow":        {fields(j.stamp(path, -time.Hour), ""), own},
		"JSON":                     {`{"address":"` + who + `","stamp":"` + good + `"}`, []string{"Origin", ownOrigin, "Content-Type", "application/json"}},
		"nothing":                  {"", own},
	} {
		a := j.post(path, tc.body, tc.header...)
		if name == "JSON" || name == "nothing" { // nothing of it is understood, so no address can be shown
			a.body = strings.Replace(a.body, "<bdi></bdi>", "<bdi>"+who+"</bdi>", 1)
		}
		if a.status != person.status || a.body != person.body {
			t.Errorf("%s: %d\n%s", name, a.status, a.body)
		}
		if j.waiting() != 0 {
			t.Errorf("%s: it was taken", name)
			j.exec(`DELETE FROM signups`)
		}
	}
	a := j.post(path, fields(good, "spam"), "Origin", ownOrigin, "Accept", "application/json")
	if a.status != 200 || !strings.Contains(a.body, `"status":"taken"`) || j.waiting() != 0 {
		t.Errorf("as the script: %d %s", a.status, a.body)
	}
}

// DOI-07: another wording is another version, and each consent keeps the one that was shown, also by a copy of the form on
// another site.
func TestDOI07Versions(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	ctx := t.Context()
	const path = "/subscribe/daily"
	form, err := j.signup.ForList(ctx, "daily")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := j.signup.Snippet(form, form.Words(""))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := j.signup.Version(ctx, form, form.Words("")); err != nil || n != 1 {
		t.Fatalf("version %d, %v", n, err)
	}
	open := j.stamp(path, 10*time.Second) // of a page that somebody has open while the wording changes
	j.join(path, "one@example.org")
	own := "Send me The Daily & Co each morning."
	if _, err := j.signup.Set(ctx, form, &own, []string{"https://partner.example/path?x"}); err != nil {
		t.Fatal(err)
	}
	j.join(path, "two@example.org")
	j.joinWith(path, url.Values{"address": {"three@example.org"}, "stamp": {open}})
	j.joinWith(path, url.Values{"address": {"four@example.org"}, "stamp": {stampOf.FindStringSubmatch(copied)[1]}}, "Origin", "https://partner.example",
		"Sec-Fetch-Site", "cross-site", "Referer", "https://partner.example/news/today?session=1")
	j.work()
	for who, want := range map[string]struct {
		version         int
		wording, source string
	}{
		"one@example.org":   {1, "I want to get The Daily & Co by mail.", ownOrigin + path},
		"two@example.org":   {2, "Send me The Daily & Co each morning. Sent by Example Press Ltd", ownOrigin + path},
		"three@example.org": {1, "I want to get The Daily & Co by mail.", ownOrigin + path},
		"four@example.org":  {1, "I want to get The Daily & Co by mail.", "https://partner.example/news/today"},
	} {
		var got struct {
			Version int    `db:"form_version"`
			Wording string `db:"wording"`
			Source  string `db:"source_url"`
		}
		err := j.db.GetContext(ctx, &got, `SELECT form_version, wording, source_url FROM consent_log c JOIN subscribers s ON s.id = c.subscriber_id WHERE canonical = $1`, who)
		if err != nil || got.Version != want.version || !strings.HasPrefix(got.Wording, want.wording) || got.Source != want.source {
			t.Errorf("%s: %+v, %v; want %+v", who, got, err, want)
		}
	}
	// What a page says of its address may be anything.
	for _, page := range []string{ownOrigin + "/\xff\x00", ownOrigin + "/\xff", ownOrigin + "/" + strings.Repeat("x", 9000), "https://evil.example/page", "javascript:alert(1)"} {
		a := j.joinWith(path, url.Values{"address": {fmt.Sprintf("p%d@example.org", len(page))}, "stamp": {j.stamp(path, 10*time.Second)}, "page": {page}})
		if a.status != 200 {
			t.Errorf("%.40q: %d", page, a.status)
		}
	}
	// So may the host that a request names: it is answered, since a machine has several, but it is no evidence.
	j.joinWith(path, url.Values{"address": {"host@example.org"}, "stamp": {j.stamp(path, 10*time.Second)}}, "Origin", "https://evil.example", "Host", "evil.example")
	j.work()
	if n := j.count(`SELECT count(*) FROM subscribers WHERE canonical = 'host@example.org'`); n != 1 {
		t.Errorf("by another name of the machine nobody can sign up")
	}
	if n := j.count(`SELECT count(*) FROM consent_log WHERE source_url NOT IN ('` + ownOrigin + path + `', '` + ownOrigin + `/%FF', 'https://partner.example/news/today') AND event = 'signed_up'`); n != 0 {
		t.Errorf("%d strange pages are kept", n)
	}
	// A page whose wording is neither the present one nor on record is shown anew.
	j.move("2 Low Street")
	unseen := j.stamp(path, 10*time.Second)
	j.move("3 Low Street")
	a := j.joinWith(path, url.Values{"address": {"five@example.org"}, "stamp": {unseen}})
	if !strings.Contains(a.body, "has changed meanwhile") || !strings.Contains(a.body, `value="five@example.org"`) || j.waiting() != 0 {
		t.Errorf("%d\n%s", a.status, a.body)
	}
}

// One request that cannot be worked off, for whatever reason, does not stand in the way of others, and is tried again.
func TestStuckSignup(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	j.exec(`CREATE FUNCTION no_luck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.canonical = 'bad@example.org' THEN RAISE EXCEPTION 'no luck'; END IF; RETURN NEW; END $$`)
	j.exec(`CREATE TRIGGER no_luck BEFORE INSERT ON subscribers FOR EACH ROW EXECUTE FUNCTION no_luck()`)
	j.join("/subscribe/daily", "bad@example.org")
	j.join("/subscribe/daily", "good@example.org")
	if _, err := j.signup.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j.waiting() != 1 || j.stateOf("good@example.org", "daily") != subscribers.Pending || j.count(`SELECT attempts FROM signups WHERE due > now()`) != 1 {
		t.Errorf("%d wait, the other one is %q", j.waiting(), j.stateOf("good@example.org", "daily"))
	}
	j.exec(`DROP TRIGGER no_luck ON subscribers`)
	j.exec(`UPDATE signups SET due = now()`)
	if j.work(); j.stateOf("bad@example.org", "daily") != subscribers.Pending {
		t.Error("it was not tried again")
	}
	j.join("/subscribe/daily", "old@example.org")
	j.exec(`UPDATE signups SET created_at = created_at - interval '25 hours'`)
	if err := j.signup.Tidy(t.Context()); err != nil || j.waiting() != 0 {
		t.Errorf("after a day %d wait, %v", j.waiting(), err)
	}
}

// move gives the publisher another postal address, which is a part of what people agree to.
func (j *joining) move(to string) {
	j.t.Helper()
	j.list.PostalAddress = to
	if _, err := j.store.UpdateList(j.t.Context(), j.list); err != nil {
		j.t.Fatal(err)
	}
}

// listmonk #2296: a list that is not open to all does not exist for the public, whatever one knows of it.
func TestClosedList(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	j.publication(2)
	stamp, several := j.stamp("/subscribe/list-0", 10*time.Second), j.stamp("/subscribe/to/courier", 10*time.Second)
	j.exec(`UPDATE lists SET signup_open = slug <> 'list-0'`)
	missing := j.do("GET", "/subscribe/no-such-list", "")
	for name, a := range map[string]answer{
		"page":           j.do("GET", "/subscribe/list-0", ""),
		"form":           j.joinWith("/subscribe/list-0", url.Values{"address": {"x@example.org"}, "stamp": {stamp}}),
		"no publication": j.do("GET", "/subscribe/to/nobody", ""),
		"no text":        j.do("GET", "/subscribe/%ff", ""),
		"with a zero":    j.do("GET", "/subscribe/to/a%00", ""),
	} {
		if a.status != 404 || a.body != missing.body {
			t.Errorf("%s: %d\n%s", name, a.status, a.body)
		}
	}
	// Of the publication's form a list that was closed since is no choice any more.
	j.joinWith("/subscribe/to/courier", url.Values{"address": {"x@example.org"}, "stamp": {several}, "list": {"list-0", "list-1"}})
	j.work()
	if j.stateOf("x@example.org", "list-0") != "" || j.stateOf("x@example.org", "list-1") != subscribers.Pending {
		t.Errorf("closed: %q, open: %q", j.stateOf("x@example.org", "list-0"), j.stateOf("x@example.org", "list-1"))
	}
	// Nor is one that is closed between the form and the worker.
	j.join("/subscribe/list-1", "y@example.org")
	j.exec(`UPDATE lists SET signup_open = false`)
	j.work()
	if got := j.stateOf("y@example.org", "list-1"); got != "" {
		t.Errorf("it is %s", got)
	}
}

// What is wrong is said next to its field, and what was typed stays.
func TestFormFaults(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	const path = "/subscribe/daily"
	a := j.join(path, `not an "address"`)
	if a.status != 422 || !strings.Contains(a.body, `value="not an &#34;address&#34;"`) || !strings.Contains(a.body, `aria-invalid="true" aria-describedby="address-wrong"`) {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	stamp := j.stamp(path, 10*time.Second)
	send := func(fields ...string) answer {
		v := url.Values{"stamp": {stamp}}
		for i := 0; i < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		return j.joinWith(path, v)
	}
	// A slip of the finger is asked about, and either answer is one press.
	a = send("address", "jane@gmial.com")
	if a.status != 200 || !strings.Contains(a.body, `name="use" value="jane@gmail.com"`) || !strings.Contains(a.body, `name="sure" value="jane@gmial.com"`) {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	if j.waiting() != 0 {
		t.Error("it was taken before the question was answered")
	}
	send("address", "jane@gmial.com", "typed", "jane@gmial.com", "use", "jane@gmail.com")
	send("address", "jim@gmial.com", "sure", "jim@gmial.com")
	send("address", "corrected@example.net", "typed", "jane@gmial.com", "use", "jane@gmail.com") // put right by hand, and then the other button
	var got []string
	if err := j.db.SelectContext(t.Context(), &got, `SELECT canonical FROM signups ORDER BY id`); err != nil || !slices.Equal(got, []string{"jane@gmail.com", "jim@gmial.com", "corrected@example.net"}) {
		t.Errorf("%v, %v", got, err)
	}
	j.exec(`DELETE FROM signups`)
	// A page that was open for two days is shown anew, with what was typed.
	a = j.joinWith(path, url.Values{"address": {"slow@example.org"}, "stamp": {j.stamp(path, 48*time.Hour)}})
	if !strings.Contains(a.body, `value="slow@example.org"`) || !strings.Contains(a.body, "open for a long time") || j.waiting() != 0 {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	// In the language that was chosen, to the end.
	if a := j.do("GET", path+"?lang=fr", ""); !strings.Contains(a.body, "par courriel") || !strings.Contains(a.body, `name="lang" value="fr"`) || a.header.Get("Content-Language") != "fr" {
		t.Errorf("%s", a.body)
	}
	j.joinWith(path, url.Values{"address": {"luc@example.org"}, "stamp": {j.stamp(path+"?lang=fr", 10*time.Second)}, "lang": {"fr"}})
	j.work()
	if mail := j.mail("confirm", "luc@example.org"); !strings.Contains(mail, "Est-ce bien vous") {
		t.Errorf("the mail is not in French:\n%s", mail)
	}
	if a := j.do("GET", j.link("luc@example.org"), ""); a.header.Get("Content-Language") != "fr" {
		t.Error("the page of its link is not in French")
	}
	if a := j.post(path, strings.Repeat("x", 70<<10), "Origin", ownOrigin); a.status != 413 {
		t.Errorf("a huge body: %d", a.status)
	}
}

// The script of an embedded form is answered in JSON, and browsers may read it only where the form may stand.
func TestEmbeddedAnswers(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	form, err := j.signup.ForList(t.Context(), "daily")
	if err != nil {
		t.Fatal(err)
	}
	if form, err = j.signup.Set(t.Context(), form, nil, []string{"https://partner.example"}); err != nil {
		t.Fatal(err)
	}
	copied, err := j.signup.Snippet(form, form.Words(""))
	if err != nil {
		t.Fatal(err)
	}
	send := func(origin, address string) (answer, map[string]string) {
		t.Helper()
		a := j.post("/subscribe/daily", url.Values{"address": {address}, "stamp": {stampOf.FindStringSubmatch(copied)[1]}, "page": {origin + "/a/page"}}.Encode(),
			"Origin", origin, "Accept", "application/json")
		var out map[string]string
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			t.Fatalf("%d %s: %v", a.status, a.body, err)
		}
		return a, out
	}
	for origin, may := range map[string]bool{"https://partner.example": true, "https://www.paper.org": true, ownOrigin: true, "https://evil.example": false,
		"http://partner.example": false, "null": false} {
		before := j.waiting()
		a, out := send(origin, "x@example.org")
		if a.status != 200 || out["status"] != "taken" || !strings.Contains(out["text"], "x@example.org") {
			t.Errorf("%s: %d %s", origin, a.status, a.body)
		}
		allowed := a.header.Get("Access-Control-Allow-Origin")
		if taken := j.waiting() > before; taken != may || may && allowed != origin || !may && allowed != "" {
			t.Errorf("%s: taken %v, allowed %q; want %v", origin, taken, allowed, may)
		}
		if a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("no cookies are ever wanted")
		}
	}
	if a, out := send("https://partner.example", "x@gmial.com"); a.status != 200 || out["status"] != "typo" || out["suggestion"] != "x@gmail.com" || out["use"] == "" || out["keep"] == "" {
		t.Errorf("%d %v", a.status, out)
	}
	if a, out := send("https://partner.example", "x@@"); a.status != 422 || out["status"] != "address" || out["text"] == "" {
		t.Errorf("%d %v", a.status, out)
	}
	a := j.do("GET", "/subscribe.js", "")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/javascript") || !strings.HasPrefix(a.header.Get("Cache-Control"), "public") || strings.Contains(a.body, "innerHTML") {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// SEC-23: who is counted, and what is kept as evidence, does not come from a header that anybody can write.
func TestSEC23LimitsByNetwork(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trusted []netip.Prefix
		header  func(i int) string
		busy    int // of eight, or of 28 from one site
		network string
	}{
		"no proxy is trusted":    {[]netip.Prefix{}, func(i int) string { return fmt.Sprintf("203.0.%d.1", i) }, 0, ""}, // all from loopback, which tells nothing
		"through the proxy":      {nil, func(i int) string { return fmt.Sprintf("203.0.%d.1", i) }, 0, "203.0.0.1"},
		"forged before it":       {nil, func(i int) string { return fmt.Sprintf("203.0.%d.1, 198.51.100.%d", i, i) }, 3, "198.51.100.0"},
		"one customer's network": {nil, func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 3, "2001:db8::1"},
		"one site's networks":    {nil, func(i int) string { return fmt.Sprintf("2001:db8:0:%x00::1", i) }, 3, "2001:db8::1"},
		"many sites":             {nil, func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }, 0, "2001:db8::1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJoining(t, func(d *signup.Deps, p *public.Deps) { d.Caps.Network, p.TrustedProxies = 5, tc.trusted })
			stamp := j.stamp("/subscribe/daily", 10*time.Second)
			busy := 0
			n := 8
			if name == "one site's networks" {
				n = 28 // five times as many as one network's, and three
			}
			for i := range n {
				a := j.joinWith("/subscribe/daily", url.Values{"address": {fmt.Sprintf("r%d@example.org", i)}, "stamp": {stamp}}, "X-Forwarded-For", tc.header(i))
				if a.status != 429 {
					continue
				}
				busy++
				if !strings.Contains(a.body, fmt.Sprintf(`value="r%d@example.org"`, i)) || a.header.Get("Retry-After") == "" {
					t.Errorf("%s", a.body)
				}
			}
			if busy != tc.busy {
				t.Errorf("%d were refused; want %d", busy, tc.busy)
			}
			j.work()
			var network string
			if err := j.db.GetContext(t.Context(), &network, `SELECT network FROM consent_log c JOIN subscribers s ON s.id = c.subscriber_id WHERE canonical = 'r0@example.org'`); err != nil || network != tc.network {
				t.Errorf("kept is %q, %v; want %q", network, err, tc.network)
			}
		})
	}
}
