package subscribers

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"mailer/internal/errs"
)

// Lengths in octets, RFC 5321 section 4.5.3.1 and erratum 1690. maxTyped bounds the work done on anything longer.
const (
	maxTyped   = 1000
	maxLocal   = 64
	maxDomain  = 253
	maxLabel   = 63
	maxAddress = 254
)

// Flags of an address that is taken but worth a look.
const (
	FlagRole        = "role"         // read by several people or a machine: never taken as confirmed on another's word
	FlagMixedScript = "mixed_script" // the domain mixes alphabets, as look-alikes of well-known names do
)

// Policy says which addresses and lists are taken.
type Policy struct {
	// AllowReserved takes domains that can never receive mail, such as .test and .example: for development.
	AllowReserved bool
	// MailDomain is the right side of List-Ids, which a list's name must leave room for. Empty: that of the list's own mail.
	MailDomain string
}

// Address is a mail address that passed the checks, in its three forms.
type Address struct {
	Typed      string   // as typed, for people to see
	Canonical  string   // lower-case local part at A-label domain: one per person
	Wire       string   // local part as typed at A-label domain: what RCPT TO carries
	Provider   string   // who receives mail for the domain, see ProviderOf
	Flags      []string // FlagRole, FlagMixedScript
	Suggestion string   // the address that was probably meant, when the domain looks mistyped; else empty
}

// ParseAddress checks one address by the rules of production; see Policy.ParseAddress.
func ParseAddress(s string) (Address, error) { return Policy{}.ParseAddress(s) }

// ParseAddress checks that s is one plain address that mail can be sent to: local part of RFC 5322 atext, a domain name
// of at least two labels, internationalised ones by UTS 46 without transitional mapping. Spaces, a mailto: and angle
// brackets around it are taken off; nothing inside is repaired. It returns an errs.Invalid about "address" that says
// what is wrong, after work linear in at most a thousand bytes.
func (p Policy) ParseAddress(s string) (Address, error) {
	local, domain, err := split(s)
	if err != nil {
		return Address{}, err
	}
	if isUnread(local) {
		return Address{}, refuse("nobody reads mail at addresses like %s@", strings.ToLower(local))
	}
	ascii, flags, err := checkDomain(domain)
	if err != nil {
		return Address{}, err
	}
	if !p.AllowReserved && isReserved(ascii) {
		return Address{}, refuse("the domain %s can never receive mail", ascii)
	}
	if len(local)+1+len(ascii) > maxAddress {
		return Address{}, refuse("it is longer than the %d characters an address may have", maxAddress)
	}
	lower := strings.ToLower(local)
	a := Address{
		Typed: local + "@" + domain, Canonical: lower + "@" + ascii, Wire: local + "@" + ascii,
		Provider: ProviderOf(ascii), Flags: flags,
	}
	if isRole(lower) {
		a.Flags = append(a.Flags, FlagRole)
	}
	if better := likelyDomain(ascii); better != "" {
		a.Suggestion = local + "@" + better
	}
	return a, nil
}

// Role reports whether the address is a role account.
func (a Address) Role() bool {
	for _, f := range a.Flags {
		if f == FlagRole {
			return true
		}
	}
	return false
}

// Bucket returns the address under which sign-ups are counted against abuse: without +tag, and for Gmail without dots.
// It never decides who somebody is: these are distinct subscribers.
func (a Address) Bucket() string {
	local, domain, _ := strings.Cut(a.Canonical, "@")
	local, _, _ = strings.Cut(local, "+")
	if domain == "googlemail.com" || domain == "gmail.com" {
		local, domain = strings.ReplaceAll(local, ".", ""), "gmail.com"
	}
	return local + "@" + domain
}

func refuse(format string, args ...any) error { return errs.Field("address", format, args...) }

// split takes the wrapping off s and checks all but the domain.
func split(s string) (local, domain string, err error) {
	if len(s) > maxTyped {
		return "", "", refuse("it is longer than the %d characters an address may have", maxAddress)
	}
	if !utf8.ValidString(s) {
		return "", "", refuse("it contains bytes that are not text")
	}
	s = unwrap(s)
	if err := oneAddress(s); err != nil {
		return "", "", err
	}
	local, domain, _ = strings.Cut(s, "@")
	if err := checkLocal(local); err != nil {
		return "", "", err
	}
	return local, domain, nil
}

// unwrap takes off what comes with a copied address: outer blanks also of the invisible kind, mailto:, angle brackets.
func unwrap(s string) string {
	for range 3 { // <mailto:…> in either order, each with blanks
		s = strings.TrimFunc(s, isBlank)
		if len(s) > 2 && s[0] == '<' && s[len(s)-1] == '>' {
			s = s[1 : len(s)-1]
		}
		if len(s) >= 7 && strings.EqualFold(s[:7], "mailto:") {
			s = s[7:]
		}
	}
	return s
}

// isBlank reports spaces of every width, and the marks without any that copying leaves behind.
func isBlank(r rune) bool {
	switch r {
	case '\u200b', '\u2060', '\ufeff':
		return true
	}
	return unicode.IsSpace(r)
}

// oneAddress gives the friendliest reason why s is not one address of the form local@domain.
func oneAddress(s string) error {
	switch at := strings.Count(s, "@"); {
	case s == "":
		return refuse("an address is needed")
	case strings.ContainsFunc(s, unicode.IsControl):
		return refuse("it contains a control character")
	case strings.Contains(s, `"`):
		return refuse("addresses with quotation marks are not taken")
	case strings.ContainsAny(s, "<>()"):
		return refuse("give the address alone, like reader@example.org, without a name or brackets")
	case strings.ContainsAny(s, ",;"):
		return refuse("give one address at a time")
	case strings.ContainsFunc(s, isBlank):
		return refuse("there is a space in it")
	case at == 0:
		return refuse("there is no @ in it")
	case at > 1:
		return refuse("there is more than one @ in it")
	case s[0] == '@':
		return refuse("there is nothing before the @")
	case s[len(s)-1] == '@':
		return refuse("there is nothing after the @")
	}
	return nil
}

func checkLocal(local string) error {
	if len(local) > maxLocal {
		return refuse("the part before the @ is longer than %d characters", maxLocal)
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return refuse("a dot stands at an edge or next to another one before the @")
	}
	for i := range len(local) {
		switch c := local[i]; {
		case c >= utf8.RuneSelf:
			return refuse("letters beyond a to z before the @ cannot be mailed to yet; is there another address?")
		case !isAtext(c) && c != '.':
			return refuse("the character %q cannot stand before the @", rune(c))
		case c == '%' && encodesControl(local[i+1:]):
			return refuse("it contains an encoded control character")
		}
	}
	return nil
}

// isAtext reports the characters of an atom, RFC 5322 section 3.2.3.
func isAtext(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// encodesControl reports whether the two characters after a % name a control character: no person has such an address,
// and what decodes it further down the way would see a line end.
func encodesControl(after string) bool {
	return len(after) >= 2 && (after[0] == '0' || after[0] == '1') && strings.IndexByte("0123456789abcdefABCDEF", after[1]) >= 0
}
