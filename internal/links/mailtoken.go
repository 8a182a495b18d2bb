package links

import (
	"encoding/base64"
	"strings"
)

// LeavePrefix begins the local part of the addresses that leave: "u-", then the token, see AppendLeaveLocal.
const LeavePrefix = "u-"

const leaveSize = overhead + leavePlain

// AppendLeaveLocal appends the local part of the address that does what a leave token does: a mail to it unsubscribes. It is
// the same token in lower-case base32, since mail servers may fold the case of a local part; with its prefix it has 50 octets of
// the 64 that one may have (RFC 5321 section 4.5.3.1.1). It reports false for what is no leave token, such as that of a preview.
func AppendLeaveLocal(dst []byte, token string) ([]byte, bool) {
	var raw [overhead + maxPlain]byte
	if len(token) != base64.RawURLEncoding.EncodedLen(leaveSize) {
		return dst, false
	}
	n, err := strictBase64.Decode(raw[:], []byte(token))
	if err != nil || n != leaveSize {
		return dst, false
	}
	return lowerBase32.AppendEncode(append(dst, LeavePrefix...), raw[:n]), true
}

// ParseLeaveLocal returns what the local part of AppendLeaveLocal names, in whatever case it comes back. Anything else is
// errs.NotFound.
func (r *Ring) ParseLeaveLocal(local string) (Leave, error) {
	var raw [overhead + maxPlain]byte
	var p [leavePlain]byte
	local = strings.ToLower(local)
	tok, ok := strings.CutPrefix(local, LeavePrefix)
	if ok = ok && len(tok) == lowerBase32.EncodedLen(leaveSize); ok {
		n, err := lowerBase32.Decode(raw[:], []byte(tok))
		ok = err == nil && n == leaveSize && lowerBase32.EncodeToString(raw[:n]) == tok
	}
	if err := r.open(leave, raw[:leaveSize], p[:], ok); err != nil {
		return Leave{}, err
	}
	return Leave{Subscriber: getID(p[:wideID]), List: getID(p[wideID : wideID+listID]), Campaign: getID(p[wideID+listID:])}, nil
}
