package main

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailer/internal/smtptest"
)

var (
	stampOf = regexp.MustCompile(`name="stamp" value="([^"]+)"`)
	tokenIn = regexp.MustCompile(`/(u|c|p|me|v|give)/[A-Za-z0-9_-]{20,}`)
)

// SEC-28: a service in which everything happens to readers that can, with the most talkative log: no address stands in it, no name and no
// token, and neither in the mail log. All readers have quince in their addresses, and nothing else has.
func TestLogsNameNobody(t *testing.T) {
	w := &wire{rig: newRig(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		switch {
		case strings.Contains(e.Line, "quince.refused"):
			return smtptest.Reply("550 5.1.1 <quince.refused@example.org>: user unknown, quince.refused@example.org")
		case strings.Contains(e.Line, "quince.later"):
			return smtptest.Reply("450 4.2.1 <quince.later@example.org>: come back")
		}
		return smtptest.Go()
	}))}
	mails := filepath.Join(t.TempDir(), "mail.jsonl")
	w.set("MAILER_LOG_LEVEL", "debug")
	w.db = w.database()
	story := w.list("email,name\nquince.ada@example.org,Ada Quince\nquince.refused@example.org,Ref Quince\nquince.later@example.org,Late Quince\nnot quince,Nobody\n")
	w.run("lists", "update", "weekly", "--signup-open")
	p := w.serve()
	w.address = p.address()
	defer func() {
		if t.Failed() {
			t.Logf("the service says:\n%s", p.said())
		}
	}()

	// A sign-up, as a browser does it after a moment; before that it is dropped.
	found := stampOf.FindStringSubmatch(page(t, "GET", "http://"+w.address+"/subscribe/weekly", ""))
	if found == nil {
		t.Fatal("the form has no stamp")
	}
	form := url.Values{"address": {"quince.new@gmail.com"}, "stamp": {html.UnescapeString(found[1])}}.Encode()
	w.until("the sign-up is taken", func() bool {
		req, err := http.NewRequest("POST", "http://"+w.address+"/subscribe/weekly", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "https://news.example.org")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return w.copies("quince.new@gmail.com") > 0
	})
	confirm := w.mailTo("quince.new@gmail.com", func(letter) bool { return true })
	page(t, "POST", confirm.link(t, "/c/", w.address), "action=confirm")

	// A send, with a refusal and an answer that put the address in; and what readers do with it.
	id := w.campaign(story)
	w.run("campaigns", "start", id, "--yes")
	w.until("three are through", func() bool {
		return value[int](t, w.db, `SELECT count(*) FROM outcomes`) >= 4
	})
	w.run("campaigns", "pause", id)
	mail := w.mailTo("quince.ada@example.org", isBulk)
	page(t, "POST", mail.oneClick(t, w.address), "List-Unsubscribe=One-Click")
	preferences := mail.link(t, "/p/", w.address)
	page(t, "GET", preferences, "")
	page(t, "POST", preferences, "action=fresh")
	fresh := w.mailTo("quince.ada@example.org", func(l letter) bool { return strings.Contains(l.text, "/me/") }).link(t, "/me/", w.address)
	for _, path := range []string{"", "/data", "/data.json", "/erase"} {
		if body := page(t, "GET", fresh+path, ""); path == "/data" && !strings.Contains(body, "quince.ada@example.org") {
			t.Error("the page of the data does not show them")
		}
	}
	page(t, "POST", fresh+"/erase", "erase=everything")
	if n := value[int](t, w.db, `SELECT count(*) FROM subscribers WHERE canonical LIKE 'quince.ada%'`); n != 0 {
		t.Fatal("the reader is not erased")
	}
	p.signal(syscall.SIGTERM)
	p.ends(20 * time.Second)

	// The same once more with a mail log of its own.
	w.set("MAILER_MAIL_LOG", mails)
	again := w.serve()
	again.address()
	w.run("campaigns", "resume", id)
	w.until("a line in the mail log", func() bool {
		_, _ = w.db.Exec(`UPDATE retries SET due = clock_timestamp()`)
		b, _ := os.ReadFile(mails)
		return len(b) > 0
	})
	again.signal(syscall.SIGTERM)
	again.ends(20 * time.Second)

	b, err := os.ReadFile(mails)
	if err != nil {
		t.Fatal(err)
	}
	logs := p.said() + again.said() + string(b)
	if !strings.Contains(logs, "q•••@example.org") || !strings.Contains(logs, "/me/…") {
		t.Error("the log does not tell of what happened: the test does not test what it says")
	}
	for line := range strings.Lines(logs) {
		if strings.Contains(strings.ToLower(line), "quince") {
			t.Errorf("SEC-28: a reader is named: %s", line)
		}
		if tokenIn.MatchString(line) {
			t.Errorf("SEC-28: a token stands in the log: %s", line)
		}
	}
}

// What a service does by itself: it lets go what was kept long enough, notes the end of consent, and goes on with an erasure that
// broke off. DOI-06, DOI-08, SEC-28
func TestServeLetsGo(t *testing.T) {
	w := &wire{rig: newRig(t)}
	w.db = w.database()
	w.list("email,name\nada@example.org,Ada\nbasil@example.org,Basil\ncleo@example.org,Cleo\n")
	w.set("MAILER_KEEP_PENDING", "10d")
	for _, q := range []string{
		`UPDATE subscriptions SET state = 'pending', confirmed_at = NULL, created_at = now() - interval '11 days' WHERE subscriber_id = 1`,
		`UPDATE subscriptions SET expires_at = now() - interval '1 day' WHERE subscriber_id = 2`,
		`INSERT INTO consent_log (subscriber_id, event, method, network, at) VALUES (2, 'signed_up', 'form', '203.0.113.77', now() - interval '31 days')`,
		`INSERT INTO erasures (asked_by, numbers, addresses, address_hash) SELECT 'reader', ARRAY[id], ARRAY[canonical], address_hash FROM subscribers WHERE id = 3`,
	} {
		if _, err := w.db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	p := w.serve()
	defer func() {
		if t.Failed() {
			t.Logf("the service says:\n%s", p.said())
		}
	}()
	for what, query := range map[string]string{
		"the sign-up is purged":          `SELECT NOT EXISTS (SELECT FROM subscribers WHERE id = 1)`,
		"the end of consent is noted":    `SELECT EXISTS (SELECT FROM consent_log WHERE subscriber_id = 2 AND event = 'expired')`,
		"the network is shortened":       `SELECT EXISTS (SELECT FROM consent_log WHERE network = '203.0.113.0/24')`,
		"the erasure is gone on with":    `SELECT NOT EXISTS (SELECT FROM subscribers WHERE id = 3) AND EXISTS (SELECT FROM erasures WHERE erased_at IS NOT NULL)`,
		"who is erased stays suppressed": `SELECT EXISTS (SELECT FROM suppressions WHERE address IS NULL)`,
	} {
		w.until(what, func() bool { return value[bool](t, w.db, query) })
	}
	w.until("it says so", func() bool {
		return strings.Contains(p.said(), `msg=retention what="pending sign-ups" rows=1`) && strings.Contains(p.said(), "msg=erasures resumed=1")
	})
}
