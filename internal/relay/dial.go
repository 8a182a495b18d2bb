package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"mailer/internal/errs"
)

// Relay is one relay to hand mail to. It is safe for concurrent use and keeps no connections: whoever dials owns one.
type Relay struct {
	cfg     Config
	target  target
	hearing hearing
}

// New checks the configuration; it does not connect. Its errors are of kind Config and name Setting.
func New(cfg Config) (*Relay, error) {
	t, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(cfg.HelloName, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, &errs.Error{Kind: errs.Config, Msg: "the name for EHLO must be a domain name in ASCII, as news.example.org"}
	}
	cfg.URL = "" // its parts are in target; nothing else needs the password
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if cfg.MaxMessages <= 0 {
		cfg.MaxMessages = DefaultMaxMessages
	}
	if cfg.IdleAfter <= 0 {
		cfg.IdleAfter = time.Minute
	}
	return &Relay{cfg: cfg, target: t}, nil
}

// Name returns host:port, without credentials.
func (r *Relay) Name() string { return r.target.address() }

func (r *Relay) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: r.target.host, MinVersion: tls.VersionTLS12, RootCAs: r.cfg.RootCAs}
}

// Dial opens a connection, ready for Send: TCP, TLS with the certificate and host name verified, EHLO, AUTH. It tries
// HELO where a relay answers EHLO with an error or hangs up on it (RFC 5321 section 3.2). Its error is a *DialError.
func (r *Relay) Dial(ctx context.Context) (*Conn, error) {
	w := new(wire)
	client, err := r.open(ctx, w)
	if err == nil {
		return r.finish(ctx, client, w)
	}
	w.close()
	if r.dropsEHLO(w, err) && ctx.Err() == nil {
		second := new(wire)
		if client, err := r.openHELO(ctx, second); err == nil {
			return r.finish(ctx, client, second)
		}
		second.close()
	}
	return nil, r.dialError(ctx, w, err)
}

// finish takes over an opened connection, unless ctx has ended meanwhile.
func (r *Relay) finish(ctx context.Context, client *smtp.Client, w *wire) (*Conn, error) {
	if !w.stop() {
		w.close()
		return nil, r.dialError(ctx, w, ctx.Err())
	}
	w.ready = true
	c, err := newConn(r, client, w)
	if err == nil {
		err = w.raw.SetDeadline(time.Time{})
	}
	if err != nil {
		w.close()
		return nil, r.dialError(ctx, w, err)
	}
	return c, nil
}

// open lets go-mail open the connection. On an error the caller closes w.
func (r *Relay) open(ctx context.Context, w *wire) (*smtp.Client, error) {
	opts := []mail.Option{
		mail.WithPort(r.target.port),
		mail.WithTimeout(r.cfg.Timeouts.Hello),
		mail.WithTLSConfig(r.tlsConfig()),
		mail.WithoutNoop(), mail.WithoutRset(), mail.WithoutSMTPUTF8(),
		mail.WithDialContextFunc(func(inner context.Context, network, addr string) (net.Conn, error) {
			return w.dial(inner, ctx, r, network, addr)
		}),
	}
	switch r.target.mode {
	case tlsStart:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	case tlsImplicit:
		opts = append(opts, mail.WithSSL()) // the handshake is in wire.dial; this keeps go-mail from asking for STARTTLS
	case tlsNone:
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	}
	if r.cfg.HelloName != "" {
		opts = append(opts, mail.WithHELO(r.cfg.HelloName))
	}
	if r.target.user != "" {
		opts = append(opts, mail.WithSMTPAuthCustom(&login{relay: r, wire: w}))
	}
	c, err := mail.NewClient(r.target.host, opts...)
	if err != nil {
		return nil, err
	}
	return c.DialToSMTPClientWithContext(ctx)
}

// dropsEHLO reports whether the relay hung up on EHLO, so that HELO on a new connection may work. Without EHLO there is
// neither STARTTLS nor AUTH, so a relay that needs either is not tried.
func (r *Relay) dropsEHLO(w *wire, err error) bool {
	return w.step == stepHello && hungUp(err) && r.target.mode != tlsStart && r.target.user == ""
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}

// openHELO opens a connection that never hears EHLO.
func (r *Relay) openHELO(ctx context.Context, w *wire) (*smtp.Client, error) {
	conn, err := w.dial(ctx, ctx, r, "tcp", r.target.address())
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(r.cfg.Timeouts.Hello)); err != nil {
		return nil, err
	}
	c, err := smtp.NewClient(conn, r.target.host)
	if err != nil {
		return nil, err
	}
	name := r.cfg.HelloName
	if name == "" {
		name = "localhost"
	}
	if _, err := c.Text.Cmd("HELO %s", name); err != nil {
		return nil, err
	}
	if _, _, err := c.Text.ReadResponse(250); err != nil {
		return nil, err
	}
	return c, nil
}
