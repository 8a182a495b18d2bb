package render

import (
	"html"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// injections are what template languages would run. The seventh power of ten and more would not end.
var injections = []string{
	`{{env "MAILER_PROBE"}}`, `{{.}}`, `{{$}}`, `{{call .T "mail.proof"}}`, `{{printf "%#v" .}}`, `{{template "footer.html" .}}`, `{{define "footer.html"}}gone{{end}}`,
	`{{range $i, $e := slice "aaaaaaaa" 0 1000000000}}x{{end}}`, `{{range 1000000000}}x{{end}}`, `{{.LegalName}}{{.T "mail.unsubscribe"}}`, `{{html "<script>"}}`, `{{- /* */ -}}`,
	`{{7*7}}`, `${7*7}`, `#{7*7}`, `<%= 7*7 %>`, `${jndi:ldap://example.org/a}`, `{% include "/etc/passwd" %}`, `<mj-include path="/etc/passwd" />`, `<#assign x=7*7>`, `@(7*7)`,
	`[[${7*7}]]`, `{{ '/etc/passwd'|file_excerpt(1,30) }}`, `%%MAILER_PROBE%%`, `*|MAILER_PROBE|*`, `{unsubscribe}`, `{name|{name|{name}}}`,
}

// places put a text into a content: the first where any text may stand, the others where some is refused.
var places = map[string]func(c *Content, text string){
	"everywhere": func(c *Content, s string) {
		c.List.Name, c.List.Contact, c.List.Reason, c.List.Face, c.List.Accent = s, s, s, s, s
		c.Blocks[2].Title = s
		c.Blocks[1].Stories[0] = Story{Title: s, Dek: s, Section: s, URL: s, Authors: []Author{{Name: s, Title: s, Institution: s, Bio: s}},
			Image: &Image{URL: "https://www.lantern.example/a.jpg", Alt: s, Caption: s, Credit: s}, BodyHTML: SanitizeBody("<p>"+html.EscapeString(s)+"</p>", nil)}
	},
	"subject":   func(c *Content, s string) { c.Subject = s },
	"preheader": func(c *Content, s string) { c.Preheader = s },
	"text":      func(c *Content, s string) { c.Blocks[0].Text = s },
	"appeal": func(c *Content, s string) {
		c.Blocks[len(c.Blocks)-1] = Block{Kind: KindAppeal, Appeal: &Appeal{Heading: s, Body: s, Button: s, URL: "https://www.lantern.example/join"}}
	},
}

// SEC-12: what editors, feeds and settings bring is never a template: it stands in the mail as it was written, or is refused in words,
// and nothing of the service shows.
func TestTemplateInjection(t *testing.T) {
	t.Setenv("MAILER_PROBE", "open-sesame")
	refused, literal := 0, 0
	for name, put := range places {
		t.Run("SEC-12 "+name, func(t *testing.T) {
			for _, text := range injections {
				c := sample(TemplateStory)
				put(&c, text)
				out, err := builtin.Render(c, message.NewMarks("injection"))
				if err != nil {
					if errs.KindOf(err) != errs.Invalid || name == "everywhere" {
						t.Errorf("%s: %v", text, err)
					}
					refused++
					continue
				}
				for where, got := range map[string]string{"html": out.HTML, "text": out.Text, "web": out.Web} {
					for _, never := range []string{"open-sesame", "root:", ">49<", "render.Page"} {
						if strings.Contains(got, never) {
							t.Errorf("%s: the %s has %q", text, where, never)
						}
					}
					if len(got) > 100_000 {
						t.Errorf("%s: the %s has %d octets", text, where, len(got))
					}
				}
				if strings.Contains(html.UnescapeString(out.HTML), text) {
					literal++
				} else if name == "everywhere" {
					t.Errorf("%s does not stand there as it was written", text)
				}
			}
		})
	}
	if refused < 10 || literal < 50 {
		t.Errorf("%d were refused and %d stand as they were written: the test does not test what it says", refused, literal)
	}
}
