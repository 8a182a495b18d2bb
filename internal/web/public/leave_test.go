package public_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// UNS-01: looking changes nothing, however it is done.
func TestUNS01LookingChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, header := range map[string][]string{
		"plain": nil, "prefetch": {"Sec-Purpose", "prefetch"}, "prerender": {"Sec-Purpose", "prefetch;prerender"}, "old prefetch": {"Purpose", "prefetch"},
		"scanner": {"User-Agent", "BarraCuda", "Referer", "https://scanner.example/"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			for range 20 {
				a := r.do(method, "/u/"+r.token+"?action=all&List-Unsubscribe=One-Click", "", header...)
				if a.status != 200 || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" ||
					!strings.Contains(a.header.Get("X-Robots-Tag"), "noindex") {
					t.Fatalf("%s %s: %d %v", name, method, a.status, a.header)
				}
			}
		}
	}
	// A GET with a body is still a GET.
	r.want("GET with a body", r.do(http.MethodGet, "/u/"+r.token, oneClick, "Content-Type", formType), 200, subscribers.Confirmed)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		a := r.do(method, "/u/"+r.token, oneClick, "Content-Type", formType)
		r.want(method, a, 405, subscribers.Confirmed)
		if a.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", method)
		}
	}
	if n := r.count(`SELECT count(*) FROM consent_log`) + r.count(`SELECT count(*) FROM leaves`); n != 1 {
		t.Errorf("%d lines were written; want the one of the sign-up", n)
	}
}

// UNS-02: a POST as bare as can be.
func TestUNS02OneClick(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// As bare as a mail provider sends it.
	a := r.post("/u/"+r.token, oneClick, "User-Agent", "")
	r.want("one-click", a, 200, subscribers.Unsubscribed)
	log, err := r.store.ConsentLog(t.Context(), r.person.ID)
	if err != nil || len(log) != 2 {
		t.Fatalf("log %v, %v", log, err)
	}
	if c := log[1]; c.Method != "one-click" || c.Event != "unsubscribed" || *c.CampaignID != 7 || *c.ListID != r.list.ID { // UNS-17
		t.Errorf("evidence %+v", c)
	}
}

