package newsroom_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/audit"
)

func TestForms(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	// In this order: a story that is given back to its feed makes that read anew.
	for _, part := range []struct {
		name string
		do   func(*desk)
	}{{"list", (*desk).lists}, {"look", (*desk).looks}, {"topics and sign-up", (*desk).joining}, {"feeds", (*desk).feeds}, {"stories", (*desk).stories},
		{"appeals", (*desk).appeals}, {"pictures", (*desk).pictures}} {
		t.Run(part.name, func(t *testing.T) {
			of := *d
			of.T = t
			part.do(&of)
		})
	}
	// Whoever did it stands in the log by their address.
	entries, err := audit.Recent(t.Context(), d.DB, "", 200)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, e := range entries {
		done[e.Action+" "+e.Actor] = true
	}
	for act, who := range map[string]string{"list.create": "edith", "list.update": "edith", "publication.create": "edith", "topic.create": "edith", "topic.retire": "edith", "form.set": "edith",
		"feed.add": "edith", "feed.change": "edith", "feed.remove": "edith", "story.edit": "wanda", "story.release": "wanda", "story.import": "will", "appeal.create": "edith", "appeal.revise": "edith",
		"appeal.retire": "edith", "image.upload": "will", "image.describe": "wilma", "image.remove": "edith"} {
		if !done[act+" "+who+"@example.org"] {
			t.Errorf("the log does not have %s by %s", act, who)
		}
	}
}

func (d *desk) lists() {
	d.want(d.editor.Get("/admin/lists"), 200, d.List.Name, "can send")
	d.want(d.writer.Get("/admin/lists/new"), 403)
	bad := d.want(d.editor.Post("/admin/lists", url.Values{"slug": {"Evening Edition"}, "name": {"The <Evening>"}, "from_address": {"me@gmail.com"}}), 400,
		`value="The &lt;Evening&gt;"`, `id="f-slug-problem"`, `id="f-from_address-problem"`)
	if strings.Contains(bad.Body, "<Evening>") {
		d.Error("the name has become markup")
	}
	made := d.editor.Post("/admin/lists", url.Values{"slug": {"evening"}, "name": {"The Evening"}, "from_address": {"evening@paper.org"}, "signup_open": {"on"}, "id": {"1"}, "archived_at": {"2020-01-01"}})
	d.want(made, 200, "The Evening is made", "Type face")
	if got := d.text(`SELECT slug || ' ' || signup_open || ' ' || (archived_at IS NULL) FROM lists WHERE slug = 'evening'`); got != "evening false true" {
		d.Errorf("SEC-08: the list was made as %s", got)
	}
	d.want(d.editor.Get("/admin/lists/evening"), 200, "Nothing can be sent yet", "postal address")
	page := d.editor.Get(d.list)
	form := d.form(page, url.Values{"name": {"The Quayside Morning Post"}})
	d.want(d.editor.Post(d.list, form), 200, "Saved.", "The Quayside Morning Post")
	d.want(d.editor.Post(d.list, d.form(page, url.Values{"name": {"Overwritten"}})), 400, "Somebody else has changed this list", "Overwritten")
	if name := d.text(`SELECT name FROM lists WHERE id = $1`, d.List.ID); name != "The Quayside Morning Post" {
		d.Errorf("a second editor has overwritten the first: %s", name)
	}
	d.want(d.writer.Get(d.list), 200, "disabled", "Editors of this list can change this")
	d.want(d.writer.Post(d.list, form), 403)
	d.want(d.writer.Get("/admin/lists/evening"), 404)
	d.want(d.editor.Post("/admin/publications", url.Values{"slug": {"paper"}, "name": {"The Paper"}, "accent_colour": {"#123456"}}), 200, "The Paper stands")
	d.want(d.editor.Post("/admin/publications/paper", url.Values{"name": {""}}), 400, `id="f-name-problem"`)
}

