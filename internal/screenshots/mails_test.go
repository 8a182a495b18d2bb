package screenshots

import (
	"strings"
	"testing"
	"time"

	"mailer/cmd/mailer/demo"
	"mailer/internal/lang"
	"mailer/internal/message"
	"mailer/internal/render"
)

// site is where the sample newsroom says it is; the browser is given its pictures from memory.
const site = "https://quayside.example"

func newsroom(t *testing.T) *demo.Newsroom {
	t.Helper()
	n, err := demo.Open(site, time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func paper() render.List {
	return render.List{
		Name: "The Quayside Morning", LegalName: "Quayside Review Cooperative", PostalAddress: "14 Cooper Street\nEastwater EW1 4QR",
		Contact: "editors@quayside.example", HomeURL: site + "/", Language: "en", TimeZone: "Europe/London",
		Accent: "#1f4e79", Paper: "#fdfdfb",
	}
}

func story(s demo.Story) render.Story {
	out := render.Story{Title: s.Title, Dek: s.Dek, Section: s.Section, URL: s.URL, Published: s.Published,
		Words: len(strings.Fields(s.Body)), BodyHTML: render.SanitizeBody(string(s.HTML), nil)}
	for _, a := range s.Author {
		out.Authors = append(out.Authors, render.Author(a))
	}
	if s.Image != "" {
		out.Image = &render.Image{URL: s.Image, Width: demo.PictureWidth, Height: demo.PictureHeight, Alt: s.Alt, Caption: s.Caption, Credit: s.Credit}
	}
	return out
}

func appeal() render.Block {
	return render.Block{Kind: render.KindAppeal, Appeal: &render.Appeal{Heading: "Nobody else counts the people on a night bus",
		Body: demo.AppealText(), Button: "Become a supporter", URL: site + "/give/kJ2nX0b"}}
}

func content(template string, blocks ...render.Block) render.Content {
	return render.Content{List: paper(), Template: template, Subject: "The harbour wall was built for a sea that no longer exists",
		Date: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), ViewURL: site + "/v/x", LeaveBase: site + "/u/", Blocks: blocks}
}

func digest(n *demo.Newsroom) render.Content {
	var blocks []render.Block
	blocks = append(blocks, render.Block{Kind: render.KindText, Text: "Good morning, {name|dear reader}. Nine stories today, and the first of them is about water."})
	for i, f := range demo.Feeds {
		var stories []render.Story
		for _, s := range n.InFeed(f.Slug) {
			stories = append(stories, story(s))
		}
		if i == 0 {
			blocks = append(blocks, render.Block{Kind: render.KindStory, Lead: true, Stories: stories[:1]})
			stories = stories[1:]
		}
		blocks = append(blocks, render.Block{Kind: render.KindSection, Title: f.Section, Stories: stories})
		if i == 0 {
			blocks = append(blocks, appeal())
		}
	}
	return content(render.TemplateDigest, blocks...)
}

// pages renders every mail of the sample newsroom.
func pages(t *testing.T) map[string]string {
	t.Helper()
	templates, err := render.Load("")
	if err != nil {
		t.Fatal(err)
	}
	n := newsroom(t)
	out := make(map[string]string)
	for name, c := range map[string]render.Content{
		"digest": digest(n),
		"story":  content(render.TemplateStory, render.Block{Kind: render.KindStory, Lead: true, Stories: []render.Story{story(n.Stories[0])}}, appeal()),
	} {
		marks := message.NewMarks(name)
		mail, err := templates.Render(c, marks)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = marks.Strip(mail.HTML, ^uint64(0))
	}
	w := lang.For(paper().Language)
	mail, err := templates.Letter(render.Letter{List: paper(), Subject: w.T("confirm.subject", paper().Name), Heading: w.T("confirm.heading"),
		Paragraphs: []string{w.T("confirm.text", paper().Name, "maya@example.org")}, Button: w.T("confirm.button"), URL: site + "/c/7Hq2mVbXo1k",
		Note: w.T("confirm.ignore")})
	if err != nil {
		t.Fatal(err)
	}
	out["confirm"] = mail.HTML
	return out
}

func TestScreenshotMails(t *testing.T) {
	dir := folder(t)
	b := Start(t, site, newsroom(t).Handler())
	for name, page := range pages(t) {
		save(t, dir, "mail-"+name, Beside(t, ground, 24, b.Shoot(page, Shot{Width: 680}), b.Shoot(page, Shot{Width: 680, Dark: true})))
		save(t, dir, "mail-"+name+"-phones", Beside(t, ground, 24,
			b.Shoot(page, Shot{Width: 320, Cut: 3000}), b.Shoot(page, Shot{Width: 375, Cut: 3000}), b.Shoot(page, Shot{Width: 375, Dark: true, Cut: 3000})))
		save(t, dir, "mail-"+name+"-plain", Beside(t, ground, 24, b.Shoot(page, Shot{Width: 680, NoImages: true, Cut: 2000}),
			b.Shoot(page, Shot{Width: 375, NoStyle: true, Cut: 2000}), b.Shoot(page, Shot{Width: 375, NoImages: true, Cut: 2000})))
		if name != "confirm" { // the beginning, sharp, for the README
			save(t, dir, name+"-600-light", b.Shoot(page, Shot{Width: 680, Scale: 1.5, Cut: 1290}))
			save(t, dir, name+"-320-dark", b.Shoot(page, Shot{Width: 320, Scale: 2, Cut: 1162, Dark: true}))
		}
	}
}
