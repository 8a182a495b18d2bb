// Package relay speaks SMTP to the relay that carries our mail further: go-mail opens the connection (TLS, AUTH, host
// name checks), then this package holds the dialogue itself, one message per transaction, and says of every attempt
// exactly what is known of it.
//
// What a client can know is set by RFC 1047 and RFC 5321 section 4.1.1.10: a message whose final dot was (perhaps)
// written but whose reply was not read is in doubt, and nothing in SMTP resolves it. So the dot is written only with a
// permit, nothing but the dot can end a message, and any trouble between 354 and the dot closes the socket.
package relay

import (
	"crypto/x509"
	"time"
)

// DefaultMaxMessages is how many messages one connection carries when Config.MaxMessages is 0.
const DefaultMaxMessages = 1000

// Config says which relay to use and how.
type Config struct {
	// URL is the relay's address: smtp://user:password@host:587 (STARTTLS required), smtps://user:password@host:465
	// (TLS from the first byte). ?tls=starttls|implicit|none says it explicitly. Without TLS only loopback is allowed,
	// or any host with &insecure=yes and no password. Special characters in the password are percent-encoded.
	URL string
	// Setting is where the URL is set, for errors; empty is the constant Setting.
	Setting string
	// HelloName is what we call ourselves in EHLO: a domain name or an address literal. Empty takes the machine's name.
	HelloName string
	// Timeouts that are zero take the values of DefaultTimeouts.
	Timeouts Timeouts
	// RootCAs are the authorities trusted to sign the relay's certificate; nil takes the system's.
	RootCAs *x509.CertPool
	// MaxMessages is how many messages one connection carries before it is to be replaced; 0 takes DefaultMaxMessages. A new connection costs
	// as much as ten messages, so 100 would cost a tenth; a relay that wants fewer says 421, and the limits of lanes come on top.
	MaxMessages int
	// IdleAfter is how long a connection may lie unused and still be trusted; 0 takes 60 seconds.
	IdleAfter time.Duration
}

// Timeouts bound each step of the dialogue. The defaults are those of RFC 5321 section 4.5.3.2; the wait after the final
// dot must not be shorter than ten minutes in production, as giving up too early there is what doubles mail.
type Timeouts struct {
	Dial  time.Duration // TCP connect, and the TLS handshake of smtps
	Hello time.Duration // greeting; and then EHLO, STARTTLS and AUTH together
	Mail  time.Duration // reply to MAIL (and RSET)
	Rcpt  time.Duration // reply to RCPT
	Data  time.Duration // reply to DATA
	Block time.Duration // one write of the body
	Dot   time.Duration // reply to the final dot
	Quit  time.Duration // reply to QUIT; nothing depends on it
}

// DefaultTimeouts returns the timeouts of RFC 5321 section 4.5.3.2.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Dial: 30 * time.Second, Hello: 5 * time.Minute, Mail: 5 * time.Minute, Rcpt: 5 * time.Minute,
		Data: 2 * time.Minute, Block: 3 * time.Minute, Dot: 10 * time.Minute, Quit: 2 * time.Second,
	}
}

func (t Timeouts) withDefaults() Timeouts {
	d := DefaultTimeouts()
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&t.Dial, d.Dial}, {&t.Hello, d.Hello}, {&t.Mail, d.Mail}, {&t.Rcpt, d.Rcpt},
		{&t.Data, d.Data}, {&t.Block, d.Block}, {&t.Dot, d.Dot}, {&t.Quit, d.Quit},
	} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	return t
}
