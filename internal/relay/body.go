package relay

import (
	"bytes"
	"encoding/binary"
	"errors"
)

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
	const high = 0x8080808080808080
	for ; len(b) >= 32; b = b[32:] { // four at a time: this passes over every octet of every message
		if (binary.LittleEndian.Uint64(b)|binary.LittleEndian.Uint64(b[8:])|
			binary.LittleEndian.Uint64(b[16:])|binary.LittleEndian.Uint64(b[24:]))&high != 0 {
			return false
		}
	}
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&high != 0 {
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
