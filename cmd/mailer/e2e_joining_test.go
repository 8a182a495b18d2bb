package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// A reader joins a running service by the form that the command line prints: one mail at once, the button, the welcome.
func TestJoinOnTheWire(t *testing.T) {
	r := newRig(t)
	r.list("email\nada@example.org\n")
	r.run("lists", "update", "weekly", "--signup-open")
	html := r.run("forms", "embed", "weekly")["html"].(string)
	stamp := regexp.MustCompile(`name="stamp" value="([^"]+)"`).FindStringSubmatch(html)
	if stamp == nil {
		t.Fatal(html)
	}
	p := r.serve()
	address := p.address()
	join := func(who string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/subscribe/weekly", strings.NewReader(url.Values{"address": {who}, "stamp": {stamp[1]}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "https://news.example.org")
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v\n%s", resp, err, p.said())
		}
		_ = resp.Body.Close()
	}
	const who = "new.reader@gmail.com"
	join(who)
	l := r.mailTo(who, func(letter) bool { return true })
	page(t, "POST", l.link(t, "/c/", address), "action=confirm")
	welcome := r.mailTo(who, func(l letter) bool { return strings.HasPrefix(l.subject(), "Welcome") })
	if got := r.subscription(who); got != "confirmed" || !strings.Contains(page(t, "GET", welcome.link(t, "/p/", address), ""), "The Weekly") {
		t.Errorf("%s; %s", got, welcome.text)
	}
	if n := value[int](t, r.database(), `SELECT count(*) FROM signups`); n != 0 {
		t.Errorf("%d requests are left", n)
	}
	// What another process took and left behind is found by a chore.
	if _, err := r.database().ExecContext(t.Context(), `INSERT INTO signups (list_id, lists, address, canonical, wording)
		SELECT id, ARRAY[id], 'left@example.org', 'left@example.org', 'Yes.' FROM lists`); err != nil {
		t.Fatal(err)
	}
	r.mailTo("left@example.org", func(letter) bool { return true })
}
