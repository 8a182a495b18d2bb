package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reply is one answer of the relay, over however many lines it came.
type reply struct {
	code int
	// text holds the lines without their codes, separated by "\n", at most maxReplyText bytes; raw bytes of a stranger,
	// valid until the next read.
	text []byte
	// broken: the code is known but the reply had no proper end, so that what comes next on the connection is not.
	broken bool
}

const (
	maxReplyText  = 4 << 10  // kept
	maxReplyBytes = 64 << 10 // read
)

// errGarbage is returned for a line that is no reply.
var errGarbage = errors.New("the relay's reply is none")

// positive reports 2yz.
func (r reply) positive() bool { return r.code/100 == 2 }

// refusal reports 4yz or 5yz.
func (r reply) refusal() bool { return r.code/100 == 4 || r.code/100 == 5 }

// replies reads replies as tolerantly as is safe: LF without CR, missing text, any bytes, any length. All lines of a reply
// have one code (RFC 5321 section 4.2.1), so the code counts as known as soon as its three digits were read, even when the
// link breaks within the reply. A reply whose lines contradict each other is garbage.
type replies struct {
	br  *bufio.Reader
	buf []byte
}

// read reads one reply. An error means that no code is known.
func (p *replies) read() (reply, error) {
	p.buf = p.buf[:0]
	var r reply
	for total := 0; ; {
		line, n, err := p.line()
		total += n
		code, rest, more, ok := parseLine(line)
		switch {
		case r.code == 0 && !ok:
			if err != nil {
				return reply{}, err
			}
			return reply{}, fmt.Errorf("%w: %s", errGarbage, clean(line))
		case r.code == 0:
			r.code = code
		case ok && code/100 != r.code/100:
			return reply{}, fmt.Errorf("%w: %d is followed by %d", errGarbage, r.code, code)
		case !ok: // a line within a reply that has lost its code
			rest, more = line, true
		}
		if room := maxReplyText - len(p.buf); room > 0 {
			if len(p.buf) > 0 {
				p.buf = append(p.buf, '\n')
			}
			p.buf = append(p.buf, rest[:min(len(rest), room)]...)
		}
		r.text = p.buf
		if err != nil || total > maxReplyBytes {
			r.broken = true
			return r, nil
		}
		if !more {
			return r, nil
		}
	}
}

// line reads one line without its end. Of a line longer than the buffer only the beginning is returned; n counts all of it.
// A line beyond maxReplyBytes ends with an error.
func (p *replies) line() (line []byte, n int, err error) {
	line, err = p.br.ReadSlice('\n')
	n = len(line)
	if err == bufio.ErrBufferFull {
		line = bytes.Clone(line)
		for err == bufio.ErrBufferFull && n <= maxReplyBytes {
			var more []byte
			more, err = p.br.ReadSlice('\n')
			n += len(more)
		}
	}
	return bytes.TrimRight(line, "\r\n"), n, err
}

// parseLine takes "250-text" apart. more says that the reply goes on.
func parseLine(line []byte) (code int, text []byte, more, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2]) {
		return 0, nil, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	switch {
	case len(line) == 3:
		return code, nil, false, true
	case digit(line[3]):
		return 0, nil, false, false
	case line[3] == '-':
		return code, line[4:], true, true
	case line[3] == ' ' || line[3] == '\t':
		return code, line[4:], false, true
	}
	return code, line[3:], false, true
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// enhanced returns the enhanced status code (RFC 3463) of a reply's text, "" where it has none: at its beginning, or as
// "#5.7.1" anywhere, as qmail writes it.
func enhanced(text []byte) string {
	if s := statusAt(text); s != "" {
		return s
	}
	for rest := text; ; {
		i := bytes.IndexByte(rest, '#')
		if i < 0 {
			return ""
		}
		rest = rest[i+1:]
		if s := statusAt(rest); s != "" {
			return s
		}
	}
}

// statusAt reads "5.7.515" at the beginning of b.
func statusAt(b []byte) string {
	if len(b) < 5 || (b[0] != '2' && b[0] != '4' && b[0] != '5') || b[1] != '.' {
		return ""
	}
	i, dots := 2, 1
	for start := 2; i < len(b); i++ {
		if digit(b[i]) && i-start < 3 {
			continue
		}
		if b[i] != '.' || dots == 2 || i == start {
			break
		}
		dots++
		start = i + 1
	}
	if dots != 2 || !digit(b[i-1]) || i < len(b) && (digit(b[i]) || b[i] == '.') {
		return ""
	}
	return string(b[:i])
}

// clean makes a reply's text fit to be stored, logged and shown: valid UTF-8 on one line, without the enhanced code that
// stands at its beginning, control, format and direction characters escaped, cut at MaxText.
func clean(text []byte) string {
	status := statusAt(text)
	var b strings.Builder
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if status != "" && statusAt(line) == status {
			line = bytes.TrimSpace(line[len(status):])
		}
		if len(line) == 0 {
			continue
		}
		if b.Len() > 0 {
			line = append([]byte{' '}, line...)
		}
		if !escape(&b, line) {
			break
		}
	}
	return strings.TrimSpace(b.String())
}

// escape appends line to b; it returns false when b is full.
func escape(b *strings.Builder, line []byte) bool {
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		var s string
		switch {
		case r == utf8.RuneError && n == 1:
			s = fmt.Sprintf(`\x%02x`, line[0])
		case r == '\t' || r == '\u00a0':
			s = " "
		case r == ' ' || unicode.IsPrint(r):
			s = string(line[:n])
		case r < 0x100:
			s = fmt.Sprintf(`\x%02x`, r)
		default:
			s = fmt.Sprintf(`\u{%x}`, r)
		}
		if b.Len()+len(s) > MaxText-len("…") {
			b.WriteString("…")
			return false
		}
		b.WriteString(s)
		line = line[n:]
	}
	return true
}
