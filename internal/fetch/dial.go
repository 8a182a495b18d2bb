package fetch

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// maxAddresses of one host are tried.
const maxAddresses = 4

type allowedKey struct{}

// connect resolves a host once, checks what came out, and dials those very addresses: a second look-up, which could
// answer otherwise (DNS rebinding), never happens. HTTP reuses only connections made this way.
func (c *Client) connect(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if c.allowed[strings.ToLower(address)] {
		return c.dial(context.WithValue(ctx, allowedKey{}, true), network, address)
	}
	if err := checkHost(strings.ToLower(host)); err != nil {
		return nil, err
	}
	addrs, err := c.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var last error
	for i, a := range addrs {
		conn, err := c.try(ctx, network, a.String(), port, len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

// lookup returns the public addresses of host. A host of which some are private is tried at the others only: a network
// with DNS64 adds addresses of its own to every name.
func (c *Client) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil // checkHost has judged it
	}
	found, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); public(a) { // the resolver may hand out IPv4 in the form of IPv6
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 && len(found) > 0 {
		return nil, denied(host)
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// try dials one address, leaving time for the others.
func (c *Client) try(ctx context.Context, network, ip, port string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	return c.dial(ctx, network, net.JoinHostPort(ip, port))
}

// control looks at the address that the kernel is about to connect to. By then it has been checked already; this is the
// last door, for a mistake above.
func (c *Client) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	if ctx.Value(allowedKey{}) != nil {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr().Unmap()) {
		return denied(address)
	}
	return nil
}
