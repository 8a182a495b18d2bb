package links

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/mail"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
)

var issued = time.Date(2026, 11, 22, 7, 30, 1, 0, time.UTC)

// parsers reads a token as each purpose, giving what it names as text.
func parsers(r *Ring) map[string]func(string) (string, error) {
	return map[string]func(string) (string, error){
		"leave":       func(s string) (string, error) { v, err := r.ParseLeave(s); return fmt.Sprint(v), err },
		"confirm":     func(s string) (string, error) { v, err := r.ParseConfirm(s); return fmt.Sprint(v), err },
		"view":        func(s string) (string, error) { v, err := r.ParseView(s); return fmt.Sprint(v), err },
		"gift":        func(s string) (string, error) { v, err := r.ParseGift(s); return fmt.Sprint(v), err },
		"bounce":      func(s string) (string, error) { v, err := r.ParseBounce(s); return fmt.Sprint(v), err },
		"preferences": func(s string) (string, error) { v, err := r.ParsePreferences(s); return fmt.Sprint(v), err },
		"proof":       func(s string) (string, error) { v, err := r.ParseProof(s); return fmt.Sprint(v), err },
		"approve":     func(s string) (string, error) { v, err := r.ParseApprove(s); return fmt.Sprint(v), err },
	}
}

type sample struct{ token, means string }

func samples(r *Ring) map[string]sample {
	l, c, v := Leave{7_000_001, 42, 99}, Confirm{7_000_001, 42, issued}, View{99}
	g, b := Gift{99, 5}, Bounce{99, 7_000_001}
	p, f := Preferences{7_000_001, 42, 99}, Proof{ActPersonal, 7_000_001, 42, issued}
	a := Approve{7_000_001, 99, issued}
	return map[string]sample{
		"leave": {r.LeaveToken("", l), fmt.Sprint(l)}, "confirm": {r.ConfirmToken("", c), fmt.Sprint(c)},
		"view": {r.ViewToken("", v), fmt.Sprint(v)}, "gift": {r.GiftToken("", g), fmt.Sprint(g)},
		"bounce": {r.BounceToken("", b), fmt.Sprint(b)}, "preferences": {r.PreferencesToken("", p), fmt.Sprint(p)},
		"proof": {r.ProofToken("", f), fmt.Sprint(f)}, "approve": {r.ApproveToken("", a), fmt.Sprint(a)},
	}
}

func TestRoundTripAndPurposes(t *testing.T) {
	r := ring(t, secretA)
	for purpose, s := range samples(r) {
		for as, parse := range parsers(r) {
			got, err := parse(s.token)
			switch {
			case as == purpose && (err != nil || got != s.means):
				t.Errorf("%s token reads as %s, %v; want %s", purpose, got, err, s.means)
			case as != purpose && errs.KindOf(err) != errs.NotFound:
				t.Errorf("UNS-08: a %s token opens as %s: %s, %v", purpose, as, got, err)
			}
		}
	}
	// Tokens of equal length and equal numbers differ by purpose too.
	if r.LeaveToken("", Leave{1, 2, issued.Unix()}) == r.ConfirmToken("", Confirm{1, 2, issued}) {
		t.Error("a leave and a confirm token are the same")
	}
}

