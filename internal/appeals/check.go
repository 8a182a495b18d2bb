package appeals

import (
	"net"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// Limits in characters. The mail as a whole must stay below 90 kB (MSG-24) and an appeal is a few paragraphs of it.
const (
	maxHeading = 120
	maxBody    = 4000
	maxButton  = 40
	maxURL     = 1000
)

var slugRE = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)

func (n NewAppeal) check() error {
	if !slugRE.MatchString(n.Slug) || len(n.Slug) > 50 {
		return errs.Field("slug", "%q is not a short name: use up to 50 small letters, digits and single dashes, such as autumn-2026", n.Slug)
	}
	if err := checkText("heading", n.Heading, maxHeading, false); err != nil {
		return err
	}
	if err := checkText("body", n.Body, maxBody, true); err != nil {
		return err
	}
	// Found here, and not on the morning of the send (MSG-35).
	if err := render.CheckMarkdown(n.Body); err != nil {
		return errs.Field("body", "%s", errs.Public(err))
	}
	for field, text := range map[string]string{"heading": n.Heading, "button": n.Button} {
		if strings.ContainsAny(text, "{}") {
			return errs.Field(field, "has no placeholders; take the braces out")
		}
	}
	if err := checkText("button", n.Button, maxButton, false); err != nil {
		return err
	}
	return checkURL(n.URL)
}

// checkText refuses what is empty, too long, or carries characters that no reader should see: controls, and the
// directional overrides that make a text read other than it is written (CWE-451).
func checkText(field, s string, limit int, lines bool) error {
	switch {
	case strings.TrimSpace(s) == "":
		return errs.Field(field, "is empty")
	case !utf8.ValidString(s):
		return errs.Field(field, "is not valid UTF-8")
	case utf8.RuneCountInString(s) > limit:
		return errs.Field(field, "has %d characters; %d is the limit", utf8.RuneCountInString(s), limit)
	}
	for _, r := range s {
		if lines && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		if unicode.IsControl(r) || (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069) {
			return errs.Field(field, "contains the invisible character U+%04X; take it out", r)
		}
	}
	return nil
}

// checkURL accepts absolute https addresses with a host name, and http://localhost for a trial on one machine.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case len(s) > maxURL:
		return errs.Field("url", "is longer than %d characters", maxURL)
	case err != nil || u.Host == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errs.Field("url", "%q is not an address; it should look like https://example.org/support", s)
	case u.User != nil:
		return errs.Field("url", "must not carry a user name or password")
	case u.Scheme == "http" && u.Hostname() == "localhost":
		return nil
	case u.Scheme != "https":
		return errs.Field("url", "must begin with https://")
	case net.ParseIP(u.Hostname()) != nil:
		return errs.Field("url", "must name a host, not the number %s", u.Hostname())
	}
	return nil
}
