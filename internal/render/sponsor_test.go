package render

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/message"
)

// sponsored is a digest with an image and a sponsor.
func sponsored() Content {
	c := sample(TemplateDigest)
	img := *c.Blocks[1].Stories[0].Image
	c.Blocks = []Block{c.Blocks[1], {Kind: KindImage, Image: &img, URL: "https://www.lantern.example/map"},
		{Kind: KindSponsor, Sponsor: &Sponsor{Name: "Harbour Bank", From: "2026-11-01", To: "2026-12-31", Heading: "A loan for a new roof", Text: "Ask at [any branch](https://www.lantern.example/branches), {name|neighbour}.",
			URL: "https://www.lantern.example/roof", Link: "What a roof costs", Image: &img}}, c.Blocks[3]}
	return c
}

func TestSponsorIsLabelledAndMarked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{TemplateDigest, TemplateStory} {
		c := sponsored()
		c.Template = name
		m := send(t, c, message.Reader{Name: "Ada", Groups: everyone})
		for part, body := range map[string]string{"HTML": m.html, "text": flat(m.text), "web": m.web} {
			label, heading := strings.Index(body, "Sponsored by Harbour Bank"), strings.Index(body, "A loan for a new roof")
			if label < 0 || heading < label {
				t.Errorf("%s, %s: the label is at %d and what it labels at %d", name, part, label, heading)
			}
		}
		if !strings.Contains(flat(m.text), "https://www.lantern.example/roof") || !strings.Contains(m.text, "https://www.lantern.example/branches") || !strings.Contains(m.text, "https://www.lantern.example/map") {
			t.Errorf("%s: the text part lacks a link:\n%s", name, m.text)
		}
		links := regexp.MustCompile(`<a [^>]*href="https://www.lantern.example/(?:roof|branches)"[^>]*>`).FindAllString(m.html+m.web, -1)
		if len(links) != 6 {
			t.Errorf("%s: a sponsor's links are %q; want image, text and link, in the mail and on the web", name, links)
		}
		for _, a := range links {
			if !strings.Contains(a, `rel="sponsored nofollow"`) {
				t.Errorf("%s: the link %s is not marked as paid for", name, a)
			}
		}
		if strings.Count(m.html, "sponsored nofollow") != 3 {
			t.Errorf("%s: %d links are marked as paid for; want those of the sponsor only", name, strings.Count(m.html, "sponsored nofollow"))
		}
		if problems := CheckHTML(m.html, hosts...); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestSponsorRunsOnItsDays(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{"2026-10-31 10:30": false, "2026-10-31 11:30": true, "2026-12-31 10:30": true, "2026-12-31 11:30": false} {
		c := sponsored()
		utc, err := time.Parse("2006-01-02 15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		c.Date = utc.In(zone) // the day begins at 11:00 UTC
		m := send(t, c, message.Reader{Groups: everyone})
		if got := strings.Contains(m.html, "Harbour Bank"); got != want || strings.Contains(m.text, "Harbour Bank") != want || strings.Contains(m.web, "Harbour Bank") != want {
			t.Errorf("at %s UTC the sponsor is shown: %t; want %t in all parts", at, got, want)
		}
	}
}

func TestSponsorWording(t *testing.T) {
	t.Parallel()
	french := sponsored()
	french.List.Language = "fr"
	if m := send(t, french, message.Reader{Groups: everyone}); !strings.Contains(m.html, "Parrainé par Harbour Bank") {
		t.Error("a French mail does not say in French who pays")
	}
	own := sponsored()
	own.Blocks[2].Sponsor.Label = "Paid post"
	if m := send(t, own, message.Reader{Groups: everyone}); !strings.Contains(m.html, "Paid post · Harbour Bank") {
		t.Error("a label of the editor's does not name who pays")
	}
	hostile := sponsored()
	*hostile.Blocks[2].Sponsor = Sponsor{Name: `"><script>alert(1)</script>`, Heading: "<b>x", Text: "<img src=x onerror=alert(1)>ok", URL: "javascript:alert(1)", Image: &Image{URL: "javascript:alert(1)"}}
	m := send(t, hostile, message.Reader{Groups: everyone})
	if regexp.MustCompile(`<script|<b>x|onerror|javascript:`).MatchString(m.html + m.web) {
		t.Errorf("a sponsor's words are more than words:\n%s", m.html)
	}
	empty := sponsored()
	empty.Blocks[2].Sponsor, empty.Blocks[1].Image = &Sponsor{Name: "Harbour Bank"}, &Image{Alt: "none"}
	if m := send(t, empty, message.Reader{Groups: everyone}); strings.Contains(m.html, "Harbour Bank") || strings.Contains(m.html, "/map") {
		t.Error("a sponsor or an image with nothing to show is shown")
	}
	var refused []string
	for _, s := range []Sponsor{{From: "22.11.2026"}, {From: "2026-11-02", To: "2026-11-01"}, {URL: "https://bit.ly/x"}, {Text: "{first}"}, {Text: strings.Repeat("x", maxSponsor+1)}, {Heading: "{name}"}, {Image: &Image{URL: "https://x.example/a.svg"}},
		{Name: "Harbour Bank", From: "2026-11-02", To: "2026-11-02", URL: "https://x.example"}} {
		if err := s.Check(); err != nil {
			refused = append(refused, err.Error())
		}
	}
	if len(refused) != 7 || slices.Contains(refused, "") {
		t.Errorf("refused are %q; want all but the last", refused)
	}
}
