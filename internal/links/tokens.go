package links

import (
	"encoding/base32"
	"encoding/base64"
	"strings"
	"time"

	"mailer/internal/errs"
)

// errNoSuchLink is what every unusable token gives, so that an answer tells nothing about why.
var errNoSuchLink = errs.New(errs.NotFound, "This link is not valid. It may have been cut short on its way; please copy it again in full from the mail.")

// Octets of the numbers in a token. They are fixed, so that every token of a purpose has the same length.
const (
	wideID    = 5 // subscriber, campaign, and seconds since 1970
	variantID = 4
	listID    = 3

	leavePlain   = wideID + listID + wideID
	confirmPlain = wideID + listID + wideID
	viewPlain    = wideID
	giftPlain    = wideID + variantID
	bouncePlain  = wideID + wideID

	preferencesPlain = wideID + listID + wideID
	proofPlain       = 1 + wideID + listID + wideID
)

// Leave names a reader's subscription and the campaign whose mail carried the link; campaign 0 means none. The token may
// only take away mail, and it never expires.
type Leave struct{ Subscriber, List, Campaign int64 }

// Confirm names a subscription to be confirmed; with List 0 Subscriber is the number of what a mail about several asked. Issued has a precision of one second; the caller decides what is too old.
type Confirm struct {
	Subscriber, List int64
	Issued           time.Time
}

// View names a campaign to be read in a browser.
type View struct{ Campaign int64 }

// Gift names the appeal variant whose button was pressed, and the campaign it stood in.
type Gift struct{ Campaign, Variant int64 }

// Bounce names one delivery, in envelope senders and correlation headers.
type Bounce struct{ Campaign, Subscriber int64 }

// Preferences names a reader and the subscription and campaign whose mail carried the link; campaign 0 means none. It opens the
// preference centre, which shows nothing of the reader but a masked address, and never expires.
type Preferences struct{ Subscriber, List, Campaign int64 }

// Act is what a Proof was mailed for.
type Act uint8

// Acts that need a fresh proof.
const (
	ActPersonal   Act = iota + 1 // see and change what is personal, export, erase
	ActNewAddress                // confirm, at the new address, a change of address; List holds the number of the change
	ActOldAddress                // confirm it at the old one
)

// Proof shows that its bearer reads mail of a reader, since it was mailed to the address just now. Issued has a precision of one
// second; the caller decides what is too old.
type Proof struct {
	Act              Act
	Subscriber, List int64
	Issued           time.Time
}

// Leave returns the token of l: 40 base64url characters.
func (s *Signer) Leave(l Leave) string {
	var p [leavePlain]byte
	putID(p[:wideID], l.Subscriber)
	putID(p[wideID:wideID+listID], l.List)
	putID(p[wideID+listID:], l.Campaign)
	return base64.RawURLEncoding.EncodeToString(s.seal(leave, p[:]))
}

// Confirm returns the token of c: 40 base64url characters.
func (s *Signer) Confirm(c Confirm) string {
	var p [confirmPlain]byte
	putID(p[:wideID], c.Subscriber)
	putID(p[wideID:wideID+listID], c.List)
	putID(p[wideID+listID:], c.Issued.Unix())
	return base64.RawURLEncoding.EncodeToString(s.seal(confirm, p[:]))
}

// View returns the token of v: 30 base64url characters.
func (s *Signer) View(v View) string {
	var p [viewPlain]byte
	putID(p[:], v.Campaign)
	return base64.RawURLEncoding.EncodeToString(s.seal(view, p[:]))
}

// Gift returns the token of g: 35 base64url characters.
func (s *Signer) Gift(g Gift) string {
	var p [giftPlain]byte
	putID(p[:wideID], g.Campaign)
	putID(p[wideID:], g.Variant)
	return base64.RawURLEncoding.EncodeToString(s.seal(gift, p[:]))
}

// Preferences returns the token of p: 40 base64url characters.
func (s *Signer) Preferences(p Preferences) string {
	var b [preferencesPlain]byte
	putID(b[:wideID], p.Subscriber)
	putID(b[wideID:wideID+listID], p.List)
	putID(b[wideID+listID:], p.Campaign)
	return base64.RawURLEncoding.EncodeToString(s.seal(preferences, b[:]))
}

// Proof returns the token of p: 42 base64url characters.
func (s *Signer) Proof(p Proof) string {
	var b [proofPlain]byte
	b[0] = byte(p.Act)
	putID(b[1:1+wideID], p.Subscriber)
	putID(b[1+wideID:1+wideID+listID], p.List)
	putID(b[1+wideID+listID:], p.Issued.Unix())
	return base64.RawURLEncoding.EncodeToString(s.seal(proof, b[:]))
}

// Bounce returns the token of b: 44 characters of lower-case base32, since mail servers may fold the case of a local part.
func (s *Signer) Bounce(b Bounce) string {
	var p [bouncePlain]byte
	putID(p[:wideID], b.Campaign)
	putID(p[wideID:], b.Subscriber)
	return lowerBase32.EncodeToString(s.seal(bounce, p[:]))
}

// LeaveToken is Signer.Leave under the secret id, or under the current one where the ring does not hold it. The sender
// of a frozen message takes a Signer instead, which refuses a missing secret.
func (r *Ring) LeaveToken(id KeyID, l Leave) string {
	return r.with(id, func(s *Signer) string { return s.Leave(l) })
}

// ConfirmToken is Signer.Confirm under the secret id; see LeaveToken.
func (r *Ring) ConfirmToken(id KeyID, c Confirm) string {
	return r.with(id, func(s *Signer) string { return s.Confirm(c) })
}

