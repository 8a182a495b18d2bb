package links

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// purpose says what a token is for. The numbers are part of the derivation only through their names, so their order may
// change; the names may not.
type purpose int

const (
	leave purpose = iota
	confirm
	view
	gift
	bounce
	preferences
	proof
	approve
	purposes // how many there are
)

var purposeNames = [purposes]string{leave: "leave", confirm: "confirm", view: "view", gift: "gift", bounce: "bounce",
	preferences: "preferences", proof: "proof", approve: "approve"}

const (
	tagSize  = 16            // 128 bits
	overhead = 1 + tagSize   // octets of a token besides its numbers
	maxPlain = aes.BlockSize // the numbers fit one block, so AES-CTR is one encryption of the tag
)

// derive returns size octets of key material for one use of a secret (HKDF with SHA-256, RFC 5869).
func derive(secret, use string, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(secret), []byte("mailer links 1"), use, size)
}

func hexLower(b []byte) string { return hex.EncodeToString(b) }

// sealKeys are the two keys of one purpose.
type sealKeys struct {
	mac   []byte
	block cipher.Block
}

func newSealKeys(secret string, p purpose) (sealKeys, error) {
	mac, err := derive(secret, purposeNames[p]+" mac", sha256.Size)
	if err != nil {
		return sealKeys{}, err
	}
	enc, err := derive(secret, purposeNames[p]+" encryption", 32)
	if err != nil {
		return sealKeys{}, err
	}
	block, err := aes.NewCipher(enc)
	return sealKeys{mac: mac, block: block}, err
}

// Signer makes the tokens of one secret without deriving or allocating keys anew. It is not safe for concurrent use:
// each worker takes its own.
type Signer struct {
	key   *key
	macs  [purposes]hash.Hash
	idMAC hash.Hash
	sum   [sha256.Size]byte
	pad   [aes.BlockSize]byte
	raw   [overhead + maxPlain]byte
}

func (k *key) newSigner() *Signer {
	s := &Signer{key: k, idMAC: hmac.New(sha256.New, k.idMAC)}
	for p := range s.macs {
		s.macs[p] = hmac.New(sha256.New, k.seals[p].mac)
	}
	return s
}

// tag leaves the authentication tag of plain in s.sum[:tagSize].
func (s *Signer) tag(p purpose, plain []byte) {
	h := s.macs[p]
	h.Reset()
	h.Write([]byte(purposeNames[p]))
	h.Write(plain)
	h.Sum(s.sum[:0])
}

// crypt encrypts or decrypts the numbers of a token in place.
func (s *Signer) crypt(p purpose, tag, text []byte) {
	s.key.seals[p].block.Encrypt(s.pad[:], tag)
	for i := range text {
		text[i] ^= s.pad[i]
	}
}

// seal returns the token of plain before text encoding. It is valid until the next call.
func (s *Signer) seal(p purpose, plain []byte) []byte {
	s.tag(p, plain)
	tok := append(s.raw[:0], s.key.octet)
	tok = append(tok, s.sum[:tagSize]...)
	tok = append(tok, plain...)
	s.crypt(p, tok[1:overhead], tok[overhead:])
	return tok
}

// open decrypts the numbers of tok into plain and reports whether the tag is theirs.
func (s *Signer) open(p purpose, tok, plain []byte) bool {
	copy(plain, tok[overhead:])
	s.crypt(p, tok[1:overhead], plain)
	s.tag(p, plain)
	return hmac.Equal(s.sum[:tagSize], tok[1:overhead])
}

// open returns the numbers that the token of purpose p carries. Whatever is wrong with it (length, alphabet, unknown key,
// tag), the same work is done and the same error returned.
func (r *Ring) open(p purpose, tok []byte, plain []byte, wellFormed bool) error {
	opened := false
	for _, k := range r.candidates(tok[0]) {
		s := k.pool.Get().(*Signer)
		ok := s.open(p, tok, plain) && k != r.decoy
		k.pool.Put(s)
		if ok {
			opened = true
			break
		}
	}
	if !opened || !wellFormed {
		return errNoSuchLink
	}
	return nil
}

// putID writes an id in as many octets as b has, most significant first. Ids come from identity columns of Postgres and
// start at 1; one that does not fit (2^24 lists, 2^32 appeal variants, 2^40 of anything else) is a bug, so it panics.
func putID(b []byte, id int64) {
	if id < 0 || id>>(8*len(b)) != 0 {
		panic(fmt.Sprintf("links: id %d does not fit %d octets of a token", id, len(b)))
	}
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(id)
		id >>= 8
	}
}

func getID(b []byte) int64 {
	var id int64
	for _, c := range b {
		id = id<<8 | int64(c)
	}
	return id
}
