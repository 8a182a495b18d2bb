package render

import (
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// try renders sample content with every template, compiles it, and looks for what a mail must have.
func (t *Templates) try() error {
	for _, name := range []string{TemplateDigest, TemplateStory} {
		c := grouped(sample(name))
		c.List.LogoURL = ""
		for _, logo := range []string{"", sample(name).List.LogoURL} {
			c.List.LogoURL = logo
			marks := message.NewMarks("try")
			out, err := t.Render(c, marks)
			if err != nil {
				return err
			}
			if err := t.accept(name, out, c.List, draftOf(c, marks)); err != nil {
				return err
			}
		}
	}
	c := sampleLetter()
	out, err := t.Letter(c)
	if err != nil {
		return err
	}
	if !strings.Contains(out.HTML, c.URL) || !strings.Contains(out.Text, c.URL) {
		return lacks(TemplateLetter, "the link that it is about ({{.LetterURL}})")
	}
	d := draftOf(sample(TemplateDigest), nil)
	d.Bulk = false
	return t.accept(TemplateLetter, out, c.List, d)
}

// draftOf is a message that differs from a real one in its addresses only.
func draftOf(c Content, marks *message.Marks) message.Draft {
	return message.Draft{
		Campaign: 1, Key: "sample", Domain: "news.lantern.example", FromName: c.List.Name, FromAddress: "news@lantern.example", Subject: c.Subject,
		Date: time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC), Bulk: true, ListName: c.List.Name, ListLabel: "sample.lists.lantern.example",
		LeaveBase: c.LeaveBase, Marks: marks,
	}
}

// accept refuses what the message engine refuses, and a mail that does not say who sends it.
func (t *Templates) accept(name string, out Output, l List, d message.Draft) error {
	d.HTML, d.Text = out.HTML, out.Text
	if _, err := message.Compile(d); err != nil {
		return t.fault(name, errs.Wrap(err, errs.Config, "the message cannot be made"))
	}
	address, _, _ := strings.Cut(l.PostalAddress, "\n")
	for _, must := range []struct{ what, said string }{{"the legal name ({{.LegalName}})", l.LegalName}, {"the postal address ({{.Address}})", address}} {
		if !strings.Contains(out.HTML, must.said) || !strings.Contains(out.Text, must.said) {
			return lacks(name, must.what)
		}
	}
	if d.Bulk && (strings.Contains(out.Web, d.LeaveBase) || strings.Contains(out.Web, samplePreferences)) {
		return config(nil, "the template %s.html shows a personal link in the version for browsers; put {{if .LeaveURL}} or {{if .PreferencesURL}} around it", name)
	}
	return nil
}

func lacks(name, what string) error {
	return config(nil, "the templates %s.html and %s.txt must both have %s", name, name, what)
}