// UNS-03: every way to send the same.
func TestUNS03OneClickForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h2 := &http.Client{Transport: func() *http.Transport {
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(true)
		return tr
	}()}
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	_ = mw.WriteField("List-Unsubscribe", "One-Click")
	_ = mw.Close()
	chunked := func(s string) io.Reader { return io.MultiReader(strings.NewReader(s[:5]), strings.NewReader(s[5:])) } // of no known length
	for name, send := range map[string]func() answer{
		"urlencoded": func() answer { return r.post("/u/"+r.token, oneClick) },
		"charset": func() answer {
			return r.do("POST", "/u/"+r.token, oneClick, "Content-Type", formType+`; Charset="UTF-8"`)
		},
		"upper-case type": func() answer { return r.do("POST", "/u/"+r.token, oneClick, "Content-Type", strings.ToUpper(formType)) },
		"no type":         func() answer { return r.do("POST", "/u/"+r.token, oneClick) },
		"text":            func() answer { return r.do("POST", "/u/"+r.token, oneClick, "Content-Type", "text/plain") },
		"blanks":          func() answer { return r.post("/u/"+r.token, " List-Unsubscribe = One-Click \r\n") },
		"encoded":         func() answer { return r.post("/u/"+r.token, "List%2DUnsubscribe=One%2dClick") },
		"among others":    func() answer { return r.post("/u/"+r.token, "a=b&"+oneClick+"&c=%zz") },
		"with query":      func() answer { return r.post("/u/"+r.token+"?utm_source=x", oneClick) },
		"multipart": func() answer {
			return r.do("POST", "/u/"+r.token, form.String(), "Content-Type", mw.FormDataContentType())
		},
		"multipart charset": func() answer {
			return r.do("POST", "/u/"+r.token, form.String(), "Content-Type", mw.FormDataContentType()+"; charset=utf-8")
		},
		"multipart CR LF in value": func() answer {
			return r.do("POST", "/u/"+r.token, "--x\r\ncontent-disposition: form-data; name=\"List-Unsubscribe\"\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nOne-Click\r\n\r\n--x--\r\n", "Content-Type", "multipart/form-data; boundary=x")
		},
		"multipart with the boundary unquoted": func() answer {
			return r.do("POST", "/u/"+r.token, "------=_Part_1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n------=_Part_1--\r\n", "Content-Type", "multipart/form-data; boundary=----=_Part_1")
		},
		"multipart without a boundary": func() answer {
			return r.do("POST", "/u/"+r.token, form.String(), "Content-Type", "multipart/form-data")
		},
		"multipart without its end": func() answer {
			return r.do("POST", "/u/"+r.token, "--x\r\nContent-Disposition: form-data; name=List-Unsubscribe\r\n\r\nOne-Click", "Content-Type", "multipart/form-data; boundary=x")
		},
		"urlencoded, called multipart": func() answer {
			return r.do("POST", "/u/"+r.token, oneClick, "Content-Type", "multipart/form-data; boundary=x")
		},
		"chunked": func() answer {
			return r.doWith(noRedirect, "POST", "/u/"+r.token, chunked(oneClick), "Content-Type", formType)
		},
		"HTTP/2": func() answer {
			return r.doWith(h2, "POST", "/u/"+r.token, strings.NewReader(oneClick), "Content-Type", formType)
		},
		"HTTP/1.0": func() answer {
			return r.raw("POST /u/" + r.token + " HTTP/1.0\r\nContent-Length: 26\r\nContent-Type: " + formType + "\r\n\r\n" + oneClick)
		},
		"lower-case header names": func() answer {
			return r.raw("POST /u/" + r.token + " HTTP/1.1\r\nhost: news.paper.org\r\nconnection: close\r\ncontent-length: 26\r\ncontent-type: " + formType + "\r\n\r\n" + oneClick)
		},
		"Expect": func() answer { return r.post("/u/"+r.token, oneClick, "Expect", "100-continue") },
	} {
		r.again()
		r.want(name, send(), 200, subscribers.Unsubscribed)
	}
}

// raw sends bytes as they are.
func (r *rig) raw(request string) answer {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: request[:strings.IndexByte(request, ' ')]})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// UNS-04: a POST is never sent elsewhere, whatever its address looks like.
func TestUNS04NoRedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, send := range map[string]func() answer{
		"trailing slash":    func() answer { return r.post("/u/"+r.token+"/", oneClick) },
		"two slashes":       func() answer { return r.post("//u/"+r.token, oneClick) },
		"slash inside":      func() answer { return r.post("/u//"+r.token, oneClick) },
		"dot":               func() answer { return r.post("/./u/"+r.token, oneClick) },
		"dots":              func() answer { return r.post("/x/../u/"+r.token, oneClick) },
		"encoded":           func() answer { return r.post("/%75/"+r.token, oneClick) },
		"upper-case host":   func() answer { return r.post("/u/"+r.token, oneClick, "Host", "NEWS.PAPER.ORG") },
		"www":               func() answer { return r.post("/u/"+r.token, oneClick, "Host", "www.news.paper.org") },
		"other host":        func() answer { return r.post("/u/"+r.token, oneClick, "Host", "127.0.0.1:80") },
		"http behind https": func() answer { return r.post("/u/"+r.token, oneClick, "X-Forwarded-Proto", "http") },
		"whole address": func() answer {
			return r.raw("POST http://news.paper.org/u/" + r.token + " HTTP/1.1\r\nHost: news.paper.org\r\nConnection: close\r\nContent-Length: 26\r\nContent-Type: " + formType + "\r\n\r\n" + oneClick)
		},
		"no host": func() answer {
			return r.raw("POST /u/" + r.token + " HTTP/1.0\r\nContent-Length: 26\r\n\r\n" + oneClick)
		},
	} {
		r.again()
		r.want(name, send(), 200, subscribers.Unsubscribed)
	}
	for _, path := range []string{"/", "/u", "/u/", "/nothing", "/u/x/y", "//", "/U/" + r.token} {
		for _, method := range []string{"GET", "POST"} {
			if a := r.do(method, path, oneClick); a.status/100 == 3 || a.status/100 == 5 {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
		}
	}
}

