package render

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"mailer/internal/message"
)

// hosts are those that the fixtures link to.
var hosts = []string{"www.lantern.example", "news.lantern.example"}

const (
	everyone   = uint64(1) << DefaultAppealGroup
	supporters = uint64(0)
	leaveToken = "tOkEn-0123456789_abcdefghijklmnop"
	// preferencesToken is as long as a real one, as leaveToken nearly is.
	preferencesToken = "pReFs-0123456789_abcdefghijklmnopqrstuvw"
)

// plainStory is a story without anything unusual; change what a fixture is about.
func plainStory(change func(*Story)) Story {
	s := sample(TemplateDigest).Blocks[1].Stories[0]
	img := *s.Image
	s.Image = &img
	s.BodyHTML = "<p>It began with a gauge that nobody read.</p>\n<h2>The gauge</h2>\n<p>Then <a href=\"https://www.lantern.example/gauge\">somebody</a> did.</p>\n"
	if change != nil {
		change(&s)
	}
	return s
}

// stories are what a feed may bring, by name.
func stories() map[string]Story {
	people := []Author{{Name: "Ann Lee"}, {Name: "Bo Chen", Title: "Editor"}, {Name: "Cy Dahl", Institution: "Sandholm Museum"},
		{Name: "Dee Ek"}, {Name: "Ed Fox"}, {Name: "Flo Gray", Bio: "Writes about roofs."}}
	return map[string]Story{
		"plain": plainStory(nil),
		"long title": plainStory(func(s *Story) {
			s.Title = strings.TrimSpace(strings.Repeat("A headline that the desk forgot to cut ", 5))[:180]
			s.Dek = strings.Repeat("And a dek that goes on and on, as if nobody were waiting for it. ", 12)
		}),
		"no image":  plainStory(func(s *Story) { s.Image = nil }),
		"no author": plainStory(func(s *Story) { s.Authors = nil }),
		"bare": plainStory(func(s *Story) {
			*s = Story{Title: "Only a headline", Published: s.Published}
		}),
		"six authors":   plainStory(func(s *Story) { s.Authors = people }),
		"eight authors": plainStory(func(s *Story) { s.Authors = append(people, Author{Name: "Gus Hale"}, Author{Name: "Hal Ives"}) }),
		"two authors":   plainStory(func(s *Story) { s.Authors = people[1:3] }),
		"right to left": plainStory(func(s *Story) {
			s.Title, s.Dek, s.Language = "الميناء القديم يستيقظ مع المد", "قصة عن مقياس لم يقرأه أحد.", "ar"
			s.Authors = []Author{{Name: "ليلى حداد", Title: "مراسلة"}}
			s.BodyHTML = "<p>بدأ الأمر بمقياس.</p><ul><li>واحد</li></ul><blockquote><p>قالوا</p></blockquote>"
		}),
		"Hebrew in English": plainStory(func(s *Story) {
			s.Title = "What שלום means on a pier"
			s.Authors = []Author{{Name: "דנה לוי"}}
		}),
		"Chinese": plainStory(func(s *Story) {
			s.Title, s.Dek, s.Language = "潮汐表错了,港口知道得最早", strings.Repeat("九十年来小镇按一本印刷的书校准时钟。", 6), "zh-Hans"
			s.BodyHTML = "<p>" + strings.Repeat("一切始于一个无人阅读的水位计。", 30) + "</p>"
		}),
		"emoji": plainStory(func(s *Story) {
			s.Title = "🌊 Tides 👩🏽‍🚀 and 👨‍👩‍👧‍👦 families 🇩🇰"
			s.Dek = "🎉🎉🎉"
		}),
		"entities": plainStory(func(s *Story) {
			s.Title = `R&D's "fish & chips" <b>isn't</b> bold: how to write &lt;b&gt;`
			s.Dek = "5 < 6 && 7 > 6; AT&amp;T"
		}),
		"MSG-36 markup": plainStory(func(s *Story) {
			s.Title, s.Dek = `<img src=x onerror="alert(1)">`, `&lt;script&gt;alert(1)&lt;/script&gt; ]]> <b`
			s.Authors = []Author{{Name: `"><script>alert(1)</script>`, Title: `' onmouseover='x`, Bio: "<style>*{display:none}</style>"}}
			s.Section, s.Image.Alt, s.Image.Caption, s.Image.Credit = "<h1>x</h1>", `" onload="alert(1)`, "<a href=javascript:alert(1)>x</a>", "</p></td></table>"
			s.BodyHTML = `<p>ok<script>alert(1)</script></p><img src=x onerror=alert(1)><a href="javascript:alert(1)">j</a><div style="position:fixed">d`
		}),
		"MSG-36 a title of 1 MB": plainStory(func(s *Story) { s.Title = strings.Repeat("tide ", 200_000) }),
		"MSG-36 one long word":   plainStory(func(s *Story) { s.Title = strings.Repeat("x", 5000); s.Dek = strings.Repeat("é", 5000) }),
		"MSG-36 controls":        plainStory(func(s *Story) { s.Title = "Tide\r\nBcc: a@example.org\x00 \u202egnorw\u202c \u2066x\u2069" }),
		"size unknown":           plainStory(func(s *Story) { s.Image.Width, s.Image.Height = 0, 0 }),
		"portrait":               plainStory(func(s *Story) { s.Image.Width, s.Image.Height = 800, 1600 }),
		"small photo":            plainStory(func(s *Story) { s.Image.Width, s.Image.Height = 120, 90 }),
		"photo without words":    plainStory(func(s *Story) { s.Image.Alt, s.Image.Caption, s.Image.Credit = "", "", "" }),
		"photo not https":        plainStory(func(s *Story) { s.Image.URL = "ftp://www.lantern.example/a.jpg" }),
		"MSG-37 tracking pixel":  plainStory(func(s *Story) { s.Image.Width, s.Image.Height = 1, 1 }),
		"MSG-37 tracking line":   plainStory(func(s *Story) { s.Image.Width, s.Image.Height = 600, 1 }),
		"link not https":         plainStory(func(s *Story) { s.URL = "http://www.lantern.example/a" }),
		"link of another kind":   plainStory(func(s *Story) { s.URL = "javascript:alert(1)" }),
		"no date":                plainStory(func(s *Story) { s.Published = time.Time{}; s.Words = 50 }),
		"dek in the body":        plainStory(func(s *Story) { s.Dek = "It began with a gauge that nobody…" }),
	}
}

