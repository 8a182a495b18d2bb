package subscribers

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/message"
	"mailer/internal/render"
)

const (
	defaultAccent = "#1f4e79"
	defaultPaper  = "#fdfdfb"
)

var (
	slugForm   = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	colourForm = regexp.MustCompile(`^#[0-9a-f]{6}$`)
)

// Missing names what the law and the mail providers want in every campaign and this list does not have yet, in words for
// people; a campaign cannot start before it is empty (CASL section 6(2); 15 USC 7704(a)(5)).
func (l List) Missing() []string {
	var missing []string
	for _, need := range []struct{ name, value string }{
		{"the legal name of the publisher (legal_name)", l.LegalName},
		{"a postal address (postal_address)", l.PostalAddress},
		{"a way to reach a person: telephone, mail address or page (contact)", l.Contact},
	} {
		if need.value == "" {
			missing = append(missing, need.name)
		}
	}
	return missing
}

// checkList returns l trimmed and with its defaults, or an errs.Invalid about each column that is missing or wrong, joined.
func (p Policy) checkList(l List) (List, error) {
	var problems []error
	if !slugForm.MatchString(l.Slug) || len(l.Slug) > 50 {
		problems = append(problems, errs.Field("slug", "use up to 50 small letters, digits and single hyphens, like morning-brief"))
	}
	for _, check := range []func(*List) error{checkListText, p.checkSender, checkListPlace, checkListLooks} {
		if err := check(&l); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) == 0 {
		return l, p.checkListID(&l)
	}
	return l, errors.Join(problems...)
}

func checkListText(l *List) error {
	var problems []error
	for _, c := range []struct {
		field  string
		value  *string
		limit  int
		lines  bool
		needed bool
	}{
		{"name", &l.Name, 80, false, true}, {"from_name", &l.FromName, 80, false, false}, {"description", &l.Description, 1000, true, false},
		{"legal_name", &l.LegalName, 120, false, false}, {"postal_address", &l.PostalAddress, 300, true, false},
		{"contact", &l.Contact, 200, false, false}, {"reason", &l.Reason, 300, false, false},
	} {
		clean := OneLine
		if c.lines {
			clean = SomeLines
		}
		v, err := clean(c.field, *c.value, c.limit)
		if err == nil && v == "" && c.needed {
			err = errs.Field(c.field, "it is needed")
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		*c.value = v
	}
	if l.FromName == "" {
		l.FromName = l.Name
	}
	if address := addressIn(l.FromName); address != "" {
		problems = append(problems, errs.Field("from_name", "%q in it reads like a mail address, which is how forged senders look; write a name here, "+
			"such as that of the newsletter, and the address in from_address", address))
	}
	return errors.Join(problems...)
}

// addressForm is what a person takes for a mail address, of whatever letters.
var addressForm = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}\p{M}._%+'-]* ?@ ?(?:[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*[.。])+\p{L}[\p{L}\p{N}\p{M}-]*`)

// addressIn returns what in a name reads like a mail address, also where it is written with other signs for @ and the dot, or
// with invisible characters in it.
func addressIn(name string) string {
	return addressForm.FindString(norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
			return -1
		}
		return r
	}, name)))
}

// checkSender checks who the mail comes from: a domain of the publisher's own, and MAIL FROM within the same
// organisational domain, so that SPF aligns for DMARC (RFC 9989).
func (p Policy) checkSender(l *List) error {
	from, domain, err := p.mailbox("from_address", l.FromAddress)
	if err != nil {
		return err
	}
	if isFreemail(domain) {
		return errs.Field("from_address", "mail in the name of %s is refused everywhere unless that company sends it; use a domain of your own", domain)
	}
	l.FromAddress = from
	if l.ReplyTo != "" {
		if l.ReplyTo, _, err = p.mailbox("reply_to", l.ReplyTo); err != nil {
			return err
		}
	}
	if strings.TrimSpace(l.EnvelopeDomain) == "" {
		l.EnvelopeDomain = domain
	}
	envelope, _, err := checkDomain(strings.TrimSpace(l.EnvelopeDomain))
	if err != nil {
		return inField(err, "envelope_domain")
	}
	l.EnvelopeDomain = envelope
	own, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return errs.Field("from_address", "%s is not a domain that can be registered", domain)
	}
	if theirs, err := publicsuffix.EffectiveTLDPlusOne(envelope); err != nil || theirs != own {
		return errs.Field("envelope_domain", "it must be %s or a part of it, like bounce.%s, so that mail in its name is not taken for forged", own, own)
	}
	return nil
}