// UNS-05: where the POST comes from does not matter.
func TestUNS05ForeignOrigin(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/u/"+r.token, oneClick, "Origin", "https://mail.example", "Referer", "https://mail.example/x", "Cookie", "session=stale; csrf=0",
		"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors")
	r.want("foreign origin", a, 200, subscribers.Unsubscribed)
}

// UNS-06: the form does what its button says, and what says nothing does nothing.
func TestUNS06Bodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, body := range map[string]string{
		"empty": "", "other": "foo=bar", "no value": "List-Unsubscribe", "other value": "List-Unsubscribe=yes", "unknown action": "action=everything",
		"garbage": "\x00\xff%%%&&==;", "JSON": `{"List-Unsubscribe":"One-Click"}`, "upper-case action": "ACTION=list", "confirm": "action=confirm",
	} {
		a := r.post("/u/"+r.token, body)
		r.want(name, a, 200, subscribers.Confirmed)
		if !strings.Contains(a.body, `value="list"`) {
			t.Errorf("%s: the page with the button is not there", name)
		}
		for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=x", "multipart/mixed; boundary=", ";;;", "text/html", "multipart/form-data; boundary=" + strings.Repeat("x", 5000)} {
			r.want(name+" as "+kind[:min(40, len(kind))], r.do("POST", "/u/"+r.token, body, "Content-Type", kind), 200, subscribers.Confirmed)
		}
	}
	many := strings.Repeat("--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n", 1000) + "--x--\r\n"
	r.want("many parts", r.do("POST", "/u/"+r.token, many, "Content-Type", "multipart/form-data; boundary=x"), 200, subscribers.Confirmed)
	r.want("too large", r.post("/u/"+r.token, strings.Repeat("a", 65<<10)), 413, subscribers.Confirmed)
	r.want("large and one-click", r.post("/u/"+r.token, "a="+strings.Repeat("a", 60<<10)+"&"+oneClick), 200, subscribers.Unsubscribed)

	// UNS-16: this list, all mail, and undo by the same link.
	r.again()
	other := r.newList("weekly", "The Weekly")
	if _, err := r.store.Add(t.Context(), subscribers.AddRequest{Address: "jane.doe@example.org", ListID: other.ID, Confirmed: true, Source: "test"}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		action, state string
		mailable      int
		has, hasNot   string
	}{
		{"list", subscribers.Unsubscribed, 1, `value="undo"`, `value="list"`},
		{"all", subscribers.Unsubscribed, 0, `value="undo"`, `value="all"`},
		{"undo", subscribers.Confirmed, 2, "Everything is as it was", `value="undo"`},
		{"all", subscribers.Confirmed, 0, `value="undo"`, `value="list"`},
		{"undo", subscribers.Confirmed, 2, "Everything is as it was", `value="undo"`},
		{"undo", subscribers.Confirmed, 2, "too late", ""},
	} {
		a := r.post("/u/"+r.token, "action="+step.action)
		r.want(step.action, a, 200, step.state)
		if n := r.count(`SELECT count(*) FROM mailable`); n != step.mailable {
			t.Errorf("%s: %d lists go to the reader; want %d", step.action, n, step.mailable)
		}
		if !strings.Contains(a.body, step.has) || step.hasNot != "" && strings.Contains(a.body, step.hasNot) {
			t.Errorf("%s: the page has not %q, or has %q:\n%s", step.action, step.has, step.hasNot, a.body)
		}
	}
}

// UNS-07: ten in a row and fifty at once are one event.
func TestUNS07Repeats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if a := r.post("/u/"+r.token, oneClick); a.status != 200 {
				t.Errorf("%d", a.status)
			}
		})
	}
	wg.Wait()
	for range 10 {
		r.want("repeat", r.post("/u/"+r.token, oneClick), 200, subscribers.Unsubscribed)
	}
	if n := r.count(`SELECT count(*) FROM consent_log WHERE event = 'unsubscribed'`); n != 1 {
		t.Errorf("%d events; want 1", n)
	}
}

