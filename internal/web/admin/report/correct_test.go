package report_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/web/admin/admintest"
)

// carried is a newsroom with a story that has gone out to both lists.
func carried(t *testing.T) *admintest.Rig {
	t.Helper()
	r, _ := newsroom(t)
	for _, q := range []string{
		`INSERT INTO articles (guid, title, url, published_at, content_hash) VALUES ('a', 'Cranes <i>move</i> south', 'https://www.example.org/cranes', '2026-11-21', ''), ('b', 'Never mailed', '', '2026-11-21', '')`,
		`INSERT INTO campaign_stories (campaign_id, article_id, picked) VALUES (1, 1, '{"title": "Cranes"}'), (2, 1, '{"title": "Cranes"}')`,
		`UPDATE lists SET legal_name = 'Courier Ltd', postal_address = '1 Harbour Street', contact = 'desk@example.org', home_url = 'https://www.example.org', description = 'News'`,
	} {
		if _, err := r.DB.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// An editor corrects a story, drafts the mail, and takes the note back; who is not an editor of every list that carried it may not (SEC-06),
// and nothing of it happens by a GET (SEC-05).
func TestCorrect(t *testing.T) {
	t.Parallel()
	r := carried(t)
	editor, writer, half := r.Client(r.Person("Ines", accounts.Editor)), r.Client(r.Person("Willa", accounts.Writer)), r.Client(r.Person("Hal", accounts.Editor, 1))
	number := func(q string) (n int) {
		t.Helper()
		if err := r.DB.GetContext(t.Context(), &n, q); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const page = "/admin/stories/1/correct"
	note := url.Values{"note": {"It was 40 cranes, not 400.\n<script>alert(1)</script>"}}
	for name, c := range map[string]*admintest.Client{"a writer": writer, "an editor of one of its lists": half} {
		if p := c.Post(page, note); p.Status != 403 || number(`SELECT count(*) FROM corrections`) != 0 {
			t.Errorf("SEC-06: %s: %d", name, p.Status)
		}
	}
	if p := half.Get(page); p.Status != 200 || strings.Contains(p.Body, "Evening") || strings.Contains(p.Body, "<textarea") {
		t.Errorf("SEC-06: an editor of one of its lists sees %d\n%s", p.Status, p.Body)
	}
	if p := editor.Get(page); p.Status != 200 || !strings.Contains(p.Body, "Evening") || !strings.Contains(p.Body, "<textarea") || strings.Contains(p.Body, "<i>move") {
		t.Errorf("the form: %d\n%s", p.Status, p.Body)
	}
	if p := editor.Post(page, url.Values{"note": {" \n"}}); p.Status != 400 || !strings.Contains(p.Body, "Say what was wrong") || !strings.Contains(p.Body, `aria-invalid="true"`) {
		t.Errorf("an empty note: %d", p.Status)
	}
	p := editor.Post(page, note)
	if p.Status != 200 || p.URL != page || !strings.Contains(p.Body, "It was 40 cranes, not 400.") || strings.Contains(p.Body, "<script>alert") || number(`SELECT count(*) FROM corrections WHERE made_by = 'ines@example.org'`) != 1 {
		t.Fatalf("the note: %d at %s\n%s", p.Status, p.URL, p.Body)
	}
	for _, path := range []string{"/admin/corrections/1/mail?list=morning", "/admin/corrections/1/take-back"} {
		if p := editor.Raw("GET", path, nil, nil); p.Status != 404 && p.Status != 405 {
			t.Errorf("SEC-05: GET %s: %d", path, p.Status)
		}
	}
	if p := half.Post("/admin/corrections/1/mail", url.Values{"list": {"evening"}}); p.Status != 404 {
		t.Errorf("SEC-06: the mail of a foreign list: %d", p.Status)
	}
	for range 2 { // a double click
		p = editor.Raw("POST", "/admin/corrections/1/mail", url.Values{"list": {"morning"}}, nil)
	}
	id := number(`SELECT coalesce(max(id), 0) FROM campaigns WHERE own_rule IS NOT NULL AND state = 'draft' AND created_by = 'ines@example.org'`)
	if p.Status != 303 || id == 0 || p.Header.Get("Location") != fmt.Sprintf("/admin/campaigns/%d", id) || number(`SELECT count(*) FROM campaigns WHERE own_rule IS NOT NULL`) != 1 {
		t.Errorf("the draft: %d to %s, campaign %d", p.Status, p.Header.Get("Location"), id)
	}
	if p := half.Post("/admin/corrections/1/take-back", nil); p.Status != 403 {
		t.Errorf("SEC-06: taken back by an editor of one of its lists: %d", p.Status)
	}
	if p := editor.Post("/admin/corrections/1/take-back", nil); p.Status != 200 || !strings.Contains(p.Body, "Taken back") || number(`SELECT count(*) FROM corrected`) != 0 {
		t.Errorf("taken back: %d", p.Status)
	}
	if n := number(`SELECT count(*) FROM audit_log WHERE actor = 'ines@example.org' AND action IN ('story.correct', 'story.uncorrect', 'campaign.create')`); n != 3 {
		t.Errorf("SEC-25: %d acts in the audit log", n)
	}
	if p := editor.Get("/admin/stories/99/correct"); p.Status != 404 {
		t.Errorf("a story that is not there: %d", p.Status)
	}
}
