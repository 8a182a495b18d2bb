package smtptest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// session is one connection. Replies are gathered and written when there is no more input to read, so a pipelined group is
// answered in one write.
type session struct {
	r    *Relay
	tcp  net.Conn
	conn net.Conn // tcp, or TLS over it
	br   *bufio.Reader
	bw   *bufio.Writer
	n    int // number of the connection

	secure, authed bool
	offered        map[string]string // what the last EHLO offered, by name
	mailLine, from string
	inMail         bool
	rcpts          []string
	mails          int // accepted
	body           []byte
}

func newSession(r *Relay, c net.Conn, n int) *session {
	return &session{r: r, tcp: c, n: n}
}

// errEnd says that the connection is over; how was decided already.
type errEnd struct{}

func (errEnd) Error() string { return "connection over" }

func (s *session) use(c net.Conn) {
	s.conn = c
	s.br = bufio.NewReaderSize(c, 64<<10)
	s.bw = bufio.NewWriterSize(c, 4<<10)
}

func (s *session) run() {
	s.use(s.tcp)
	if s.r.opts.tls == tlsImplicit {
		s.use(tls.Server(s.tcp, s.r.tlsConfig()))
		s.secure = true
	}
	err := s.answer(s.event(Greeting, ""), s.r.opts.greeting)
	for err == nil {
		var line string
		if line, err = s.readLine(); err == nil {
			err = s.command(line)
		}
	}
	s.bw.Flush()
}

func (s *session) event(st Stage, line string) Event {
	e := Event{Stage: st, Conn: s.n, Accepted: s.mails, Line: line, From: s.from, Beyond: s.br.Buffered(), Done: s.r.done}
	if len(s.rcpts) > 0 {
		e.To = s.rcpts[len(s.rcpts)-1]
	}
	return e
}

// ask gives an event to the hooks of its stage.
func (s *session) ask(e Event) Action {
	hooks := (*s.r.hooks.Load())[e.Stage]
	if len(hooks) > 0 {
		s.bw.Flush() // a hook may wait, and what was answered before it must have arrived
	}
	for _, h := range hooks {
		if a := h(e); !a.isZero() {
			return a
		}
	}
	return Go()
}

// act carries out what a hook decided; it returns errEnd when that ended the connection.
func (s *session) act(a Action) error {
	if a.reply != nil {
		s.bw.Write(a.reply)
	}
	if a.end == carryOn {
		return nil
	}
	s.bw.Flush()
	if tc, ok := s.tcp.(*net.TCPConn); ok && a.end == reset {
		tc.SetLinger(0)
	}
	s.tcp.Close()
	return errEnd{}
}

// answer asks the hooks and otherwise gives the usual reply.
func (s *session) answer(e Event, usual string) error {
	a := s.ask(e)
	if a.isZero() {
		a = Reply(usual)
	}
	return s.act(a)
}

func (s *session) say(format string, args ...any) error {
	return s.act(Reply(fmt.Sprintf(format, args...)))
}

// readLine reads a command line without its end.
func (s *session) readLine() (string, error) {
	if s.br.Buffered() == 0 {
		if err := s.bw.Flush(); err != nil {
			return "", err
		}
	}
	b, err := s.br.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	line := string(b)
	if !strings.HasSuffix(line, "\r\n") {
		s.r.violation("command line without CRLF: %.80q", line)
	}
	line = strings.TrimRight(line, "\r\n")
	if len(line) > 998 {
		s.r.violation("command line of %d octets", len(line))
	}
	if _, ok := s.offered["PIPELINING"]; !ok && s.br.Buffered() > 0 {
		s.r.violation("something was sent after %.80q without waiting, and PIPELINING is not offered", line)
	}
	return line, nil
}

func (s *session) note(line string) {
	if s.r.opts.keep == KeepCount {
		return
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.commands = append(s.r.commands, line)
}

// idle is how long a relay waits for a client that says nothing in the middle of a body. Tests close it long before.
const idle = 10 * time.Minute

func (s *session) fill() error {
	if s.br.Buffered() > 0 {
		return nil
	}
	if err := s.bw.Flush(); err != nil {
		return err
	}
	s.conn.SetReadDeadline(time.Now().Add(idle))
	_, err := s.br.Peek(1)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
