package message

import (
	"bytes"
	"slices"

	"mailer/internal/errs"
	"mailer/internal/links"
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
			dst = appendUnsubscribe(dst, fixed, r.LeaveToken)
		case opRef:
			if r.Ref != "" {
				dst = appendField(dst, "X-Campaign-Ref:", "", nil, r.Ref, "")
			}
		case opNameText:
			dst = appendName(dst, name, fixed, &text, start, false)
		case opNameHTML:
			dst = appendName(dst, name, fixed, &page, start, true)
		case opLeave:
			dst = appendToken(dst, r.LeaveToken, fixed)
		case opPreferences:
			dst = appendToken(dst, r.PreferencesToken, fixed)
		case opKinds:
		}
	}
	return dst, nil
}

// appendToken appends a token, which is shorter than a line and has nothing to encode, or the fallback.
func appendToken(dst []byte, token string, fallback []byte) []byte {
	if token == "" {
		return append(dst, fallback...)
	}
	return append(append(dst, token...), softBreak...)
}

// leaveAtMark stands between the two addresses of opUnsubscribe. A message of older programs has the first only.
const leaveAtMark = "\n"

// appendUnsubscribe appends List-Unsubscribe: the page and, where there is one, the address that does the same, each on a line that
// is never folded within (RFC 2369 section 3.2, RFC 8058 section 3.1: https first).
func appendUnsubscribe(dst, fixed []byte, token string) []byte {
	base, domain, both := bytes.Cut(fixed, []byte(leaveAtMark))
	before := len(dst)
	dst = appendField(dst, "List-Unsubscribe:", "<", base, token, ">")
	if !both {
		return dst
	}
	line := len(dst) - len("\r\n")
	dst = append(dst[:line], ",\r\n <mailto:"...)
	dst, ok := links.AppendLeaveLocal(dst, token)
	if !ok {
		return appendField(dst[:before], "List-Unsubscribe:", "<", base, token, ">")
	}
	dst = append(append(dst, '@'), domain...)
	return append(dst, ">\r\n"...)
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
	case r.PreferencesToken != "" && !isToken(r.PreferencesToken):
		return errs.Field("preferences token", "has characters that no token has")
	case r.Ref != "" && !isToken(r.Ref):
		return errs.Field("reference", "has characters that no token has")
	}
	return nil
}
