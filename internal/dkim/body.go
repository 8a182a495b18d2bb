package dkim

import (
	"bytes"
	"encoding/binary"
)

// hashBody writes a body to the hash as it is hashed (RFC 6376 section 3.4.4): no white space at the ends of lines, runs of it
// as one space, no empty lines at the end, and a CRLF at the end unless nothing is left. Bodies of our own messages
// hardly ever have anything to change: they go into the hash as they are.
func (s *Signer) hashBody(body []byte) {
	if body = trimEnd(body); len(body) == 0 {
		return
	}
	if at := nextBlank(body, 0); at == len(body) {
		s.hash.Write(body)
	} else {
		s.hash.Write(s.relax(body, at))
	}
	s.hash.Write(lineEnd)
}

var lineEnd = []byte("\r\n")

// trimEnd cuts off white space and empty lines at the end.
func trimEnd(b []byte) []byte {
	for {
		n := len(b)
		switch {
		case n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'):
			b = b[:n-1]
		case n > 1 && b[n-1] == '\n' && b[n-2] == '\r':
			b = b[:n-2]
		default:
			return b
		}
	}
}

// relax returns body with white space relaxed, of which the first to change is at.
func (s *Signer) relax(body []byte, at int) []byte {
	out := s.relaxed[:0]
	from := 0
	for at < len(body) {
		out = append(out, body[from:at]...)
		from = at
		for from < len(body) && (body[from] == ' ' || body[from] == '\t') {
			from++
		}
		if !bytes.HasPrefix(body[from:], lineEnd) {
			out = append(out, ' ')
		}
		at = nextBlank(body, from)
	}
	s.relaxed = append(out, body[from:]...)
	return s.relaxed
}

// nextBlank returns where the first white space from i on stands that is not a single space between other characters;
// len(b) when there is none. b does not end in white space.
func nextBlank(b []byte, i int) int {
	limit := len(b)
	if tab := bytes.IndexByte(b[i:], '\t'); tab >= 0 {
		limit = i + tab
	}
	if at := nextDouble(b[:limit], i); at < limit {
		return at
	}
	for limit < len(b) && limit > i && b[limit-1] == ' ' {
		limit--
	}
	return limit
}

// nextDouble returns where the first space from i on stands that another space or a CRLF follows; len(b) when there is none.
//
// It looks at 32 pairs of neighbours at a time. Of each pair the octet is 0 in a word when the first is a space and the second
// has no bits but those of a space and a CR, which few characters have; taking 1 from each octet then sets a top bit. Text
// beyond ASCII sets some too: that is only slower.
func nextDouble(b []byte, i int) int {
	const tops = 0x8080808080808080
	for rest := b[i:]; len(rest) > 32; rest = rest[32:] {
		if (pairs(rest[:9])|pairs(rest[8:17])|pairs(rest[16:25])|pairs(rest[24:33]))&tops != 0 {
			at := len(b) - len(rest)
			if found := plainDouble(b, at, at+32); found < at+32 {
				return found
			}
		}
		i += 32
	}
	return plainDouble(b, i, len(b))
}

// pairs returns the word of eight pairs, less 1 in each octet.
func pairs(b []byte) uint64 {
	const (
		ones   = 0x0101010101010101
		spaces = ' ' * ones
		others = (0xff &^ (' ' | '\r')) * ones
	)
	return (binary.LittleEndian.Uint64(b) ^ spaces | binary.LittleEndian.Uint64(b[1:])&others) - ones
}

// plainDouble is nextDouble octet by octet, for spaces before end; end when there is none.
func plainDouble(b []byte, i, end int) int {
	for ; i < end; i++ {
		if b[i] != ' ' || i+1 == len(b) {
			continue
		}
		if b[i+1] == ' ' || b[i+1] == '\r' && i+2 < len(b) && b[i+2] == '\n' {
			return i
		}
	}
	return end
}
