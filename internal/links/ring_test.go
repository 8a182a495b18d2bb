package links

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/errs"
)

const (
	secretA = "first-secret-of-the-test-newsroom-1"
	secretB = "second-secret-of-the-test-newsroom-2"
	secretC = "third-secret-of-the-test-newsroom-3"
)

func ring(t testing.TB, current string, old ...string) *Ring {
	t.Helper()
	r, err := NewRing(current, old)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewRingRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		current string
		old     []string
		field   string
	}{
		"empty":     {"", nil, "MAILER_SECRET"},
		"short":     {strings.Repeat("x", 31), nil, "MAILER_SECRET"},
		"old short": {secretA, []string{secretB, "short"}, "MAILER_OLD_SECRETS"},
		"old empty": {secretA, []string{""}, "MAILER_OLD_SECRETS"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewRing(tc.current, tc.old)
			if errs.KindOf(err) != errs.Config || !strings.HasPrefix(errs.Public(err), tc.field+": ") ||
				!strings.Contains(errs.Public(err), "openssl rand") {
				t.Errorf("NewRing = %v; want kind Config about %s with an example", err, tc.field)
			}
			if tc.current != "" && strings.Contains(err.Error(), tc.current) {
				t.Error("the error shows the secret")
			}
		})
	}
	if _, err := NewRing(strings.Repeat("x", 32), nil); err != nil {
		t.Errorf("32 characters are enough, but: %v", err)
	}
}

// UNS-09: a token made two rotations and any number of years ago works.
func TestRotation(t *testing.T) {
	oldest := ring(t, secretA)
	l := Leave{Subscriber: 77, List: 3, Campaign: 12}
	c := Confirm{Subscriber: 77, List: 3, Issued: time.Date(2021, 11, 22, 7, 0, 0, 0, time.UTC)}
	leave, confirm := oldest.LeaveToken(oldest.Current(), l), oldest.ConfirmToken("", c)
	bounce := oldest.BounceToken("", Bounce{12, 77})

	now := ring(t, secretC, secretB, secretA)
	if got, err := now.ParseLeave(leave); err != nil || got != l {
		t.Errorf("UNS-09: ParseLeave = %v, %v; want %v", got, err, l)
	}
	if got, err := now.ParseConfirm(confirm); err != nil || !got.Issued.Equal(c.Issued) || got.Subscriber != 77 || got.List != 3 {
		t.Errorf("ParseConfirm = %v, %v; want %v", got, err, c)
	}
	if got, err := now.ParseBounce(bounce); err != nil || got != (Bounce{12, 77}) {
		t.Errorf("ParseBounce = %v, %v", got, err)
	}
	// A message frozen under the oldest secret keeps its tokens.
	s, err := now.Signer(oldest.Current())
	if err != nil || s.Leave(l) != leave || now.LeaveToken(oldest.Current(), l) != leave {
		t.Errorf("the token of an old key id changed after rotation (%v)", err)
	}
	if now.LeaveToken(now.Current(), l) == leave {
		t.Error("the current secret makes the token of the oldest")
	}
	if _, err := ring(t, secretC, secretB).ParseLeave(leave); errs.KindOf(err) != errs.NotFound {
		t.Errorf("without its secret the token still opens: %v", err)
	}
	if _, err := ring(t, secretC).Signer(oldest.Current()); errs.KindOf(err) != errs.Config {
		t.Errorf("Signer of a dropped secret = %v; want kind Config", err)
	}
}

func TestAddressHashNeverRotates(t *testing.T) {
	before, after := ring(t, secretA), ring(t, secretC, secretB, secretA)
	if !bytes.Equal(before.AddressHash("a@example.org"), after.AddressHash("a@example.org")) {
		t.Error("the hash of an address changed with a rotation: every suppression would be void")
	}
	if !bytes.Equal(before.Fingerprint(), after.Fingerprint()) {
		t.Error("the fingerprint changed with a rotation")
	}
	other := ring(t, secretB)
	if bytes.Equal(before.AddressHash("a@example.org"), other.AddressHash("a@example.org")) ||
		bytes.Equal(before.Fingerprint(), other.Fingerprint()) {
		t.Error("another secret gives the same hash or fingerprint")
	}
	if bytes.Equal(before.AddressHash("a@example.org"), before.AddressHash("b@example.org")) {
		t.Error("two addresses have one hash")
	}
}

// A secret may come back after it was retired, so it may stand in the list twice.
func TestRepeatedSecret(t *testing.T) {
	r := ring(t, secretA, secretB, secretA)
	if len(r.keys) != 2 || r.Current() != ring(t, secretA).Current() {
		t.Errorf("the ring has %d keys, current %s", len(r.keys), r.Current())
	}
	if !bytes.Equal(r.Fingerprint(), ring(t, secretA).Fingerprint()) {
		t.Error("the last of the list is not the root of address hashes")
	}
}

func TestConcurrentUse(t *testing.T) {
	r := ring(t, secretB, secretA)
	var wg sync.WaitGroup
	for w := range int64(4) {
		wg.Go(func() {
			for i := range int64(300) {
				l := Leave{Subscriber: w*1000 + i, List: 1, Campaign: i}
				if got, err := r.ParseLeave(r.LeaveToken(r.Current(), l)); err != nil || got != l {
					t.Errorf("ParseLeave = %v, %v; want %v", got, err, l)
					return
				}
			}
		})
	}
	wg.Wait()
}
