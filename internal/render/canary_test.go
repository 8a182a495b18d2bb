package render

import (
	"strings"
	"testing"

	"mailer/internal/message"
)

// The link that people do not see: in the HTML of a mail, out of the way of eyes, keyboards and screen readers, the same for every
// reader (MSG-37), and neither in the text part nor in the version for browsers.
func TestCanary(t *testing.T) {
	const canary = "https://news.lantern.example/k/AbCd"
	for _, template := range []string{TemplateDigest, TemplateStory} {
		t.Run(template, func(t *testing.T) {
			templates, err := Load("")
			if err != nil {
				t.Fatal(err)
			}
			c := sample(template)
			plain, err := templates.Render(c, message.NewMarks("n"))
			if err != nil {
				t.Fatal(err)
			}
			c.CanaryURL = canary
			out, err := templates.Render(c, message.NewMarks("n"))
			if err != nil {
				t.Fatal(err)
			}
			const link = `<a href="` + canary + `" aria-hidden="true" tabindex="-1" style="text-decoration:none"></a>`
			if strings.Count(out.HTML, canary) != 1 || !strings.Contains(out.HTML, link) {
				t.Errorf("the link is not there as it should be, once:\n%s", out.HTML)
			}
			if strings.Contains(out.Text, "/k/") || strings.Contains(out.Web, "/k/") || out.Text != plain.Text || out.Web != plain.Web {
				t.Error("it stands where people see it")
			}
			without := CheckHTML(message.NewMarks("n").Strip(plain.HTML, ^uint64(0)))
			with := CheckHTML(message.NewMarks("n").Strip(out.HTML, ^uint64(0)))
			if len(with) != len(without) {
				t.Errorf("problems %v; without it %v", with, without)
			}
		})
	}
}
