package message

import (
	"slices"

	"mailer/internal/errs"
)

// Append appends the whole message of one reader to dst, ready for the wire: CRLF line ends, no line that begins with a
// dot, without the final dot of DATA. The same reader gives the same octets. A value that cannot stand where it
// belongs is an error of kind Invalid, and dst is returned as it was. It is 7-bit unless r.To has a local part beyond ASCII:
// that address needs a relay with SMTPUTF8.
//
// It allocates nothing but what dst grows by, unless a name has to be normalised.
func (c *Compiled) Append(dst []byte, r *Reader) ([]byte, error) {
	if err := c.checkReader(r); err != nil {
		return dst, err
	}
	name := readerName(r.Name)
	var text, page span // where the name stands already, encoded
	start := len(dst)
	dst = slices.Grow(dst, c.max+512)
	for i := range c.ops {
		o := &c.ops[i]
		if o.mask&^r.Groups != 0 {
			continue
		}
		fixed := c.blob[o.off : o.off+o.size]
		switch o.kind {
		case opRun:
			dst = append(dst, fixed...)
		case opTo:
			dst = appendField(dst, "To:", "", nil, r.To, "")
		case opMessageID:
			dst = appendField(dst, "Message-ID:", "<", nil, r.MessageID, ">")
		case opUnsubscribe:
			dst = appendField(dst, "List-Unsubscribe:", "<", fixed, r.LeaveToken, ">")
		case opRef:
			if r.Ref != "" {
				dst = appendField(dst, "X-Campaign-Ref:", "", nil, r.Ref, "")
			}
		case opNameText:
			dst = appendName(dst, name, fixed, &text, start, false)
		case opNameHTML:
			dst = appendName(dst, name, fixed, &page, start, true)
		case opLeave:
			if r.LeaveToken == "" {
				dst = append(dst, fixed...)
				continue
			}
			dst = append(append(dst, r.LeaveToken...), softBreak...) // shorter than a line, and nothing in it to encode
		case opKinds:
		}
	}
	return dst, nil
}

// span is a piece of the message, counted from its start.
type span struct{ from, to int }

// appendName appends a reader's name, or the fallback. It is encoded once and copied from there on.
func appendName(dst []byte, name string, fallback []byte, done *span, start int, html bool) []byte {
	switch {
	case name == "":
		return append(dst, fallback...)
	case done.to > 0:
		return append(dst, dst[start+done.from:start+done.to]...)
	}
	done.from = len(dst) - start
	dst = appendValue(dst, name, html)
	done.to = len(dst) - start
	return dst
}

// appendField appends a header field whose value has no space; it stands on a line of its own where the first has no room.
func appendField(dst []byte, name, before string, base []byte, value, after string) []byte {
	dst = append(dst, name...)
	if len(name)+1+len(before)+len(base)+len(value)+len(after) > lineLength {
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, ' ')
	dst = append(dst, before...)
	dst = append(dst, base...)
	dst = append(dst, value...)
	dst = append(dst, after...)
	return append(dst, "\r\n"...)
}

// checkReader says whether the values of a reader can stand in the message.
func (c *Compiled) checkReader(r *Reader) error {
	if reason := addressFault(r.To, true); reason != "" {
		return errs.Field("to", "is not an address that mail can be sent to: %s", reason)
	}
	switch {
	case !isMessageID(r.MessageID):
		return errs.Field("message id", "%q cannot stand in Message-ID", r.MessageID)
	case r.LeaveToken == "" && c.bulk:
		return errs.Field("leave token", "is missing; list mail has one")
	case r.LeaveToken != "" && !isToken(r.LeaveToken):
		return errs.Field("leave token", "has characters that no token has")
	case r.Ref != "" && !isToken(r.Ref):
		return errs.Field("reference", "has characters that no token has")
	}
	return nil
}
