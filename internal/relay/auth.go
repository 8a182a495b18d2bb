package relay

import (
	"errors"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

var (
	errNoLogin     = errors.New("the relay offers no login that we know")
	errNoEncrypted = errors.New("the connection is not encrypted")
)

// login chooses among the mechanisms a relay offers and leaves the work to go-mail's. PLAIN comes first: within verified
// TLS it is as good as any and the one that works everywhere, while relays offer SCRAM and CRAM-MD5 also for accounts
// that have no such secret stored.
type login struct {
	relay *Relay
	wire  *wire
	inner smtp.Auth
}

// Start is called by go-mail when the connection is encrypted, or is one to this machine itself.
func (l *login) Start(s *smtp.ServerInfo) (string, []byte, error) {
	l.wire.step = stepAuth
	t := l.relay.target
	if t.mode == tlsStart && !s.TLS {
		return "", nil, errNoEncrypted
	}
	offers := func(mech string) bool {
		return slices.ContainsFunc(s.Auth, func(o string) bool { return strings.EqualFold(o, mech) })
	}
	// "true" allows PLAIN and LOGIN without TLS: for smtps go-mail does not know of our TLS, and clear text is refused
	// by parseURL and wire.dial everywhere but on loopback.
	switch {
	case offers("PLAIN"):
		l.inner = smtp.PlainAuth("", t.user, t.pass, s.Name, true)
	case offers("LOGIN"):
		l.inner = smtp.LoginAuth(t.user, t.pass, s.Name, true)
	case offers("SCRAM-SHA-256"):
		l.inner = smtp.ScramSHA256Auth(t.user, t.pass)
	case offers("SCRAM-SHA-1"):
		l.inner = smtp.ScramSHA1Auth(t.user, t.pass)
	case offers("CRAM-MD5"):
		l.inner = smtp.CRAMMD5Auth(t.user, t.pass)
	default:
		return "", nil, errNoLogin
	}
	return l.inner.Start(s)
}

// Next answers a challenge.
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.inner.Next(fromServer, more)
}