func (d *desk) looks() {
	l, err := d.Subscribers.CreateList(d.Context(), d.likeList("looks"))
	if err != nil {
		d.Fatal(err)
	}
	at := "/admin/lists/" + l.Slug + "/look"
	mail := d.want(d.editor.Get(at+"/mail?accent_colour=%23aa0000&paper_colour=%23ffffff&type_face=clean"), 200, "#aa0000")
	if policy := mail.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "frame-ancestors 'self'; sandbox") || strings.Contains(policy, "script") || strings.Contains(mail.Body, "Georgia") {
		d.Errorf("SEC-11: the mail is shown with %s", policy)
	}
	form := d.form(d.editor.Get(at), url.Values{"accent_colour": {"#aa0000"}, "type_face": {"book"}})
	for name, tc := range map[string]struct {
		data []byte
		says string
	}{
		"SEC-16 svg":     {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), "SVG"},
		"SEC-16 page":    {[]byte(`<!doctype html><script>alert(1)</script>`), "web page"},
		"SEC-16 archive": {[]byte("PK\x03\x04../../etc/passwd"), "archive"},
	} {
		d.want(d.upload(d.editor, at, "logo", "logo.png", tc.data, form), 400, tc.says, `id="f-logo-problem"`)
		if got := d.text(`SELECT accent_colour || logo_url FROM lists WHERE id = $1`, l.ID); got != l.AccentColour {
			d.Errorf("%s: something was saved: %s", name, got)
		}
	}
	done := d.upload(d.editor, at, "logo", `x"><script>.svg`, append(picture(d.T, 480, 120), "<script>alert(1)</script>"...), form)
	if done.Status != http.StatusSeeOther {
		d.Fatalf("%d: %s", done.Status, done.Body)
	}
	got := d.text(`SELECT accent_colour || ' ' || type_face || ' ' || logo_width || ' × ' || logo_height || ' ' || logo_url FROM lists WHERE id = $1`, l.ID)
	if !strings.HasPrefix(got, "#aa0000 book 240 × 60 "+d.Images.Base+"/i/") || !strings.HasSuffix(got, ".png") {
		d.Errorf("saved as %s", got)
	}
	served := d.want(d.Stranger().Get(strings.TrimPrefix(d.text(`SELECT logo_url FROM lists WHERE id = $1`, l.ID), d.Images.Base)), 200)
	if kind := served.Header.Get("Content-Type"); kind != "image/png" || strings.Contains(served.Body, "script") || served.Header.Get("Set-Cookie") != "" {
		d.Errorf("SEC-16: the logo is served as %s with %v", kind, served.Header)
	}
	// A narrower logo keeps its shape.
	d.want(d.editor.Post(at, d.form(d.editor.Get(at), url.Values{"logo_width": {"120"}, "type_face": {"book"}})), 200, "Saved")
	if got := d.text(`SELECT logo_width || ' × ' || logo_height FROM lists WHERE id = $1`, l.ID); got != "120 × 30" {
		d.Errorf("made narrower it is %s", got)
	}
	d.want(d.editor.Post(at, d.form(d.editor.Get(at), url.Values{"type_face": {`x;background:url(//example.org)`}})), 400)
	d.want(d.writer.Get(at), 404)
}

