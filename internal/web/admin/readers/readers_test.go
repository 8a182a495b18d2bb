package readers_test

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

func count(t *testing.T, r *admintest.Rig, query string, args ...any) (n int) {
	t.Helper()
	if err := r.DB.GetContext(t.Context(), &n, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

func reader(t *testing.T, r *admintest.Rig, address string) subscribers.Subscriber {
	t.Helper()
	p, _, err := r.Subscribers.ByAddress(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// said is what a page says, without what stands around it.
func said(p admintest.Page) string {
	_, body, ok := strings.Cut(p.Body, `<div id="notices"`)
	if !ok {
		return p.Body
	}
	return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")), " ")
}

func pageOf(p subscribers.Subscriber) string { return "/admin/readers/" + strconv.FormatInt(p.ID, 10) }

// An editor finds a reader, sees what happened to them, and does what they asked for.
func TestReaders(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	ines := r.Client(r.Person("Ines", accounts.Editor))
	other, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "weekly", Name: "The Weekly", FromAddress: "w@paper.example"})
	if err != nil {
		t.Fatal(err)
	}
	add := func(values ...string) admintest.Page {
		form := url.Values{}
		for i := 0; i < len(values); i += 2 {
			form.Set(values[i], values[i+1])
		}
		return ines.Post("/admin/reader/new", form)
	}
	if p := add("address", "ada@reader.example", "list", "weekly", "confirmed", "on"); p.Status != 400 || !strings.Contains(p.Body, "where this person agreed") {
		t.Errorf("consent without evidence: %d\n%s", p.Status, said(p))
	}
	if n := count(t, r, `SELECT count(*) FROM subscribers WHERE canonical = 'ada@reader.example'`); n != 0 {
		t.Error("somebody was added without evidence")
	}
	if p := add("address", "ada@reader.example", "name", "Ada <b>Lovelace", "list", "weekly"); p.Status != 200 || !strings.Contains(p.Body, "asked by mail to confirm") {
		t.Errorf("added: %d\n%s", p.Status, said(p))
	}
	if n := count(t, r, `SELECT count(*) FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id WHERE s.canonical = 'ada@reader.example' AND sn.state = 'pending'`); n != 1 {
		t.Error("who did not confirm is not pending")
	}
	if n := count(t, r, `SELECT count(*) FROM outbox WHERE recipient = 'ada@reader.example' AND kind = 'confirm'`); n != 1 {
		t.Error("no mail asks to confirm")
	}
	if p := add("address", "eve@reader.example", "list", "weekly", "confirmed", "on", "source", "the fair, May 2026", "wording", "Yes, send it"); p.Status != 200 || !strings.Contains(p.Body, "from the next edition on") {
		t.Errorf("added with evidence: %d\n%s", p.Status, said(p))
	}
	ada, eve := reader(t, r, "ada@reader.example"), reader(t, r, "eve@reader.example")

	for q, want := range map[string]bool{"?q=eve@": true, "?q=ada+%3Cb": false, "?list=weekly": true, "?state=pending": false, "?q=nobody": false} {
		p := ines.Get("/admin/readers" + q)
		if p.Status != 200 || strings.Contains(p.Body, "eve@reader.example") != want || strings.Contains(p.Body, "<b>Lovelace") {
			t.Errorf("%s: %d, eve there: %v", q, p.Status, !want)
		}
	}
	p := ines.Get(pageOf(eve))
	for _, want := range []string{"eve@reader.example", "the fair, May 2026", "Yes, send it", "Added by somebody of the publication", "The Weekly"} {
		if !strings.Contains(p.Body, want) {
			t.Errorf("the page of a reader does not say %q", want)
		}
	}

	if p := ines.Post(pageOf(eve)+"/unsubscribe", url.Values{"list": {"weekly"}}); p.Status != 200 || !strings.Contains(p.Body, "nothing more of The Weekly") || !strings.Contains(p.Body, "taken off by somebody") {
		t.Errorf("unsubscribed: %d\n%s", p.Status, said(p))
	}
	// SEC-25: who did it stands in the audit log.
	if n := count(t, r, `SELECT count(*) FROM audit_log WHERE actor = 'ines@example.org' AND action = 'subscriber.unsubscribe' AND subject = $1`, "subscriber "+strconv.FormatInt(eve.ID, 10)); n != 1 {
		t.Error("nothing in the audit log")
	}
	if p := ines.Post(pageOf(eve)+"/suppress", url.Values{"reason": {"legal"}, "detail": {"letter of 3 May"}}); p.Status != 200 || !strings.Contains(p.Body, "a legal demand") || !strings.Contains(p.Body, "letter of 3 May") {
		t.Errorf("suppressed: %d\n%s", p.Status, said(p))
	}
	if p := ines.Post(pageOf(eve)+"/suppress", url.Values{"reason": {"because"}}); p.Status != 400 || !strings.Contains(p.Body, "no reason to suppress") {
		t.Errorf("suppressed for no reason: %d", p.Status)
	}
	data := ines.Post(pageOf(eve)+"/data", nil)
	if data.Status != 200 || !strings.HasPrefix(data.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(data.Body, `"address": "eve@reader.example"`) {
		t.Errorf("data: %d %v", data.Status, data.Header)
	}
	if p := ines.Post(pageOf(eve)+"/erase", url.Values{"typed": {"ada@reader.example"}}); p.Status != 400 || count(t, r, `SELECT count(*) FROM subscribers WHERE id = $1`, eve.ID) != 1 {
		t.Errorf("erased without the address: %d", p.Status)
	}
	if p := ines.Post(pageOf(eve)+"/erase", url.Values{"typed": {" Eve@reader.example "}}); p.Status != 200 || count(t, r, `SELECT count(*) FROM subscribers WHERE id = $1`, eve.ID) != 0 {
		t.Errorf("not erased: %d\n%s", p.Status, said(p))
	}
	if p := ines.Get(pageOf(eve)); p.Status != 404 {
		t.Errorf("who is erased has a page: %d", p.Status)
	}

	// Who may see one list sees its readers only, and what belongs to it of them.
	otto := r.Client(r.Person("Otto", accounts.Editor, r.List.ID))
	if _, err := r.Subscribers.Add(t.Context(), subscribers.AddRequest{Address: "both@reader.example", ListID: other.ID, Confirmed: true, Source: "secret fair"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Subscribers.Add(t.Context(), subscribers.AddRequest{Address: "both@reader.example", ListID: r.List.ID, Confirmed: true, Source: "open fair"}); err != nil {
		t.Fatal(err)
	}
	both := reader(t, r, "both@reader.example")
	if p := otto.Get(pageOf(ada)); p.Status != 404 {
		t.Errorf("SEC-06: a reader of another list: %d", p.Status)
	}
	if p := otto.Get("/admin/readers?q=ada"); strings.Contains(p.Body, "ada@reader.example") {
		t.Error("SEC-06: the search finds readers of another list")
	}
	if p := otto.Get("/admin/readers?list=weekly&q=both"); strings.Contains(p.Body, "The Weekly") {
		t.Error("SEC-06: the search shows another list")
	}
	if p := otto.Get(pageOf(both)); p.Status != 200 || !strings.Contains(p.Body, "open fair") || strings.Contains(p.Body, "secret fair") || strings.Contains(p.Body, "The Weekly") {
		t.Errorf("SEC-06: a reader of two lists: %d\n%s", p.Status, said(p))
	}
	if p := otto.Post(pageOf(both)+"/unsubscribe", url.Values{"list": {"weekly"}}); p.Status != 404 {
		t.Errorf("SEC-06: unsubscribed from another list: %d", p.Status)
	}
	if p := otto.Post(pageOf(both)+"/erase", url.Values{"typed": {"both@reader.example"}}); p.Status != 403 {
		t.Errorf("SEC-06: erased with a role on one list: %d", p.Status)
	}

	csv := otto.Get("/admin/lists/" + r.List.Slug + "/readers.csv")
	if csv.Status != 200 || !strings.HasPrefix(csv.Header.Get("Content-Type"), "text/csv") || !strings.Contains(csv.Body, "both@reader.example") {
		t.Errorf("export: %d %v", csv.Status, csv.Header)
	}
	if n := count(t, r, `SELECT count(*) FROM audit_log WHERE actor = 'otto@example.org' AND action = 'subscribers.export'`); n != 1 {
		t.Error("SEC-25: the export is not in the audit log")
	}
	if p := otto.Get("/admin/lists/weekly/readers.csv"); p.Status != 404 {
		t.Errorf("SEC-06: another list was exported: %d", p.Status)
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	ines := r.Client(r.Person("Ines", accounts.Editor))
	if p := ines.Get("/admin/segments"); p.Status != 200 || !strings.Contains(p.Body, "No segments yet") {
		t.Errorf("none: %d", p.Status)
	}
	try := func(rule string) admintest.Page {
		return ines.HTMX("GET", "/admin/segment/try?list="+r.List.Slug+"&rule="+url.QueryEscape(rule), nil)
	}
	if p := try("everybody"); p.Status != 200 || !strings.Contains(p.Body, "of 4") || strings.Contains(p.Body, "<html") || !strings.Contains(p.Body, "•••@") {
		t.Errorf("everybody: %d\n%s", p.Status, said(p))
	}
	if p := try(`city is "Paris`); !strings.Contains(p.Body, `city is <span class="at-fault">&#34;Paris</span>`) {
		t.Errorf("a mistake is not shown in its place:\n%s", said(p))
	}
	if p := try(`shoesize is 44`); !strings.Contains(p.Body, "shoesize") || !strings.Contains(p.Body, "No reader of this list has the attribute") {
		t.Errorf("an unknown attribute:\n%s", said(p))
	}
	// What the page says of the language is right.
	page := ines.Get("/admin/segment/new").Body
	for _, rule := range []string{"supporter and joined in the last 90 days", "joined before 2026-01-31", "language is fr", `city is "Paris"`, `"postal code" starts with "75"`} {
		if !strings.Contains(page, strings.ReplaceAll(rule, `"`, "&#34;")) && !strings.Contains(page, rule) {
			t.Errorf("the page does not name %s", rule)
		}
		if p := try(rule); strings.Contains(p.Body, "at-fault") {
			t.Errorf("%s is no rule:\n%s", rule, p.Body)
		}
	}
	if p := ines.Post("/admin/segment/new", url.Values{"slug": {"paris"}, "name": {"Paris"}, "rule": {"city is"}, "list": {r.List.Slug}}); p.Status != 400 || !strings.Contains(p.Body, "at-fault") {
		t.Errorf("a wrong rule was saved: %d", p.Status)
	}
	if p := ines.Post("/admin/segment/new", url.Values{"slug": {"paris"}, "name": {"Paris"}, "rule": {`city is "Paris"`}}); p.Status != 200 || p.URL != "/admin/segments/paris" {
		t.Errorf("saved: %d at %s", p.Status, p.URL)
	}
	if p := ines.Post("/admin/segments/paris", url.Values{"name": {"Paris and around"}, "rule": {`city is one of "Paris", "Melun"`}}); p.Status != 200 || !strings.Contains(p.Body, "Paris and around") {
		t.Errorf("changed: %d", p.Status)
	}
	if p := ines.Get("/admin/segments"); !strings.Contains(p.Body, "Melun") {
		t.Error("the list does not show the rule")
	}
	if p := ines.Post("/admin/segments/paris/delete", nil); p.Status != 200 || count(t, r, `SELECT count(*) FROM segments`) != 0 {
		t.Errorf("deleted: %d", p.Status)
	}
}

func TestSuppressions(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t)
	ines := r.Client(r.Person("Ines", accounts.Editor))
	if p := ines.Post("/admin/suppressions", url.Values{"address": {"no address"}, "add-reason": {"manual"}}); p.Status != 400 || !strings.Contains(p.Body, `id="f-address-problem"`) {
		t.Errorf("no address: %d\n%s", p.Status, said(p))
	}
	for _, reason := range []string{"manual", "complaint"} {
		if p := ines.Post("/admin/suppressions", url.Values{"address": {reason + "@reader.example"}, "add-reason": {reason}, "detail": {"note of " + reason}}); p.Status != 200 || !strings.Contains(p.Body, "note of "+reason) {
			t.Errorf("%s: %d", reason, p.Status)
		}
	}
	for q, want := range map[string]int{"": 2, "?q=Manual@READER.example": 1, "?q=comp": 1, "?reason=complaint": 1, "?reason=x": 2, "?q=nobody": 0, "?q=manual&reason=complaint": 0} {
		if got := strings.Count(ines.Get("/admin/suppressions"+q).Body, "note of "); got != want {
			t.Errorf("%s: %d; want %d", q, got, want)
		}
	}
	if p := ines.Post("/admin/suppressions/lift", url.Values{"address": {"manual@reader.example"}}); p.Status != 400 {
		t.Errorf("lifted without a reason: %d", p.Status)
	}
	if p := ines.Post("/admin/suppressions/lift", url.Values{"address": {"complaint@reader.example"}, "why": {"please"}}); p.Status != 409 {
		t.Errorf("lifted a complaint: %d", p.Status)
	}
	if p := ines.Post("/admin/suppressions/lift", url.Values{"address": {"manual@reader.example"}, "why": {"a slip"}}); p.Status != 200 {
		t.Errorf("not lifted: %d", p.Status)
	}
	if n := count(t, r, `SELECT count(*) FROM suppressions`); n != 1 {
		t.Errorf("%d suppressions", n)
	}
	if n := count(t, r, `SELECT count(*) FROM audit_log WHERE actor = 'ines@example.org' AND action = 'suppression.remove' AND detail->>'detail' = 'a slip'`); n != 1 {
		t.Error("SEC-25: the reason is not in the audit log")
	}
}
