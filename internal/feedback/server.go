package feedback

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"mailer/internal/errs"
)

// Limits of the listener. Postfix opens 20 connections to one destination at most.
const (
	maxConnections = 100 // in all
	maxOfOne       = 40  // from one address
	maxRecipients  = 100
	readTimeout    = 5 * time.Minute // RFC 5321 section 4.5.3.2.7
	writeTimeout   = time.Minute
	workLimit      = 30 * time.Second // for one mail
)

// Server takes mail for the addresses of ours, by SMTP or LMTP (RFC 2033). It relays nothing, sends nothing, and answers
// every other recipient with 550.
type Server struct {
	smtp *smtp.Server
	log  *slog.Logger
}

// NewServer returns a server that greets as domain.
func NewServer(s *Store, domain string, lmtp bool, log *slog.Logger) *Server {
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{store: s, log: log}, nil }))
	srv.Domain, srv.LMTP = domain, lmtp
	srv.EnableSMTPUTF8 = true
	srv.MaxMessageBytes, srv.MaxRecipients = maxMessage, maxRecipients
	srv.MaxLineLength = 1 << 20 // whatever a body has in it
	srv.ReadTimeout, srv.WriteTimeout = readTimeout, writeTimeout
	srv.ErrorLog = quiet{log}
	return &Server{srv, log}
}

// Serve takes connections on ln until Shutdown or Close.
func (s *Server) Serve(ln net.Listener) error {
	err := s.smtp.Serve(&limited{Listener: ln, from: map[string]int{}})
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown takes no more connections and waits for those there are, until ctx ends; then it closes them.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.smtp.Shutdown(ctx); err != nil {
		return s.smtp.Close()
	}
	return nil
}

// session is one connection.
type session struct {
	store *Store
	log   *slog.Logger
	to    []recipient
}

// Mail takes any sender: who sends does not matter.
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt takes what is of the form of our addresses. Whether its token is genuine shows in nothing that is answered.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	r, ok := s.store.recipientOf(to)
	if !ok {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such address here"}
	}
	s.to = append(s.to, r)
	return nil
}

// Data takes the mail. It answers 250 when it is kept, and asks to come back when it could not be.
func (s *session) Data(r io.Reader) error {
	m := received{to: s.to}
	var head bytes.Buffer
	n, err := io.CopyN(&head, r, maxHeader)
	if err == nil {
		var more int64
		more, err = io.Copy(io.Discard, r)
		n += more
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err // too large, or it broke off: go-smtp knows the answer
	}
	m.size, m.head = n, head.Bytes()
	m.autoReplied = autoReplied(m.head)
	ctx, cancel := context.WithTimeout(context.Background(), workLimit)
	defer cancel()
	if err := s.store.take(ctx, m); err != nil {
		if errs.KindOf(err) != errs.Unavailable {
			s.log.Error("a mail that came back could not be kept", "err", err)
		}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not now, please try again"}
	}
	return nil
}

// Reset forgets the transaction.
func (s *session) Reset() { s.to = nil }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// autoReplied reports whether a mail says of itself that a program sent it in answer to another one (RFC 3834 section 5): a
// vacation notice to a leave address is nobody's wish. A header that no parser would take is looked through all the same.
func autoReplied(mail []byte) bool {
	lines := bufio.NewScanner(bytes.NewReader(mail))
	lines.Buffer(nil, maxHeader+1)
	field := ""
	said := func() bool {
		name, value, _ := strings.Cut(field, ":")
		value, _, _ = strings.Cut(value, ";")
		value, _, _ = strings.Cut(value, "(")
		return strings.EqualFold(strings.TrimSpace(name), "Auto-Submitted") && strings.EqualFold(strings.TrimSpace(value), "auto-replied")
	}
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if len(field) < 1000 {
				field += line
			}
			continue
		}
		if said() {
			return true
		}
		if field = line; line == "" {
			return false
		}
	}
	return said()
}

// limited refuses connections beyond what one address and all together may have.
type limited struct {
	net.Listener
	mu   sync.Mutex
	all  int
	from map[string]int
}

// Accept returns the next connection that there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		l.mu.Lock()
		room := l.all < maxConnections && l.from[host] < maxOfOne
		if room {
			l.all++
			l.from[host]++
		}
		l.mu.Unlock()
		if room {
			return &counted{Conn: conn, end: sync.OnceFunc(func() { l.leave(host) })}, nil
		}
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(conn, "421 4.3.2 Too many connections, please try again\r\n")
		_ = conn.Close()
	}
}

func (l *limited) leave(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.from[host]--; l.from[host] == 0 {
		delete(l.from, host)
	}
}

type counted struct {
	net.Conn
	end func()
}

// Close ends the connection and makes room for another.
func (c *counted) Close() error {
	c.end()
	return c.Conn.Close()
}

// quiet takes what go-smtp says of connections that broke.
type quiet struct{ log *slog.Logger }

// Printf logs a line.
func (l quiet) Printf(format string, v ...any) {
	l.log.Debug("inbound mail", "said", fmt.Sprintf(format, v...))
}

// Println logs a line.
func (l quiet) Println(v ...any) { l.log.Debug("inbound mail", "said", fmt.Sprint(v...)) }
