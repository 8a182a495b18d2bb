package subscribers

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// profile turns a domain in its normal form into A-labels. It maps nothing: what UTS 46 would replace by something else
// (full-width letters, soft hyphens) is refused, because a guess at another domain is somebody else's mailbox. ß and
// final ς stay themselves (non-transitional).
var profile = idna.New(
	idna.ValidateForRegistration(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.CheckHyphens(true),
	idna.CheckJoiners(true),
	idna.BidiRule(),
	idna.VerifyDNSLength(true),
)

// checkDomain returns the domain in lower-case A-labels, and what is odd about it.
func checkDomain(d string) (ascii string, flags []string, err error) {
	lower := strings.ToLower(d)
	if !isASCII(d) {
		if err := checkRunes(d); err != nil {
			return "", nil, err
		}
		if lower, err = profile.ToASCII(norm.NFC.String(lower)); err != nil {
			return "", nil, refuse("the part after the @ is not a domain name that can exist")
		}
	}
	if err := checkLabels(lower); err != nil {
		return "", nil, err
	}
	if !strings.Contains(lower, "xn--") {
		return lower, nil, nil
	}
	readable, err := fromALabels(lower)
	if err != nil {
		return "", nil, err
	}
	if mixesScripts(readable) {
		flags = []string{FlagMixedScript}
	}
	return lower, flags, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// checkRunes refuses characters that cannot be seen or that are another way to write a plain one: UTS 46 would drop or
// replace them, and two programs that differ in that send to two different places (CVE-2026-92598).
func checkRunes(d string) error {
	for _, r := range d {
		if r < utf8.RuneSelf {
			continue
		}
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
			return refuse("there is an invisible character after the @")
		}
		if isASCII(strings.ToLower(norm.NFKC.String(string(r)))) {
			return refuse("the character %q after the @ only looks like a plain one", r)
		}
	}
	return nil
}

// checkLabels checks a lower-case domain by RFC 1123 section 2.1 and the lengths of RFC 1035; the last label must be able
// to be a top-level domain.
func checkLabels(d string) error {
	if len(d) > maxDomain {
		return refuse("the part after the @ is longer than %d characters", maxDomain)
	}
	if d == "" || d[0] == '.' || d[len(d)-1] == '.' || strings.Contains(d, "..") {
		return refuse("a dot stands at an edge or next to another one after the @")
	}
	if d[0] == '[' {
		return refuse("a domain name is needed after the @, not the number of a machine")
	}
	last := d
	for label := range strings.SplitSeq(d, ".") {
		if len(label) > maxLabel {
			return refuse("a part of the domain is longer than %d characters", maxLabel)
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return refuse("a part of the domain begins or ends with a hyphen")
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return refuse("the character %q cannot stand after the @", rune(c))
			}
		}
		last = label
	}
	switch {
	case len(last) == len(d):
		return refuse("a full domain name is needed after the @, like example.org")
	case !strings.ContainsFunc(last, unicode.IsLetter):
		return refuse("a domain name is needed after the @, not the number of a machine")
	case !strings.HasPrefix(last, "xn--") && strings.ContainsAny(last, "0123456789-"):
		return refuse("the domain ends in .%s, which does not exist", last) // RFC 3696 section 2; .0x1 is a number to some
	case len(last) < 2:
		return refuse("the domain ends in .%s, which does not exist", last)
	}
	return nil
}

// fromALabels returns the readable form of a domain with A-labels, each of which must be the one and only encoding of a
// name that is not plain (GO-2026-5026: an A-label of plain letters is a second name for another domain).
func fromALabels(ascii string) (string, error) {
	readable, err := profile.ToUnicode(ascii)
	if err == nil {
		var again string
		again, err = profile.ToASCII(readable)
		if err == nil && again == ascii {
			for label := range strings.SplitSeq(readable, ".") {
				if strings.HasPrefix(label, "xn--") {
					return "", refuse("the part after the @ is not a valid internationalised domain")
				}
			}
			return readable, nil
		}
	}
	return "", refuse("the part after the @ is not a valid internationalised domain")
}

// mixesScripts reports whether a label mixes alphabets in a way no language does (UTS 39, highly restrictive).
func mixesScripts(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		var latin, east, other int
		for name, table := range scripts {
			if !strings.ContainsFunc(label, func(r rune) bool { return unicode.Is(table, r) }) {
				continue
			}
			switch name {
			case "Latin":
				latin++
			case "Han", "Hiragana", "Katakana", "Bopomofo", "Hangul":
				east++
			default:
				other++
			}
		}
		// The scripts of East Asia are written together, and with Latin.
		if other > 1 || other == 1 && latin+east > 0 {
			return true
		}
	}
	return false
}

// scripts are those of Unicode without the marks and signs that every script uses.
var scripts = func() map[string]*unicode.RangeTable {
	m := make(map[string]*unicode.RangeTable, len(unicode.Scripts))
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" {
			m[name] = table
		}
	}
	return m
}()

// isReserved reports domains that RFC 2606, 6761, 6762, 7686, 9476 and ICANN keep out of the public DNS.
func isReserved(ascii string) bool {
	switch ascii[strings.LastIndexByte(ascii, '.')+1:] {
	case "test", "example", "invalid", "localhost", "local", "onion", "alt", "internal":
		return true
	}
	return false
}
