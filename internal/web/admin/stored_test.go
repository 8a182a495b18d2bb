package admin_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/images"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// SEC-10: text that readers, publishers, mail servers, browsers and editors leave behind is text on every page that shows it: of the
// desk, all routes there are, of the archive and of the readers' pages. The payload stands in every column of text of the database.
func TestStoredXSS(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	owner := r.Person("Ines", accounts.Owner)
	client, tab := r.Client(owner), r.Browser(owner)
	w := &walk{Rig: r, t: t, values: furnish(t, r)}
	w.values["draft"] = strconv.FormatInt(r.Draft().ID, 10)
	if n := poison(t, r.DB); n < 45 {
		t.Fatalf("only %d columns took the payload", n)
	}
	w.values["campaign"] = send(t, r)
	if t.Failed() {
		t.FailNow()
	}
	poison(t, r.DB)

	t.Run("SEC-10 desk", func(t *testing.T) {
		for _, route := range r.Frame.Routes() {
			method, pattern, _ := strings.Cut(route.Pattern, " ")
			if method != http.MethodGet || strings.HasSuffix(pattern, "/events") || strings.HasSuffix(pattern, "/logout") {
				continue
			}
			paths := []string{w.fill(pattern)}
			if strings.Contains(pattern, "{campaign}") {
				paths = append(paths, w.fill(strings.Replace(pattern, "{campaign}", w.values["draft"], 1)))
			}
			for _, path := range paths {
				p := client.Get(path)
				if p.Status >= 500 {
					t.Errorf("%s: %d: %s", path, p.Status, firstLines(p.Body))
				}
				w.inert(t, path, p)
			}
		}
		if w.shown < 30 {
			t.Errorf("only %d pages have shown the payload", w.shown)
		}
	})
	t.Run("SEC-10 archive and readers", func(t *testing.T) {
		before := w.shown
		stranger := r.Stranger()
		for _, path := range w.public(t) {
			w.inert(t, path, stranger.Get(path))
		}
		if w.shown < before+5 {
			t.Errorf("only %d public pages have shown the payload", w.shown-before)
		}
	})
	t.Run("SEC-10 in a browser", func(t *testing.T) {
		for _, path := range w.choice() {
			tab.Go(r.Base + path)
			if browsertest.Ask[bool](tab, `window.xss7q !== undefined`) {
				t.Errorf("%s: the payload ran", path)
			}
		}
	})
}

// furnish adds what the newsroom has not: one of everything that a route may name.
func furnish(t *testing.T, r *admintest.Rig) map[string]string {
	t.Helper()
	ctx := t.Context()
	set := subscribers.NewSettings(r.Subscribers)
	if _, err := set.CreatePublication(ctx, subscribers.Publication{Slug: "paper", Name: "The Paper"}, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Subscribers.Topics.Create(ctx, subscribers.Topic{ListID: r.List.ID, Slug: "local", Name: "Local", Description: "Near"}, "test"); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	img, err := r.Images.Add(ctx, images.Upload{Name: payloads[1], Data: b.Bytes(), Alt: payloads[0], Credit: payloads[0]}, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`UPDATE lists SET archive_open = true, signup_open = true, publication_id = 1`,
		`INSERT INTO suppressions (address_hash, address, reason, detail) VALUES ('\x01', 'gone@example.org', 'hard_bounce', '550 no such user')`,
		`INSERT INTO imports (list_id, file_name, source, rows, added, finished_at) VALUES (1, 'readers.csv', 'fair', 1, 1, now())`,
		`INSERT INTO forms (list_id, wording) VALUES (1, 'I agree.') ON CONFLICT DO NOTHING`,
		`UPDATE feeds SET last_error = 'the server said', failures = 1, failing_since = now() WHERE id = 1`,
	} {
		if _, err := r.DB.ExecContext(ctx, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	v := map[string]string{"list": r.List.Slug, "publication": "paper", "topic": "local", "image": img.Hash, "path...": "nothing", "token": "none", "$": "", "file": "readers.csv", "person": "1", "session": "1"}
	for name, q := range map[string]string{"story": `SELECT min(id)::text FROM articles`, "feed": `SELECT slug FROM feeds ORDER BY id LIMIT 1`, "appeal": `SELECT slug FROM appeals ORDER BY id LIMIT 1`,
		"digest": `SELECT slug FROM digests ORDER BY id LIMIT 1`, "reader": `SELECT min(id)::text FROM subscribers`, "import": `SELECT min(id)::text FROM imports`} {
		var s string
		if err := r.DB.GetContext(ctx, &s, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		v[name] = s
	}
	return v
}

// send composes an edition of what is poisoned by now, sends it, and lets servers and readers answer. It returns the campaign's number.
func send(t *testing.T, r *admintest.Rig) string {
	t.Helper()
	ctx := t.Context()
	// What a mail's header has no room for gets the short one, and what it is sent to stays an address.
	if _, err := r.DB.ExecContext(ctx, `UPDATE lists SET name = $1, from_name = $1, from_address = 'news@example.org', reply_to = ''`, payloads[3]); err != nil {
		t.Fatal(err)
	}
	c := r.Draft()
	if _, err := r.DB.ExecContext(ctx, `UPDATE campaigns SET subject = subject || $1, preheader = preheader || $1, name = name || $1`, payloads[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Campaigns.Start(ctx, c.ID, "ines@example.org", true); err != nil {
		t.Errorf("the edition cannot be sent: %v", err)
		return ""
	}
	for _, q := range []string{
		`INSERT INTO audit_log (actor, action, subject, detail) SELECT $1, 'x.y', 'campaign ' || id || $1, jsonb_build_object($1::text, $1::text) FROM campaigns`,
		`INSERT INTO audit_log (actor, action, subject, detail) VALUES ($1, $1, $1, '{}')`,
		`INSERT INTO leave_reasons (list_id, day, reason, n) SELECT 1, current_date, $1, 3 WHERE false`,
		`INSERT INTO inbound (kind, data) SELECT 'bounce', $1`,
	} {
		_, _ = r.DB.ExecContext(ctx, q, payloads[0]) // what a table does not take cannot stand in it
	}
	d := r.DB
	for _, q := range []string{
		`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots) SELECT max(c.id), 900000, (SELECT min(id) FROM subscribers), 'x@example.org', 2, '{}' FROM campaigns c`,
		`INSERT INTO outcomes (campaign_id, seq, attempt, kind, code, reply, queue_id) SELECT max(c.id), 900000, 1, 'failed', 550, '550 <xss7q><script>top.xss7q=1</script>', 'xss7q"><b>' FROM campaigns c`,
	} {
		if _, err := d.ExecContext(ctx, q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	var id string
	if err := d.GetContext(ctx, &id, `SELECT max(id)::text FROM campaigns`); err != nil {
		t.Error(err)
	}
	return id
}
