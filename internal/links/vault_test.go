package links

import (
	"bytes"
	"strings"
	"testing"

	"mailer/internal/errs"
)

// What is hidden is read with the secret it was hidden with, also after rotations, for the same use only, and shows nothing.
func TestHide(t *testing.T) {
	old := ring(t, secretA)
	const text = "JBSWY3DPEHPK3PXP"
	hidden := old.Hide("totp of account 7", text)
	if bytes.Contains(hidden, []byte(text)) || bytes.Equal(hidden, old.Hide("totp of account 7", text)) {
		t.Error("it shows, or is the same twice")
	}
	for name, r := range map[string]*Ring{"same": old, "rotated": ring(t, secretB, secretA)} {
		if got, err := r.Reveal("totp of account 7", hidden); err != nil || got != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := old.Reveal("totp of account 8", hidden); errs.KindOf(err) != errs.Internal {
		t.Errorf("for another use: %v", err)
	}
	if _, err := ring(t, secretB).Reveal("totp of account 7", hidden); errs.KindOf(err) != errs.Config {
		t.Errorf("without the secret: %v", err)
	}
	for i := range hidden {
		bad := bytes.Clone(hidden)
		bad[i] ^= 1
		if got, err := old.Reveal("totp of account 7", bad); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("octet %d changed: %q, %v", i, got, err)
		}
		if _, err := old.Reveal("totp of account 7", hidden[:i]); err == nil {
			t.Errorf("cut to %d octets: no error", i)
		}
	}
}
