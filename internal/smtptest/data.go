package smtptest

import (
	"bytes"
	"fmt"
)

// data runs DATA, the body and the final dot.
func (s *session) data(line string) error {
	usual := "354 End data with <CR><LF>.<CR><LF>"
	switch {
	case !s.inMail:
		usual = "503 5.5.1 MAIL first"
	case len(s.rcpts) == 0:
		usual = "554 5.5.1 No valid recipients"
	}
	a := s.ask(s.event(Data, line))
	if a.isZero() {
		a = Reply(usual)
	}
	if err := s.act(a); err != nil {
		return err
	}
	if !bytes.HasPrefix(a.reply, []byte("354")) {
		return nil
	}
	msg, err := s.readBody()
	if err != nil {
		return err
	}
	return s.finish(msg)
}

var terminator = []byte("\r\n.\r\n")

// readBody reads up to and including the final dot. The result is valid until the next call.
func (s *session) readBody() ([]byte, error) {
	buf, asked := s.body[:0], false
	for {
		if err := s.fill(); err != nil {
			return nil, err
		}
		chunk, _ := s.br.Peek(s.br.Buffered())
		from := len(buf)
		buf = append(buf, chunk...)
		s.body = buf
		if size, whole := terminated(buf, from); whole > 0 {
			s.br.Discard(whole - from)
			return s.check(buf[:size]), nil
		}
		s.br.Discard(len(chunk))
		if !asked {
			asked = true
			if a := s.ask(s.event(Body, "")); !a.isZero() {
				if err := s.act(a); err != nil {
					return nil, err
				}
				s.bw.Flush()
			}
		}
	}
}

// terminated looks for the final dot in buf, of which all before from was searched already. It returns the length of the
// message and its length with the dot; both are 0 when the dot is not there yet.
func terminated(buf []byte, from int) (size, whole int) {
	if bytes.HasPrefix(buf, terminator[2:]) {
		return 0, 3
	}
	start := max(0, from-len(terminator)+1)
	if i := bytes.Index(buf[start:], terminator); i >= 0 {
		return start + i + 2, start + i + len(terminator)
	}
	return 0, 0
}

// check notes what no message may contain on the wire (RFC 5321 sections 2.3.8 and 4.5.3.1.6) and undoes dot-stuffing.
func (s *session) check(msg []byte) []byte {
	if s.r.opts.keep == KeepCount || len(msg) == 0 {
		return msg
	}
	if bytes.Count(msg, []byte("\n")) != bytes.Count(msg, []byte("\r\n")) {
		s.r.violation("bare LF in the message to %s", s.rcpts)
	}
	if bytes.Count(msg, []byte("\r")) != bytes.Count(msg, []byte("\r\n")) {
		s.r.violation("bare CR in the message to %s", s.rcpts)
	}
	eight := false
	for line := range bytes.Lines(msg) {
		if len(line) > 1000 {
			s.r.violation("line of %d octets in the message to %s", len(line), s.rcpts)
		}
		for _, b := range line {
			eight = eight || b >= 0x80
		}
	}
	if eight && !bytes.Contains([]byte(s.mailLine), []byte("BODY=8BITMIME")) {
		s.r.violation("8-bit message to %s without BODY=8BITMIME", s.rcpts)
	}
	if msg[0] == '.' {
		msg = msg[1:]
	}
	if bytes.Contains(msg, []byte("\r\n.")) {
		msg = bytes.ReplaceAll(msg, []byte("\r\n."), []byte("\r\n"))
	}
	return msg
}

// finish decides about a whole message: hooks at the dot, ledger, hooks after it, reply.
func (s *session) finish(msg []byte) error {
	e := s.event(Dot, "")
	e.Data = msg
	if a := s.ask(e); !a.isZero() {
		if !bytes.HasPrefix(a.reply, []byte("2")) {
			s.clear()
			return s.act(a)
		}
		return s.accept(e, msg, a)
	}
	if len(s.rcpts) == 0 {
		s.clear()
		return s.say("554 5.5.1 No valid recipients")
	}
	return s.accept(e, msg, Go())
}

func (s *session) accept(e Event, msg []byte, reply Action) error {
	id := fmt.Sprintf("%04X%06X", s.n, s.mails+1)
	for _, to := range s.rcpts {
		entry := Entry{From: s.from, To: to, QueueID: id, Conn: s.n, MailLine: s.mailLine}
		if err := s.r.led.add(entry, msg); err != nil {
			s.r.violation("ledger: %v", err)
			s.clear()
			return s.say("451 4.3.0 Cannot write the ledger")
		}
	}
	s.mails++
	e.Stage, e.Accepted = Recorded, s.mails
	if a := s.ask(e); !a.isZero() {
		reply = a
	}
	if reply.isZero() {
		reply = Reply("250 2.0.0 Ok: queued as " + id)
	}
	hooked := len((*s.r.hooks.Load())[Replied]) > 0
	s.clear()
	if err := s.act(reply); err != nil || !hooked {
		return err
	}
	if err := s.bw.Flush(); err != nil {
		return err
	}
	e.Stage = Replied
	return s.act(s.ask(e))
}
