package links

import (
	"encoding/base64"
	"time"
)

const approvePlain = wideID + wideID + wideID

// Approve names the proof of a campaign that a link to approve or hold stood in. What was proofed, and to whom it was mailed, is
// kept under that number: the link is good for that content and that person. Issued has a precision of one second; the
// caller decides what is too old.
type Approve struct {
	Proof, Campaign int64
	Issued          time.Time
}

// Approve returns the token of a: 43 base64url characters.
func (s *Signer) Approve(a Approve) string {
	var b [approvePlain]byte
	putID(b[:wideID], a.Proof)
	putID(b[wideID:2*wideID], a.Campaign)
	putID(b[2*wideID:], a.Issued.Unix())
	return base64.RawURLEncoding.EncodeToString(s.seal(approve, b[:]))
}

// ApproveToken is Signer.Approve under the secret id; see LeaveToken.
func (r *Ring) ApproveToken(id KeyID, a Approve) string {
	return r.with(id, func(s *Signer) string { return s.Approve(a) })
}

// ParseApprove returns what an approve token names, however old. Anything but a genuine one is errs.NotFound.
func (r *Ring) ParseApprove(tok string) (Approve, error) {
	var b [approvePlain]byte
	if err := r.parse(approve, tok, b[:]); err != nil {
		return Approve{}, err
	}
	return Approve{Proof: getID(b[:wideID]), Campaign: getID(b[wideID : 2*wideID]), Issued: time.Unix(getID(b[2*wideID:]), 0).UTC()}, nil
}
