package articles

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// tracking are query parameters that say how a reader came, not what he reads.
var tracking = map[string]bool{"fbclid": true, "gclid": true, "gclsrc": true, "dclid": true, "gbraid": true, "wbraid": true, "msclkid": true,
	"yclid": true, "twclid": true, "ttclid": true, "igshid": true, "igsh": true, "li_fat_id": true, "epik": true, "mc_cid": true, "mc_eid": true,
	"mkt_tok": true, "_hsenc": true, "_hsmi": true, "oly_anon_id": true, "oly_enc_id": true, "vero_id": true, "vero_conv": true, "wickedid": true,
	"cmpid": true, "cmp": true, "ncid": true, "ocid": true, "s_cid": true, "smid": true, "spm": true, "xtor": true, "ref_src": true, "ref_url": true,
	"guccounter": true, "guce_referrer": true, "guce_referrer_sig": true, "__twitter_impression": true, "_ga": true, "_gl": true, "trk": true,
	"trk_contact": true, "trk_msg": true, "trk_module": true, "trk_sid": true, "ns_mchannel": true, "ns_source": true, "ns_campaign": true,
	"ns_linkname": true, "ns_fee": true, "sr_share": true, "wt.mc_id": true, "wt_mc": true, "wtrid": true, "rss": true, "source_feed": true}

// trackingPrefixes are families of such parameters.
var trackingPrefixes = []string{"utm_", "at_", "pk_", "mtm_", "hsa_", "__hs", "matomo_", "piwik_"}

// CanonicalURL returns the address under which a story is known, so that the same story is found again: scheme and host
// in lower case (a foreign host in its ASCII form), no default port, no fragment, no tracking parameters, no dot
// segments; the order of other parameters is kept. It returns "" for what is not an absolute http or https address.
// The result is for comparing: links keep the address that the publisher gave.
func CanonicalURL(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Opaque != "" || u.User != nil || u.Host == "" {
		return ""
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	host := strings.Trim(strings.ToLower(u.Hostname()), ". ")
	if a, err := idna.Lookup.ToASCII(host); err == nil {
		host = a
	}
	if host == "" || strings.ContainsAny(host, " %<>\"") {
		return ""
	}
	port := u.Port()
	if (u.Scheme == "http" && port == "80") || (u.Scheme == "https" && port == "443") {
		port = ""
	}
	switch {
	case port != "":
		u.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		u.Host = "[" + host + "]"
	default:
		u.Host = host
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u = u.ResolveReference(&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}) // takes out dot segments
	u.Fragment, u.RawFragment, u.ForceQuery = "", "", false
	u.RawQuery = withoutTracking(u.RawQuery)
	return u.String()
}

func withoutTracking(query string) string {
	if query == "" {
		return ""
	}
	var kept []string
	for p := range strings.SplitSeq(query, "&") {
		p = strings.TrimSpace(p)
		key, _, _ := strings.Cut(p, "=")
		if k, err := url.QueryUnescape(key); err == nil {
			key = k
		}
		if p != "" && !isTracking(strings.ToLower(key)) {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "&")
}

func isTracking(key string) bool {
	if tracking[key] {
		return true
	}
	for _, p := range trackingPrefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// absolute resolves ref against base and returns it when it is an http or https address that a mail may carry, else "".
func absolute(base *url.URL, ref string) string {
	ref = strings.TrimSpace(clean(ref))
	if ref == "" || len(ref) > 2000 || strings.ContainsAny(ref, "\n\t") {
		return ""
	}
	u, err := url.Parse(strings.ReplaceAll(ref, " ", "%20"))
	if err != nil {
		return ""
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}
