package articles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// Markdown with and without front matter, and pages with and without metadata.
func TestParseFileGolden(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"testdata/markdown/*.md", "testdata/pages/*.html"} {
		f, err := filepath.Glob(pattern)
		if err != nil || len(f) < 3 {
			t.Fatalf("%s: %d fixtures, %v", pattern, len(f), err)
		}
		files = append(files, f...)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			p, err := ParseFile(f, data, Overrides{Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(f, filepath.Ext(f))+".golden.json", p)
		})
	}
}

const shortStory = "The bridge\n\nIt took eleven years.\n\nBy Jane Roe\n\nJune 3, 2026\n\nThe bridge is closed, and nobody in the town knows for how long it will be.\n\n" +
	"Support our newsroom\n\nWe are funded by readers like you. Please consider a donation to keep our reporting free.\n\nDonate now\n"

func TestOverrides(t *testing.T) {
	t.Parallel()
	p, err := ParseFile("story.txt", []byte(shortStory), Overrides{Now: testNow, Title: "Another title", Dek: "Another dek", Author: "Jane Roe and John Doe", AuthorTitle: "Reporter",
		Institution: "Harbour News", Date: "22 November 2026 08:30", Section: "News", Tags: []string{"a", "b"}, Image: "https://img.example.org/a.jpg", Alt: "alt", Caption: "caption", Credit: "credit",
		URL: "https://news.example.org/a", Language: "en-gb"})
	if err != nil {
		t.Fatal(err)
	}
	s := p.Story
	if s.Title != "Another title" || s.Dek != "Another dek" || show(s.Authors) != "Jane Roe|Reporter|Harbour News; John Doe" || s.Published.Format("2006-01-02 15:04") != "2026-11-22 08:30" ||
		s.Section != "News" || len(s.Tags) != 2 || s.Image.URL != "https://img.example.org/a.jpg" || s.Image.Alt != "alt" || s.Image.Caption != "caption" || s.Image.Credit != "credit" ||
		s.URL != "https://news.example.org/a" || s.Language != "en-GB" {
		t.Errorf("%+v %+v", s, s.Image)
	}
	if r := strings.Join(p.Recognised, "\n"); !strings.Contains(r, "set by hand: headline, dek, section, author, author's title, institution, date, tags, image, alt, caption, credit, url, language") {
		t.Error(r)
	}
}

func TestAppealOverrides(t *testing.T) {
	t.Parallel()
	p, err := ParseFile("story.txt", []byte(shortStory), Overrides{Now: testNow})
	if err != nil || p.Appeal == nil || p.Appeal.Heading != "Support our newsroom" || p.Appeal.Button != "Donate now" || strings.Contains(p.Story.BodyHTML, "donation") {
		t.Fatalf("%+v, %v", p.Appeal, err)
	}
	p, err = ParseFile("story.txt", []byte(shortStory), Overrides{Now: testNow, NoAppeal: true})
	if err != nil || p.Appeal != nil || !strings.Contains(p.Story.BodyHTML, "funded by readers like you") {
		t.Fatalf("no appeal was wanted: %+v, %v\n%s", p.Appeal, err, p.Story.BodyHTML)
	}
	p, err = ParseFile("story.txt", []byte(shortStory), Overrides{Now: testNow, AppealFrom: "we are FUNDED"})
	if err != nil || p.Appeal == nil || p.Appeal.Heading != "" || !strings.HasPrefix(p.Appeal.Body, "We are funded") || !strings.Contains(p.Story.BodyHTML, "Support our newsroom") {
		t.Fatalf("%+v, %v\n%s", p.Appeal, err, p.Story.BodyHTML)
	}
}

func TestParseFileErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, text string
		o          Overrides
		want       string
	}{
		"empty":               {"a.txt", " \n\n", Overrides{}, "no text"},
		"empty Markdown":      {"a.md", "", Overrides{}, "headline"},
		"empty page":          {"a.html", "", Overrides{}, "headline"},
		"too large":           {"a.txt", strings.Repeat("x", MaxFile+1), Overrides{}, "larger than 1 MB"},
		"date":                {"a.txt", shortStory, Overrides{Date: "soon"}, "not understood as a date"},
		"image":               {"a.txt", shortStory, Overrides{Image: "photo.jpg"}, "must begin with https://"},
		"url":                 {"a.txt", shortStory, Overrides{URL: "javascript:alert(1)"}, "must begin with https://"},
		"language":            {"a.txt", shortStory, Overrides{Language: "klingonish!"}, "not a language tag"},
		"appeal from nowhere": {"a.txt", shortStory, Overrides{AppealFrom: "Once upon"}, "no paragraph begins"},
		"title of nobody":     {"a.txt", "Only a headline\n\nAnd a paragraph that is long enough to be one.", Overrides{AuthorTitle: "Reporter"}, "no author is known"},
		"TOML":                {"a.md", "+++\ntitle = \n+++\ntext", Overrides{}, "not TOML"},
		"no end":              {"a.md", "+++\ntitle = \"x\"\ntext", Overrides{}, "has no end"},
		"YAML":                {"a.md", "---\ntitle: x\nwhat is this\n---\ntext", Overrides{}, "line 3"},
		"front date":          {"a.md", "---\ntitle: x\ndate: soon\n---\ntext", Overrides{}, "of the front matter is not understood"},
		"nested page":         {"a.html", strings.Repeat("<div>", 1000), Overrides{}, "nested too deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseFile(tc.file, []byte(tc.text), tc.o)
			if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
				t.Fatalf("%v; want %q", err, tc.want)
			}
		})
	}
}