func (d *desk) joining() {
	l, err := d.Subscribers.CreateList(d.Context(), d.likeList("joining"))
	if err != nil {
		d.Fatal(err)
	}
	at := "/admin/lists/" + l.Slug
	d.want(d.editor.Get(at+"/topics"), 200, "Everybody gets all of it")
	d.want(d.editor.Post(at+"/topics", url.Values{"name": {"Local news"}, "slug": {"Local News"}}), 400, `value="Local News"`, `id="f-slug-problem"`)
	d.want(d.editor.Post(at+"/topics", url.Values{"name": {"Local news"}, "slug": {"local"}}), 200, "Readers can choose Local news now")
	d.want(d.editor.Post(at+"/topics/local", url.Values{"name": {""}}), 400, `id="name-local-problem"`)
	d.want(d.editor.Post(at+"/topics/local", url.Values{"name": {"From here"}}), 200, "Saved.", "From here")
	d.want(d.editor.Post(at+"/topics/local/retire", nil), 200, "Nobody is asked about From here", "Retired: From here")
	d.want(d.editor.Post(at+"/topics/none/retire", nil), 404)

	page := d.want(d.editor.Get(at+"/signup"), 200, "Anybody may sign up")
	d.want(d.editor.Post(at+"/signup", d.form(page, url.Values{"signup_open": {"on"}, "archive_open": {"on"}, "welcome": {"on"}})), 200, "Saved.", "What people agree to")
	page = d.editor.Get(at + "/signup")
	open := url.Values{"signup_open": {"on"}, "welcome": {"on"}, "wording": {"Send me <everything>."}, "sites": {"https://www.paper.org\r\nnot a site"}}
	d.want(d.editor.Post(at+"/signup", d.form(page, open)), 400, `id="f-sites-problem"`, "not\na\nsite", "Send me &lt;everything&gt;.")
	open.Set("sites", "https://www.paper.org/join\r\nhttps://shop.paper.org")
	d.want(d.editor.Post(at+"/signup", d.form(d.editor.Get(at+"/signup"), open)), 200, "Saved.", "https://shop.paper.org")
	before := d.text(`SELECT count(*) FROM form_versions`)
	d.want(d.editor.Get(at+"/signup"), 200, "Show the code")
	if now := d.text(`SELECT count(*) FROM form_versions`); now != before {
		d.Error("a look at the page has put a wording on record")
	}
	d.want(d.editor.Post(at+"/signup/embed", nil), 200, "data-mailer", "Send me &amp;lt;everything&amp;gt;.")
	if now := d.text(`SELECT count(*) FROM form_versions`); now == before {
		d.Error("the wording that leaves the house is not on record")
	}
}

func (d *desk) feeds() {
	d.want(d.editor.Get("/admin/feeds"), 200, "City", "Read now")
	d.want(d.editor.Post("/admin/feeds", url.Values{"url": {"http://169.254.169.254/latest"}}), 400, `id="f-url-problem"`)
	d.want(d.editor.Post("/admin/feeds", url.Values{"url": {"https://example.org/feed"}, "minutes": {"soon"}}), 400, `id="f-minutes-problem"`)
	d.want(d.writer.Post("/admin/feeds", url.Values{"url": {"https://example.org/feed"}}), 403)
	added := d.want(d.editor.Post("/admin/feeds", url.Values{"url": {d.News.Base + "/nothing-here.rss"}, "title": {"Broken"}, "slug": {"broken"}, "minutes": {"5"}}), 200, "The feed is added. It could not be read", "It cannot be read")
	if added.URL != "/admin/feeds/broken" {
		d.Errorf("it leads to %s", added.URL)
	}
	slug := d.text(`SELECT slug FROM feeds WHERE slug <> 'broken' ORDER BY id LIMIT 1`)
	row := d.want(d.writer.HTMX("POST", "/admin/feeds/"+slug+"/poll", url.Values{}), 200, `<tr id="feed-`+slug+`"`, "Nothing has changed")
	if strings.Contains(row.Body, "<html") {
		d.Error("a whole page came instead of a row")
	}
	d.want(d.writer.Post("/admin/feeds/"+slug+"/poll", nil), 200, slug+": It was read")
	d.want(d.editor.Post("/admin/feeds/broken", url.Values{"title": {"Mended"}, "minutes": {"30"}}), 200, "Saved.", "Mended")
	if got := d.text(`SELECT title || ' ' || poll_seconds FROM feeds WHERE slug = 'broken'`); got != "Mended 1800" {
		d.Errorf("changed to %s", got)
	}
	d.want(d.writer.Post("/admin/feeds/broken/remove", nil), 403)
	d.want(d.editor.Post("/admin/feeds/broken/remove", nil), 200, "read no more")
	d.want(d.editor.Get("/admin/feeds/broken"), 404)
}

