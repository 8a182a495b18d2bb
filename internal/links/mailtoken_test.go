package links

import (
	"errors"
	"strings"
	"testing"

	"mailer/internal/errs"
)

// UNS-14: the address that leaves names what the link does, in whatever case it comes back, after rotations too (UNS-09); one
// character changed, cut or of another purpose names nothing.
func TestLeaveLocal(t *testing.T) {
	old := ring(t, secretA)
	l := Leave{Subscriber: 123_456_789, List: 42, Campaign: 1_000_007}
	local, ok := AppendLeaveLocal(nil, old.LeaveToken(old.Current(), l))
	if !ok || len(local) != 50 || string(local) != strings.ToLower(string(local)) {
		t.Fatalf("%s, %v", local, ok)
	}
	now := ring(t, secretC, secretB, secretA)
	for _, s := range []string{string(local), strings.ToUpper(string(local)), strings.ToTitle(string(local[:10])) + string(local[10:])} {
		if got, err := now.ParseLeaveLocal(s); err != nil || got != l {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	bad := []string{"", "u-", string(local[2:]), "b-" + string(local[2:]), string(local) + "a", string(local[:49]), " " + string(local)}
	for i := 2; i < len(local); i++ {
		other := byte('a')
		if local[i] == other {
			other = 'b'
		}
		bad = append(bad, string(local[:i])+string(other)+string(local[i+1:]))
	}
	if p, ok := AppendLeaveLocal(nil, now.PreferencesToken(now.Current(), Preferences{1, 2, 3})); ok {
		bad = append(bad, string(p))
	}
	for _, s := range bad {
		var e *errs.Error
		if got, err := now.ParseLeaveLocal(s); !errors.As(err, &e) || e.Kind != errs.NotFound || got != (Leave{}) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"preview", "", strings.Repeat("!", 40), strings.Repeat("A", 41)} {
		if dst, ok := AppendLeaveLocal([]byte("x"), s); ok || string(dst) != "x" {
			t.Errorf("%q gives %s", s, dst)
		}
	}
}
