package links

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
)

// URLs makes the public addresses of tokens. Base is the address of the service without a trailing slash, for example
// https://news.example.org.
type URLs struct{ Base string }

// LeaveBase returns what a leave token is appended to.
func (u URLs) LeaveBase() string { return u.Base + "/u/" }

// Leave returns the address of the leave page of a token; it takes the one-click POST of RFC 8058 too.
func (u URLs) Leave(token string) string { return u.LeaveBase() + token }

// Confirm returns the address of the page that confirms a subscription.
func (u URLs) Confirm(token string) string { return u.Base + "/c/" + token }

// PreferencesBase returns what a preferences token is appended to.
func (u URLs) PreferencesBase() string { return u.Base + "/p/" }

// Preferences returns the address of the preference centre of a token.
func (u URLs) Preferences(token string) string { return u.PreferencesBase() + token }

// Proof returns the address that a fresh link in a mail leads to.
func (u URLs) Proof(token string) string { return u.Base + "/me/" + token }

// Approve returns the address that the link in a proof leads to, for who may approve.
func (u URLs) Approve(token string) string { return u.Base + "/approve/" + token }

// View returns the address of a campaign in the browser.
func (u URLs) View(token string) string { return u.Base + "/v/" + token }

// Canary returns the address that nobody sees in a mail of a campaign, by a View token: whoever opens it opens every link.
func (u URLs) Canary(token string) string { return u.Base + "/k/" + token }

// Gift returns the address that leads on to the donation page of an appeal.
func (u URLs) Gift(token string) string { return u.Base + "/give/" + token }

// EnvelopeSender returns the MAIL FROM of one delivery, "b-" and its bounce token at domain: a local part of 46 octets
// of 64 allowed (RFC 5321 section 4.5.3.1.1).
func (s *Signer) EnvelopeSender(b Bounce, domain string) string {
	return "b-" + s.Bounce(b) + "@" + domain
}

// MessageID returns the Message-ID of one delivery without its angle brackets: always the same for the same delivery, and
// not to be guessed for another (160 bits of an HMAC). RFC 5322 section 3.6.4.
func (s *Signer) MessageID(campaign, subscriber int64, domain string) string {
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(campaign))
	binary.BigEndian.PutUint64(n[8:], uint64(subscriber))
	s.idMAC.Reset()
	s.idMAC.Write(n[:])
	return lowerBase32.EncodeToString(s.idMAC.Sum(s.sum[:0])[:20]) + "@" + domain
}

// EnvelopeSender is Signer.EnvelopeSender under the secret id; see LeaveToken.
func (r *Ring) EnvelopeSender(id KeyID, b Bounce, domain string) string {
	return r.with(id, func(s *Signer) string { return s.EnvelopeSender(b, domain) })
}

// MessageID is Signer.MessageID under the secret id; see LeaveToken.
func (r *Ring) MessageID(id KeyID, campaign, subscriber int64, domain string) string {
	return r.with(id, func(s *Signer) string { return s.MessageID(campaign, subscriber, domain) })
}

// NewMessageID returns a random Message-ID without its angle brackets, for single mails that are stored as they are sent.
func NewMessageID(domain string) string { return strings.ToLower(rand.Text()) + "@" + domain }
