package public_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mailer/cmd/mailer/demo"
	"mailer/internal/browsertest"
	"mailer/internal/message"
	"mailer/internal/render"
)

// digestPage renders a digest of the sample newsroom as browsers show it.
func digestPage(t *testing.T, site string) (html string, blocks []render.Block) {
	t.Helper()
	newsroom, err := demo.Open(site, time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	blocks = append(blocks, render.Block{Kind: render.KindText, Text: "Good morning, {name|dear reader}. The first story is about *water*."})
	for i, f := range demo.Feeds {
		var stories []render.Story
		for _, s := range newsroom.InFeed(f.Slug) {
			st := render.Story{Title: s.Title, Dek: s.Dek, Section: s.Section, URL: s.URL, Published: s.Published, Words: 900}
			for _, a := range s.Author {
				st.Authors = append(st.Authors, render.Author(a))
			}
			if s.Image != "" {
				st.Image = &render.Image{URL: s.Image, Width: demo.PictureWidth, Height: demo.PictureHeight, Alt: s.Alt, Caption: s.Caption, Credit: s.Credit}
			}
			stories = append(stories, st)
		}
		if i == 0 {
			blocks = append(blocks, render.Block{Kind: render.KindStory, Lead: true, Stories: stories[:1]},
				render.Block{Kind: render.KindAppeal, Appeal: &render.Appeal{Heading: "Nobody else counts the people on a night bus", Body: demo.AppealText(),
					Button: "Become a supporter", URL: "https://news.paper.org/give/" + strings.Repeat("A", 35)}})
			stories = stories[1:]
		}
		blocks = append(blocks, render.Block{Kind: render.KindSection, Title: f.Section, Stories: stories})
	}
	templates, err := render.Load("")
	if err != nil {
		t.Fatal(err)
	}
	out, err := templates.Render(render.Content{List: render.List{Name: "The Daily & Co", LegalName: "Quayside Review Cooperative", PostalAddress: "14 Cooper Street\nEastwater",
		Contact: "editors@quayside.example", HomeURL: site + "/", Language: "en", TimeZone: "Europe/London", Accent: "#a3242b", Paper: "#fdfdfb"},
		Template: render.TemplateDigest, Subject: "The harbour wall was built for a sea that no longer exists", Date: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC),
		LeaveBase: "https://news.paper.org/u/", Blocks: blocks}, message.NewMarks("archive"))
	if err != nil {
		t.Fatal(err)
	}
	return out.Web, blocks
}

// The archive in a real browser: its list and a whole digest, without scripts, at 320 and 1280 px, light and dark.
func TestArchiveInBrowser(t *testing.T) {
	t.Parallel()
	b := browsertest.Open(t)
	r := newRig(t)
	r.openArchive(true)
	newsroom := httptest.NewServer(http.NotFoundHandler())
	defer newsroom.Close()
	html, blocks := digestPage(t, strings.Replace(newsroom.URL, "127.0.0.1", "localhost", 1))
	for i, subject := range []string{"The harbour wall was built for a sea that no longer exists", "Why the last night bus is full", "A museum counts its missing things, and finds more than it had"} {
		for n := range 8 {
			r.launched(past{id: int64(10*n + i + 1), subject: subject, preheader: "And eight more stories, of which one is about bees.", blocks: blocks, html: html})
		}
	}
	newest := past{id: 100, subject: "The harbour wall was built for a sea that no longer exists", preheader: "What the sea does to a wall.", blocks: blocks, html: html}
	r.launched(newest)
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			look := func(name string) { b.Look(fmt.Sprintf("%s-%d-%s", name, width, scheme)) }
			b.Go(r.base + "/archive/daily")
			look("archive")
			b.Press("a[rel=next]")
			look("archive-page-2")
			b.Press("a[rel=prev]")
			b.Press(fmt.Sprintf("a[href=%q]", address(newest)))
			look("archive-campaign")
			b.Press(`a[href="/archive/daily"]`)
			if heading := browsertest.Ask[string](b, `document.querySelector('h1').textContent`); heading != "Past editions" {
				t.Fatalf("back at %q", heading)
			}
		}
	}
}
