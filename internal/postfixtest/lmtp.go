package postfixtest

import "fmt"

// LMTP makes the server hand mail for a domain to a program on this machine, which it then may: at host:port, by LMTP. Only recipients that
// the pattern (regexp_table(5)) matches exist. Nothing is held.
func LMTP(domain, address, pattern string) Option {
	return func(o *options) {
		o.main["relay_domains"] = domain
		o.main["transport_maps"] = fmt.Sprintf("inline:{%s=lmtp:inet:%s}", domain, address)
		o.main["smtpd_recipient_restrictions"] = "reject_unlisted_recipient, permit_mynetworks, reject"
		o.services = append(o.services, "lmtp unix - - n - - lmtp")
		o.recipients = []string{pattern + " OK"}
	}
}