// UNS-08 and UNS-10: every token that names nobody gets the same answer, to the letter.
func TestUNS08Forged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.ring.Current()
	tokens := map[string]string{
		"unknown":      strings.Repeat("A", len(r.token)),
		"truncated":    r.token[:len(r.token)-1],
		"half":         r.token[:20],
		"longer":       r.token + "A",
		"confirm":      r.ring.ConfirmToken(key, links.Confirm{Subscriber: r.person.ID, List: r.list.ID, Issued: time.Now()}),
		"view":         r.ring.ViewToken(key, links.View{Campaign: 7}),
		"gift":         r.ring.GiftToken(key, links.Gift{Campaign: 7, Variant: 1}),
		"bounce":       r.ring.BounceToken(key, links.Bounce{Campaign: 7, Subscriber: r.person.ID}),
		"other secret": newRing(t, "stranger").LeaveToken(newRing(t, "stranger").Current(), links.Leave{Subscriber: r.person.ID, List: r.list.ID, Campaign: 7}),
		"not base64":   "!!!!" + r.token[4:],
		"script":       "%3Cscript%3E",
		"line end":     r.token + "%0d%0aX-Evil:%20yes",
		"NUL":          r.token + "%00",
		// UNS-10: a real token of somebody who was erased; and of a list that never was.
		"erased":     r.ring.LeaveToken(key, links.Leave{Subscriber: 123456, List: r.list.ID, Campaign: 7}),
		"other list": r.ring.LeaveToken(key, links.Leave{Subscriber: r.person.ID, List: 4242, Campaign: 7}),
	}
	for i := range len(r.token) { // one character of another value
		other := byte('A')
		if r.token[i] == other {
			other = 'B'
		}
		tokens[fmt.Sprintf("character %d", i)] = r.token[:i] + string(other) + r.token[i+1:]
	}
	ways := map[string]func(token string) answer{
		"GET":       func(token string) answer { return r.do("GET", "/u/"+token, "") },
		"one-click": func(token string) answer { return r.post("/u/"+token, oneClick) },
		"list":      func(token string) answer { return r.post("/u/"+token, "action=list") },
		"all":       func(token string) answer { return r.post("/u/"+token, "action=all") },
		"undo":      func(token string) answer { return r.post("/u/"+token, "action=undo") },
	}
	for way, send := range ways {
		want := send(tokens["unknown"])
		want.header.Del("Date")
		for name, token := range tokens {
			if name == "other list" && way != "GET" {
				continue // the reader exists, so "all" is the reader's right
			}
			got := send(token)
			got.header.Del("Date")
			if got.status != 200 || got.body != want.body || !maps.EqualFunc(got.header, want.header, slices.Equal) {
				t.Errorf("%s, %s: %d %v\n%s\nwant %d %v", way, name, got.status, got.header, got.body, want.status, want.header)
			}
		}
	}
	if r.state() != subscribers.Confirmed || r.count(`SELECT count(*) FROM leaves`)+r.count(`SELECT count(*) FROM suppressions`) != 0 {
		t.Error("something was changed")
	}
}

// UNS-09: a link works for ever.
func TestUNS09OldLinks(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	old := newRing(t, "first")
	token := func(person, list int64) string {
		return old.LeaveToken(old.Current(), links.Leave{Subscriber: person, List: list, Campaign: 7})
	}
	r := newRigOn(t, d, newRing(t, "third", "second", "first"))
	for name, change := range map[string]string{
		"two rotations":   ``,
		"five years":      `UPDATE subscriptions SET created_at = now() - interval '5 years', confirmed_at = now() - interval '5 years'`,
		"list archived":   `UPDATE lists SET archived_at = now()`,
		"list renamed":    `UPDATE lists SET name = 'The Nightly', from_address = 'x@other.org'`,
		"address changed": `UPDATE subscribers SET address = 'new@example.net', canonical = 'new@example.net', wire = 'new@example.net', address_hash = '\x01'`,
	} {
		r.again()
		if _, err := d.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		if a := r.do("GET", "/u/"+token(r.person.ID, r.list.ID), ""); a.status != 200 || !strings.Contains(a.body, `value="list"`) {
			t.Errorf("%s: the page is not there: %d", name, a.status)
		}
		r.want(name, r.post("/u/"+token(r.person.ID, r.list.ID), oneClick), 200, subscribers.Unsubscribed)
	}
}

