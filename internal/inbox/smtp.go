package inbox

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/emersion/go-smtp"
)

func (in *Inbox) server() *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{in: in, helo: c.Hostname()}, nil
	}))
	s.Domain = "mailer-inbox"
	s.EnableSMTPUTF8 = true
	s.MaxMessageBytes = in.opts.MaxMessage
	s.MaxRecipients = 100
	s.ReadTimeout, s.WriteTimeout = 10*time.Minute, time.Minute
	s.ErrorLog = serverLog{in.opts.Log}
	return s
}

// session is one connection. It takes every sender and every recipient.
type session struct {
	in         *Inbox
	helo, from string
	to         []string
}

// Mail notes the envelope sender.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt notes a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data stores the mail once for each recipient, before it is answered with 250.
func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		if err := s.in.store(s.from, to, s.helo, data); err != nil {
			s.in.opts.Log.Error("mail catcher cannot store a mail", "err", err)
			return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "The mail could not be stored"}
		}
	}
	return nil
}

// Reset forgets the transaction.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// serverLog takes what go-smtp says of connections that broke, which is nothing unusual here.
type serverLog struct{ log *slog.Logger }

// Printf logs a line.
func (l serverLog) Printf(format string, v ...any) {
	l.log.Debug("mail catcher", "said", fmt.Sprintf(format, v...))
}

// Println logs a line.
func (l serverLog) Println(v ...any) { l.log.Debug("mail catcher", "said", fmt.Sprint(v...)) }
