package accounts

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"mailer/internal/errs"
)

// What a password costs to check: the second choice of RFC 9106 section 4 scaled down as OWASP's Password Storage Cheat Sheet does,
// 19 MiB and two passes, some 30 ms.
const (
	argonMemory = 19 * 1024 // KiB
	argonPasses = 2
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16

	// hashesAtOnce bounds the memory that a flood of log-ins takes.
	hashesAtOnce = 4
)

// Lengths of a password. There are no rules about its characters: they make passwords shorter (NIST SP 800-63B section 3.1.1.2).
const (
	MinPassword = 12   // characters
	maxPassword = 1024 // bytes
)

// checkPassword says what is wrong with a new password. Errors: Invalid (field password).
func checkPassword(password, email string) error {
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	lower := strings.ToLower(password)
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return errs.Field("password", "choose one of %d characters or more; three or four words that have nothing to do with each other are easy to keep", MinPassword)
	case len(password) > maxPassword:
		return errs.Field("password", "this is longer than %d bytes", maxPassword)
	case strings.Count(lower, lower[:1]) == len(lower), len(local) > 3 && strings.ReplaceAll(lower, local, "") == "", usual(lower):
		return errs.Field("password", "this is among the first that anybody would try; choose another")
	}
	return nil
}

// usual reports passwords that are long enough and in every list of guesses.
func usual(lower string) bool {
	rest := lower
	for _, word := range []string{"password", "passwort", "motdepasse", "newsletter", "mailer", "qwertyuiop", "qwerty", "letmein", "welcome", "admin", "changeme", "iloveyou",
		"1234567890", "0123456789", "123456789", "12345678", "1234567", "123456", "12345", "1234", "123", "abcdef", "abc", "!", "2025", "2026"} {
		rest = strings.ReplaceAll(rest, word, "")
	}
	return rest == ""
}

// hashPassword returns what is kept of a password, in the PHC string format.
func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKey)
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, b.EncodeToString(salt), b.EncodeToString(key))
}

// noPassword is checked against where there is no account, or one without a password, so that it takes as long.
var noPassword = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
	base64.RawStdEncoding.EncodeToString(make([]byte, argonSalt)), base64.RawStdEncoding.EncodeToString(make([]byte, argonKey)))

// samePassword reports whether a password is the one that was hashed, and whether the hash is as new ones are.
func samePassword(kept, password string) (same, current bool) {
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, false
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil || version != argon2.Version {
		return false, false
	}
	if passes == 0 || lanes == 0 || memory > 1<<20 || passes > 100 {
		return false, false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) < 16 {
		return false, false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, memory == argonMemory && passes == argonPasses && lanes == argonLanes && len(key) == argonKey
}
