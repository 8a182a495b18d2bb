package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"mailer/internal/errs"
)

// explain turns what the transport says into a sentence for people, the original kept for the log.
func (c *Client) explain(err error, host string) error {
	var e *errs.Error
	if errors.As(err, &e) {
		return e
	}
	say := func(format string, args ...any) error { return errs.Wrap(err, errs.Unavailable, format, args...) }

	var (
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		timeout net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return say("reading %s was interrupted", host)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return say("%s did not answer completely within %s", host, c.timeout)
	case errors.As(err, &dns) && dns.IsNotFound:
		return say("there is no host named %s", host)
	case errors.As(err, &dns):
		return say("the name %s could not be looked up just now", host)
	case errors.As(err, &name):
		return say("the certificate of %s is for another name", host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return say("the certificate of %s has expired", host)
	case errors.As(err, &unknown):
		return say("the certificate of %s is from an authority that is not known here", host)
	case errors.As(err, &cert), errors.As(err, &invalid):
		return say("the certificate of %s is not valid", host)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return say("%s does not speak https", host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("%s refuses the connection", host)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return say("%s broke off in the middle of its answer", host)
	}
	return say("%s could not be reached", host)
}
