// Package smtptest is a scripted SMTP relay on loopback for tests and for the crash proof. It writes down every message it
// accepts in a ledger before it answers 250, on disk and fsynced where asked, and hooks can delay, refuse, drop or reset the
// connection at every point of the dialogue. It speaks SMTP by itself, without a library, so that it is not the bottleneck
// of what is measured against it, and it notes whatever a client does against the protocol.
package smtptest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// Relay is a running relay.
type Relay struct {
	opts  options
	ln    net.Listener
	hooks atomic.Pointer[map[Stage][]Hook]
	led   ledger
	done  chan struct{}
	wg    sync.WaitGroup

	mu         sync.Mutex
	conns      map[net.Conn]struct{}
	accepted   int
	closed     bool
	ended      chan struct{} // closed and replaced whenever a connection ends
	violations []string
	commands   []string
}

type options struct {
	extensions []string
	tls        tlsMode
	names      []string
	expired    bool
	user, pass string
	mechanisms []string
	greeting   string
	maxMails   int
	keep       Keep
	file       string
	fsync      bool
	lenient    bool
	narrow     bool
	hooks      map[Stage][]Hook
}

type tlsMode int

const (
	tlsNone tlsMode = iota
	tlsStart
	tlsImplicit
)

// Keep says how much of an accepted message the ledger holds.
type Keep int

// What the ledger keeps.
const (
	KeepData  Keep = iota // everything (the default)
	KeepSum               // sender, recipient, Message-ID, length and SHA-256
	KeepCount             // only how many there were: nothing is checked or stored, for measuring
)

// Option changes how a relay behaves.
type Option func(*options)

// Extensions sets what EHLO offers in place of PIPELINING, SIZE, 8BITMIME, SMTPUTF8 and ENHANCEDSTATUSCODES. STARTTLS and
// AUTH come from their own options. Without any, EHLO answers a bare 250.
func Extensions(ext ...string) Option { return func(o *options) { o.extensions = ext } }

// StartTLS offers STARTTLS.
func StartTLS() Option { return func(o *options) { o.tls = tlsStart } }

// ImplicitTLS speaks TLS from the first byte, as on port 465.
func ImplicitTLS() Option { return func(o *options) { o.tls = tlsImplicit } }

// CertificateFor makes the certificate name these hosts in place of localhost, 127.0.0.1 and ::1.
func CertificateFor(names ...string) Option { return func(o *options) { o.names = names } }

// ExpiredCertificate makes the certificate one that ran out.
func ExpiredCertificate() Option { return func(o *options) { o.expired = true } }

// Auth offers AUTH (PLAIN and LOGIN unless mechanisms are named) and refuses MAIL before it has succeeded.
func Auth(user, pass string, mechanisms ...string) Option {
	return func(o *options) {
		o.user, o.pass, o.mechanisms = user, pass, mechanisms
		if len(mechanisms) == 0 {
			o.mechanisms = []string{"PLAIN", "LOGIN"}
		}
	}
}

// MaxMessages answers 421 to the MAIL after n accepted messages on one connection.
func MaxMessages(n int) Option { return func(o *options) { o.maxMails = n } }

// Ledger keeps less than everything of each message.
func Ledger(k Keep) Option { return func(o *options) { o.keep = k } }

// LedgerFile appends every entry to a file before its 250 is written, and fsyncs it where asked; see ReadLedger.
func LedgerFile(path string, fsync bool) Option {
	return func(o *options) { o.file, o.fsync = path, fsync }
}

// Lenient keeps Start from failing the test when the client breaks the protocol; Violations still lists it.
func Lenient() Option { return func(o *options) { o.lenient = true } }

// Narrow keeps the receive buffer small, so that a write of 4 MB blocks when the relay does not read, and is slow when it does.
func Narrow() Option { return func(o *options) { o.narrow = true } }

// On adds a hook from the beginning; see Relay.On.
func On(s Stage, h Hook) Option {
	return func(o *options) { o.hooks[s] = append(o.hooks[s], h) }
}

