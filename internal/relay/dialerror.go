package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"strings"

	"mailer/internal/errs"
)

// DialClass says why a connection could not be opened.
type DialClass string

// The classes of a failed dial. No recipient is at fault in any of them. Down, busy and refused may pass by themselves; auth
// and tls want a person.
const (
	DialDown    DialClass = "down"    // not reachable, not in time, or it hung up
	DialBusy    DialClass = "busy"    // 421 or another 4yz: later
	DialRefused DialClass = "refused" // 554 or another 5yz at the greeting or EHLO: it does not want us
	DialAuth    DialClass = "auth"    // login refused or impossible
	DialTLS     DialClass = "tls"     // STARTTLS missing or refused, certificate or host name wrong
)

// DialError is why a connection could not be opened.
type DialError struct {
	Class DialClass
	Reply string // the relay's reply where there was one, cleaned like Result.Text
	Err   error  // an *errs.Error with a sentence for people; the password stands nowhere in it
}

// Error returns the sentence and its cause.
func (e *DialError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *DialError) Unwrap() error { return e.Err }

// dialError makes the DialError of what went wrong at the step w has come to.
func (r *Relay) dialError(ctx context.Context, w *wire, err error) *DialError {
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	e := &DialError{Class: dialClass(w, r.target.mode, err)}
	if rep := worstReply(err); rep != nil && rep.Code != 0 {
		e.Reply = r.redact(clean([]byte(fmt.Sprintf("%d %s", rep.Code, rep.Msg))))
	}
	said := ""
	if e.Reply != "" {
		said = " (it said: " + e.Reply + ")"
	}
	kind, msg := errs.Unavailable, ""
	switch e.Class {
	case DialDown:
		msg = fmt.Sprintf("the relay %s does not answer%s", r.Name(), said)
		if errors.Is(err, errNotLoopback) {
			kind, msg = errs.Config, fmt.Sprintf("%s: %s is not this machine, and clear text is not allowed to others: use tls=starttls or smtps://", r.Where(), r.Name())
		}
	case DialBusy:
		msg = fmt.Sprintf("the relay %s is busy%s", r.Name(), said)
	case DialRefused:
		msg = fmt.Sprintf("the relay %s refuses our connection%s: ask whoever runs it", r.Name(), said)
	case DialAuth:
		kind, msg = errs.Config, fmt.Sprintf("the relay %s does not let us log in%s: check user name and password in %s", r.Name(), said, r.Where())
	case DialTLS:
		kind, msg = errs.Config, fmt.Sprintf("no trusted TLS with the relay %s%s: check host name, port and tls= in %s, and the relay's certificate", r.Name(), said, r.Where())
	}
	e.Err = errs.Wrap(r.redactError(err), kind, "%s", msg)
	return e
}

func dialClass(w *wire, mode tlsMode, err error) DialClass {
	if rep := worstReply(err); rep != nil {
		switch c := rep.Code; {
		case c >= 530 && c <= 538:
			return DialAuth
		case c >= 400 && c <= 499:
			return DialBusy
		case c >= 500 && c <= 599:
			return map[step]DialClass{stepStartTLS: DialTLS, stepAuth: DialAuth}[w.step].or(DialRefused)
		}
		return DialDown
	}
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return DialDown
	case w.step == stepAuth && (errors.Is(err, errNoLogin) || errors.Is(err, errNoEncrypted) || !isNet(err)):
		return DialAuth
	case isTLS(err), w.step == stepHandshake && !isNet(err):
		return DialTLS
	case w.step == stepHello && mode == tlsStart && !isNet(err):
		return DialTLS // what is left is go-mail's "target host does not support STARTTLS", which has no type
	}
	return DialDown
}

func (c DialClass) or(d DialClass) DialClass {
	if c == "" {
		return d
	}
	return c
}

// worstReply returns the reply in err's tree, and 421 in preference to others: go-mail joins those of EHLO and HELO.
func worstReply(err error) *textproto.Error {
	var found *textproto.Error
	var walk func(error)
	walk = func(err error) {
		if rep, ok := err.(*textproto.Error); ok && (found == nil || rep.Code == 421) {
			found = rep
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			if next := u.Unwrap(); next != nil {
				walk(next)
			}
		case interface{ Unwrap() []error }:
			for _, next := range u.Unwrap() {
				walk(next)
			}
		}
	}
	if err != nil {
		walk(err)
	}
	return found
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// isNet reports an error of the network as opposed to one of what was said over it. A TLS alert of the other side comes
// as a net.OpError too, but is none of the network.
func isNet(err error) bool {
	var op *net.OpError
	var pe textproto.ProtocolError
	return hungUp(err) || isTimeout(err) || errors.Is(err, net.ErrClosed) || errors.Is(err, errTalkative) ||
		errors.Is(err, errNotLoopback) || errors.As(err, &pe) || errors.As(err, &op) && !isTLS(err)
}

func isTLS(err error) bool {
	var cert *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var host x509.HostnameError
	var op *net.OpError // an alert, which has no type of its own to ask for
	return errors.As(err, &cert) || errors.As(err, &header) || errors.As(err, &host) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// redact takes the password out of a text, in each form it may have had on the way.
func (r *Relay) redact(s string) string {
	t := r.target
	if t.pass == "" {
		return s
	}
	b64 := base64.StdEncoding.EncodeToString
	for _, secret := range []string{
		b64([]byte("\x00" + t.user + "\x00" + t.pass)), b64([]byte(t.pass)),
		url.QueryEscape(t.pass), url.PathEscape(t.pass), t.pass,
	} {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return s
}

// redacted is an error whose text had the password in it.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string        { return e.text }
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }

func (r *Relay) redactError(err error) error {
	if text := err.Error(); r.redact(text) != text {
		return &redacted{r.redact(text), err}
	}
	return err
}