func (d *desk) stories() {
	d.want(d.writer.Get("/admin/stories"), 200, "The harbour wall was built")
	d.want(d.writer.Get("/admin/stories?q=HARBOUR+sea"), 200, "The harbour wall was built")
	if p := d.writer.Get("/admin/stories?q=no+such+words&section=City"); !strings.Contains(p.Body, "Nothing found") {
		d.Error("a search without a result does not say so")
	}
	d.want(d.writer.Get("/admin/stories?after=x"), 400, "There is no such page")
	d.want(d.writer.Get("/admin/stories?q="+url.QueryEscape(`%_\'";--`)+"&section="+url.QueryEscape(`'||pg_sleep(9)--`)), 200, "Nothing found")
	id := d.text(`SELECT min(id)::text FROM articles WHERE feed_id IS NOT NULL`)
	at := "/admin/stories/" + id
	wanda := d.Client(d.Person("Wanda", accounts.Writer))
	page := d.want(wanda.Get(at), 200, "For every mail that is still to be made")
	was := d.text(`SELECT body_html FROM articles WHERE id = $1`, id)
	form := d.form(page, url.Values{"title": {"By <hand>"}, "tags": {"flood, harbour"}})
	d.want(wanda.Post(at, form), 200, "Saved for all mails", "By &lt;hand&gt;", "These are your words")
	if got := d.text(`SELECT body_html FROM articles WHERE id = $1`, id); got != was {
		d.Errorf("the text, which nobody touched, has changed from\n%s\nto\n%s", was, got)
	}
	d.want(wanda.Post(at, form), 400, "The story has changed since you opened it")
	d.want(wanda.Post(at, d.form(wanda.Get(at), url.Values{"title": {" "}, "published": {"2026-11-22T08:30"}})), 400, `id="f-title-problem"`)
	d.want(wanda.Post(at, d.form(wanda.Get(at), url.Values{"published": {"yesterday"}})), 400, `id="f-published-problem"`)
	// SEC-06: a story is in the digests of lists that a writer of one list has nothing to do with.
	mine := d.want(d.writer.Get(at), 200, "By &lt;hand&gt;", "a writer of all lists", "that campaign’s desk")
	if strings.Contains(mine.Body, `action="`+at) || strings.Contains(mine.Body, `name="title"`) {
		d.Error("SEC-06: a writer of one list is shown the form of a story for all mails")
	}
	form = d.form(wanda.Get(at), url.Values{"title": {"Theirs"}})
	d.want(d.writer.Post(at, form), 403, "writer on all lists")
	d.want(d.writer.Post(at+"/release", nil), 403)
	if got := d.text(`SELECT title || ' ' || (SELECT count(*) FROM audit_log WHERE action = 'story.release') FROM articles WHERE id = $1`, id); got != "By <hand> 0" {
		d.Errorf("SEC-06: a writer of one list has changed a story for all: %s", got)
	}
	d.want(wanda.Post(at+"/release", nil), 200, "The feed&#39;s words count again")
	d.want(wanda.Get("/admin/stories/999999"), 404)
	d.want(wanda.Get("/admin/stories/none"), 404)

	d.want(d.writer.Post("/admin/stories/import", url.Values{}), 400, "Give an address")
	d.want(d.writer.Post("/admin/stories/import", url.Values{"url": {"http://127.0.0.1:1/x"}}), 400, `id="f-url-problem"`)
	d.want(d.writer.Post("/admin/stories/import", url.Values{"text": {"A headline that was pasted\n\nBy Jane Roe\n\n22 November 2026\n\nThe first paragraph is long enough to be one, and it says what happened.\n\nThe second says why."}}), 200,
		"Imported", "A headline that was pasted", "What was taken for what")
	d.want(d.upload(d.writer, "/admin/stories/import", "file", "evil.html", []byte("\x00\x01\x02\xff binary"), nil), 400, `id="f-file-problem"`)
	d.want(d.upload(d.writer, "/admin/stories/import", "file", "big.txt", bytes.Repeat([]byte("word "), 300_000), nil), 400, "larger than 1 MB")
	d.want(d.upload(d.writer, "/admin/stories/import", "file", "a.md", []byte("---\ntitle: From a file\nauthor: Jane Roe\ndate: 2026-11-22\n---\n\nThe text <script>alert(1)</script> of it, which is long enough.\n"), nil), 200, "From a file")
	if got := d.text(`SELECT body_html FROM articles WHERE title = 'From a file'`); strings.Contains(got, "<script") {
		d.Errorf("kept as %s", got)
	}
}

