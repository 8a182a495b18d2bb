// Package postfixtest runs a real MTA for tests: Debian's postfix as a relay on loopback, in a temporary folder of its own
// and beside whatever postfix the machine may run. Nothing leaves the machine: what it accepts stays in its hold queue,
// where a test can count and read it, and it has no transport that could carry mail anywhere.
//
// Postfix needs root. Without root, or without postfix, tests are skipped, or fail when MAILER_TEST_REQUIRE_POSTFIX=1.
package postfixtest

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Server is a postfix of the test's own.
type Server struct {
	t      testing.TB
	dir    string
	daemon string // the folder of postfix's daemons
	port   int
	opts   options
	master *master // nil: it is stopped
}

type options struct {
	main   map[string]string // settings of main.cf
	access []string          // lines of the table that recipients are looked up in
	names  []string          // of the certificate; none: no STARTTLS

	services   []string // more lines of master.cf
	recipients []string // lines of the table of those that exist in relay_domains; none: that is not looked up
}

// Option changes how a server behaves.
type Option func(*options)

// Config adds a setting of main.cf (postconf(5)), or replaces one.
func Config(name, value string) Option {
	return func(o *options) { o.main[name] = value }
}

// Without makes EHLO keep quiet about extensions, as "pipelining", "size" or "8bitmime". Commands that are sent ahead
// although PIPELINING was not offered are refused before the message.
func Without(keywords ...string) Option {
	return Config("smtpd_discard_ehlo_keywords", strings.Join(keywords, ", "))
}

// SizeLimit is the largest message in bytes that the server takes.
func SizeLimit(n int) Option { return Config("message_size_limit", strconv.Itoa(n)) }

// Answer gives a recipient, or a whole domain, an answer of access(5) at RCPT: "REJECT", "DEFER", "450 4.2.1 busy".
func Answer(recipient, action string) Option {
	return func(o *options) { o.access = append(o.access, recipient+" "+action) }
}

// KnowsNobodyAt makes every recipient of a domain an unknown user, in postfix's own words.
func KnowsNobodyAt(domain string) Option {
	return func(o *options) {
		o.main["relay_domains"], o.main["relay_recipient_maps"] = domain, "inline:{ nobody@invalid=x }"
	}
}

// StartTLS offers STARTTLS with a certificate for these hosts; see RootCAs.
func StartTLS(names ...string) Option { return func(o *options) { o.names = names } }

// Start runs a server until the test ends. It skips or fails the test where that is not possible.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := &Server{t: t, opts: options{main: map[string]string{}}}
	for _, f := range opts {
		f(&s.opts)
	}
	var err error
	if s.daemon, err = find(); err != nil {
		if os.Getenv("MAILER_TEST_REQUIRE_POSTFIX") == "1" {
			t.Fatalf("no postfix for tests: %v", err)
		}
		t.Skipf("no postfix for tests: %v", err)
	}
	// Not t.TempDir: postfix's own user must be able to go through every folder above its queue.
	if s.dir, err = os.MkdirTemp("", "mailer-postfix-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("postfix says:\n%s", s.Log())
		}
		if err := os.RemoveAll(s.dir); err != nil {
			t.Errorf("remove the folder of postfix: %v", err)
		}
	})
	if err := s.setUp(); err != nil {
		t.Fatalf("set up postfix: %v", err)
	}
	s.Resume()
	return s
}

// Addr returns host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the server's address as a MAILER_SMTP_URL.
func (s *Server) URL() string {
	if len(s.opts.names) > 0 {
		return "smtp://" + s.Addr()
	}
	return "smtp://" + s.Addr() + "?tls=none"
}

// RootCAs returns a pool with the authority that signed the certificate.
func (s *Server) RootCAs() *x509.CertPool {
	s.t.Helper()
	pem, err := os.ReadFile(s.RootFile())
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		s.t.Fatal("the authority is no certificate")
	}
	return pool
}

// RootFile returns the file with that authority's certificate, for a program under test.
func (s *Server) RootFile() string { return s.path("conf/authority.pem") }

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

// setUp writes the configuration.
func (s *Server) setUp() error {
	if err := s.folders(); err != nil {
		return err
	}
	settings := map[string]string{
		"compatibility_level": "3.6", "queue_directory": s.path("queue"), "data_directory": s.path("data"),
		"maillog_file": s.path("log"), "maillog_file_prefixes": s.dir,
		"myhostname": "relay.postfix.test", "mydestination": "", "alias_maps": "", "alias_database": "", "local_recipient_maps": "",
		"inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
		"default_transport": "discard:", "relay_transport": "discard:",
		"smtpd_relay_restrictions": "permit_mynetworks, reject",
		"smtpd_recipient_restrictions": "check_recipient_access texthash:" + s.path("conf/access") +
			", reject_unlisted_recipient, check_recipient_access static:HOLD",
		"smtpd_data_restrictions": "reject_unauth_pipelining",
		"smtpd_error_sleep_time":  "0",
	}
	if len(s.opts.names) > 0 {
		if err := issue(s.opts.names, s.RootFile(), s.path("conf/server.pem")); err != nil {
			return err
		}
		settings["smtpd_tls_security_level"], settings["smtpd_tls_chain_files"] = "may", s.path("conf/server.pem")
	}
	if len(s.opts.recipients) > 0 {
		settings["relay_recipient_maps"] = "regexp:" + s.path("conf/recipients")
		if err := s.write("conf/recipients", s.opts.recipients); err != nil {
			return err
		}
	}
	maps.Copy(settings, s.opts.main)
	var lines []string
	for name, value := range settings {
		lines = append(lines, name+" = "+value)
	}
	if err := s.write("conf/main.cf", lines); err != nil {
		return err
	}
	return s.write("conf/access", s.opts.access)
}

// services is master.cf without the line of smtpd. There is no smtp, lmtp, local, virtual or pipe: nothing can leave, unless a test lets
// it (LMTP).
var services = []string{
	"cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
	"bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
	"error unix - - n - - error", "retry unix - - n - - error", "discard unix - - n - - discard", "showq unix n - n - - showq", "flush unix n - n 1000? 0 flush",
	"proxymap unix - - n - - proxymap", "tlsmgr unix - - n 1000? 1 tlsmgr", "anvil unix - - n - 1 anvil",
	"postlog unix-dgram n - n - 1 postlogd",
}

func (s *Server) setPort(port int) error {
	s.port = port
	return s.write("conf/master.cf", append([]string{fmt.Sprintf("127.0.0.1:%d inet n - n - - smtpd", port)}, slices.Concat(services, s.opts.services)...))
}

// write writes a file that looks a minute old: postfix waits until a configuration is done with changing.
func (s *Server) write(name string, lines []string) error {
	if err := os.WriteFile(s.path(name), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	before := time.Now().Add(-time.Minute)
	return os.Chtimes(s.path(name), before, before)
}
