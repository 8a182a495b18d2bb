package dkim

import (
	"regexp"
	"strings"

	"golang.org/x/net/publicsuffix"

	"mailer/internal/errs"
)

// A selector is labels of letters, digits and hyphens, here in lower case only: file systems may tell cases apart and DNS
// does not.
var (
	selectorForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	domainForm   = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

func checkSelector(s string) error {
	if len(s) > 63 || !selectorForm.MatchString(s) {
		return errs.Field("selector", "must be small letters, digits and hyphens, like s2026a")
	}
	return nil
}

// checkDomain refuses what cannot be a domain of somebody's own.
func checkDomain(d string) error {
	if len(d) > 180 || !domainForm.MatchString(d) {
		return errs.Field("domain", "must be a domain in small ASCII letters (xn--… for others), like news.example.org")
	}
	if Organisational(d) == "" {
		return errs.Field("domain", "%s is not a domain of yours: anyone can register names below it", d)
	}
	return nil
}

// Organisational returns the domain that was registered, such as example.co.uk for news.example.co.uk; empty for a public
// suffix. Two names are aligned for DMARC when they have the same one (RFC 9989, relaxed mode).
func Organisational(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(domain))
	if err != nil {
		return ""
	}
	return org
}

// candidates returns the domains whose key may sign for a From domain, the nearest first: itself, and what it is part of, up
// to the organisational domain.
func candidates(from string) []string {
	org := Organisational(from)
	if org == "" {
		return nil
	}
	var list []string
	for d := strings.ToLower(from); len(d) >= len(org); {
		list = append(list, d)
		_, parent, ok := strings.Cut(d, ".")
		if !ok {
			break
		}
		d = parent
	}
	return list
}
