package subscribers

import "net/netip"

// Network is what is kept or counted of a reader's address: so many bits (four) of IPv4, or (six) of IPv6. It is empty for
// what is no address, and for addresses of our own network, which are those of a proxy that does not tell.
func Network(a netip.Addr, four, six int) string {
	if !a.IsValid() || OwnNetwork(a) {
		return ""
	}
	return PrefixOf(a, four, six)
}

// OwnNetwork reports addresses of this machine and of networks that the internet does not reach.
func OwnNetwork(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

// Bits of a network that the consent log keeps in the long run.
const (
	KeptBits4 = 24
	KeptBits6 = 48
)

// PrefixOf returns the network of so many bits (four) of IPv4, or (six) of IPv6, that an address is in.
func PrefixOf(a netip.Addr, four, six int) string {
	bits := six
	if a.Is4() {
		bits = four
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
