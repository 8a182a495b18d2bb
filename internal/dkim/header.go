package dkim

import (
	"bytes"
	"strings"

	"mailer/internal/errs"
)

// Fields that a signature covers, in the order of its h= tag. RFC 8058 section 4 wants the two of one-click.
const (
	fieldFrom = iota
	fieldTo
	fieldSubject
	fieldDate
	fieldMessageID
	fieldReplyTo
	fieldListID
	fieldUnsubscribe
	fieldUnsubscribePost
	fieldFeedbackID
	fieldMIMEVersion
	fieldContentType
	fields // how many
)

// covered says of each field its name and whether it is listed once more than it occurs, so that one added on the way
// breaks the signature (RFC 6376 section 8.15): those that tell who writes, what about, how the body reads, and where one
// leaves. Any field but feedback-id is listed at least once. That one is not listed where it is missing, since
// sending services add one of theirs.
var covered = [fields]struct {
	name string
	over bool
}{
	fieldFrom: {"from", true}, fieldTo: {"to", true}, fieldSubject: {"subject", true}, fieldDate: {"date", true},
	fieldMessageID: {"message-id", false}, fieldReplyTo: {"reply-to", true}, fieldListID: {"list-id", false},
	fieldUnsubscribe: {"list-unsubscribe", true}, fieldUnsubscribePost: {"list-unsubscribe-post", true},
	fieldFeedbackID: {"feedback-id", false}, fieldMIMEVersion: {"mime-version", true}, fieldContentType: {"content-type", true},
}

// maxOccurs is how often a covered field may occur; a message of ours has each once.
const maxOccurs = 9

// listed returns how often a field that occurs n times stands in h=.
func listed(field int, n uint8) int {
	switch {
	case covered[field].over:
		return int(n) + 1
	case field == fieldFeedbackID:
		return int(n)
	}
	return max(1, int(n))
}

// value is a covered field of the message in hand.
type value struct {
	field int
	text  []byte // what follows the colon, with its line end
}

// readHeader notes the covered fields of a message and returns its body. A header that a verifier might read in another way
// is an error: a line without CRLF, or one that is no field.
func (s *Signer) readHeader(msg []byte) (body []byte, err error) {
	s.values = s.values[:0]
	s.counts = [fields]uint8{}
	for rest := msg; ; {
		if len(rest) == 0 {
			return nil, nil // no body
		}
		if len(rest) >= 2 && rest[0] == '\r' && rest[1] == '\n' {
			return rest[2:], nil
		}
		end, ok := fieldEnd(rest)
		if !ok {
			return nil, errs.New(errs.Invalid, "the message has a header line that does not end in CRLF; it cannot be signed")
		}
		line := rest[:end]
		rest = rest[end:]
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || line[0] == ' ' || line[0] == '\t' {
			return nil, errs.New(errs.Invalid, "the message has a header line that is not a field; it cannot be signed")
		}
		f := fieldOf(bytes.TrimRight(line[:colon], " \t"))
		if f < 0 {
			continue
		}
		if s.counts[f]++; s.counts[f] > maxOccurs {
			return nil, errs.New(errs.Invalid, "the message has the field %s too often; it cannot be signed", covered[f].name)
		}
		s.values = append(s.values, value{f, line[colon+1:]})
	}
}

// fieldEnd returns where the field at the start of b ends, with the lines it is folded into; false where a line end is not
// CRLF.
func fieldEnd(b []byte) (end int, ok bool) {
	for {
		n := bytes.IndexByte(b[end:], '\n')
		if n < 1 || b[end+n-1] != '\r' || bytes.IndexByte(b[end:end+n-1], '\r') >= 0 {
			return 0, false
		}
		if end += n + 1; end == len(b) || b[end] != ' ' && b[end] != '\t' {
			return end, true
		}
	}
}

// fieldOf returns which covered field has this name, or -1.
func fieldOf(name []byte) int {
	if len(name) >= len(byLength) || len(name) == 0 {
		return -1
	}
	for _, i := range byLength[len(name)] {
		if covered[i].name[0] == name[0]|0x20 && strings.EqualFold(covered[i].name, string(name)) {
			return i
		}
	}
	return -1
}

// byLength lists the covered fields by the length of their names.
var byLength = func() (list [32][]int) {
	for i := range covered {
		n := len(covered[i].name)
		list[n] = append(list[n], i)
	}
	return list
}()

// appendHeader appends the covered fields as they are hashed (RFC 6376 sections 3.4.2 and 5.4.2): in the order of h=, those
// that occur twice from the bottom up.
func (s *Signer) appendHeader(dst []byte) []byte {
	for f := range covered {
		if s.counts[f] == 0 {
			continue
		}
		for i := len(s.values) - 1; i >= 0; i-- {
			if s.values[i].field == f {
				dst = append(append(dst, covered[f].name...), ':')
				dst = append(appendRelaxed(dst, s.values[i].text), "\r\n"...)
			}
		}
	}
	return dst
}

// appendRelaxed appends the value of a field on one line, each run of white space as one space and none at its ends.
func appendRelaxed(dst, v []byte) []byte {
	for len(v) > 0 && blank(v[0]) {
		v = v[1:]
	}
	for len(v) > 0 && blank(v[len(v)-1]) {
		v = v[:len(v)-1]
	}
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 && nextBlank(v, 0) == len(v) {
		return append(dst, v...)
	}
	from := 0
	for i := 0; i < len(v); i++ {
		if v[i] > ' ' || !blank(v[i]) {
			continue
		}
		dst = append(append(dst, v[from:i]...), ' ')
		for i+1 < len(v) && blank(v[i+1]) {
			i++
		}
		from = i + 1
	}
	return append(dst, v[from:]...)
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