// UNS-08 at the level of the token: whatever is altered, the answer is one and the same.
func TestAlteredTokens(t *testing.T) {
	r := ring(t, secretB, secretA)
	foreign := ring(t, secretC)
	for purpose, s := range samples(r) {
		parse := parsers(r)[purpose]
		refused := func(tok, how string) {
			t.Helper()
			_, err := parse(tok)
			if errs.KindOf(err) != errs.NotFound || err != errNoSuchLink {
				t.Errorf("UNS-08: %s token %s: %v", purpose, how, err)
			}
		}
		for i := range len(s.token) {
			for _, c := range []byte("aBz09-_7=.\n\x00\xff") {
				changed := s.token[:i] + string([]byte{c}) + s.token[i+1:]
				if changed != s.token && !(purpose == "bounce" && strings.EqualFold(changed, s.token)) {
					refused(changed, fmt.Sprintf("with character %d changed to %q", i, c))
				}
			}
			refused(s.token[:i], fmt.Sprintf("cut to %d characters", i))
			refused(s.token[i+1:], fmt.Sprintf("without its first %d characters", i+1))
			refused(s.token[:i]+"\n"+s.token[i:], "with a line end in it")
		}
		refused(s.token+"A", "with a character more")
		refused(s.token+"=", "padded")
		refused(s.token+s.token, "doubled")
		refused(strings.Repeat("A", 1<<16), "that is very long")
		refused(samples(foreign)[purpose].token, "under a foreign secret")
	}
	l := r.LeaveToken("", Leave{7_000_001, 42, 99})
	raw, err := base64.RawURLEncoding.DecodeString(l)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		flipped := bytes.Clone(raw)
		flipped[bit/8] ^= 1 << (bit % 8)
		if got, err := r.ParseLeave(base64.RawURLEncoding.EncodeToString(flipped)); errs.KindOf(err) != errs.NotFound {
			t.Errorf("UNS-08: bit %d flipped gives %v, %v", bit, got, err)
		}
	}
	// Swapping the encrypted numbers of two genuine tokens (another subscriber, another list) opens neither.
	other, err := base64.RawURLEncoding.DecodeString(r.LeaveToken("", Leave{7_000_002, 43, 99}))
	if err != nil {
		t.Fatal(err)
	}
	for cut := overhead; cut < len(raw); cut++ {
		mixed := append(bytes.Clone(raw[:cut]), other[cut:]...)
		if got, err := r.ParseLeave(base64.RawURLEncoding.EncodeToString(mixed)); errs.KindOf(err) != errs.NotFound {
			t.Errorf("UNS-08: numbers swapped from octet %d on give %v, %v", cut, got, err)
		}
	}
}

// UNS-08, same timing: a token that names no key of ours costs one verification, as one that does.
func TestUnknownKeyCostsTheSame(t *testing.T) {
	r := ring(t, secretA)
	for b := range 256 {
		if n := len(r.candidates(byte(b))); n != 1 {
			t.Fatalf("a token with key octet %d is verified %d times; want once", b, n)
		}
	}
	// The decoy's own tokens do not open, although their tags are right.
	s := r.decoy.newSigner()
	if got, err := r.ParseLeave(s.Leave(Leave{1, 1, 1})); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a token of the decoy opens: %v, %v", got, err)
	}
}

// UNS-19: a token has no id, readable or decoded, and neighbours have nothing in common but the key's octet.
func TestTokensAreOpaque(t *testing.T) {
	r := ring(t, secretA)
	var last []byte
	for sub := int64(1_000_000_000); sub < 1_000_000_300; sub++ {
		tok := r.LeaveToken("", Leave{Subscriber: sub, List: 1, Campaign: 2})
		if len(tok) != 40 {
			t.Fatalf("UNS-19: a leave token has %d characters; want 40", len(tok))
		}
		raw, err := base64.RawURLEncoding.DecodeString(tok)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(tok, fmt.Sprint(sub)) || bytes.Contains(raw, binary.BigEndian.AppendUint64(nil, uint64(sub))[4:]) {
			t.Fatalf("UNS-19: token %s shows subscriber %d", tok, sub)
		}
		if last != nil {
			differ := 0
			for i := 1; i < len(raw); i++ {
				differ += bits.OnesCount8(raw[i] ^ last[i])
			}
			if differ < 60 { // of 232; half of them on average
				t.Fatalf("UNS-19: the tokens of neighbours differ in %d bits only", differ)
			}
		}
		last = raw
	}
}

func TestLengthsAreConstant(t *testing.T) {
	r := ring(t, secretA)
	const top = 1<<40 - 1
	for name, pair := range map[string][2]string{
		"leave":   {r.LeaveToken("", Leave{}), r.LeaveToken("", Leave{top, 1<<24 - 1, top})},
		"confirm": {r.ConfirmToken("", Confirm{Issued: time.Unix(0, 0)}), r.ConfirmToken("", Confirm{top, 1<<24 - 1, issued})},
		"view":    {r.ViewToken("", View{}), r.ViewToken("", View{top})},
		"gift":    {r.GiftToken("", Gift{}), r.GiftToken("", Gift{top, 1<<32 - 1})},
		"bounce":  {r.BounceToken("", Bounce{}), r.BounceToken("", Bounce{top, top})},
	} {
		if len(pair[0]) != len(pair[1]) {
			t.Errorf("%s tokens have %d and %d characters", name, len(pair[0]), len(pair[1]))
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a list id of 2^24 was cut down in silence")
		}
	}()
	r.LeaveToken("", Leave{1, 1 << 24, 1})
}