func (d *desk) appeals() {
	d.want(d.writer.Get("/admin/appeals"), 200, "keep-it-free")
	d.want(d.writer.Get("/admin/appeals/new"), 403)
	draft := url.Values{"slug": {"winter"}, "heading": {"Keep <us> going"}, "body": {"We are paid by **you**."}, "button": {"Join"}, "url": {"javascript:alert(1)"}}
	d.want(d.editor.Post("/admin/appeals", draft), 400, `id="f-url-problem"`, "Keep &lt;us&gt; going")
	draft.Set("url", "https://www.paper.org/join")
	d.want(d.editor.Post("/admin/appeals", draft), 200, "The appeal stands", "1 wording")
	d.want(d.editor.Post("/admin/appeals", draft), 400, `id="f-slug-problem"`)
	draft.Set("heading", "Keep us afloat")
	d.want(d.editor.Post("/admin/appeals/winter", draft), 200, "Saved as a new wording", "2 wordings", "Use again")
	mail := d.want(d.writer.Post("/admin/appeals/preview", draft), 200, "Keep us afloat", "paid by")
	if !strings.HasSuffix(mail.Header.Get("Content-Security-Policy"), "sandbox") || mail.Header.Get("X-Frame-Options") != "SAMEORIGIN" {
		d.Errorf("SEC-11: %v", mail.Header)
	}
	d.want(d.writer.Post("/admin/appeals/winter", draft), 403)
	d.want(d.editor.Post("/admin/appeals/winter/retire", nil), 200, "composed without it")
	d.want(d.editor.Get("/admin/appeals/none"), 404)
}

func (d *desk) pictures() {
	d.want(d.writer.Get("/admin/images"), 200, "Upload a picture")
	d.want(d.writer.Post("/admin/images", url.Values{}), 400, `id="f-file-problem"`)
	d.want(d.upload(d.writer, "/admin/images", "file", "a.png", []byte("<svg/>"), nil), 400, "SVG", `id="f-file-problem"`)
	done := d.upload(d.writer, "/admin/images", "file", `"><img src=x onerror=alert(1)>.png`, picture(d.T, 30, 20), url.Values{"alt": {"A <b>red</b> dot"}})
	hash := strings.TrimPrefix(done.Header.Get("Location"), "/admin/images?new=")
	if done.Status != http.StatusSeeOther || len(hash) != 32 {
		d.Fatalf("%d to %s", done.Status, done.Header.Get("Location"))
	}
	page := d.want(d.writer.Get("/admin/images?new="+hash), 200, fmt.Sprintf("%s/i/%s.png", d.Images.Base, hash), "A &lt;b&gt;red&lt;/b&gt; dot")
	if strings.Contains(page.Body, "<img src=x") {
		d.Error("SEC-16: the name of the file has become markup")
	}
	d.want(d.writer.HTMX("GET", "/admin/images/pick", nil), 200, `data-image-width="30"`)
	wilma := d.Client(d.Person("Wilma", accounts.Writer))
	if strings.Contains(page.Body, `action="/admin/images/`+hash) {
		d.Error("SEC-06: a writer of one list is shown the form of a picture that all use")
	}
	d.want(d.writer.Post("/admin/images/"+hash, url.Values{"alt": {"Theirs"}}), 403)
	d.upload(d.writer, "/admin/images", "file", "again.png", picture(d.T, 30, 20), url.Values{"alt": {"Theirs"}}) // the same picture
	d.want(wilma.Get("/admin/images"), 200, "A &lt;b&gt;red&lt;/b&gt; dot", "Describe")
	d.want(wilma.Post("/admin/images/"+hash, url.Values{"alt": {"A dot"}}), 200, "Saved.")
	d.want(d.writer.Post("/admin/images/"+hash+"/remove", nil), 403)
	d.want(d.editor.Post("/admin/images/"+hash+"/remove", nil), 200, "off the web")
	d.want(d.editor.Post("/admin/images/none/remove", nil), 404)
}