// MSG-36 at the door of files: scripts and controls of any form are inert, whatever the format.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a.txt":  "Title <script>alert(1)</script>\u202e\n\nBy <img src=x onerror=alert(1)>\n\nBody <script>alert(2)</script> https://a.example/\"onclick=x text goes on and on here.\n\njavascript:alert(3)\n",
		"a.md":   "---\ntitle: \"T <script>alert(1)</script>\"\nimage: javascript:alert(1)\nurl: javascript:alert(1)\n---\n\n[x](javascript:alert(1)) <script>alert(2)</script> <img src=x onerror=alert(3)> ![y](data:image/svg+xml,x)\n\n<iframe src=https://evil.example></iframe>\n",
		"a.html": "<html><head><title>T</title><meta property=og:title content=\"T &lt;script&gt;alert(1)&lt;/script&gt;\"><meta property=og:image content=\"javascript:alert(1)\"></head><body><h1>T</h1><p onclick=alert(1)>Body <a href=\"javascript:alert(1)\">x</a><script>alert(2)</script><svg onload=alert(3)></svg> goes on for long enough to be a paragraph.</p></body></html>",
	} {
		p, err := ParseFile(name, []byte(text), Overrides{Now: testNow})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body := strings.ToLower(p.Story.BodyHTML)
		for _, bad := range []string{"<script", "<img src=x", "<iframe", "<svg", "href=\"javascript:", "onclick=\"", "onclick=alert"} {
			if strings.Contains(body, bad) {
				t.Errorf("MSG-36 %s: body has %q: %s", name, bad, body)
			}
		}
		if strings.Contains(p.Story.Title, "\u202e") || p.Story.URL != "" || p.Story.Image != nil && p.Story.Image.URL != "" {
			t.Errorf("MSG-36 %s: %+v", name, p.Story)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	for _, pattern := range []string{"testdata/plain/*.txt", "testdata/markdown/*.md", "testdata/pages/*.html"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			if data, err := os.ReadFile(name); err == nil {
				f.Add(filepath.Ext(name), data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, ext string, data []byte) {
		name := map[string]string{".md": "a.md", ".html": "a.html"}[ext]
		if name == "" {
			name = "a.txt"
		}
		p, err := ParseFile(name, data, Overrides{Now: testNow})
		if err != nil {
			if k := errs.KindOf(err); k != errs.Invalid {
				t.Fatalf("kind %d: %v", k, err)
			}
			return
		}
		if p.Story.Title == "" || p.Story.Title != line(p.Story.Title, maxTitle) || len(p.Recognised) == 0 {
			t.Fatalf("%+v", p)
		}
		if low := strings.ToLower(p.Story.BodyHTML); strings.Contains(low, "<script") || strings.Contains(low, "href=\"javascript:") {
			t.Fatalf("body %s", p.Story.BodyHTML)
		}
		if render.SanitizeBody(p.Story.BodyHTML, nil) != p.Story.BodyHTML {
			t.Fatalf("the body is not stable: %s", p.Story.BodyHTML)
		}
	})
}

// Whoever imports a story learns what becomes of its link in a mail.
func TestImportTellsOfTheLink(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://news.example.org/a":  "",
		"http://localhost:8025/a":     "",
		"http://news.example.org/a":   "link: mails lead to https:// addresses only, here to https://news.example.org/a; see that the story is there too",
		"http://192.0.2.7/a":          "no link: mails cannot lead to this address; they need https:// and the name of a host",
		"https://user@192.0.2.7:80/a": "",
	} {
		p, err := ParseFile("story.txt", []byte(shortStory+"\n"), Overrides{Now: testNow})
		if err != nil {
			t.Fatal(err)
		}
		p.Story.URL = url
		got := ""
		for _, l := range recognised(Parsed{Story: tidy(p.Story)}, 0) {
			if strings.HasPrefix(l, "link: ") || strings.HasPrefix(l, "no link: ") {
				got += l
			}
		}
		if got != want {
			t.Errorf("%s: %q; want %q", url, got, want)
		}
	}
}
