package links

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"

	"mailer/internal/errs"
)

// vaultID is how many octets before a hidden text name the secret that hides it.
const vaultID = 4

// newVault makes what encrypts secrets that lie in the database: AES-256-GCM under a key of its own.
func newVault(secret string) (cipher.AEAD, error) {
	k, err := derive(secret, "vault", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Hide encrypts a text that the service must be able to read again, such as the secret of a second factor, so that whoever sees the
// database does not. use names the place it is for ("totp of account 7"): it can be read for the same one only.
func (r *Ring) Hide(use, text string) []byte {
	k := r.keys[0]
	id, _ := hex.DecodeString(string(k.id)) // made by hexLower
	out := make([]byte, vaultID+k.vault.NonceSize(), vaultID+k.vault.NonceSize()+len(text)+k.vault.Overhead())
	copy(out, id)
	rand.Read(out[vaultID:])
	return k.vault.Seal(out, out[vaultID:], []byte(text), []byte(use))
}

// Reveal returns what Hide was given. It returns errs.Config when that was under a secret which is not there any more, and
// errs.Internal when it is damaged or was for another use.
func (r *Ring) Reveal(use string, hidden []byte) (string, error) {
	if len(hidden) < vaultID {
		return "", errs.New(errs.Internal, "a hidden text is cut off")
	}
	k := r.byID[KeyID(hexLower(hidden[:vaultID]))]
	if k == nil {
		return "", &errs.Error{Kind: errs.Config, Field: "MAILER_OLD_SECRETS",
			Msg: "the secret with id " + hexLower(hidden[:vaultID]) + " is missing, but something in the database is encrypted with it; put it back"}
	}
	rest := hidden[vaultID:]
	if len(rest) < k.vault.NonceSize() {
		return "", errs.New(errs.Internal, "a hidden text is cut off")
	}
	text, err := k.vault.Open(nil, rest[:k.vault.NonceSize()], rest[k.vault.NonceSize():], []byte(use))
	return string(text), errs.Wrap(err, errs.Internal, "read a hidden text")
}
