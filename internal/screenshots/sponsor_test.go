package screenshots

import (
	"testing"

	"mailer/internal/message"
	"mailer/internal/render"
)

// A mail with what somebody pays for, and a picture that stands by itself.
func TestScreenshotSponsor(t *testing.T) {
	dir := folder(t)
	n := newsroom(t)
	templates, err := render.Load("")
	if err != nil {
		t.Fatal(err)
	}
	picture := story(n.Stories[4]).Image
	c := content(render.TemplateDigest, render.Block{Kind: render.KindStory, Lead: true, Stories: []render.Story{story(n.Stories[0])}},
		render.Block{Kind: render.KindSponsor, Sponsor: &render.Sponsor{Name: "Eastwater Building Society", Heading: "A roof that pays for itself",
			Text: "Members get a **fixed rate for ten years** on solar roofs. Ask at any branch before the end of the year, or [see the terms](https://society.example/terms).",
			URL:  "https://society.example/roof", Link: "What a roof costs", Image: story(n.Stories[1]).Image}},
		render.Block{Kind: render.KindSection, Title: "City", Stories: []render.Story{story(n.Stories[2])}},
		render.Block{Kind: render.KindImage, Image: picture, URL: site + "/map"},
		render.Block{Kind: render.KindSponsor, Sponsor: &render.Sponsor{Name: "Harbour Radio", Label: "Partner", Text: "Hear the makers of this letter each Friday at 18:00.", URL: "https://radio.example/"}})
	marks := message.NewMarks("sponsor")
	mail, err := templates.Render(c, marks)
	if err != nil {
		t.Fatal(err)
	}
	page := marks.Strip(mail.HTML, ^uint64(0))
	b := Start(t, site, n.Handler())
	save(t, dir, "mail-sponsored", Beside(t, ground, 24, b.Shoot(page, Shot{Width: 680}), b.Shoot(page, Shot{Width: 680, Dark: true}), b.Shoot(page, Shot{Width: 375, NoImages: true})))
}