// ViewToken is Signer.View under the secret id; see LeaveToken.
func (r *Ring) ViewToken(id KeyID, v View) string {
	return r.with(id, func(s *Signer) string { return s.View(v) })
}

// GiftToken is Signer.Gift under the secret id; see LeaveToken.
func (r *Ring) GiftToken(id KeyID, g Gift) string {
	return r.with(id, func(s *Signer) string { return s.Gift(g) })
}

// PreferencesToken is Signer.Preferences under the secret id; see LeaveToken.
func (r *Ring) PreferencesToken(id KeyID, p Preferences) string {
	return r.with(id, func(s *Signer) string { return s.Preferences(p) })
}

// ProofToken is Signer.Proof under the secret id; see LeaveToken.
func (r *Ring) ProofToken(id KeyID, p Proof) string {
	return r.with(id, func(s *Signer) string { return s.Proof(p) })
}

// BounceToken is Signer.Bounce under the secret id; see LeaveToken.
func (r *Ring) BounceToken(id KeyID, b Bounce) string {
	return r.with(id, func(s *Signer) string { return s.Bounce(b) })
}

// ParseLeave returns what a leave token names. Anything but a genuine leave token is errs.NotFound.
func (r *Ring) ParseLeave(tok string) (Leave, error) {
	var p [leavePlain]byte
	if err := r.parse(leave, tok, p[:]); err != nil {
		return Leave{}, err
	}
	return Leave{Subscriber: getID(p[:wideID]), List: getID(p[wideID : wideID+listID]), Campaign: getID(p[wideID+listID:])}, nil
}

// ParseConfirm returns what a confirm token names, however old. Anything but a genuine one is errs.NotFound.
func (r *Ring) ParseConfirm(tok string) (Confirm, error) {
	var p [confirmPlain]byte
	if err := r.parse(confirm, tok, p[:]); err != nil {
		return Confirm{}, err
	}
	return Confirm{Subscriber: getID(p[:wideID]), List: getID(p[wideID : wideID+listID]),
		Issued: time.Unix(getID(p[wideID+listID:]), 0).UTC()}, nil
}

// ParseView returns the campaign a view token names. Anything but a genuine one is errs.NotFound.
func (r *Ring) ParseView(tok string) (View, error) {
	var p [viewPlain]byte
	if err := r.parse(view, tok, p[:]); err != nil {
		return View{}, err
	}
	return View{Campaign: getID(p[:])}, nil
}

// ParseGift returns what a gift token names. Anything but a genuine one is errs.NotFound.
func (r *Ring) ParseGift(tok string) (Gift, error) {
	var p [giftPlain]byte
	if err := r.parse(gift, tok, p[:]); err != nil {
		return Gift{}, err
	}
	return Gift{Campaign: getID(p[:wideID]), Variant: getID(p[wideID:])}, nil
}

// ParsePreferences returns what a preferences token names. Anything but a genuine one is errs.NotFound.
func (r *Ring) ParsePreferences(tok string) (Preferences, error) {
	var b [preferencesPlain]byte
	if err := r.parse(preferences, tok, b[:]); err != nil {
		return Preferences{}, err
	}
	return Preferences{Subscriber: getID(b[:wideID]), List: getID(b[wideID : wideID+listID]), Campaign: getID(b[wideID+listID:])}, nil
}

// ParseProof returns what a proof token names, however old. Anything but a genuine one is errs.NotFound.
func (r *Ring) ParseProof(tok string) (Proof, error) {
	var b [proofPlain]byte
	if err := r.parse(proof, tok, b[:]); err != nil {
		return Proof{}, err
	}
	return Proof{Act: Act(b[0]), Subscriber: getID(b[1 : 1+wideID]), List: getID(b[1+wideID : 1+wideID+listID]),
		Issued: time.Unix(getID(b[1+wideID+listID:]), 0).UTC()}, nil
}

// ParseBounce returns the delivery a bounce token names, in whatever case it comes back. Anything but a genuine one is
// errs.NotFound.
func (r *Ring) ParseBounce(tok string) (Bounce, error) {
	var raw [overhead + maxPlain]byte
	var p [bouncePlain]byte
	ok := len(tok) == lowerBase32.EncodedLen(overhead+bouncePlain)
	if ok {
		tok = strings.ToLower(tok)
		n, err := lowerBase32.Decode(raw[:], []byte(tok))
		// The last character has spare bits, which base32 does not check: a token has one spelling.
		ok = err == nil && n == overhead+bouncePlain && lowerBase32.EncodeToString(raw[:n]) == tok
	}
	if err := r.open(bounce, raw[:overhead+bouncePlain], p[:], ok); err != nil {
		return Bounce{}, err
	}
	return Bounce{Campaign: getID(p[:wideID]), Subscriber: getID(p[wideID:])}, nil
}

// parse decodes a base64url token of purpose p and opens it into plain.
func (r *Ring) parse(p purpose, tok string, plain []byte) error {
	var raw [overhead + maxPlain]byte
	size := overhead + len(plain)
	ok := len(tok) == base64.RawURLEncoding.EncodedLen(size) // before decoding: nothing long is ever looked at
	if ok {
		n, err := strictBase64.Decode(raw[:], []byte(tok))
		ok = err == nil && n == size // the decoder passes over line ends, so the length is checked again
	}
	return r.open(p, raw[:size], plain, ok)
}

var (
	strictBase64 = base64.RawURLEncoding.Strict()
	lowerBase32  = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
)
