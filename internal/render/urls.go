package render

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// maxURL is the longest address a mail carries; longer ones are broken by some clients.
const maxURL = 2000

// shorteners hide where a link leads, so filters distrust mails that have them.
var shorteners = []string{"bit.ly", "buff.ly", "cutt.ly", "dlvr.it", "fb.me", "goo.gl", "is.gd", "j.mp", "lnkd.in", "ow.ly",
	"rb.gy", "rebrand.ly", "shorturl.at", "t.co", "t.ly", "tiny.cc", "tinyurl.com", "trib.al", "v.gd"}

// Link returns the address that a mail leads to for a foreign one, https always, or "" where it leaves the link out.
func Link(raw string) string { return cleanURL(raw, nil) }

// cleanURL makes a foreign address fit for a mail: resolved against base (which may be nil), https, its host in ASCII. It
// returns nothing where that cannot be had. What says http is asked for by https; http://localhost stays, for
// development.
func cleanURL(raw string, base *url.URL) string {
	raw = strings.TrimSpace(raw)
	u, err := url.Parse(raw)
	if err != nil || raw == "" {
		return ""
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	host := u.Hostname()
	if ascii, err := idna.Lookup.ToASCII(host); err == nil && ascii != host {
		u.Host = ascii
		if port := u.Port(); port != "" {
			u.Host += ":" + port
		}
	}
	u.Scheme = strings.ToLower(u.Scheme)
	u.Host = strings.ToLower(u.Host)
	if u.Scheme == "http" && u.Hostname() != "localhost" {
		u.Scheme = "https"
		u.Host = strings.TrimSuffix(u.Host, ":80")
	}
	s := u.String()
	if code, _ := urlFault(s); code != "" && code != "localhost" {
		return ""
	}
	return s
}

// urlFault says why an address may not stand in a mail: a short code for programs and the reason for people, both empty
// where it may. Code "localhost" is a development address, fine on the machine it was made on and nowhere else.
func urlFault(raw string) (code, reason string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "url", "is not an address"
	case len(raw) > maxURL:
		return "url", "is longer than 2,000 characters"
	case u.Scheme == "http" && u.Hostname() == "localhost":
		return "localhost", "is an address of this machine"
	case u.Scheme != "https":
		return "https", "does not begin with https://"
	case u.User != nil:
		return "userinfo", "has a user name in it"
	case u.Hostname() == "localhost":
		return "localhost", "is an address of this machine"
	case isIP(u.Hostname()):
		return "ip", "has a number in place of a host name"
	case !isHost(u.Hostname()):
		return "url", "has no valid host name"
	case slices.Contains(shorteners, strings.TrimPrefix(u.Hostname(), "www.")):
		return "shortener", "hides where it leads (a link shortener)"
	}
	return "", ""
}

// isIP reports whether a browser takes host for an IP address: also in decimal, octal and hexadecimal.
func isIP(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
	return last != "" && last[0] >= '0' && last[0] <= '9'
}

var hostPattern = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$`)

func isHost(host string) bool { return len(host) <= 253 && hostPattern.MatchString(host) }

var (
	urlText    = regexp.MustCompile(`(?i)\bhttps?://([^\s/?#:<>()]+)`)
	domainText = regexp.MustCompile(`(?i)^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?:[/?#:]\S*)?$`)
)

// namesOtherHost reports whether the text of a link shows a domain that is not the one it leads to, which is what phishing
// looks like. A subdomain may stand for its domain and the other way round.
func namesOtherHost(text, href string) bool {
	u, err := url.Parse(href)
	if err != nil {
		return false
	}
	same := func(shown string) bool {
		shown = strings.TrimPrefix(strings.ToLower(shown), "www.")
		host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
		return shown == host || strings.HasSuffix(host, "."+shown) || strings.HasSuffix(shown, "."+host)
	}
	for _, m := range urlText.FindAllStringSubmatch(text, -1) {
		if !same(m[1]) {
			return true
		}
	}
	for word := range strings.FieldsSeq(text) {
		if word = bare(word); len(word) > 4 && strings.EqualFold(word[:4], "www.") && domainText.MatchString(word) && !same(domainOf(word)) {
			return true
		}
	}
	if text = bare(text); !domainText.MatchString(text) {
		return false
	}
	shown := domainOf(text)
	suffix, icann := publicsuffix.PublicSuffix(strings.ToLower(shown))
	if !icann && !strings.Contains(suffix, ".") {
		return false // "Node.js" is no domain
	}
	return !same(shown)
}

// bare takes off what text has around an address: quotation marks, arrows, a full stop.
func bare(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '/' })
}

// domainOf returns the domain that text of the form of domainText begins with.
func domainOf(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"))]
}

// hostOf returns the host of an address as a reader knows it, without "www.".
func hostOf(href string) string {
	u, err := url.Parse(href)
	if err != nil {
		return ""
	}
	host := strings.TrimPrefix(u.Hostname(), "www.")
	if shown, err := idna.Display.ToUnicode(host); err == nil {
		return shown
	}
	return host
}