// contents are campaigns of every kind, by name.
func contents() map[string]Content {
	out := map[string]Content{"sample digest": sample(TemplateDigest), "sample story": sample(TemplateStory)}
	for name, s := range stories() {
		c := sample(TemplateDigest)
		c.Blocks = []Block{{Kind: KindStory, Lead: true, Stories: []Story{s}}, {Kind: KindSection, Title: s.Section, Stories: []Story{s, s}}, c.Blocks[3]}
		out["digest of "+name] = c
		c = sample(TemplateStory)
		c.Blocks = []Block{{Kind: KindStory, Lead: true, Stories: []Story{s}}, c.Blocks[4]}
		out["mail of "+name] = c
	}
	many := sample(TemplateDigest)
	many.Blocks = []Block{{Kind: KindStory, Lead: true, Stories: []Story{plainStory(nil)}}}
	for i := range 6 {
		section := Block{Kind: KindSection, Title: fmt.Sprint("Section ", i)}
		for j := range 10 {
			section.Stories = append(section.Stories, plainStory(func(s *Story) { s.URL += fmt.Sprint("-", i, j); s.Title += fmt.Sprint(" ", i, j) }))
		}
		many.Blocks = append(many.Blocks, section)
	}
	out["60 stories"] = many
	plain := sample(TemplateDigest)
	plain.Blocks = []Block{{Kind: KindSection, Stories: []Story{plainStory(nil), plainStory(nil)}}, plain.Blocks[3], {Kind: KindSection, Stories: []Story{plainStory(nil)}}}
	out["no lead and no labels"] = plain
	none := sample(TemplateDigest)
	none.Blocks = nil
	out["0 stories"] = none
	for name, change := range map[string]func(*Content){
		"French":       func(c *Content) { c.List.Language = "fr-FR" },
		"Arabic list":  func(c *Content) { c.List.Language = "ar" },
		"dark paper":   func(c *Content) { c.List.Paper = "#111111"; c.List.Accent = "#222222" },
		"yellow":       func(c *Content) { c.List.Paper = "#ffff00"; c.List.Accent = "#ffff00" },
		"grey":         func(c *Content) { c.List.Paper = "#777777"; c.List.Accent = "#777777" },
		"no logo":      func(c *Content) { c.List.LogoURL = "" },
		"no home":      func(c *Content) { c.List.HomeURL, c.List.LogoURL = "", "" },
		"own reason":   func(c *Content) { c.List.Reason = "You are a member of the cooperative & get this each week." },
		"contact mail": func(c *Content) { c.List.Contact = "desk@lantern.example" },
		"long name":    func(c *Content) { c.List.LogoURL, c.List.Name = "", "The Sandholm and Outer Islands Weekly Lantern" },
		"no view":      func(c *Content) { c.ViewURL = "" },
		"preheader":    func(c *Content) { c.Preheader = "Why the printed book is a hand short, and who knew." },
		"proof":        func(c *Content) { c.Proof = true },
	} {
		c := sample(TemplateDigest)
		change(&c)
		out[name] = c
	}
	return out
}

var builtin = func() *Templates {
	t, err := Load("")
	if err != nil {
		panic(err)
	}
	return t
}()

// sent is a mail as it arrives at a reader.
type sent struct {
	raw        []byte
	html, text string
	web        string
	header     mail.Header
}

// send renders, compiles and builds one mail, and takes it apart again with other means.
func send(t *testing.T, c Content, r message.Reader) sent {
	t.Helper()
	marks := message.NewMarks("fixture")
	out, err := builtin.Render(c, marks)
	if err != nil {
		t.Fatal(err)
	}
	d := draftOf(c, marks)
	d.HTML, d.Text, d.Subject, d.Bulk = out.HTML, out.Text, message.CleanHeader(c.Subject), !c.Proof
	if d.Subject == "" {
		d.Subject = c.List.Name
	}
	s := build(t, d, r)
	s.web = out.Web
	return s
}

func build(t *testing.T, d message.Draft, r message.Reader) sent {
	t.Helper()
	compiled, err := message.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	if r.To == "" {
		r.To, r.MessageID, r.LeaveToken = "reader@example.org", "fixture@news.lantern.example", leaveToken
	}
	raw, err := compiled.Append(nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, boundary, _ := strings.Cut(m.Header.Get("Content-Type"), `boundary="`)
	parts := multipart.NewReader(m.Body, strings.TrimSuffix(boundary, `"`))
	var bodies []string
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	if len(bodies) != 2 {
		t.Fatalf("the message has %d parts", len(bodies))
	}
	return sent{raw: raw, text: bodies[0], html: bodies[1], header: m.Header}
}

// flat returns text as one line, so that it can be searched whatever its line breaks.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }
