package render

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/message"
	"mailer/templates/email"
)

// folderOf writes files into a new folder.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// built returns an embedded template with a change.
func built(t *testing.T, name, old, new string) string {
	t.Helper()
	raw, err := email.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	return strings.Replace(string(raw), old, new, 1)
}

func TestOverride(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{
		"footer.html": built(t, "footer.html", "{{.LegalName}}", "{{.LegalName}} Thank you for reading."),
		"footer.txt":  built(t, "footer.txt", "{{fill .Reason}}", "{{fill .Reason}} Thank you for reading."),
		"notes.md":    "not a template",
	})
	templates, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := templates.Render(sample(TemplateDigest), message.NewMarks("x"))
	if err != nil {
		t.Fatal(err)
	}
	for part, s := range map[string]string{"HTML": out.HTML, "text": out.Text, "web": out.Web} {
		if !strings.Contains(s, "Thank you for reading.") {
			t.Errorf("the %s part is not the operator's", part)
		}
	}
}

// TestBrokenOverride: a broken override is refused at the start, with file and line.
func TestBrokenOverride(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"does not parse":        {map[string]string{"digest.html": "a\nb\n{{range .Blocks}}"}, []string{"digest.html, line 3", "unexpected EOF"}},
		"unknown function":      {map[string]string{"item.html": "\n{{shout .Title}}"}, []string{"item.html, line 2", "shout"}},
		"unknown field":         {map[string]string{"item.html": "\n\n\n{{.Headline}}"}, []string{"item.html, line 4", "Headline"}},
		"unknown field in text": {map[string]string{"item.txt": "\n{{.Headline}}"}, []string{"item.txt, line 2", "Headline"}},
		"unknown word":          {map[string]string{"button.html": `{{.T "no.such.word"}}`}, []string{"button.html, line 1", "no.such.word"}},
		"unsafe place":          {map[string]string{"button.html": "\n<script>x = {{.Label}</script>"}, []string{"button.html, line 2"}},
		"value in a tag":        {map[string]string{"button.html": "\n<a {{.Label}}=x>y</a>\n<p style=\"{{if .Label}}'{{end}}\">"}, []string{"button.html, line 3"}},
		"no such partial":       {map[string]string{"digest.html": "\n{{template \"nothing.html\" .}}"}, []string{"nothing.html"}},
		"unknown name":          {map[string]string{"digset.html": "x"}, []string{"digset.html is no template", "digest.html"}},
		"no way to leave":       {map[string]string{"footer.html": built(t, "footer.html", "{{.LeaveURL}}", ""), "masthead.html": built(t, "masthead.html", "{{.LeaveURL}}", "")}, []string{"digest", "leave"}},
		"no way to leave, text": {map[string]string{"footer.txt": built(t, "footer.txt", "\n{{.LeaveURL}}", "")}, []string{"digest", "leave"}},
		"group not closed":      {map[string]string{"digest.txt": built(t, "digest.txt", "{{.Close}}", "")}, []string{"digest", "group"}},
		"a mark cut short":      {map[string]string{"footer.txt": built(t, "footer.txt", "\n{{.LeaveURL}}", "\n{{.LeaveURL}} {{printf \"%.54s\" .LeaveURL}}")}, []string{"digest", "mark"}},
		"no postal address":     {map[string]string{"footer.html": built(t, "footer.html", "{{range .Address}}<br>{{.}}{{end}}", "")}, []string{"postal address"}},
		"no legal name":         {map[string]string{"footer.txt": built(t, "footer.txt", "{{.LegalName}}\n", "\n")}, []string{"legal name"}},
		"no link in a letter":   {map[string]string{"letter.txt": "{{template \"footer.txt\" .}}"}, []string{"letter", "LetterURL"}},
		"personal page":         {map[string]string{"footer.html": built(t, "footer.html", `{{.T "mail.published_by"}}`, `{{.T "mail.published_by"}} <a href="https://news.lantern.example/u/x">x</a>`)}, []string{"version for browsers"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(folderOf(t, tc.files))
			if errs.KindOf(err) != errs.Config {
				t.Fatalf("Load: %v; want an error of kind Config", err)
			}
			for _, w := range append(tc.want, "MAILER_TEMPLATES") {
				if !strings.Contains(errs.Public(err), w) {
					t.Errorf("the error lacks %q: %s", w, errs.Public(err))
				}
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); errs.KindOf(err) != errs.Config {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Content){
		"no such template": func(c *Content) { c.Template = "poster" },
		"no such block":    func(c *Content) { c.Blocks[0].Kind = "banner" },
		"no appeal":        func(c *Content) { c.Blocks[3].Appeal = nil },
		"appeal to http":   func(c *Content) { c.Blocks[3].Appeal.URL = "http://www.lantern.example/give" },
		"appeal to script": func(c *Content) { c.Blocks[3].Appeal.URL = "javascript:alert(1)" },
		"no such zone":     func(c *Content) { c.List.TimeZone = "Sandholm" },
	} {
		c := sample(TemplateDigest)
		change(&c)
		if _, err := builtin.Render(c, message.NewMarks("x")); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v; want an error of kind Invalid", name, err)
		}
	}
	c := sampleLetter()
	c.URL = "javascript:alert(1)"
	if _, err := builtin.Letter(c); errs.KindOf(err) != errs.Invalid {
		t.Errorf("letter: %v; want an error of kind Invalid", err)
	}
}
