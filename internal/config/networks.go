package config

import (
	"errors"
	"net/netip"
	"strings"
)

// checkNetworks reads addresses and networks, separated by commas; the word none is none at all.
func checkNetworks(v string) ([]netip.Prefix, error) {
	list := []netip.Prefix{}
	if strings.TrimSpace(v) == "none" {
		return list, nil
	}
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if a, err := netip.ParseAddr(part); err == nil && a.Zone() == "" {
			a = a.Unmap()
			list = append(list, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(part)
		switch {
		case err != nil:
			return nil, errors.New("must be addresses or networks like 10.0.0.0/8, separated by commas, or none")
		case p.Bits() == 0:
			return nil, errors.New("must not be every address: anybody could then write where a request comes from")
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func showNetworks(list []netip.Prefix) string {
	if len(list) == 0 {
		return "none"
	}
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return strings.Join(words, ",")
}
