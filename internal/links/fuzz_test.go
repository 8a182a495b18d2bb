package links

import (
	"strings"
	"testing"
)

// fuzzParse checks that a parser takes nothing but what the ring makes, spelt as the ring spells it.
func fuzzParse(f *testing.F, purpose string, parseAndMake func(r *Ring, tok string) (again string, err error)) {
	r := ring(f, secretB, secretA)
	for _, s := range samples(r) {
		f.Add(s.token)
		f.Add(strings.ToUpper(s.token))
		f.Add(s.token[:len(s.token)-1])
	}
	f.Add("")
	f.Add("\n\n\n")
	f.Add(strings.Repeat("A", 40))
	f.Fuzz(func(t *testing.T, tok string) {
		again, err := parseAndMake(r, tok)
		if err == nil && again != tok && !(purpose == "bounce" && strings.EqualFold(again, tok)) {
			t.Fatalf("%q was taken for %q", tok, again)
		}
		if err != nil && err != errNoSuchLink {
			t.Fatalf("%q: %v; want the one neutral error", tok, err)
		}
	})
}

func FuzzParseLeave(f *testing.F) {
	fuzzParse(f, "leave", func(r *Ring, tok string) (string, error) {
		v, err := r.ParseLeave(tok)
		return r.LeaveToken("", v), err
	})
}

func FuzzParseConfirm(f *testing.F) {
	fuzzParse(f, "confirm", func(r *Ring, tok string) (string, error) {
		v, err := r.ParseConfirm(tok)
		if err != nil {
			return "", err
		}
		return r.ConfirmToken("", v), nil
	})
}

func FuzzParseView(f *testing.F) {
	fuzzParse(f, "view", func(r *Ring, tok string) (string, error) {
		v, err := r.ParseView(tok)
		return r.ViewToken("", v), err
	})
}

func FuzzParseGift(f *testing.F) {
	fuzzParse(f, "gift", func(r *Ring, tok string) (string, error) {
		v, err := r.ParseGift(tok)
		return r.GiftToken("", v), err
	})
}

func FuzzParseBounce(f *testing.F) {
	fuzzParse(f, "bounce", func(r *Ring, tok string) (string, error) {
		v, err := r.ParseBounce(tok)
		return r.BounceToken("", v), err
	})
}

func FuzzParsePreferences(f *testing.F) {
	fuzzParse(f, "preferences", func(r *Ring, tok string) (string, error) {
		v, err := r.ParsePreferences(tok)
		return r.PreferencesToken("", v), err
	})
}

func FuzzParseProof(f *testing.F) {
	fuzzParse(f, "proof", func(r *Ring, tok string) (string, error) {
		v, err := r.ParseProof(tok)
		if err != nil {
			return "", err
		}
		return r.ProofToken("", v), nil
	})
}

func FuzzParseApprove(f *testing.F) {
	fuzzParse(f, "approve", func(r *Ring, tok string) (string, error) {
		v, err := r.ParseApprove(tok)
		if err != nil {
			return "", err
		}
		return r.ApproveToken("", v), nil
	})
}
