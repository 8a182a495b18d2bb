package subscribers

import (
	"maps"
	"slices"
	"strings"
)

var separators = strings.NewReplacer("-", "", "_", "", ".", "")

// isUnread reports local parts that only machines send from, with a +tag or without.
func isUnread(local string) bool {
	base, _, _ := strings.Cut(local, "+")
	switch strings.ToLower(separators.Replace(base)) {
	case "noreply", "donotreply", "mailerdaemon":
		return true
	}
	return false
}

// isRole reports accounts of a function rather than a person (RFC 2142 and custom) which people put into forms they want
// to annoy, and which spam traps use.
func isRole(lower string) bool {
	switch lower {
	case "abuse", "admin", "administrator", "devnull", "hostmaster", "noc", "postmaster", "root", "security", "spam",
		"sysadmin", "webmaster":
		return true
	}
	return false
}

// providers name who receives mail for domains that millions share.
var providers = map[string]string{
	"gmail.com": "google", "googlemail.com": "google",
	"outlook.com": "microsoft", "hotmail.com": "microsoft", "live.com": "microsoft", "msn.com": "microsoft",
	"yahoo.com": "yahoo", "ymail.com": "yahoo", "rocketmail.com": "yahoo", "aol.com": "yahoo", "aim.com": "yahoo",
	"myyahoo.com": "yahoo",
	"icloud.com":  "apple", "me.com": "apple", "mac.com": "apple",
	"gmx.net": "gmx", "gmx.com": "gmx", "gmx.de": "gmx", "gmx.at": "gmx", "gmx.ch": "gmx", "gmx.fr": "gmx", "gmx.us": "gmx",
	"web.de": "gmx", "mail.com": "gmx", "email.com": "gmx",
	"proton.me": "proton", "protonmail.com": "proton", "protonmail.ch": "proton", "pm.me": "proton",
	"t-online.de": "telekom", "magenta.de": "telekom", "freenet.de": "freenet", "posteo.de": "posteo", "mailbox.org": "mailbox",
	"orange.fr": "orange", "wanadoo.fr": "orange", "free.fr": "free", "laposte.net": "laposte", "sfr.fr": "sfr", "neuf.fr": "sfr",
	"comcast.net": "comcast", "verizon.net": "yahoo", "att.net": "yahoo", "sbcglobal.net": "yahoo", "bellsouth.net": "yahoo",
	"cox.net": "cox", "charter.net": "spectrum", "rogers.com": "yahoo", "bell.net": "bell", "sympatico.ca": "bell",
	"videotron.ca": "videotron", "shaw.ca": "shaw", "telus.net": "telus",
	"btinternet.com": "bt", "sky.com": "yahoo", "virginmedia.com": "virgin", "talktalk.net": "talktalk",
	"libero.it": "libero", "virgilio.it": "libero", "alice.it": "telecomitalia", "tim.it": "telecomitalia",
	"mail.ru": "mailru", "inbox.ru": "mailru", "list.ru": "mailru", "bk.ru": "mailru",
	"yandex.ru": "yandex", "yandex.com": "yandex", "ya.ru": "yandex",
	"qq.com": "tencent", "foxmail.com": "tencent", "163.com": "netease", "126.com": "netease", "yeah.net": "netease",
	"naver.com": "naver", "daum.net": "kakao", "hanmail.net": "kakao", "kakao.com": "kakao",
	"fastmail.com": "fastmail", "fastmail.fm": "fastmail", "zoho.com": "zoho", "zohomail.com": "zoho", "hey.com": "hey",
	"tutanota.com": "tuta", "tuta.com": "tuta", "tuta.io": "tuta", "uol.com.br": "uol", "bol.com.br": "uol", "terra.com.br": "terra",
	"seznam.cz": "seznam", "wp.pl": "wp", "o2.pl": "wp", "onet.pl": "onet", "interia.pl": "interia", "bluewin.ch": "swisscom",
	"telenet.be": "telenet", "skynet.be": "proximus", "ziggo.nl": "ziggo", "kpnmail.nl": "kpn", "telia.com": "telia",
	"bigpond.com": "telstra", "optusnet.com.au": "optus", "rediffmail.com": "rediff", "docomo.ne.jp": "docomo",
	"ezweb.ne.jp": "au", "au.com": "au", "softbank.ne.jp": "softbank", "i.softbank.jp": "softbank",
}

// countries have the second label of brands that give each country a domain: hotmail.fr, yahoo.co.uk, live.com.au.
var countries = map[string]string{"hotmail": "microsoft", "outlook": "microsoft", "live": "microsoft", "yahoo": "yahoo"}

// ProviderOf returns who receives mail for a domain in lower-case A-labels: google, microsoft, yahoo, apple and so on, or
// "other". Only shared domains are known by name; sends are paced by it.
func ProviderOf(domain string) string {
	if p, ok := providers[domain]; ok {
		return p
	}
	brand, rest, _ := strings.Cut(domain, ".")
	p, ok := countries[brand]
	if !ok {
		return "other"
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "co."), "com.")
	if len(rest) == 2 {
		if p == "yahoo" && rest == "jp" {
			return "yahoojp" // another company
		}
		return p
	}
	return "other"
}

// Providers returns what ProviderOf can return, in the order of the alphabet.
func Providers() []string {
	names := slices.Sorted(maps.Values(providers))
	names = slices.Compact(append(names, "other", "yahoojp"))
	slices.Sort(names)
	return slices.Compact(names)
}

// isFreemail reports domains where anybody may have a mailbox: no newsletter can be sent in their name, because their
// DMARC policy refuses it.
func isFreemail(domain string) bool { return ProviderOf(domain) != "other" }

// often are the domains that most typing mistakes are close to.
var often = []string{
	"gmail.com", "googlemail.com", "hotmail.com", "hotmail.fr", "hotmail.co.uk", "outlook.com", "yahoo.com", "yahoo.ca",
	"yahoo.fr", "yahoo.co.uk", "icloud.com", "live.com", "aol.com", "protonmail.com", "comcast.net", "sympatico.ca",
	"videotron.ca", "wanadoo.fr", "orange.fr", "laposte.net",
}

// honest are domains that look like a slip of the finger and are none.
var honest = map[string]bool{
	"gmail.co": true, "mail.com": true, "email.com": true, "ymail.com": true, "yahoo.co": true, "hotmail.ca": true,
	"live.ca": true, "aon.com": true, "aol.co": true, "orange.be": true, "love.com": true, "life.com": true, "olive.com": true,
}

// likelyDomain returns the well-known domain that the given one is one slip away from, or an empty string.
func likelyDomain(domain string) string {
	if ProviderOf(domain) != "other" || honest[domain] || strings.Contains(domain, "xn--") {
		return ""
	}
	for _, known := range often {
		if d := len(known) - len(domain); d < -1 || d > 1 {
			continue
		}
		// A name of few letters has too many honest neighbours.
		if name, _, _ := strings.Cut(known, "."); len(name) < 5 && !strings.HasPrefix(domain, name+".") {
			continue
		}
		if oneSlip(domain, known) {
			return known
		}
	}
	return ""
}

// oneSlip reports whether one letter more, less or other, or two neighbours swapped, turns a into b.
func oneSlip(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	switch {
	case len(a)+len(b) == 1: // one letter missing or too many
		return true
	case len(a) == 1 && len(b) == 1: // another letter
		return true
	case len(a) == 2 && len(b) == 2: // two swapped
		return a[0] == b[1] && a[1] == b[0]
	}
	return false
}
