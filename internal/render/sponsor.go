package render

import (
	"strings"
	"time"
	"unicode/utf8"

	"mailer/internal/errs"
)

// Sponsor is a part of a mail that somebody pays for. It is shown from the first to the last of its days only, by the day that the
// mail bears.
type Sponsor struct {
	Name    string `json:"name"`              // who pays, as readers know them
	Label   string `json:"label,omitempty"`   // what it is called; empty: Sponsored by Name, in the language of the list
	From    string `json:"from,omitempty"`    // first day, 2026-11-22; empty: no first
	To      string `json:"to,omitempty"`      // last day
	Heading string `json:"heading,omitempty"` // may be empty
	Text    string `json:"text,omitempty"`    // Markdown
	URL     string `json:"url,omitempty"`
	Link    string `json:"link,omitempty"` // the words of the link; empty: the name
	Image   *Image `json:"image,omitempty"`
}

// Runs reports whether a mail that bears the day of date, in its zone, shows the sponsor.
func (s Sponsor) Runs(date time.Time) bool {
	day := date.Format(time.DateOnly)
	return (s.From == "" || day >= s.From) && (s.To == "" || day <= s.To)
}

// maxSponsor is how long a sponsor's text may be, in characters: an advertisement is no story.
const maxSponsor = 4000

// Check refuses what cannot be shown: days that are none, addresses that no mail may carry, placeholders that there are not. What is
// empty may still be filled in. Errors are Invalid and name the field.
func (s Sponsor) Check() error {
	for field, day := range map[string]string{"from": s.From, "to": s.To} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return errs.Field(field, "%q is not a day; write it like 2026-12-25", day)
		}
	}
	if s.From != "" && s.To != "" && s.To < s.From {
		return errs.Field("to", "the last day is before the first")
	}
	if err := CheckLink("url", s.URL); err != nil {
		return err
	}
	for field, line := range map[string]string{"label": s.Label, "heading": s.Heading, "link": s.Link} {
		if placeholder.MatchString(line) || findHole(line) != "" {
			return errs.Field(field, "there are no placeholders in a label, a heading or a link; write them in the text")
		}
	}
	if n := utf8.RuneCountInString(s.Text); n > maxSponsor {
		return errs.Field("text", "has %d characters; %d is the limit", n, maxSponsor)
	}
	if err := CheckMarkdown(s.Text); err != nil {
		return errs.Field("text", "%s", errs.Public(err))
	}
	if s.Image == nil {
		return nil
	}
	return s.Image.Check()
}

// Check refuses an image whose address no mail may carry; none is not known yet. Errors are Invalid, of the field image.
func (img Image) Check() error {
	if err := CheckLink("image", img.URL); err != nil {
		return err
	}
	if img.URL != "" && imageURL(img.URL, nil) == "" {
		return errs.Field("image", "mail programs do not show SVG; use a JPEG or PNG")
	}
	return nil
}

// CheckLink refuses an address that no mail may carry and says why; none is fine. Errors are Invalid, of the field.
func CheckLink(field, raw string) error {
	raw = strings.TrimSpace(raw)
	if raw == "" || cleanURL(raw, nil) != "" {
		return nil
	}
	code, reason := urlFault(raw)
	if code == "" {
		reason = "is not an address"
	}
	return errs.Field(field, "the address %s", reason)
}

// framed is the width that the frame around a sponsor leaves, in CSS pixels: Word knows no max-width.
const framed = column - 2*(32+1)

// sponsor makes the view of a sponsor; nil on a day on which it does not run, and where nothing is said of it.
func (p *Page) sponsor(s *Sponsor, date time.Time) (*SponsorView, error) {
	if s == nil || !date.IsZero() && !s.Runs(date) {
		return nil, nil
	}
	v := &SponsorView{Page: p, Label: plainLine(s.Label, maxSection), Heading: plainLine(s.Heading, maxTitle), Photo: p.picture(s.Image, framed), URL: cleanURL(s.URL, nil)}
	name := plainLine(s.Name, maxName)
	switch {
	case v.Label == "" && name != "":
		v.Label = p.words.T("sponsor.by", name)
	case v.Label == "":
		v.Label = p.words.T("sponsor.label")
	case name != "" && !strings.Contains(v.Label, name):
		v.Label = joinPlain(v.Label, name)
	}
	v.HeadingDir = direction(v.Heading, p.Dir)
	d, err := fromMarkdown(s.Text, p.name)
	if err != nil {
		return nil, err
	}
	set := p.set
	set.paid = true
	v.Body, v.Plain = set.rows(d), d.plain()
	if v.Link = plainLine(s.Link, maxName); v.Link == "" {
		if v.Link = name; v.Link == "" {
			v.Link = hostOf(v.URL)
		}
	}
	if v.Heading == "" && len(v.Body) == 0 && v.Photo == nil && v.URL == "" {
		return nil, nil
	}
	return v, nil
}