// UNS-15 (without a browser), UNS-19, UNS-20: what the page shows, and what it does not.
func TestUNS20Page(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("GET", "/u/"+r.token, "")
	for _, want := range []string{`<html lang="en" dir="ltr">`, "The Daily &amp; Co", "j•••@example.org", `<form method="post">`, `value="list"`, `value="all"`, "https://www.paper.org/"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, leak := range []string{"jane", "Jane", "doe", "<script", "<img", "src=", "http-equiv", r.token, "onclick", "cookie", fmt.Sprintf(`"%d"`, r.person.ID)} {
		if strings.Contains(a.body, leak) {
			t.Errorf("the page has %q", leak)
		}
	}
	csp := a.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") ||
		a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", a.header)
	}
	// UNS-19: nothing to read in the address.
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{20,}$`).MatchString(r.token) || strings.Contains(r.token, "jane") {
		t.Errorf("token %q", r.token)
	}
	// UNS-20: the token opens nothing else.
	for _, path := range []string{"/c/", "/v/", "/k/", "/give/", "/p/", "/me/", "/preferences/", "/export/"} {
		for _, method := range []string{"GET", "POST"} {
			got := r.do(method, path+r.token, "action=confirm", "Content-Type", formType)
			if strings.Contains(got.body, "j•••") || strings.Contains(got.body, "The Daily") {
				t.Errorf("%s %s opened something: %d", method, path, got.status)
			}
		}
	}
	if r.state() != subscribers.Confirmed {
		t.Error("something was changed")
	}
}

// UNS-19: no token gets into the log, in whatever form it is asked for.
func TestUNS19Log(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/u/" + r.token, "//u/" + r.token, "/U/" + r.token, "/u/" + r.token + "/", "/" + r.token, "/healthz/" + r.token, "/u/" + r.token + "?x=" + r.token, "/c/" + r.token, "/v/" + r.token, "/k/" + r.token, "/p/" + r.token, "/me/" + r.token, "/give/" + r.token} {
		r.do("GET", path, "", "Referer", "https://news.paper.org/u/"+r.token)
		r.post(path, oneClick)
	}
	log := r.log.String()
	if strings.Contains(log, r.token) || strings.Contains(log, r.token[:12]) || strings.Contains(log, "127.0.0.1") {
		t.Errorf("the log has a token or an address:\n%s", log)
	}
	if !strings.Contains(log, `"path":"/u/…"`) || !strings.Contains(log, `"status":200`) {
		t.Errorf("the log tells nothing:\n%s", log)
	}
}

// The page is in the language of the list, and the neutral one in that of the browser.
func TestPageLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET language = 'fr-CA'`); err != nil {
		t.Fatal(err)
	}
	if a := r.do("GET", "/u/"+r.token, "", "Accept-Language", "en"); !strings.Contains(a.body, `lang="fr"`) || !strings.Contains(a.body, "Se désabonner") {
		t.Errorf("the page is not French:\n%s", a.body)
	}
	for accept, want := range map[string]string{"": "en", "de, fr;q=0.8, en;q=0.5": "fr", "en-GB,fr": "en", "ja": "en", ";;,": "en"} {
		if a := r.do("GET", "/u/nothing", "", "Accept-Language", accept); a.header.Get("Content-Language") != want {
			t.Errorf("Accept-Language %q: %s; want %s", accept, a.header.Get("Content-Language"), want)
		}
	}
}