// Start runs a relay on a loopback port until the test ends. Then it fails the test when the client broke the protocol.
func Start(t testing.TB, opts ...Option) *Relay {
	t.Helper()
	r, err := Listen("127.0.0.1:0", opts...)
	if err != nil {
		t.Fatalf("smtptest: %v", err)
	}
	t.Cleanup(func() {
		r.Close()
		if r.opts.lenient {
			return
		}
		for _, v := range r.Violations() {
			t.Errorf("smtptest: the client broke the protocol: %s", v)
		}
	})
	return r
}

// Listen runs a relay on addr until Close. It is for use outside tests; within, use Start.
func Listen(addr string, opts ...Option) (*Relay, error) {
	o := options{
		extensions: []string{"PIPELINING", "SIZE 20000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"},
		names:      []string{"localhost", "127.0.0.1", "::1"},
		greeting:   "220 relay.test ESMTP",
		hooks:      map[Stage][]Hook{},
	}
	for _, f := range opts {
		f(&o)
	}
	r := &Relay{opts: o, done: make(chan struct{}), ended: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	r.hooks.Store(&o.hooks)
	if err := r.led.open(o); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		r.led.close()
		return nil, err
	}
	r.ln = ln
	r.wg.Go(r.serve)
	return r, nil
}

func (r *Relay) serve() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			c.Close()
			return
		}
		r.accepted++
		n := r.accepted
		r.conns[c] = struct{}{}
		r.mu.Unlock()
		if tc, ok := c.(*net.TCPConn); ok && r.opts.narrow {
			tc.SetReadBuffer(4 << 10)
		}
		r.wg.Go(func() {
			newSession(r, c, n).run()
			c.Close()
			r.mu.Lock()
			delete(r.conns, c)
			close(r.ended)
			r.ended = make(chan struct{})
			r.mu.Unlock()
		})
	}
}

// Close ends every connection and waits until nothing of the relay runs any more.
func (r *Relay) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	close(r.done)
	r.ln.Close()
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	r.led.close()
}

// On adds a hook to a stage of a running relay. Of several hooks the first that returns anything but Go decides.
func (r *Relay) On(s Stage, h Hook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[Stage][]Hook{}
	for k, v := range *r.hooks.Load() {
		next[k] = v
	}
	next[s] = append(slices.Clip(next[s]), h)
	r.hooks.Store(&next)
}

// Clear removes all hooks.
func (r *Relay) Clear() { r.hooks.Store(&map[Stage][]Hook{}) }

// Addr returns host:port.
func (r *Relay) Addr() string { return r.ln.Addr().String() }

// URL returns the relay's address as a MAILER_SMTP_URL, with its credentials.
func (r *Relay) URL() string {
	u := url.URL{Scheme: "smtp", Host: r.Addr()}
	switch r.opts.tls {
	case tlsNone:
		u.RawQuery = "tls=none"
	case tlsStart:
	case tlsImplicit:
		u.Scheme = "smtps"
	}
	if r.opts.user != "" {
		u.User = url.UserPassword(r.opts.user, r.opts.pass)
	}
	return u.String()
}

// Connections returns how many connections were ever opened.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted
}

// Open returns how many connections are open now.
func (r *Relay) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// WaitClosed blocks until no connection is open or ctx ends.
func (r *Relay) WaitClosed(ctx context.Context) error {
	for {
		r.mu.Lock()
		n, ended := len(r.conns), r.ended
		r.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return fmt.Errorf("smtptest: %d connections open: %w", n, ctx.Err())
		}
	}
}

// Violations returns what clients did against the protocol, in order.
func (r *Relay) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}

func (r *Relay) violation(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.violations) < 100 {
		r.violations = append(r.violations, fmt.Sprintf(format, args...))
	}
}

// Commands returns the command lines received so far, of all connections, with AUTH cut to its mechanism. A relay that
// keeps only counts notes none.
func (r *Relay) Commands() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.commands)
}

func (r *Relay) tlsConfig() *tls.Config {
	cert := authority().issue(r.opts.names, r.opts.expired)
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
}
