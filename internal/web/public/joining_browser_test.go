package public_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mailer/internal/browsertest"
	"mailer/internal/subscribers"
)

// The sign-up and confirm pages in a real browser without script, at 320 and 1280 px, light and dark, by keyboard, and looked
// over by axe.
func TestJoiningBrowser(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	j.publication(3)
	j.exec(`UPDATE lists SET name = 'The Quayside Courier Weekday Briefing', description = 'What matters in town, before breakfast.' WHERE slug = 'daily'`)
	j.exec(`UPDATE lists SET description = 'Long reads for slow mornings.' WHERE slug = 'list-1'`)
	j.exec(`UPDATE publications SET name = 'The Quayside Courier', description = 'Independent reporting from the harbour.'`)
	j.launch(7, "Ferry to run at night")
	b := browsertest.Open(t)
	n := 0
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			n++
			look := func(name string) { b.Look(fmt.Sprintf("%s-%d-%s", name, width, scheme)) }
			fill := func(address string) {
				j.ahead.Add(int64(10 * time.Second)) // a person takes some seconds
				browsertest.Ask[bool](b, fmt.Sprintf(`document.getElementById('address').type = 'text', document.getElementById('address').value = %q, true`, address))
			}
			who := fmt.Sprintf("reader-%d@example.org", n)
			b.Go(j.base + "/subscribe/daily")
			look("subscribe")
			fill("nobody")
			b.Press("button.main")
			look("subscribe-wrong")
			fill(strings.Replace(who, "example.org", "gmial.com", 1))
			b.Press("button.main")
			look("subscribe-typo")
			fill(who)
			b.Press("button[name=use]") // which is not for this address, so it does not count
			look("subscribe-taken")
			j.work()
			b.Go(j.base + j.link(who))
			look("confirm")
			if j.stateOf(who, "daily") != subscribers.Pending {
				t.Fatal("opening the page has confirmed")
			}
			b.Press("button[value=confirm]")
			look("confirm-done")
			if got := j.stateOf(who, "daily"); got != subscribers.Confirmed {
				t.Fatalf("the button left it %s", got)
			}
			b.Go(j.base + "/subscribe/to/courier")
			look("subscribe-several")
			several := fmt.Sprintf("several-%d@example.org", n)
			fill(several)
			b.Press("button.main")
			look("subscribe-several-wrong")
			browsertest.Ask[bool](b, `document.querySelectorAll('[name=list]').forEach((e, i) => e.checked = i > 1), true`)
			b.Press("button.main")
			j.work()
			link := j.link(several)
			b.Go(j.base + link)
			look("confirm-several")
			j.ahead.Add(int64(8 * 24 * time.Hour))
			b.Go(j.base + link)
			look("confirm-late")
			b.Press("button[value=again]")
			look("confirm-again")
			j.ahead.Add(-int64(8 * 24 * time.Hour))
			b.Go(j.base + "/subscribe/daily?lang=fr")
			look("subscribe-fr")
		}
	}
}

// The form on a page of another site: with its script it answers in place, without it on a page of ours.
func TestEmbeddedBrowser(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	form, err := j.signup.ForList(t.Context(), "daily")
	if err != nil {
		t.Fatal(err)
	}
	snippet, err := j.signup.Snippet(form, form.Words(""))
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=en><meta charset=utf-8><title>News</title><h1>News</h1>%s", strings.ReplaceAll(snippet, ownOrigin, j.base))
	}))
	defer site.Close()
	if _, err := j.signup.Set(t.Context(), form, nil, []string{site.URL}); err != nil {
		t.Fatal(err)
	}
	b := browsertest.Open(t)
	b.Scripts(true)
	b.Width(320)
	enter := func(address string) {
		browsertest.Ask[bool](b, fmt.Sprintf(`document.querySelector('[name=address]').value = %q, true`, address))
	}
	const submit = `document.querySelector('form button:not([type=button])').click(), true`
	b.Go(site.URL + "/story?from=here")
	enter("jane@gmial.com")
	browsertest.Ask[bool](b, submit)
	b.Until(`document.querySelectorAll('[data-mailer-says] button').length === 2`)
	b.Shoot("embedded-typo")
	browsertest.Ask[bool](b, `document.querySelector('[data-mailer-says] button').click(), true`)
	b.Until(`document.activeElement.getAttribute('role') === 'status'`)
	b.Shoot("embedded-taken")
	if got := browsertest.Ask[string](b, `location.href + ' ' + document.body.innerText`); !strings.HasPrefix(got, site.URL+"/story?from=here ") || !strings.Contains(got, "jane@gmail.com") {
		t.Errorf("with the script: %s", got)
	}
	b.Scripts(false)
	b.Go(site.URL + "/other")
	enter("jim@example.net")
	browsertest.Ask[bool](b, submit)
	b.Until(`location.pathname === '/subscribe/daily' && document.readyState === 'complete'`)
	if got := browsertest.Ask[string](b, `location.href + ' ' + document.querySelector('h1').innerText`); got != j.base+"/subscribe/daily Look into your inbox" {
		t.Errorf("without the script: %s", got)
	}
	j.work()
	for who, page := range map[string]string{"jane@gmail.com": site.URL + "/story", "jim@example.net": site.URL} {
		var source string
		err := j.db.GetContext(t.Context(), &source, `SELECT source_url FROM consent_log c JOIN subscribers s ON s.id = c.subscriber_id WHERE canonical = $1`, who)
		if err != nil || strings.TrimSuffix(source, "/") != page {
			t.Errorf("%s came from %q, %v; want %s", who, source, err, page)
		}
	}
}
