package screenshots

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/appeals"
	"mailer/internal/campaigns"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/inbox"
	"mailer/internal/letters"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/preferences"
	"mailer/internal/render"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// TestScreenshotPages photographs the pages that readers meet.
func TestScreenshotPages(t *testing.T) {
	dir := folder(t)
	d := dbtest.Open(t)
	ring, err := links.NewRing(strings.Repeat("pictures", 8), nil)
	if err != nil {
		t.Fatal(err)
	}
	templates, err := render.Load("")
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	store, limit := subscribers.NewStore(d, ring), limits.New(d, ring)
	mails := letters.New(letters.Deps{Ring: ring, Templates: templates, URLs: links.URLs{Base: "https://news.quayside-review.org"}, MailDomain: "quayside-review.org", Now: time.Now, Limits: limit})
	queue := delivery.NewStore(d, ring, store)
	join := signup.New(signup.Deps{DB: d, Ring: ring, Subscribers: store, Delivery: queue, Limits: limit, BaseURL: "https://news.quayside-review.org", Letters: mails,
		Caps: signup.Caps{Address: 9, Network: 9, Domain: 9, Total: 9}, Now: time.Now, Log: quiet})
	server := httptest.NewServer(public.New(public.Deps{Subscribers: store, Appeals: appeals.NewStore(d, time.Now), Delivery: queue, Archive: campaigns.NewArchive(d, store), Signup: join,
		Preferences: preferences.New(preferences.Deps{DB: d, Subscribers: store, Limits: limit, Letters: mails}),
		Ring:        ring, BaseURL: "https://news.quayside-review.org", Log: quiet, Ready: func(context.Context) error { return nil },
		Weekly: func(context.Context, int64) (bool, error) { return true, nil }}))
	defer server.Close()
	publication, err := store.Publications.Create(t.Context(), subscribers.Publication{Slug: "quayside", Name: "The Quayside Review", HomeURL: "https://www.quayside-review.org/",
		Description: "Independent reporting from the harbour, paid for by its readers.", AccentColour: paper().Accent})
	if err != nil {
		t.Fatal(err)
	}
	var morning int64
	for _, l := range []subscribers.List{
		{Slug: "morning", Name: paper().Name, Description: "Nine stories before breakfast, every weekday."},
		{Slug: "weekend", Name: "The Quayside Weekend", Description: "One long read for a slow Saturday."},
		{Slug: "tides", Name: "Tides", Description: "What the sea does, and what it is going to do."},
	} {
		l.FromAddress, l.LegalName, l.PostalAddress, l.Contact = "morning@quayside-review.org", paper().LegalName, paper().PostalAddress, paper().Contact
		l.HomeURL, l.AccentColour, l.PublicationID, l.SignupOpen, l.ArchiveOpen = "https://www.quayside-review.org/", paper().Accent, &publication.ID, true, true
		l, err := store.CreateList(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if morning == 0 {
			morning = l.ID
		}
	}
	for _, name := range []string{"City", "Science", "Ideas"} {
		if _, err := store.Topics.Create(t.Context(), subscribers.Topic{ListID: morning, Slug: strings.ToLower(name), Name: name}, "pictures"); err != nil {
			t.Fatal(err)
		}
	}
	added, err := store.Add(t.Context(), subscribers.AddRequest{Address: "maya@example.org", Confirmed: true, ListID: morning, Source: "pictures"})
	if err != nil {
		t.Fatal(err)
	}
	reader := added.Subscriber.ID
	asked, err := store.Add(t.Context(), subscribers.AddRequest{Address: "jonas@example.org", Method: subscribers.MethodForm, ListID: morning, Source: "pictures"})
	if err != nil {
		t.Fatal(err)
	}
	pastCampaigns(t, d, morning)

	b := Start(t, site, http.NotFoundHandler())
	shoot := func(name, page string) {
		save(t, dir, "page-"+name, Beside(t, ground, 24, b.Shoot(page, Shot{Width: 680, Cut: 1500}), b.Shoot(page, Shot{Width: 320, Cut: 1500}), b.Shoot(page, Shot{Width: 320, Dark: true, Cut: 1500})))
	}
	leave := server.URL + "/u/" + ring.LeaveToken(ring.Current(), links.Leave{Subscriber: reader, List: morning, Campaign: 1})
	centre := server.URL + "/p/" + ring.PreferencesToken(ring.Current(), links.Preferences{Subscriber: reader, List: morning, Campaign: 1})
	shoot("leave", leave)
	shoot("preferences", centre)
	shoot("subscribe", server.URL+"/subscribe/to/quayside")
	shoot("archive", server.URL+"/archive/morning")
	shoot("confirm", server.URL+"/c/"+ring.ConfirmToken(ring.Current(), links.Confirm{Subscriber: asked.Subscriber.ID, List: morning, Issued: time.Now()}))
	shoot("invalid", server.URL+"/u/nothing")
	save(t, dir, "readers", Beside(t, ground, 24, b.Shoot(server.URL+"/subscribe/to/quayside", Shot{Width: 320, Cut: 900}), b.Shoot(centre, Shot{Width: 320, Dark: true, Cut: 900}),
		b.Shoot(leave, Shot{Width: 320, Cut: 900}), b.Shoot(server.URL+"/archive/morning", Shot{Width: 320, Dark: true, Cut: 900})))
	answer, err := http.Post(leave, "application/x-www-form-urlencoded", strings.NewReader("action=list"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	left, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("leaving: %s, %v", answer.Status, err)
	}
	shoot("left", string(left))
}

// pastCampaigns puts editions of the last days into the archive of a list.
func pastCampaigns(t *testing.T, d *sqlx.DB, list int64) {
	t.Helper()
	for i, s := range newsroom(t).Stories[:7] {
		at := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC).AddDate(0, 0, -1-i)
		for _, q := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO campaigns (id, list_id, edition, name, template, state, subject, preheader, launched_at, approved_hash) OVERRIDING SYSTEM VALUE
				VALUES ($1, $2, 'manual-' || $1::bigint, '', 'digest', 'launched', $4, $5, $3, '')`, []any{1000 - i, list, at, s.Title, s.Dek}},
			{`INSERT INTO campaign_blocks (campaign_id, position, kind, data) VALUES ($1, 0, 'text', '{"kind": "text", "text": "x"}')`, []any{1000 - i}},
			{`INSERT INTO sends (campaign_id, list_id, state, envelope_domain, not_before, expires_at, finished_at) VALUES ($1, $2, 'done', 'b.quayside.example', $3, $3, $3)`,
				[]any{1000 - i, list, at}},
			{`INSERT INTO messages (campaign_id, revision, variant, compiled, web_html) VALUES ($1, 1, 0, '', '')`, []any{1000 - i}},
		} {
			if _, err := d.ExecContext(t.Context(), q.sql, q.args...); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestScreenshotInbox photographs the mail catcher with the sample mails in it.
func TestScreenshotInbox(t *testing.T) {
	dir := folder(t)
	b := Start(t, site, newsroom(t).Handler())
	in, err := inbox.Open(t.TempDir(), inbox.Options{ImageOrigins: []string{b.server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- in.ServeSMTP(ln) }()
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}()
	for i, to := range []string{"maya@example.org", "jonas@example.org", "aiko@example.org"} {
		eml := wire(t, digest(newsroom(t)), to, b)
		if i == 2 {
			second := story(newsroom(t).Stories[1])
			c := content(render.TemplateStory, render.Block{Kind: render.KindStory, Lead: true, Stories: []render.Story{second}}, appeal())
			c.Subject = second.Title
			eml = wire(t, c, to, b)
		}
		if err := smtp.SendMail(ln.Addr().String(), nil, "b-sample@quayside.example", []string{to}, eml); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(in.Handler())
	defer server.Close()
	mails := in.Messages()
	save(t, dir, "inbox", Beside(t, ground, 24, b.Shoot(server.URL, Shot{Width: 1000}), b.Shoot(server.URL+"/m/"+mails[0].ID, Shot{Width: 1000, Cut: 1200})))
}

// wire makes a whole message of a campaign, its pictures to be had from the browser's own server.
func wire(t *testing.T, c render.Content, to string, b *Browser) []byte {
	t.Helper()
	templates, err := render.Load("")
	if err != nil {
		t.Fatal(err)
	}
	marks := message.NewMarks("inbox")
	out, err := templates.Render(c, marks)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := message.Compile(message.Draft{Campaign: 1, Key: "sample", Domain: "news.quayside.example", FromName: "The Quayside Review", FromAddress: "morning@quayside.example",
		Subject: c.Subject, Date: c.Date, Bulk: true, ListName: c.List.Name, ListLabel: "morning.lists.quayside.example", LeaveBase: c.LeaveBase,
		Marks: marks, HTML: strings.ReplaceAll(out.HTML, `src="`+site, `src="`+b.server.URL), Text: out.Text})
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(to, "@")
	eml, err := compiled.Append(nil, &message.Reader{To: to, MessageID: name + "@news.quayside.example", Name: strings.ToUpper(name[:1]) + name[1:], LeaveToken: "tOkEn", Groups: ^uint64(0)})
	if err != nil {
		t.Fatal(err)
	}
	return eml
}