// checkListID refuses a name that is short to read and long in a header, where other alphabets are encoded (RFC 2047).
func (p Policy) checkListID(l *List) error {
	domain := p.MailDomain
	if domain == "" {
		_, domain, _ = strings.Cut(l.FromAddress, "@")
	}
	return message.CheckListID("name", l.Name, message.ListLabel(l.Slug, domain))
}

// mailbox checks an address mail comes from or goes back to; unlike a reader's it may be a role account. It returns its
// wire form, which is what can stand in a header, and its domain.
func (p Policy) mailbox(field, v string) (wire, domain string, err error) {
	local, domain, err := split(v)
	if err == nil {
		domain, _, err = checkDomain(domain)
	}
	if err == nil && !p.AllowReserved && isReserved(domain) {
		err = refuse("the domain %s can never receive mail", domain)
	}
	if err != nil {
		return "", "", inField(err, field)
	}
	return local + "@" + domain, domain, nil
}

// inField turns an error about "address" into the same about another input.
func inField(err error, field string) error {
	if e, ok := err.(*errs.Error); ok {
		return errs.Field(field, "%s", e.Msg)
	}
	return err
}

func checkListPlace(l *List) error {
	if l.Language == "" {
		l.Language = "en"
	}
	tag, err := LanguageTag(l.Language)
	if err != nil {
		return err
	}
	if primary, _, _ := strings.Cut(tag, "-"); !slices.Contains(lang.Tags, primary) {
		return errs.Field("language", "the fixed words of mails and pages are not there in %q; choose one of %s", tag, strings.Join(lang.Tags, ", "))
	}
	l.Language = tag
	if l.TimeZone == "" {
		l.TimeZone = "UTC"
	}
	// "Local" is the zone of this machine, which is nobody's idea of a zone.
	if _, err := time.LoadLocation(l.TimeZone); err != nil || l.TimeZone == "Local" {
		return errs.Field("time_zone", "it is not the name of a time zone; write it like America/Toronto, Europe/Paris or UTC")
	}
	return nil
}

func checkListLooks(l *List) error {
	for _, u := range []struct {
		field string
		value *string
	}{{"home_url", &l.HomeURL}, {"logo_url", &l.LogoURL}} {
		*u.value = strings.TrimSpace(*u.value)
		if *u.value != "" && !isWebURL(*u.value) {
			return errs.Field(u.field, "it must be a full address that begins with https://, like https://www.example.org/")
		}
	}
	switch {
	case l.LogoURL == "":
		l.LogoWidth, l.LogoHeight = 0, 0
	case l.LogoWidth < 1 || l.LogoWidth > 600 || l.LogoHeight < 1 || l.LogoHeight > 300:
		return errs.Field("logo_width", "a logo needs its width (up to 600) and its height (up to 300) in pixels, so that mail programs keep its place")
	}
	for _, c := range []struct {
		field    string
		value    *string
		fallback string
	}{{"accent_colour", &l.AccentColour, defaultAccent}, {"paper_colour", &l.PaperColour, defaultPaper}} {
		*c.value = strings.ToLower(strings.TrimSpace(*c.value))
		if *c.value == "" {
			*c.value = c.fallback
		}
		if !colourForm.MatchString(*c.value) {
			return errs.Field(c.field, "write the colour as six hexadecimal digits, like %s", c.fallback)
		}
	}
	if render.FaceOf(l.TypeFace).Name != l.TypeFace {
		return errs.Field("type_face", "there are %s; empty: the usual one", faceNames())
	}
	return nil
}

func faceNames() string {
	var names []string
	for _, f := range render.Faces[1:] {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// isWebURL reports an absolute https address with a host name, or http at localhost as in development.
func isWebURL(s string) bool {
	if len(s) > 500 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '\\' || unsafe(r) }) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	if u.Scheme == "http" {
		return u.Hostname() == "localhost"
	}
	if u.Scheme != "https" {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	_, _, err = checkDomain(u.Hostname())
	return err == nil
}
