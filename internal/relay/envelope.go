package relay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// plan is what Send is going to say, checked before the first command.
type plan struct {
	mail, rcpt []byte // command lines with CRLF
	body       []byte // ends with CRLF, no line begins with a lone dot
}

// prepare checks envelope and message and builds the commands. Its error comes as a Result of stage check: nothing was said to
// the relay, and the connection is as good as before.
func (c *Conn) prepare(env Envelope, msg []byte) (plan, Result, bool) {
	refuse := func(class string, err error) (plan, Result, bool) {
		return plan{}, Result{Kind: Failed, Class: class, Stage: StageCheck, Text: clean([]byte(err.Error())), Reusable: true, Err: err}, false
	}
	from, fromUTF8, err := mailbox(env.From)
	if err != nil {
		return refuse(ClassSender, fmt.Errorf("the envelope sender: %w", err))
	}
	to, toUTF8, err := mailbox(env.To)
	if err == nil && to == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return refuse(ClassUnsupported, fmt.Errorf("the recipient: %w", err))
	}
	utf8 := env.UTF8 || fromUTF8 || toUTF8
	if utf8 && !(c.utf8 && c.eightBit) {
		return refuse(ClassUnsupported, errors.New("the address is not ASCII and the relay does not offer SMTPUTF8"))
	}
	body, eight, err := wireReady(msg)
	switch {
	case err != nil:
		return refuse(ClassSender, fmt.Errorf("the message: %w", err))
	case eight && !c.eightBit:
		return refuse(ClassUnsupported, errors.New("the message is not 7-bit and the relay does not offer 8BITMIME"))
	case c.sizeLimit > 0 && int64(len(body)) > c.sizeLimit:
		return refuse(ClassSize, fmt.Errorf("the message has %d bytes, the relay takes %d", len(body), c.sizeLimit))
	}
	b := append(c.cmd[:0], "MAIL FROM:<"...)
	b = append(append(b, from...), '>')
	if c.sizes {
		b = strconv.AppendInt(append(b, " SIZE="...), int64(len(body)), 10)
	}
	if eight {
		b = append(b, " BODY=8BITMIME"...)
	}
	if utf8 {
		b = append(b, " SMTPUTF8"...)
	}
	b = append(b, "\r\n"...)
	n := len(b)
	b = append(append(append(b, "RCPT TO:<"...), to...), ">\r\n"...)
	c.cmd = b
	return plan{mail: b[:n:n], rcpt: b[n:], body: body}, Result{}, true
}

// mailbox checks that an address cannot be anything but one path of a command, and turns a domain in Unicode into A-labels.
// It is the last door and not the validator of addresses. utf8 says that the local part is not ASCII.
func mailbox(addr string) (path string, utf8 bool, err error) {
	if addr == "" {
		return "", false, nil // the null reverse-path, RFC 5321 section 4.5.5
	}
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || at == len(addr)-1 {
		return "", false, errors.New("it is not of the form name@domain")
	}
	local, domain := addr[:at], addr[at+1:]
	quoted := len(local) > 2 && local[0] == '"' && local[len(local)-1] == '"'
	for _, r := range local {
		if r < ' ' || r == 0x7f || !quoted && strings.ContainsRune(" <>()[],;:\\\"@", r) {
			return "", false, fmt.Errorf("the character %q cannot stand there", r)
		}
		utf8 = utf8 || r >= 0x80
	}
	if quoted && badQuotes(local[1:len(local)-1]) {
		return "", false, errors.New("its quotes do not match")
	}
	ascii := true
	for _, r := range domain {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("<>()\\\",;", r) {
			return "", false, fmt.Errorf("the character %q cannot stand there", r)
		}
		ascii = ascii && r < 0x80
	}
	if !ascii {
		if domain, err = idnaProfile.ToASCII(domain); err != nil {
			return "", false, errors.New("its domain is not valid")
		}
	}
	if len(local)+1+len(domain) > 254 { // RFC 5321 section 4.5.3.1.3: a path of 256 with its brackets
		return "", false, errors.New("it is too long")
	}
	return local + "@" + domain, utf8, nil
}

// badQuotes reports a quote that is not escaped within a quoted local part, which would end it early.
func badQuotes(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return true
			}
		case '"':
			return true
		}
	}
	return false
}

// wireReady returns msg as it may stand after DATA: every line ended by CRLF, none longer than 998 octets, none beginning
// with a bare dot (RFC 5321 sections 2.3.8, 4.5.2 and 4.5.3.1.6). A bare CR or LF is refused and not mended: it is what
// smuggles mail past servers that disagree about the end of a line. Our own messages pass without being copied.
func wireReady(msg []byte) (body []byte, eight bool, err error) {
	if len(msg) == 0 {
		return nil, false, errors.New("it is empty")
	}
	if bytes.IndexByte(msg, 0) >= 0 {
		return nil, false, errors.New("it has a NUL byte")
	}
	dots, lines := msg[0] == '.', 0
	for rest := msg; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			if len(rest) > 998 {
				return nil, false, errors.New("it has a line of more than 998 octets")
			}
			break
		}
		if i == 0 || rest[i-1] != '\r' {
			return nil, false, errors.New("it has a bare LF")
		}
		if i > 999 {
			return nil, false, errors.New("it has a line of more than 998 octets")
		}
		rest = rest[i+1:]
		lines++
		dots = dots || len(rest) > 0 && rest[0] == '.'
	}
	if bytes.Count(msg, []byte{'\r'}) != lines {
		return nil, false, errors.New("it has a bare CR")
	}
	if dots {
		msg = stuff(msg)
	}
	if !bytes.HasSuffix(msg, []byte("\r\n")) {
		msg = append(bytes.Clone(msg), "\r\n"...)
	}
	return msg, !sevenBit(msg), nil
}

// stuff doubles each dot at the beginning of a line.
func stuff(msg []byte) []byte {
	out := bytes.ReplaceAll(msg, []byte("\r\n."), []byte("\r\n.."))
	if msg[0] == '.' {
		out = append([]byte{'.'}, out...)
	}
	return out
}

func sevenBit(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