// Leave tokens never expire, so their form may never change. These were made once and stand here for good.
func TestFrozenForm(t *testing.T) {
	r := ring(t, secretC, secretA)
	for name, tc := range map[string]struct{ got, want string }{
		"leave":      {r.LeaveToken(ring(t, secretA).Current(), Leave{7, 3, 99}), "F7guPX7zmIYkqJKi4qLpsvIIzmX-zSrIzSkInOQE"},
		"bounce":     {r.BounceToken(ring(t, secretA).Current(), Bounce{99, 7}), "c6tvvfm2dftvzjgbxd5svmij5tq5fc7zby3qn5ikam7a"},
		"message id": {r.MessageID(ring(t, secretA).Current(), 99, 7, "mail.example.org"), "rxdw675nqth7jly3k2l7wwage7eamrcd@mail.example.org"},
		"address":    {fmt.Sprintf("%x", r.AddressHash("reader@example.org")), "d390caabb8394cec879d3dc83276da81160ee7b38f767387d8fdbb0671552b44"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is now %s; it was %s in every mail so far", name, tc.got, tc.want)
		}
	}
}

func TestEnvelopeSenderAndMessageID(t *testing.T) {
	r := ring(t, secretA)
	sender := r.EnvelopeSender("", Bounce{99, 7}, "bounce.example.org")
	local, domain, _ := strings.Cut(sender, "@")
	if len(local) > 64 || local != strings.ToLower(local) || domain != "bounce.example.org" {
		t.Errorf("envelope sender %s: local part of %d octets", sender, len(local))
	}
	tok := strings.TrimPrefix(local, "b-")
	for _, spelt := range []string{tok, strings.ToUpper(tok)} {
		if got, err := r.ParseBounce(spelt); err != nil || got != (Bounce{99, 7}) {
			t.Errorf("ParseBounce(%s) = %v, %v", spelt, got, err)
		}
	}
	a, again := r.MessageID("", 99, 7, "mail.example.org"), r.MessageID("", 99, 7, "mail.example.org")
	if a != again {
		t.Errorf("Message-ID %s on the first try, %s on the second", a, again)
	}
	if a == r.MessageID("", 7, 99, "mail.example.org") {
		t.Error("campaign and subscriber are interchangeable in the Message-ID")
	}
	for _, id := range []string{a, NewMessageID("mail.example.org")} {
		if _, err := mail.ParseAddress("<" + id + ">"); err != nil {
			t.Errorf("Message-ID %s: %v", id, err)
		}
	}
	if one, other := NewMessageID("a.example"), NewMessageID("a.example"); one == other {
		t.Error("two random Message-IDs are the same")
	}
}

func TestURLs(t *testing.T) {
	u := URLs{Base: "https://news.example.org"}
	for got, want := range map[string]string{
		u.Leave("T"): "https://news.example.org/u/T", u.Confirm("T"): "https://news.example.org/c/T",
		u.View("T"): "https://news.example.org/v/T", u.Gift("T"): "https://news.example.org/give/T",
		u.LeaveBase(): "https://news.example.org/u/",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkLeaveToken(b *testing.B) {
	s, err := ring(b, secretA).Signer(ring(b, secretA).Current())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		s.Leave(Leave{i & 0xffffff, 3, 99})
	}
}

// UNS-08, same timing: the two should cost the same.
func BenchmarkParseLeave(b *testing.B) {
	r := ring(b, secretA)
	good := r.LeaveToken("", Leave{7, 3, 99})
	for name, tok := range map[string]string{"genuine": good, "unknown key": "AA" + good[2:], "cut": good[:20]} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = r.ParseLeave(tok)
			}
		})
	}
}
