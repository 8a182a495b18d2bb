package fetch

import (
	"net/netip"
	"strings"

	"mailer/internal/errs"
)

// forbidden are the parts of the address space that are not the public internet: IANA's special-purpose registries
// (RFC 6890 and what came after), multicast, and a cloud's metadata host that has a public address.
var forbidden = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // carrier-grade NAT; metadata of some clouds
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // metadata and wire server of a cloud
	"169.254.0.0/16",   // link-local; metadata of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast
	"2001::/23",        // protocol assignments, Teredo, ORCHID
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4: carries an IPv4 address
	"3fff::/20",        // documentation
)

// global6 is all that IANA has opened of IPv6 for global unicast. Loopback, ULA, link-local, multicast, IPv4-mapped and
// both NAT64 prefixes lie outside it.
var global6 = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// public reports whether a belongs to the public internet.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || (a.Is6() && !global6.Contains(a)) {
		return false
	}
	for _, p := range forbidden {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// checkHost refuses by name what could only lead inward: literal private addresses, other spellings of IPv4 (decimal,
// octal, hexadecimal: libraries differ in what they make of them), and names that belong to a machine or a house.
func checkHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if !public(a) {
			return denied(host)
		}
		return nil
	}
	name := strings.TrimRight(host, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case name == "" || strings.ContainsAny(name, " %<>^|\\"):
		return errs.Field("url", "%q is not the name of a host", host)
	case isNumber(last):
		return errs.New(errs.Denied, "%q is an unusual spelling of an address and is not read", host)
	case last == "localhost" || last == "local" || last == "internal" || last == "localdomain" || last == "arpa":
		return denied(host)
	}
	return nil
}

// isNumber reports whether a label is a number in any spelling that some resolver takes for a part of an IPv4 address
// (the URL standard, section 3.5, "ends in a number").
func isNumber(label string) bool {
	if label == "" {
		return false
	}
	digits, set := label, "0123456789"
	if strings.HasPrefix(label, "0x") {
		digits, set = label[2:], "0123456789abcdef"
	}
	return strings.Trim(digits, set) == ""
}

func denied(host string) error {
	return errs.New(errs.Denied, "%s is not on the public internet, and only public pages and feeds are read", host)
}
