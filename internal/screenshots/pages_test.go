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

	"mailer/internal/appeals"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/inbox"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// TestScreenshotPages photographs the pages that the links of a mail lead to.
func TestScreenshotPages(t *testing.T) {
	dir := folder(t)
	d := dbtest.Open(t)
	ring, err := links.NewRing(strings.Repeat("pictures", 8), nil)
	if err != nil {
		t.Fatal(err)
	}
	store := subscribers.NewStore(d, ring)
	server := httptest.NewServer(public.New(public.Deps{Subscribers: store, Appeals: appeals.NewStore(d, time.Now), Delivery: delivery.NewStore(d, ring, store),
		Ring: ring, BaseURL: "https://news.quayside-review.org", Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil }}))
	defer server.Close()
	list, err := store.CreateList(t.Context(), subscribers.List{Slug: "morning", Name: paper().Name, FromAddress: "morning@quayside-review.org",
		HomeURL: "https://www.quayside-review.org/", AccentColour: paper().Accent})
	if err != nil {
		t.Fatal(err)
	}
	add := func(r subscribers.AddRequest) int64 {
		r.ListID, r.Source = list.ID, "pictures"
		added, err := store.Add(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return added.Subscriber.ID
	}
	reader := add(subscribers.AddRequest{Address: "maya@example.org", Confirmed: true})
	asked := add(subscribers.AddRequest{Address: "jonas@example.org", Method: subscribers.MethodForm})
	leave := server.URL + "/u/" + ring.LeaveToken(ring.Current(), links.Leave{Subscriber: reader, List: list.ID, Campaign: 1})
	confirm := server.URL + "/c/" + ring.ConfirmToken(ring.Current(), links.Confirm{Subscriber: asked, List: list.ID, Issued: time.Now()})

	b := Start(t, site, http.NotFoundHandler())
	shoot := func(name, page string) {
		save(t, dir, "page-"+name, Beside(t, ground, 24, b.Shoot(page, Shot{Width: 680}), b.Shoot(page, Shot{Width: 320}), b.Shoot(page, Shot{Width: 320, Dark: true})))
	}
	shoot("leave", leave)
	shoot("confirm", confirm)
	shoot("invalid", server.URL+"/u/nothing")
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
