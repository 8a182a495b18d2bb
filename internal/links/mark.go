package links

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
)

// Mark returns 16 octets that only this service can make of a text, and that tell nothing of it: for keys under which something
// is counted, and for what a form brings back. The purpose keeps uses apart. It is made with the oldest secret, so that it is
// the same on every node and after a rotation.
func (r *Ring) Mark(purpose, text string) []byte {
	h := hmac.New(sha256.New, r.addressMAC)
	h.Write([]byte(purpose + "\x00" + text)) // no address has a NUL, so none is ever hashed like this
	return h.Sum(nil)[:16]
}

// Marked reports whether mark is that of the text, in a time that does not depend on it.
func (r *Ring) Marked(purpose, text string, mark []byte) bool {
	return subtle.ConstantTimeCompare(r.Mark(purpose, text), mark) == 1
}
