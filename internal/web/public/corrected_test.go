package public_test

import (
	"strings"
	"testing"

	"mailer/internal/links"
)

// A correction stands under its story in the archive and where the mail's link leads, as text; on top of pages from before stories had a mark at
// their end; and it goes when it is taken back. Campaigns that went out after it have none.
func TestCorrectedStories(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.openArchive(false)
	const html = `<!doctype html><html lang="fr"><head><title>T</title></head><body><table><tr><td>One story</td></tr><!--end of story 1--><tr><td>Another</td></tr><!--end of story 2--></table></body></html>`
	marked, before := past{id: 101, html: html, at: "2026-10-10T07:00:00Z"}, past{id: 102, html: strings.ReplaceAll(html, "<!--end", "<!--"), at: "2026-10-11T07:00:00Z"}
	for _, p := range []past{marked, before, {id: 103, html: html, at: "2026-10-20T07:00:00Z"}} {
		r.launched(p)
	}
	r.exec(`INSERT INTO articles (guid, title, published_at, content_hash) SELECT n::text, 'A story', now(), '' FROM generate_series(1, 2) n`)
	r.exec(`INSERT INTO campaign_stories (campaign_id, article_id, picked) SELECT c, a, '{"title": "Cranes <b>move</b>"}' FROM generate_series(101, 103) c, generate_series(1, 2) a`)
	r.exec(`INSERT INTO corrections (article_id, note, made_by, made_at) VALUES (1, E'It was 40,\nnot 400 <script>x</script>.', 'ed', '2026-10-15')`)
	token := func(id int64) string { return "/v/" + r.ring.ViewToken(r.ring.Current(), links.View{Campaign: id}) }
	for _, path := range []string{address(marked), token(101)} {
		a := newSite(t, r).do("GET", path, "")
		under, note, next := strings.Index(a.body, "One story"), strings.Index(a.body, "It was 40,"), strings.Index(a.body, "Another")
		if a.status != 200 || under < 0 || note < under || next < note || strings.Count(a.body, "It was 40,") != 1 {
			t.Errorf("%s: the note is not under its story: %d\n%s", path, a.status, a.body)
		}
		if strings.Contains(a.body, "<script>") || !strings.Contains(a.body, "&lt;script&gt;") {
			t.Errorf("SEC-10: %s: the note is not text", path)
		}
	}
	if a := newSite(t, r).do("GET", token(101), ""); !strings.Contains(a.body, "Rectificatif du 15 octobre 2026") {
		t.Errorf("the note is not in the language of its page:\n%s", a.body)
	}
	for _, path := range []string{address(before), token(102)} {
		a := newSite(t, r).do("GET", path, "")
		if note := strings.Index(a.body, "It was 40,"); note < 0 || note > strings.Index(a.body, "One story") || !strings.Contains(a.body, "Cranes &lt;b&gt;move") {
			t.Errorf("%s: the note is not on top:\n%s", path, a.body)
		}
	}
	if a := newSite(t, r).do("GET", token(103), ""); strings.Contains(a.body, "It was 40,") {
		t.Error("a campaign that went out after the correction has a note")
	}
	r.exec(`UPDATE corrections SET taken_back = now()`)
	for _, path := range []string{address(marked), token(101)} {
		if a := newSite(t, r).do("GET", path, ""); a.status != 200 || strings.Contains(a.body, "It was 40,") {
			t.Errorf("%s: taken back, the note is there: %d", path, a.status)
		}
	}
}
