package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mailer/internal/errs"
)

// Sizes of RSA keys in bits. Verifiers must take keys from 1024 to 4096 bits, and signers should make them of 2048 (RFC 8301
// section 3.2).
const (
	leastBits = 2048
	mostBits  = 4096
)

// Key is a private key with the name under which its public half is published. It is safe for concurrent use.
type Key struct {
	Domain    string // d= of its signatures
	Selector  string // s=
	Algorithm Algorithm
	Made      time.Time // zero where the file does not tell
	File      string    // empty until it is in a folder

	private crypto.Signer
	public  []byte // what the p= tag of the record holds, before base64 (RFC 6376 section 3.6.1, RFC 8463 section 4.2)
}

// NewKey makes a fresh key. A domain or selector that cannot stand in DNS, and a domain under which anyone can register a
// name, is errs.Invalid.
func NewKey(domain, selector string, a Algorithm, made time.Time) (*Key, error) {
	if err := checkDomain(domain); err != nil {
		return nil, err
	}
	if err := checkSelector(selector); err != nil {
		return nil, err
	}
	var private crypto.Signer
	var err error
	switch a {
	case RSA:
		private, err = rsa.GenerateKey(rand.Reader, leastBits)
	case Ed25519:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, errs.Field("kind", "must be rsa or ed25519")
	}
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "make a key")
	}
	k := &Key{Domain: domain, Selector: selector, Made: made}
	return k, errs.Wrap(k.use(private), errs.Internal, "make a key")
}

// use makes private the key of k, after a check that it can sign. The error is a sentence about the key.
func (k *Key) use(private any) error {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if n := p.N.BitLen(); n < leastBits || n > mostBits {
			return fmt.Errorf("is an RSA key of %d bits; use one of %d to %d (RFC 8301)", n, leastBits, mostBits)
		}
		public, err := x509.MarshalPKIXPublicKey(p.Public())
		if err != nil {
			return errors.New("is an RSA key without a usable public half")
		}
		k.Algorithm, k.private, k.public = RSA, p, public
	case ed25519.PrivateKey:
		k.Algorithm, k.private, k.public = Ed25519, p, p.Public().(ed25519.PublicKey)
	default:
		return fmt.Errorf("is a key of another kind (%T); DKIM knows RSA and Ed25519", private)
	}
	sum := sha256.Sum256([]byte(k.Name()))
	if _, err := k.sign(sum[:]); err != nil {
		return fmt.Errorf("cannot sign: %w", err)
	}
	return nil
}

// Name is the DNS name of the key's record.
func (k *Key) Name() string { return k.Selector + label + k.Domain }

// label stands between selector and domain (RFC 6376 section 3.6.2.1).
const label = "._domainkey."

// ID names this very key.
func (k *Key) ID() KeyID {
	sum := sha256.Sum256(k.public)
	return KeyID(k.Name() + "#" + hex.EncodeToString(sum[:8]))
}

// sign signs a SHA-256 digest: with PKCS #1 v1.5 (RFC 6376 section 3.3.1), or as the message of PureEdDSA (RFC 8463 section
// 3). Neither takes anything from chance.
func (k *Key) sign(digest []byte) ([]byte, error) {
	switch p := k.private.(type) {
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(nil, p, crypto.SHA256, digest)
	case ed25519.PrivateKey:
		return ed25519.Sign(p, digest), nil
	}
	return nil, errors.New("no private key")
}

// String names the key without its secret, for logs and %v.
func (k *Key) String() string { return string(k.ID()) }

// GoString is String, for %#v.
func (k *Key) GoString() string { return k.String() }
