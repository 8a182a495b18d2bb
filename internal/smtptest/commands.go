package smtptest

import (
	"crypto/tls"
	"slices"
	"strings"
)

func (s *session) command(line string) error {
	verb, arg, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	if verb == "AUTH" {
		mech, _, _ := strings.Cut(arg, " ")
		s.note("AUTH " + mech)
		return s.auth(line, arg)
	}
	s.note(line)
	switch verb {
	case "EHLO", "HELO":
		return s.hello(verb, line)
	case "STARTTLS":
		return s.startTLS(line)
	case "MAIL":
		return s.mail(line, arg)
	case "RCPT":
		return s.rcpt(line, arg)
	case "DATA":
		return s.data(line)
	case "RSET":
		s.clear()
		return s.answer(s.event(Rset, line), "250 2.0.0 Ok")
	case "NOOP":
		return s.say("250 2.0.0 Ok")
	case "*": // net/smtp and go-mail give up AUTH so, also when there is nothing left to give up (RFC 4954 section 4)
		return s.say("501 5.7.0 Authentication cancelled")
	case "QUIT":
		a := s.ask(s.event(Quit, line))
		if a.isZero() {
			a = Reply("221 2.0.0 Bye")
		}
		return s.act(a.ThenDrop())
	}
	s.r.violation("unknown command %.80q", line)
	return s.say("500 5.5.2 What?")
}

func (s *session) clear() {
	s.inMail, s.from, s.mailLine, s.rcpts = false, "", "", s.rcpts[:0]
}

func (s *session) hello(verb, line string) error {
	s.clear()
	lines := []string{"relay.test"}
	s.offered = map[string]string{}
	if verb == "EHLO" {
		lines = append(lines, s.extensions()...)
	}
	for _, l := range lines[1:] {
		name, args, _ := strings.Cut(l, " ")
		s.offered[strings.ToUpper(name)] = args
	}
	var b strings.Builder
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		b.WriteString("250" + sep + l + "\n")
	}
	a := s.ask(s.event(Hello, line))
	if a.isZero() {
		a = Reply(strings.TrimSuffix(b.String(), "\n"))
	} else {
		s.offered = offeredBy(string(a.reply))
	}
	return s.act(a)
}

// offeredBy reads the extensions from an EHLO reply that a hook wrote.
func offeredBy(reply string) map[string]string {
	m := map[string]string{}
	for l := range strings.Lines(reply) {
		if len(l) > 4 && strings.HasPrefix(l, "250") {
			name, args, _ := strings.Cut(strings.TrimSpace(l[4:]), " ")
			m[strings.ToUpper(name)] = args
		}
	}
	return m
}

func (s *session) extensions() []string {
	ext := slices.Clone(s.r.opts.extensions)
	if s.r.opts.tls == tlsStart && !s.secure {
		ext = append(ext, "STARTTLS")
	}
	if s.r.opts.user != "" && (s.secure || s.r.opts.tls == tlsNone) {
		ext = append(ext, "AUTH "+strings.Join(s.r.opts.mechanisms, " "))
	}
	return ext
}

func (s *session) startTLS(line string) error {
	if _, ok := s.offered["STARTTLS"]; !ok {
		s.r.violation("STARTTLS was not offered")
		return s.say("502 5.5.1 Not offered")
	}
	a := s.ask(s.event(TLS, line))
	if !a.isZero() {
		return s.act(a)
	}
	if s.br.Buffered() > 0 {
		s.r.violation("something was sent after STARTTLS in clear text")
	}
	s.say("220 2.0.0 Go ahead")
	if err := s.bw.Flush(); err != nil {
		return err
	}
	c := tls.Server(s.tcp, s.r.tlsConfig())
	if err := c.Handshake(); err != nil {
		return err
	}
	s.use(c)
	s.secure, s.offered = true, nil
	return nil
}

// path takes the address out of "FROM:<a@b> SIZE=1" and returns it with the parameters.
func path(arg, keyword string) (addr string, params []string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", nil, false
	}
	rest := arg[len(keyword):]
	end := strings.LastIndexByte(rest, '>')
	if !strings.HasPrefix(rest, "<") || end < 0 {
		return "", nil, false
	}
	return rest[1:end], strings.Fields(rest[end+1:]), true
}

func (s *session) mail(line, arg string) error {
	if s.r.opts.maxMails > 0 && s.mails >= s.r.opts.maxMails {
		return s.act(Reply("421 4.7.0 Max message per connection reached, closing").ThenDrop())
	}
	if s.inMail {
		s.r.violation("MAIL within a transaction")
		return s.say("503 5.5.1 Nested MAIL command")
	}
	if s.r.opts.user != "" && !s.authed {
		return s.say("530 5.7.0 Authentication required")
	}
	addr, params, ok := path(arg, "FROM:")
	if !ok {
		s.r.violation("MAIL that is none: %.80q", line)
		return s.say("501 5.5.4 Syntax: MAIL FROM:<address>")
	}
	for _, p := range params {
		name, _, _ := strings.Cut(strings.ToUpper(p), "=")
		if name == "BODY" {
			name = "8BITMIME"
		}
		if _, ok := s.offered[name]; !ok {
			s.r.violation("parameter %q in %q was not offered", p, line)
			return s.say("555 5.5.4 Unsupported parameter %s", name)
		}
	}
	e := s.event(MailFrom, line)
	e.From = addr
	a := s.ask(e)
	if a.isZero() {
		a = Reply("250 2.1.0 Ok")
	}
	if len(a.reply) > 0 && a.reply[0] == '2' {
		s.inMail, s.from, s.mailLine = true, addr, line
	}
	return s.act(a)
}

func (s *session) rcpt(line, arg string) error {
	addr, _, ok := path(arg, "TO:")
	if !ok || addr == "" {
		s.r.violation("RCPT that is none: %.80q", line)
		return s.say("501 5.5.4 Syntax: RCPT TO:<address>")
	}
	if !s.inMail {
		return s.say("503 5.5.1 MAIL first")
	}
	e := s.event(RcptTo, line)
	e.To = addr
	a := s.ask(e)
	if a.isZero() {
		a = Reply("250 2.1.5 Ok")
	}
	if len(a.reply) > 0 && a.reply[0] == '2' {
		s.rcpts = append(s.rcpts, addr)
	}
	return s.act(a)
}
