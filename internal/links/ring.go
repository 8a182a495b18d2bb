// Package links makes and reads every token and URL that leaves in a mail: leave, confirm, view, gift and bounce tokens,
// Message-IDs, envelope senders, and the hash that stands for an address.
//
// A token is opaque and short: one byte that names the secret, a 128-bit tag and the encrypted numbers (a synthetic IV
// scheme: the tag is an HMAC over purpose and numbers, and at the same time the IV of their encryption). So the same
// numbers always give the same token, a retried mail is the same mail, and a token shows nothing of what it carries.
// Each purpose has keys of its own: a token of one purpose is noise to every other.
package links

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"sync"

	"mailer/internal/errs"
)

// MinSecret is the least number of characters of a secret.
const MinSecret = 32

// KeyID names a secret without telling anything of it. A compiled message keeps the id it was made with, so that its
// tokens stay the same after the secret has been rotated.
type KeyID string

// Ring holds the current secret and the old ones, all of which go on verifying for ever. It is safe for concurrent use.
type Ring struct {
	keys        []*key // current first, then old ones, newest first, without repeats
	byID        map[KeyID]*key
	decoy       *key // does the work for tokens that name no key of ours
	addressMAC  []byte
	fingerprint []byte
}

// NewRing derives the keys of the current secret and of the old ones, newest first. The last of all, the oldest, is the
// root of address hashes and must stay in the list for ever. A secret shorter than MinSecret characters, or two that
// cannot be told apart by their ids, are an error of kind Config.
func NewRing(current string, old []string) (*Ring, error) {
	if err := checkSecret("MAILER_SECRET", current); err != nil {
		return nil, err
	}
	oldest := current
	r := &Ring{byID: make(map[KeyID]*key)}
	seen := make(map[string]bool)
	for i, secret := range append([]string{current}, old...) {
		if i > 0 {
			if err := checkSecret("MAILER_OLD_SECRETS", secret); err != nil {
				return nil, err
			}
		}
		oldest = secret
		if seen[secret] {
			continue
		}
		seen[secret] = true
		k, err := newKey(secret)
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "derive the keys of a secret")
		}
		if r.byID[k.id] != nil {
			return nil, &errs.Error{Kind: errs.Config, Field: "MAILER_OLD_SECRETS",
				Msg: "two secrets happen to share the id " + string(k.id) + "; choose another MAILER_SECRET, for example with: openssl rand -hex 32"}
		}
		r.keys = append(r.keys, k)
		r.byID[k.id] = k
	}
	var err error
	if r.decoy, err = newKey("decoy:" + current); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "derive the decoy key")
	}
	if r.addressMAC, err = derive(oldest, "address", sha256.Size); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "derive the key of address hashes")
	}
	if r.fingerprint, err = derive(oldest, "address fingerprint", 16); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "derive the fingerprint of the address key")
	}
	return r, nil
}

func checkSecret(field, secret string) error {
	if len(secret) >= MinSecret {
		return nil
	}
	msg := "is shorter than 32 characters; make one with: openssl rand -hex 32"
	if secret == "" {
		msg = "is empty; make one with: openssl rand -hex 32"
	}
	return &errs.Error{Kind: errs.Config, Field: field, Msg: msg}
}

// Current returns the id of the secret that new messages are made with.
func (r *Ring) Current() KeyID { return r.keys[0].id }

// AddressHash returns 32 octets that stand for a canonical address in suppressions. They are made with the oldest secret
// and so never change.
func (r *Ring) AddressHash(canonical string) []byte {
	h := hmac.New(sha256.New, r.addressMAC)
	h.Write([]byte(canonical))
	return h.Sum(nil)
}

// Fingerprint returns 16 octets that name the key of AddressHash without telling it.
func (r *Ring) Fingerprint() []byte { return append([]byte(nil), r.fingerprint...) }

// Signer returns a signer for many tokens under one secret. A key id that the ring does not hold is an error of kind
// Config: the message was made with a secret that has since been dropped.
func (r *Ring) Signer(id KeyID) (*Signer, error) {
	k := r.byID[id]
	if k == nil {
		return nil, &errs.Error{Kind: errs.Config, Field: "MAILER_OLD_SECRETS",
			Msg: "the secret with id " + string(id) + " is missing, but a message in the queue was made with it; put it back"}
	}
	return k.newSigner(), nil
}

// with runs f with a pooled signer of the secret id, or of the current one where the ring does not hold id.
func (r *Ring) with(id KeyID, f func(s *Signer) string) string {
	k := r.byID[id]
	if k == nil {
		k = r.keys[0]
	}
	s := k.pool.Get().(*Signer)
	defer k.pool.Put(s)
	return f(s)
}

// candidates returns the keys whose id begins with the octet b, or the decoy, so that a token with an unknown id costs
// what a known one costs.
func (r *Ring) candidates(b byte) []*key {
	var ks []*key
	for _, k := range r.keys {
		if k.octet == b {
			ks = append(ks, k)
		}
	}
	if ks == nil {
		ks = append(ks, r.decoy)
	}
	return ks
}

// key is what is derived from one secret.
type key struct {
	id    KeyID
	octet byte // first octet of the id; the first octet of every token
	seals [purposes]sealKeys
	idMAC []byte // key of Message-IDs
	vault cipher.AEAD
	pool  sync.Pool
}

func newKey(secret string) (*key, error) {
	id, err := derive(secret, "key id", 4)
	if err != nil {
		return nil, err
	}
	k := &key{id: KeyID(hexLower(id)), octet: id[0]}
	for p := range k.seals {
		if k.seals[p], err = newSealKeys(secret, purpose(p)); err != nil {
			return nil, err
		}
	}
	if k.idMAC, err = derive(secret, "message id", sha256.Size); err != nil {
		return nil, err
	}
	if k.vault, err = newVault(secret); err != nil {
		return nil, err
	}
	k.pool.New = func() any { return k.newSigner() }
	return k, nil
}
