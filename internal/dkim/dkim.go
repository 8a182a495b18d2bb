// Package dkim signs finished messages (RFC 6376, RFC 8463), keeps the keys for that as files, and makes and judges their DNS
// records. It asks no name server and knows no clock.
//
// A key is a PEM file named after its DNS record, such as s1._domainkey.news.example.org.pem. Which keys sign new mail stands
// in the file in-use beside them. A message freezes the ids of its keys and the time of its signature in a Stamp: both
// algorithms are deterministic, so whoever has the keys makes the same signature of the same octets again.
package dkim

// Algorithm is a kind of key, as the k= tag of its record names it.
type Algorithm string

// The kinds of keys there are. A verifier that does not know Ed25519 passes over its signature (RFC 8463 section 4), so that
// kind is used beside RSA, not instead of it.
const (
	RSA     Algorithm = "rsa"
	Ed25519 Algorithm = "ed25519"
)

// signature is what the a= tag of a signature names.
func (a Algorithm) signature() string { return string(a) + "-sha256" }

// KeyID names one key for ever: its DNS name and a fingerprint of its public half. Another key under the same selector has
// another id.
type KeyID string

// Stamp is what a message freezes of its signatures, so that a retry signs as the first try did. The zero Stamp means that
// nothing is signed here.
type Stamp struct {
	Keys []KeyID // at most one of each kind
	Time int64   // t= of the signatures, in seconds since 1970
}

// IsZero reports whether messages with this stamp go out unsigned.
func (s Stamp) IsZero() bool { return len(s.Keys) == 0 }
